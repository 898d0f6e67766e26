"""A batch of independent samples on one thread and on two, and what the machine gives a bare loop on two threads.

    python benchmarks/batch.py --runs 7

Two cores of a virtual machine may be two threads of one, or shared with others: the bare loop's speed-up is what any
program could reach at that moment. Runs are in turns; figures are medians, with the slowest and fastest.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor

import limit
from cases import feed_forward, noise
from machine import heading
from timing import in_turns

from neurotrain_hw import Run, simulate, simulate_batch

SAMPLES, STEPS, LOOPS = 256, 100, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    turns = parser.parse_args().runs
    print(heading("numba", "numpy"))
    program, stream = feed_forward((784, 256, 10), vth=12000).packed(), noise(784, steps=SAMPLES * STEPS, rate=0.05)
    samples = [{"in": stream.window(k * STEPS, (k + 1) * STEPS)} for k in range(SAMPLES)]
    record = [f"{p.name}.spikes" for p in program.populations]
    events = limit.events_of(program, simulate(program, {"in": stream}, steps=STEPS, record=record).spikes)

    def loops(_: object = None) -> None:
        for _ in range(LOOPS * STEPS):
            limit.run(events)

    def batch(threads: int) -> list[Run]:
        return simulate_batch(program, samples, steps=STEPS, threads=threads)

    pairs = zip(batch(1), batch(2), strict=True)  # also compiles the kernels
    if any(one.spikes != two.spikes or one.counters != two.counters for one, two in pairs):
        raise SystemExit("the results depend on the number of threads")
    with ThreadPoolExecutor(2) as pool:
        timed = in_turns(
            {
                "batch 1": lambda: batch(1),
                "batch 2": lambda: batch(2),
                "loop 1": lambda: [loops(), loops()],
                "loop 2": lambda: list(pool.map(loops, range(2))),
            },
            turns,
            least_s=0.5,
        )
    print("| what | 1 thread, per s | 2 threads, per s | times | need |\n|---|---|---|---|---|")
    for title, name, amount, need in (
        (f"steps of {SAMPLES} samples, {STEPS} steps each, 784-256-10", "batch", SAMPLES * STEPS, "1.7"),
        ("million events of the bare loop", "loop", 2 * LOOPS * STEPS * limit.count(events) / 1e6, ""),
    ):
        one, two = timed[f"{name} 1"], timed[f"{name} 2"]
        times = one.median / two.median
        print(f"| {title} | {one.per_second(amount)} | {two.per_second(amount)} | {times:.2f} | {need} |")


if __name__ == "__main__":
    main()
