"""Learning rules of a program as number tables for the compiled engine, and its streams of random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.program import Connection, Plasticity
from neurotrain_hw.rules.language import parse_sum
from neurotrain_hw.rules.sums import WIDTH_BITS, Product
from neurotrain_hw.simulator.arithmetic import split_impulse

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

TRACES = ("x1", "x2", "y1", "y2", "y3")
VARIABLES = {"x1": 0, "x2": 1, "y1": 2, "y2": 3, "y3": 4, "x0": 5, "y0": 6, "w": 7, "d": 8, "t": 9}
TARGETS = ("dw", "dd", "dt")
DEPENDENCIES = {"x0": 0, "y0": 1, "u": 2}
SIGNS = {"mixed": 0, "excitatory": 1, "inhibitory": 2}

# columns of RuleTables.rules
(
    R_EPOCH, R_THIRD, R_SIGN, R_FIRST, R_LAST, R_PERIOD, R_PRE_N, R_POST_N, R_X, R_Y, R_TX, R_TY, R_SYNAPSES
) = range(13)  # fmt: skip
# columns of RuleTables.products and .factors
Q_TARGET, Q_DEPENDENCY, Q_MANT, Q_EXP, Q_SHIFT, Q_FIRST, Q_LAST, Q_SYNAPTIC, Q_CROSSED = range(9)
F_VARIABLE, F_CONSTANT, F_SIGN, F_LIMIT = range(4)


class RuleTables(NamedTuple):
    """One row per learning connection in `rules`, its products and their factors in ranges of the other tables.

    `decay` float64 (rules, 5): exp(-1 / tau) of x1, x2, y1, y2, y3, or 0 where tau is 0. `impulse` int64 (rules, 5, 2):
    whole part and fraction in 1/256. Offsets R_X, R_Y, R_TX, R_TY, R_SYNAPSES point into the flat state arrays.
    """

    rules: I64
    products: I64
    factors: I64
    decay: F64
    impulse: I64


class RandomNumbers(NamedTuple):
    """Random numbers of every rule for a stretch of steps, each (rules, steps); `weight` counts epochs, not steps."""

    x_decay: F64
    x_impulse: I64
    y_decay: F64
    y_impulse: I64
    y_impulse_early: I64
    weight: F64


def build_rule_tables(connections: Sequence[Connection]) -> RuleTables:
    """The tables of all plastic connections, in order."""
    rules: list[list[int]] = []
    products: list[list[int]] = []
    factors: list[list[int]] = []
    decay, impulse = np.zeros((len(connections), 5)), np.zeros((len(connections), 5, 2), np.int64)
    offsets = [0, 0, 0, 0, 0]
    for number, c in enumerate(connections):
        rule = c.plasticity
        if rule is None:
            continue
        first, period = len(products), _period(rule, c.name)
        for target, name in enumerate(TARGETS):
            text = getattr(rule, name)
            for product in parse_sum(text).products if text else ():
                start = len(factors)
                factors += [[VARIABLES[f.variable], f.constant, int(f.sign_of), 1 << WIDTH_BITS[f.variable]]
                            for f in product.factors]  # fmt: skip
                products.append([target, *_product(product, start, len(factors), rule.t_epoch)])
        post_n, pre_n = c.weights.shape
        sign = SIGNS[c.sign_mode or "mixed"]
        rules.append(
            [rule.t_epoch, int(rule.kind == "3f"), sign, first, len(products), period, pre_n, post_n, *offsets]
        )
        for k, size in enumerate((2 * pre_n, 3 * post_n, pre_n, post_n, pre_n * post_n)):
            offsets[k] += size
        for k, trace in enumerate(TRACES):
            tau = _constant(rule, trace, "tau")
            decay[number, k] = np.exp(-1 / tau) if tau else 0.0
            impulse[number, k] = split_impulse(_constant(rule, trace, "impulse"))
    return RuleTables(
        np.array(rules, np.int64).reshape(-1, 13), np.array(products, np.int64).reshape(-1, 9),
        np.array(factors, np.int64).reshape(-1, 4), decay, impulse,
    )  # fmt: skip


def _constant(rule: Plasticity, trace: str, part: str) -> float:
    """An impulse or tau; the y traces of a three-factor rule are given by the post neuron (Loihi3FLearningRule)."""
    if rule.kind == "3f" and trace.startswith("y"):
        return 65535.0 if part == "tau" else 0.0
    return float(rule.traces.get(f"{trace}_{part}", 0.0))


def _period(rule: Plasticity, name: str) -> int:
    """2^k of the rule's u_k (1 without one); all targets share one k."""
    found = {parse_sum(text).u for text in (rule.dw, rule.dd, rule.dt) if text} - {None}
    if len(found) > 1:
        raise UnsupportedError(
            f"the rule uses u{' and u'.join(str(u) for u in sorted(k for k in found if k is not None))}",
            where=f"connection '{name}'", need="one and the same u_k in dw, dd and dt",
        )  # fmt: skip
    k = found.pop() if found else 0
    return 1 << (k or 0)


def _product(product: Product, first: int, last: int, epoch: int) -> list[int]:
    synaptic = any(f.variable in "wdt" for f in product.factors)
    crossed = epoch > 1 and product.dependency == "y0" and any(f.variable in ("x1", "x2") for f in product.factors)
    return [
        DEPENDENCIES[product.dependency], product.mant, product.exp + 7, product.shift, first, last,
        int(synaptic), int(crossed),
    ]  # fmt: skip


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
