"""Seconds until the first step of a program on a machine that has never run one, and the next time.

    python benchmarks/first_use.py

Every figure comes from a process of its own. They share a folder for compiled code, empty at first: what one program
has had compiled, the next finds. It also shows what each wrote to the standard error, where people are told to wait.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from machine import heading

NEED = 30
NAMES = ("dense", "convolutions", "learning")


def first_run(name: str) -> tuple[float, float]:
    """Seconds on the clock and of this processor's time that a program's first step takes, imports included."""
    from cases import feed_forward, noise, pair_stdp, pilotnet

    programs = {
        "dense": lambda: (feed_forward((784, 256, 10), vth=12000).packed(), {"in": noise(784, steps=1, rate=0.05)}),
        "convolutions": pilotnet,
        "learning": lambda: (pair_stdp(256, 128), {"in": noise(256, steps=1, rate=0.05)}),
    }
    program, inputs = programs[name]()
    start, busy = time.perf_counter(), time.process_time()
    from neurotrain_hw import simulate

    simulate(program, inputs, steps=1)
    return time.perf_counter() - start, time.process_time() - busy


def child(name: str, cache: str) -> tuple[float, float, str]:
    """`first_run` in a process of its own with that folder for compiled code, and its standard error."""
    done = subprocess.run(
        [sys.executable, __file__, "--only", name], capture_output=True, text=True,
        env={**os.environ, "NUMBA_CACHE_DIR": cache},
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return *json.loads(done.stdout), done.stderr.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=NAMES, help=argparse.SUPPRESS)
    only = parser.parse_args().only
    if only is not None:
        print(json.dumps(first_run(only)))
        return
    print(heading("numba", "numpy"))
    with tempfile.TemporaryDirectory() as cache:
        first = {name: child(name, cache) for name in NAMES}
        second = {name: child(name, cache) for name in NAMES}
        print("| program | first use, s | of it processor time, s | second use, s | the first may take s |")
        print("|---|---|---|---|---|")
        for (name, (slow, busy, _)), (fast, _, _) in zip(first.items(), second.values(), strict=True):
            print(f"| {name} | {slow:.1f} | {busy:.1f} | {fast:.2f} | {NEED} |")
    for use, found in (("first", first), ("second", second)):
        for name, (_, _, message) in found.items():
            print(f"\n{use} use, {name}, standard error: {message or '(nothing)'}")


if __name__ == "__main__":
    main()
