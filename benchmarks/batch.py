"""A batch of independent samples on one thread and on two, and what the machine gives a bare loop on two threads.

    python benchmarks/batch.py --runs 7

Two cores of a virtual machine may be two threads of one, or shared with others: the bare loop's speed-up is what any
program could reach at that moment. Runs are in turns; rates are medians, with the slowest and fastest, and `times` is
the median over the turns of their ratio.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import limit
from cases import feed_forward, noise
from machine import heading
from timing import in_turns

from neurotrain_hw import Run, simulate, simulate_batch

SAMPLES, LENGTHS, LOOPS = 256, (1_000, 100), 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    turns = parser.parse_args().runs
    print(heading("numba", "numpy"))
    program = feed_forward((784, 256, 10), vth=12000).packed()
    stream = noise(784, steps=max(LENGTHS), rate=0.05)
    record = [f"{p.name}.spikes" for p in program.populations]
    events = limit.events_of(program, simulate(program, {"in": stream}, steps=stream.steps, record=record).spikes)
    samples = {steps: [{"in": noise(784, steps=steps, rate=0.05, seed=k)} for k in range(SAMPLES)] for steps in LENGTHS}

    def batch(steps: int, threads: int) -> list[Run]:
        return simulate_batch(program, samples[steps], steps=steps, threads=threads)

    def loops(_: object = None) -> None:
        for _ in range(LOOPS):
            limit.run(events)

    for steps in LENGTHS:
        for one, two in zip(batch(steps, 1), batch(steps, 2), strict=True):
            if one.spikes != two.spikes or one.counters != two.counters:
                raise SystemExit("the results depend on the number of threads")
    with ThreadPoolExecutor(2) as pool:
        timed = in_turns(
            {(steps, threads): partial(batch, steps, threads) for steps in LENGTHS for threads in (1, 2)}
            | {("loop", 1): lambda: [loops(), loops()], ("loop", 2): lambda: list(pool.map(loops, range(2)))},
            turns,
        )
    print("| what | 1 thread, per s | 2 threads, per s | times | need |\n|---|---|---|---|---|")
    rows = [(f"steps of {SAMPLES} samples of {n:,} steps, 784-256-10", n, n * SAMPLES, 1.7) for n in LENGTHS]
    for title, name, amount, need in (
        *rows,
        ("million events of the bare loop", "loop", 2 * LOOPS * limit.count(events) / 1e6, ""),
    ):
        one, two = timed[name, 1], timed[name, 2]
        times = two.times_faster(one)
        print(f"| {title} | {one.per_second(amount)} | {two.per_second(amount)} | {times:.2f} | {need} |")


if __name__ == "__main__":
    main()
