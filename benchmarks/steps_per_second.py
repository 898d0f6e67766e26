"""Steps per second of the simulator, beside Lava, a simulation in plain NumPy, and the machine's limit.

    python benchmarks/steps_per_second.py --runs 5

The simulator runs in one thread, with all its counters, on programs that hold their weights in the chip's form. Lava
starts a process for every part of the network and takes the cores it finds; starting it does not count. All record the
spikes of every population. What is compared runs in turns; rates are medians, with the slowest and fastest, and
ratios medians over the turns.
"""

from __future__ import annotations

import argparse

import limit
import numpy_bar
from against_lava import HEAD, Case, differing
from cases import feed_forward, learning_digits, noise, pair_stdp
from machine import heading
from timing import in_turns

from neurotrain_hw import simulate
from neurotrain_hw.simulator import Session

STEPS, MANY = 1_000, 20_000


def inference(turns: int) -> None:
    """784-256-10: 1,000 steps, with and without laying the program out, and a long run, beside all the others."""
    stream = noise(784, steps=MANY, rate=0.05)
    case = Case("784-256-10", feed_forward((784, 256, 10), vth=12000), {"in": stream}, STEPS, 200, 2200)
    program = case.packed
    same = case.simulator(case.lava_long)  # also compiles the kernels
    session = Session(program, record=case.record)
    short = stream.window(0, STEPS)
    run = simulate(program, {"in": short}, steps=STEPS, record=case.record)
    events = limit.events_of(program, {"in": short, **run.spikes})
    limit.run(events)

    timed = in_turns(
        {
            "call": lambda: simulate(program, {"in": short}, steps=STEPS, record=case.record),
            "loaded": lambda: session.fresh().run({"in": short}, steps=STEPS),
            "run": lambda: session.fresh().run({"in": stream}, steps=MANY),
            "bar": lambda: numpy_bar.simulate(program, short, STEPS),
            "limit": lambda: limit.run(events),
        },
        10 * turns,
        least_s=0.05,
    )
    beside_lava = in_turns(
        {
            "loaded": lambda: session.fresh().run({"in": short}, steps=STEPS),
            "call": lambda: simulate(program, {"in": short}, steps=STEPS, record=case.record),
            "run": lambda: session.fresh().run({"in": stream}, steps=MANY),
            **case.lava(),
        },
        turns,
        least_s=0.5,
    )
    per_step = limit.count(events) / STEPS
    print("| 784-256-10, 5 % input spikes | steps/s | G synaptic events/s |\n|---|---|---|")
    for title, name, steps in (
        (f"simulator, a run of {STEPS:,} steps", "loaded", STEPS),
        (f"simulator, a call with {STEPS:,} steps, which lays the program out first", "call", STEPS),
        (f"simulator, a run of {MANY:,} steps", "run", MANY),
        ("plain NumPy", "bar", STEPS),
        ("limit: a bare loop over the same events", "limit", STEPS),
    ):
        rate = timed[name].per_second(steps)
        print(f"| {title} | {rate} | {timed[name].per_second(steps * per_step / 1e9, 2)} |")
    theirs = case.lava_rate(beside_lava)
    print(f"| Lava | {theirs:,.0f} | {theirs * per_step / 1e9:.4f} |")
    lengths = {"loaded": STEPS, "call": STEPS, "run": MANY}

    def ratios(other: str) -> list[float]:
        """Steps per second as a multiple of another's, in the same turns."""
        return [timed[name].times_faster(timed[other]) * steps / STEPS for name, steps in lengths.items()]

    over_lava = [steps / beside_lava[name].median / theirs for name, steps in lengths.items()]
    print(f"\n| the simulator's speed | {STEPS:,} steps | with the layout | {MANY:,} steps | need |")
    print("|---|---|---|---|---|")
    for title, found, style, need in (
        ("times Lava's", over_lava, ",.0f", "300"), ("times plain NumPy's", ratios("bar"), ".1f", "10"),
        ("share of the limit", ratios("limit"), ".0%", "50%"),
    ):  # fmt: skip
        print(f"| {title} | {' | '.join(format(value, style) for value in found)} | {need} |")
    print(f"\nIn Lava's long run, {differing(same, beside_lava['long'].result)} differ.\n", flush=True)


def learning(turns: int) -> None:
    """Programs that learn, beside Lava."""
    digits, lesson = learning_digits()
    noisy, wide = (noise(n, steps=10_000, rate=0.05) for n in (256, 784))
    print(HEAD)
    for case in (
        Case("pair STDP 256 to 128, 5 % input", pair_stdp(256, 128), {"in": noisy}, 10_000, 100, 600),
        Case("pair STDP 784 to 256, 5 % input", pair_stdp(784, 256, vth=22_000), {"in": wide}, 10_000, 30, 150),
        Case("64-128-10 learns digits (eprop-random, delta)", digits, lesson, 10_000, 100, 600),
    ):
        print(case.row(turns), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    turns = parser.parse_args().runs
    print(heading("numba", "numpy"))
    inference(turns)
    learning(turns)


if __name__ == "__main__":
    main()
