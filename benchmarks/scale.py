"""How time and memory grow over four decades of synapses: generate, compile for Loihi 2, save, load, run.

    python benchmarks/scale.py --largest 128000000

Random sparse networks of 8-bit synapses (128 for each neuron) with a hundredth as many inputs, each of which spikes
with a probability of 10 % per step. Every size is built in one process and loaded and run in another, in one thread,
with all counters. The peaks are of the resident set of each process up to the end of the phase; what Python, NumPy and
Numba take without a network stands in the first column of the second table.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZES = ((200, 64), (1000, 128), (10_000, 128), (100_000, 128), (1_000_000, 128))  # neurons, synapses of each
RATE = 0.1
SETTLE, STRETCH, MEASURED_S = 40, 20, 5.0


class Phases:
    """Seconds and the peak of the resident set, in bytes, by phase."""

    def __init__(self) -> None:
        self.found: dict[str, float] = {"baseline_peak": peak()}

    def run(self, name: str, work: Callable[[], Any]) -> Any:
        """Do a phase's work and note what it took."""
        start = time.perf_counter()
        done = work()
        self.found |= {f"{name}_s": time.perf_counter() - start, f"{name}_peak": peak()}
        return done


def peak() -> float:
    """Bytes that this process held at most so far."""
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def build(neurons: int, fan_out: int, path: Path) -> dict[str, float]:
    """Generate, compile and save."""
    from neurotrain_hw import load_chip, save_program
    from neurotrain_hw.compiler import place
    from neurotrain_hw.program.random_network import random_sparse

    phases, chip = Phases(), load_chip("loihi2")
    program = phases.run("generate", lambda: random_sparse(neurons=neurons, fan_out=fan_out, seed=1))
    program = phases.run("compile", lambda: place(program, chip, chips=None))
    phases.run("save", lambda: save_program(program, path))
    cores = {(part.chip, part.core) for part in program.placement}
    synapses = sum(int(c.stored_synapses().sum()) for c in program.connections)
    return phases.found | {
        "synapses": synapses, "cores": len(cores), "chips": 1 + max(chip for chip, _ in cores),
        "file": path.stat().st_size,
    }  # fmt: skip


def run(path: Path) -> dict[str, float]:
    """Load, prepare and run: the first steps until the network has settled, then stretches for some seconds."""
    import numpy as np

    from neurotrain_hw import EventStream, load_program
    from neurotrain_hw.program.random_network import random_sparse
    from neurotrain_hw.simulator import Session

    small = random_sparse(neurons=100, fan_out=8, seed=0)
    Session(small, record=()).run({"in": EventStream.from_dense(np.ones((2, 1), int))}, steps=2)  # compiled kernels
    phases = Phases()
    program = phases.run("load", lambda: load_program(path))
    session = phases.run("prepare", lambda: Session(program, record=("n.spikes",)))
    rng, inputs = np.random.default_rng(2), program.population("in").n

    def stretch(steps: int) -> Any:
        return session.run({"in": EventStream.from_dense(rng.random((steps, inputs), np.float32) < RATE)}, steps=steps)

    before, spikes, steps = stretch(SETTLE), 0, 0
    start = time.perf_counter()
    while (seconds := time.perf_counter() - start) < MEASURED_S or not steps:
        after = stretch(STRETCH)
        steps, spikes = steps + STRETCH, spikes + after.spikes["n"].count
    events = [sum(c.spike_events for c in found.counters.connections.values()) for found in (before, after)]
    return phases.found | {
        "run_peak": peak(), "steps_per_s": steps / seconds, "events_per_s": (events[1] - events[0]) / seconds,
        "rate": spikes / steps / program.population("n").n,
    }  # fmt: skip


def measure(neurons: int, fan_out: int, folder: Path) -> dict[str, float]:
    """Both processes of a size."""
    path = folder / f"{neurons}.nhw"
    found: dict[str, dict[str, float]] = {}
    for part, arguments in (("build", [str(neurons), str(fan_out)]), ("run", [])):
        command = [sys.executable, __file__, "--part", part, str(path), *arguments]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found[part] = json.loads(done.stdout.splitlines()[-1])
    path.unlink()
    baseline = {"build_baseline_peak": found["build"].pop("baseline_peak")}
    return baseline | found["build"] | found["run"]


def tables(rows: list[tuple[int, dict[str, float]]]) -> str:
    """Times in one table, memory in another."""
    lines = [
        "| synapses | neurons | Loihi 2 chips | cores | generate s | compile s | save s | load s | prepare s "
        "| steps/s | spikes per neuron and step | M synaptic events/s |\n|" + "---|" * 12
    ]
    for neurons, f in rows:
        times = " | ".join(f"{f[f'{phase}_s']:.2f}" for phase in ("generate", "compile", "save", "load", "prepare"))
        lines.append(
            f"| {f['synapses']:,.0f} | {neurons:,} | {f['chips']} | {f['cores']:,} | {times} | {f['steps_per_s']:,.1f} "
            f"| {f['rate']:.2%} | {f['events_per_s'] / 1e6:,.0f} |"
        )
    lines.append(
        "\n| synapses | before, MB | generate | compile | save | before, MB | load | prepare | run "
        "| bytes per synapse in the file | while running |\n|" + "---|" * 11
    )
    for _, f in rows:
        keys = ("build_baseline", "generate", "compile", "save", "baseline", "load", "prepare", "run")
        peaks = " | ".join(f"{f[f'{key}_peak'] / 1e6:,.0f}" for key in keys)
        running = (f["run_peak"] - f["baseline_peak"]) / f["synapses"]
        lines.append(f"| {f['synapses']:,.0f} | {peaks} | {f['file'] / f['synapses']:.2f} | {running:.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=128_000_000, help="synapses of the largest network")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        part, path, *sizes = arguments.part
        found = build(int(sizes[0]), int(sizes[1]), Path(path)) if part == "build" else run(Path(path))
        print(json.dumps(found))
        return
    from machine import heading

    print(heading("numba", "numpy"))
    with tempfile.TemporaryDirectory() as folder:
        chosen = [(n, k) for n, k in SIZES if n * k <= arguments.largest]
        print(tables([(n, measure(n, k, Path(folder))) for n, k in chosen]))


if __name__ == "__main__":
    main()
