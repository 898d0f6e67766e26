"""Steps per second of the simulator and of Lava on the same programs and inputs, and whether their results agree.

    python benchmarks/steps_per_second.py --runs 3

The simulator runs in one thread, with all its counters. Lava starts a process for every part of the network and takes
the cores it finds. Lava's rate comes from the difference between a long and a short run, so that starting it does not
count; the simulator's from one run after its kernels are compiled.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from machine import heading
from programs import Inputs, feed_forward, learning_digits, noise, pair_stdp

from neurotrain_hw import Program, Run, lava, simulate


@dataclass(frozen=True)
class Case:
    """A program with inputs, and how many steps each engine runs."""

    title: str
    program: Program
    inputs: Inputs
    steps: int
    lava_short: int
    lava_long: int


def cases() -> list[Case]:
    """What is measured."""
    digits, lesson = learning_digits()
    wide, sparse = feed_forward((784, 256, 10), vth=12000), noise(784, steps=20_000, rate=0.05)
    pair, noisy = pair_stdp(256, 128), noise(256, steps=10_000, rate=0.05)
    return [
        Case("784-256-10, 5 % input", wide, {"in": sparse}, 20_000, 200, 2200),
        Case("pair STDP 256 to 128, 5 % input", pair, {"in": noisy}, 10_000, 100, 600),
        Case("64-128-10 learns digits (eprop-random, delta)", digits, lesson, 10_000, 100, 600),
    ]


def timed(run: Callable[[], Run]) -> tuple[float, Run]:
    """Seconds, and what came out."""
    start = time.perf_counter()
    found = run()
    return time.perf_counter() - start, found


def measure(case: Case, runs: int) -> str:
    """One row of the table."""
    ours, short, long = [], [], []
    record = [f"{p.name}.spikes" for p in case.program.populations if p.kind != "input"]
    same = simulate(case.program, case.inputs, steps=case.lava_long, record=record)  # also compiles the kernels
    for _ in range(runs):
        # in turns, so that all three see the machine as it is at that moment
        ours.append(timed(lambda: simulate(case.program, case.inputs, steps=case.steps, record=record))[0])
        short.append(timed(lambda: lava.simulate(case.program, case.inputs, steps=case.lava_short, record=record))[0])
        seconds, theirs = timed(lambda: lava.simulate(case.program, case.inputs, steps=case.lava_long, record=record))
        long.append(seconds)
        if seconds <= short[-1]:
            raise SystemExit("a long run of Lava was shorter than a short one: give it more steps")
    rate = case.steps / statistics.median(ours)
    between = statistics.median(b - a for a, b in zip(short, long, strict=True))
    lava_rate = (case.lava_long - case.lava_short) / between
    spikes = sum(int(np.count_nonzero(same.spikes[k].dense() != s.dense())) for k, s in theirs.spikes.items())
    weights = sum(int(np.count_nonzero(same.weights[k] != w)) for k, w in theirs.weights.items())
    differing = f"{spikes} of {sum(s.count for s in same.spikes.values()):,} spikes"
    if same.weights:
        differing += f", {weights} of {sum(w.size for w in same.weights.values()):,} weights"
    spread = f"{case.steps / max(ours):,.0f} to {case.steps / min(ours):,.0f}"
    return f"| {case.title} | {rate:,.0f} ({spread}) | {lava_rate:,.0f} | {rate / lava_rate:,.0f} | {differing} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    print(heading("numba", "numpy"))
    print("| program | simulator, steps/s | Lava, steps/s | times | differing, in Lava's long run |")
    print("|---|---|---|---|---|")
    for case in cases():
        print(measure(case, runs), flush=True)


if __name__ == "__main__":
    main()
