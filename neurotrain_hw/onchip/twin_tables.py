"""A program as the tables that the float twin's compiled loops read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.onchip import twin_kernels as k
from neurotrain_hw.program import Connection, Plasticity, Population, Program
from neurotrain_hw.rules.language import parse_sum
from neurotrain_hw.rules.sums import Product

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

BOUNDS = {"mixed": (-256.0, 255.0), "excitatory": (0.0, 255.0), "inhibitory": (-255.0, 0.0)}
"""Range of a weight by sign mode, as in the engine."""

_TRACES = ("x1", "x2", "y1", "y2", "y3")
_VARIABLES = {"x1": k.X1, "x2": k.X2, "y1": k.YY1, "y2": k.YY2, "y3": k.YY3, "x0": k.GATE_X, "y0": k.GATE_Y,
              "w": k.WEIGHT, "t": k.TAG}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Tables:
    """Columns as in `twin_kernels`. `plastic`: name, first weight, n_post, n_pre. `sizes`: of x, y and tags."""

    populations: I64
    reals: F64
    neurons: F64
    connections: I64
    scales: F64
    weights: F64
    rules: I64
    bounds: F64
    decays: F64
    groups: I64
    products: I64
    product_scales: F64
    factors: I64
    constants: F64
    plastic: list[tuple[str, int, int, int]]
    sizes: tuple[int, int, int]


def tables_of(program: Program, rate: float) -> Tables:
    """The tables of a program; UnsupportedError for what the twin has no real-number form of."""
    index = {p.name: number for number, p in enumerate(program.populations)}
    starts = np.cumsum([0, *(p.n for p in program.populations)])
    populations, reals, neurons = [], [], []
    for p, first in zip(program.populations, starts[:-1], strict=True):
        row, constants = _population(p, int(first), index)
        populations.append(row)
        reals.append(constants)
        neurons.append(_neurons(p))
    rules = _Rules(rate)
    connections, scales, weights, at, plastic = [], [], [np.zeros(0)], 0, []
    places: dict[str, int] = {}
    for number, c in enumerate(program.connections):
        if c.kind != "dense" or c.port == "imag" or c.signs_only:
            raise UnsupportedError(
                "the float twin has no such synapses", where=f"connection '{c.name}'",
                need="dense connections of LIF neurons",
            )  # fmt: skip
        rule = -1 if c.plasticity is None else rules.add(c, c.plasticity, number)
        places[c.name] = at
        to = {"signal": k.TO_SIGNAL, "none": k.TO_NOTHING}.get(c.port, 0)
        connections.append([index[c.pre], index[c.post], at, to, c.pre_port == "error", rule, 0])
        scales.append(2.0**c.weight_exp)
        if c.transpose_of is not None:
            continue
        matrix = c.matrix().astype(np.float64)
        if c.plasticity is not None:
            plastic.append((c.name, at, *matrix.shape))
        weights.append(matrix.T.ravel())
        at += matrix.size
    for row, c in zip(connections, program.connections, strict=True):
        if c.transpose_of is not None:
            row[k.C_WEIGHTS], row[k.C_BACKWARD] = places[c.transpose_of], 1
    return Tables(
        _rows(populations, k.P_COLUMNS), np.array(reals, np.float64), np.concatenate(neurons, axis=1),
        _rows(connections, k.C_COLUMNS), np.array(scales), np.concatenate(weights), _rows(rules.rows, k.R_COLUMNS),
        np.array(rules.bounds).reshape(-1, 2), np.array(rules.decays).reshape(-1, 2, 5),
        _rows(rules.groups, k.G_COLUMNS), _rows(rules.products, k.Q_COLUMNS), np.array(rules.scales, np.float64),
        _rows(rules.factors, k.K_COLUMNS), np.array(rules.constants, np.float64), plastic,
        (rules.x, rules.y, rules.tags),
    )  # fmt: skip


def _population(p: Population, first: int, index: dict[str, int]) -> tuple[list[int], list[float]]:
    m = p.modulator
    known = m is None or (
        m.signal in ("error", "feedback", "reward") and m.psi in ("none", "box") and m.beside in ("nothing", "trace")
        and (m.output, m.error_step) == ("spikes", 1)
    )  # fmt: skip
    if p.kind not in ("input", "lif", "lif_reset") or not known:
        raise UnsupportedError(
            f"the float twin has no {p.kind} with this modulator", where=f"population '{p.name}'",
            need="input, lif or lif_reset; signal 'error', 'feedback' or 'reward'; psi 'none' or 'box'; beside"
                 " 'nothing' or 'trace'",
        )  # fmt: skip
    reset = [int(p.parameter(f"reset_{part}")[0]) if p.kind == "lif_reset" else 0 for part in ("interval", "offset")]
    how = p.arithmetic
    row = [first, p.n, p.kind == "input", *reset, how.threshold == "reached", how.reset == "subtract"]
    if m is None:
        return [*row, 0, 0, 0, 0, 0], [0.0] * k.F_COLUMNS
    signal = {"error": k.ERROR, "feedback": k.FEEDBACK, "reward": k.REWARD}[m.signal]
    reals = [
        float(m.psi_halfwidth), 2.0**-m.signal_shift, (4096 - m.trace_decay) / 4096, float(m.trace_impulse),
        2.0**-m.trace_shift,
    ]  # fmt: skip
    return [
        *row,
        signal,
        m.psi == "box",
        index[m.target] if m.target else 0,
        m.error_sent == "sign",
        m.beside == "trace",
    ], reals


def _neurons(p: Population) -> F64:
    if p.kind == "input":
        return np.zeros((4, p.n))
    one = {key: p.parameter(key).astype(np.float64) for key in ("du", "dv", "vth", "bias_mant", "bias_exp")}
    return np.array(
        [(4095 - one["du"]) / 4096, (4096 - one["dv"]) / 4096, one["vth"] * 64, one["bias_mant"] * 2 ** one["bias_exp"]]
    )  # fmt: skip


class _Rules:
    """The learning rules' rows as they are gathered."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.rows: list[list[int]] = []
        self.groups: list[list[int]] = []
        self.products: list[list[int]] = []
        self.factors: list[list[int]] = []
        self.bounds: list[tuple[float, float]] = []
        self.decays: list[list[list[float]]] = []
        self.scales: list[float] = []
        self.constants: list[float] = []
        self.x = self.y = self.tags = 0

    def add(self, c: Connection, rule: Plasticity, number: int) -> int:
        if rule.t_epoch != 1 or rule.dd is not None:
            raise UnsupportedError(
                "the float twin learns with epochs of one step and without delays", where=f"connection '{c.name}'"
            )
        n_post, n_pre = c.weights.shape
        first = len(self.groups)
        self._sum(rule.dw, 0)
        self._sum(rule.dt, 1)
        self.rows.append([
            number, self.x, self.y, self.tags, rule.kind == "3f", first, len(self.groups) - first,
            self._plain(first), rule.dt is not None,
        ])  # fmt: skip
        self.bounds.append(BOUNDS[c.resolved_sign_mode])
        taus = [float(rule.traces.get(f"{name}_tau", 0.0)) for name in _TRACES]
        self.decays.append([
            [math.exp(-1 / tau) if tau > 0 else 0.0 for tau in taus],
            [float(rule.traces.get(f"{name}_impulse", 0.0)) for name in _TRACES],
        ])  # fmt: skip
        self.x, self.y = self.x + 2 * n_pre, self.y + 3 * n_post
        self.tags += n_pre * n_post if rule.dt is not None else 0
        return len(self.rows) - 1

    def _plain(self, first: int) -> bool:
        """Whether there is one group, of the weight, without synaptic factors."""
        if len(self.groups) != first + 1 or self.groups[first][2] != 0:
            return False
        _, _, at, count = self.products[self.groups[first][0]]
        return all(self.factors[f][0] < k.WEIGHT for f in range(at, at + count))

    def _sum(self, text: str | None, target: int) -> None:
        alike: dict[Any, list[Product]] = {}
        for product in parse_sum(text).products if text is not None else ():
            rest = tuple(f for f in product.factors if f.variable[0] != "y")
            alike.setdefault((product.dependency == "x0", rest), []).append(product)
        for products in alike.values():
            self.groups.append([len(self.products), len(products), target])
            for product in products:
                gate = {"x0": k.X0, "y0": k.Y0, "u": k.EVERY}[product.dependency]
                self.products.append([gate, product.u or 0, len(self.factors), len(product.factors)])
                rate = self.rate if target == 0 else 1.0
                self.scales.append(rate * product.mant * 2.0 ** (product.exp - product.shift))
                for factor in product.factors:
                    self.factors.append([_VARIABLES[factor.variable], factor.sign_of])
                    self.constants.append(float(factor.constant))


def _rows(rows: list[list[int]], columns: int) -> I64:
    return np.array(rows, np.int64).reshape(-1, columns)
