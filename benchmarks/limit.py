"""The machine's limit: a bare loop that adds up the weights of the same events, one row after the other.

    python benchmarks/limit.py

It leaves out everything else a simulator does: neurons, thresholds and resets, time steps and the sums' return to 0,
counters, recording, delays, weight exponents, and every decision about what kind of synapse a row holds. What it has
is what no simulator of these events on one core can do without: read each spike, read a row of 8-bit weights for
each, and add them to 32-bit sums.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from cases import feed_forward, noise
from machine import heading
from numba import njit
from timing import in_turns

from neurotrain_hw import EventStream, Program, simulate

Events = tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]


@njit(nogil=True)
def accumulate(index, weights, sums):
    """sums[i] += weights[j, i] for each j of `index` (spikes,), int8 (n_pre, n_post) into int32 (n_post,)."""
    for e in range(index.size):
        row = weights[index[e]]
        for i in range(row.size):
            sums[i] += row[i]


def events_of(program: Program, spikes: Mapping[str, EventStream]) -> list[Events]:
    """For each connection of a program with packed dense 8-bit weights: all its spikes in a run, and its weights."""
    return [(spikes[c.pre].index, c.weights.data.view(np.int8)) for c in program.connections]


def run(events: list[Events]) -> list[npt.NDArray[np.int32]]:
    """Add up all events; the sums for each connection."""
    sums = [np.zeros(weights.shape[1], np.int32) for _, weights in events]
    for (index, weights), into in zip(events, sums, strict=True):
        accumulate(index, weights, into)
    return sums


def count(events: list[Events]) -> int:
    """Number of synaptic events."""
    return sum(index.size * weights.shape[1] for index, weights in events)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    turns = parser.parse_args().runs
    print(heading("numba", "numpy"))
    program, inputs = feed_forward((784, 256, 10), vth=12000).packed(), {"in": noise(784, steps=1000, rate=0.05)}
    spikes = simulate(program, inputs, steps=1000, record=[f"{p.name}.spikes" for p in program.populations]).spikes
    events = events_of(program, spikes)
    run(events)
    bare = in_turns({"limit": lambda: run(events)}, turns, least_s=0.1)["limit"]
    print("| events of | number | G events/s |\n|---|---|---|")
    print(f"| {program.name}, 5 % input, 1,000 steps | {count(events):,} | {bare.per_second(count(events) / 1e9, 2)} |")


if __name__ == "__main__":
    main()
