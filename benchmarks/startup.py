"""How long a verb takes to start: medians over several runs, with a bare Python beside them.

python benchmarks/startup.py --runs 7
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cases import feed_forward
from machine import heading

from neurotrain_hw import save_program

VERB = str(Path(sys.executable).parent / "neurotrain-hw")


def commands(program: Path) -> dict[str, tuple[list[str], float | None]]:
    """What is run, and the seconds it may take on an idle machine."""
    audit = [VERB, "audit", "--rule", "eprop-random", "--model", "digits-fc", "--target", "loihi2"]
    return {
        "python -c pass": ([sys.executable, "-c", "pass"], None),
        "python -c 'import neurotrain_hw'": ([sys.executable, "-c", "import neurotrain_hw"], None),
        "--help": ([VERB, "--help"], 0.5),
        "targets list": ([VERB, "targets", "list"], 1.0),
        "audit": (audit, 2.0),
        "run (one digit)": ([VERB, "run", str(program), "--samples", "1"], 2.0),
    }


def seconds(command: list[str]) -> float:
    """Wall time of a command, which must succeed."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    print(heading("numba", "typer"))
    print("| command | median s | fastest s | slowest s | may take s |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "digits.nhw"
        save_program(feed_forward((64, 128, 10), vth=2000), program)
        chosen = commands(program)
        for command, _ in chosen.values():
            seconds(command)  # bytecode and compiled kernels are cached after the first run
        # one after the other in turns, so that a busy moment does not fall on one command
        times = {name: [] for name in chosen}
        for _ in range(runs):
            for name, (command, _) in chosen.items():
                times[name].append(seconds(command))
    for name, (_, limit) in chosen.items():
        found = times[name]
        print(f"| `{name}` | {statistics.median(found):.2f} | {min(found):.2f} | {max(found):.2f} | {limit or ''} |")


if __name__ == "__main__":
    main()
