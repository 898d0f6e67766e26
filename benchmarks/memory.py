"""Bytes per dense 8-bit synapse in a Program and while running.

    python benchmarks/memory.py

Each figure comes from a process of its own: what Python and NumPy hold (tracemalloc, exact), and by how much the
process grew at its largest (its resident set, which also counts what the system rounds up and what Numba compiles
with).
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys
import tracemalloc

import numpy as np
from cases import NEURON
from machine import heading

from neurotrain_hw import Connection, EventStream, Population, Program
from neurotrain_hw.program.synapses import PackedWeights
from neurotrain_hw.simulator import Session

SIZES, NEED = (1024, 2048, 4096, 8192), 1.25


def square(n: int) -> Program:
    """One dense connection from n inputs to n neurons, its random weights drawn in the chip's form."""
    data = np.random.default_rng(4).integers(0, 256, (n, n), np.uint8)
    return Program(
        f"{n} to {n}",
        (Population("in", "input", (n,)), Population("out", "lif", (n,), {**NEURON, "vth": 8000})),
        (Connection("in-out", "dense", "in", "out", PackedWeights(data, n, 8, 1, True, False), sign_mode="mixed"),),
        ("out",), "loihi2",
    )  # fmt: skip


def spikes(n: int, steps: int) -> EventStream:
    """One neuron after the other."""
    return EventStream(np.arange(steps + 1), np.arange(steps) % n, n)


def held(n: int, steps: int = 20) -> dict[str, float]:
    """Bytes per synapse of n x n: in the Program, with a Session that runs, and at the peak."""
    Session(square(8), record=()).run({"in": spikes(8, 1)}, steps=1)  # what compiling leaves behind does not count
    gc.collect()
    resident = _largest()
    tracemalloc.start()
    program = square(n)
    gc.collect()
    found = {"program": tracemalloc.get_traced_memory()[0]}
    tracemalloc.reset_peak()
    session = Session(program, record=("out.spikes",))
    session.run({"in": spikes(n, steps)}, steps=steps)
    gc.collect()
    found["running"], found["peak"] = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    found["process"] = _largest() - resident
    return {name: size / n**2 for name, size in found.items()}


def _largest() -> int:
    """Largest resident set of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held", type=int, help=argparse.SUPPRESS)
    size = parser.parse_args().held
    if size is not None:
        print(json.dumps(held(size)))
        return
    print(heading("numba", "numpy"))
    print("| synapses | Program | with a Session, after a run | largest during the run | process | need |")
    print("|---|---|---|---|---|---|")
    for n in SIZES:
        command = [sys.executable, __file__, "--held", str(n)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        row = " | ".join(f"{found[name]:.3f}" for name in ("program", "running", "peak", "process"))
        print(f"| {n**2:,} | {row} | {NEED} |", flush=True)


if __name__ == "__main__":
    main()
