"""The simulator and Lava on the same program and inputs: the speed of both, and whether their results agree."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from cases import Inputs
from timing import Timed, in_turns

from neurotrain_hw import Program, Run, lava, simulate

HEAD = "| program | simulator, steps/s | Lava, steps/s | times | differing, in Lava's long run |\n|---|---|---|---|---|"
"""The head of the table whose rows are `Case.row`."""


@dataclass(frozen=True)
class Case:
    """A program with inputs; how many steps the simulator runs, and Lava in a short and in a long run.

    The simulator runs the program with its weights in the chip's form, Lava the program as it is.
    """

    title: str
    program: Program
    inputs: Inputs
    steps: int
    lava_short: int
    lava_long: int

    @cached_property
    def packed(self) -> Program:
        """The program with its weights in the chip's form."""
        return self.program.packed()

    @property
    def record(self) -> list[str]:
        """The spikes of all populations but the inputs."""
        return [f"{p.name}.spikes" for p in self.program.populations if p.kind != "input"]

    def simulator(self, steps: int) -> Run:
        """A run of the simulator from the start."""
        return simulate(self.packed, self.inputs, steps=steps, record=self.record)

    def lava(self) -> dict[str, Callable[[], Run]]:
        """A `short` and a `long` run of Lava from the start, to time in turns with other things."""

        def run(steps: int) -> Run:
            return lava.simulate(self.program, self.inputs, steps=steps, record=self.record)

        return {"short": lambda: run(self.lava_short), "long": lambda: run(self.lava_long)}

    def lava_rate(self, timed: dict[str, Timed]) -> float:
        """Lava's steps per second, from the difference between long and short runs, so that starting it is left out."""
        pairs = zip(timed["short"].seconds, timed["long"].seconds, strict=True)
        seconds = statistics.median(long - short for short, long in pairs)
        if seconds <= 0:
            raise SystemExit("long runs of Lava were shorter than short ones: give them more steps")
        return (self.lava_long - self.lava_short) / seconds

    def row(self, turns: int) -> str:
        """A row of a table: title, the simulator's and Lava's steps per second, their ratio, what differs."""
        same = self.simulator(self.lava_long)  # also compiles the kernels
        timed = in_turns({"simulator": lambda: self.simulator(self.steps), **self.lava()}, turns, least_s=0.5)
        ours, theirs = self.steps / timed["simulator"].median, self.lava_rate(timed)
        return (
            f"| {self.title} | {timed['simulator'].per_second(self.steps)} | {_short(theirs)} | {ours / theirs:,.0f} "
            f"| {differing(same, timed['long'].result)} |"
        )


def differing(ours: Run, theirs: Run) -> str:
    """How many spikes and learned weights of two runs of the same steps differ, of how many."""
    spikes = sum(int(np.count_nonzero(ours.spikes[k].dense() != s.dense())) for k, s in theirs.spikes.items())
    found = f"{spikes} of {sum(s.count for s in ours.spikes.values()):,} spikes"
    if ours.weights:
        weights = sum(int(np.count_nonzero(ours.weights[k] != w)) for k, w in theirs.weights.items())
        found += f", {weights} of {sum(w.size for w in ours.weights.values()):,} weights"
    return found


def _short(rate: float) -> str:
    """Without decimals, unless it is below 10."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2f}"
