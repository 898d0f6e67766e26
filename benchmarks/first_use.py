"""Seconds until the kernels are compiled on a machine that has never run them, and until they are loaded the next time.

    python benchmarks/first_use.py

Every line comes from processes of their own with an empty folder for compiled code. It also shows what the first of
them wrote to the standard error, where people are told that it takes a moment.
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
NAMES = ("dense", "convolutions", "pair STDP", "three-factor learning")


def first_run(name: str) -> float:
    """Seconds of the first step of a program, importing the simulator included."""
    from cases import feed_forward, learning_digits, noise, pair_stdp, pilotnet

    programs = {
        "dense": lambda: (feed_forward((784, 256, 10), vth=12000).packed(), {"in": noise(784, steps=1, rate=0.05)}),
        "convolutions": pilotnet,
        "pair STDP": lambda: (pair_stdp(256, 128), {"in": noise(256, steps=1, rate=0.05)}),
        "three-factor learning": learning_digits,
    }
    program, inputs = programs[name]()
    start = time.perf_counter()
    from neurotrain_hw import simulate

    simulate(program, inputs, steps=1)
    return time.perf_counter() - start


def child(name: str, cache: str) -> tuple[float, str]:
    """`first_run` in a process of its own with that folder for compiled code: its seconds, and its standard error."""
    done = subprocess.run(
        [sys.executable, __file__, "--only", name], capture_output=True, text=True,
        env={**os.environ, "NUMBA_CACHE_DIR": cache},
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout), done.stderr.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=NAMES, help=argparse.SUPPRESS)
    only = parser.parse_args().only
    if only is not None:
        print(first_run(only))
        return
    print(heading("numba", "numpy"))
    print("| program | first use, s | second use, s | the first may take s |\n|---|---|---|---|")
    messages = {}
    for name in NAMES:
        with tempfile.TemporaryDirectory() as cache:
            (first, messages[name]), (second, said) = child(name, cache), child(name, cache)
        if said:
            messages[f"{name}, second use"] = said
        print(f"| {name} | {first:.1f} | {second:.2f} | {NEED} |", flush=True)
    for name, message in messages.items():
        print(f"\n{name}: {message or 'nothing was said'}")


if __name__ == "__main__":
    main()
