"""The random numbers of the learning engine, drawn as Lava draws them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.program import Connection

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


class RandomNumbers(NamedTuple):
    """Random numbers of every rule for a stretch of steps, each (rules, steps); `weight` counts epochs, not steps."""

    x_decay: F64
    x_impulse: I64
    y_decay: F64
    y_impulse: I64
    y_impulse_early: I64
    weight: F64


class RandomStreams:
    """The generators of all rules, drawn as Lava draws them (`magma/core/learning/random.py`).

    Per connection PCG64 with seeds rng_seed (x decay), +1 (x impulse), +2 (y decay), +3 (y impulse): one number at
    the start, two per step; weight rounding always has seed 2, one number at the start and one per epoch.
    """

    def __init__(self, connections: Sequence[Connection]) -> None:
        self._rules = [c.plasticity for c in connections if c.plasticity is not None]
        self._traces = [[np.random.default_rng(rule.rng_seed + k) for k in range(4)] for rule in self._rules]
        self._weight = [np.random.default_rng(2) for _ in self._rules]
        for generators in self._traces:
            for k, generator in enumerate(generators):
                _draw(generator, k, 1)
        for generator in self._weight:
            generator.random(1)

    def states(self) -> list[list[int]]:
        """The state of every generator: PCG64's state and increment of 128 bits, and the half of a draw it keeps."""
        found = []
        for generator in self._generators():
            state = generator.bit_generator.state
            found.append([*(int(v) for v in state["state"].values()), state["has_uint32"], state["uinteger"]])
        return found

    def restore(self, states: Sequence[Sequence[int]]) -> None:
        """Put the generators into the states of `states`; ValueRangeError where they cannot be."""
        generators = self._generators()
        limits = (2**128, 2**128, 2, 2**32)
        if [len(row) for row in states] != [4] * len(generators) or any(
            not 0 <= value < limit for row in states for value, limit in zip(row, limits, strict=True)
        ):
            raise ValueRangeError("states that generators cannot have", where="random streams")
        for generator, (state, increment, has, half) in zip(generators, states, strict=True):
            if generator.bit_generator.state["state"]["inc"] != increment:
                raise ValueRangeError("a generator of another seed", where="random streams")
            generator.bit_generator.state = {
                "bit_generator": "PCG64", "state": {"state": state, "inc": increment}, "has_uint32": has,
                "uinteger": half,
            }  # fmt: skip

    def _generators(self) -> list[np.random.Generator]:
        return [g for row in self._traces for g in row] + self._weight

    def draw(self, first: int, last: int) -> RandomNumbers:
        """The numbers for steps `first` to `last` (from 1, `last` included); must be called in order."""
        steps = last - first + 1
        drawn = [[_draw(g, k, 2 * steps) for k, g in enumerate(row)] for row in self._traces]
        epochs = [last // r.t_epoch - (first - 1) // r.t_epoch for r in self._rules]
        weight = np.zeros((len(self._rules), max(epochs, default=0)))
        for row, generator, count in zip(weight, self._weight, epochs, strict=True):
            row[:count] = generator.random(count)

        def late(k: int) -> F64:
            return np.array([row[k][1::2] for row in drawn]).reshape(len(drawn), steps)

        early = np.array([row[3][0::2] for row in drawn]).reshape(len(drawn), steps)
        x_impulse, y_impulse = late(1).astype(np.int64), late(3).astype(np.int64)
        return RandomNumbers(late(0), x_impulse, late(2), y_impulse, early.astype(np.int64), weight)


def _draw(generator: np.random.Generator, stream: int, count: int) -> F64 | I64:
    """Decay streams are uniform in [0, 1), impulse streams integers in 0..127."""
    return generator.integers(0, 128, size=count, dtype=int) if stream % 2 else generator.random(count)
