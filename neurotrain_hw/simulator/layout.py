"""A Program laid out as flat arrays, the form that the compiled kernels run."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.program import Connection, Modulator, Population, Program
from neurotrain_hw.simulator.arithmetic import effective_bias
from neurotrain_hw.simulator.rule_tables import RuleTables, build_rule_tables

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

KINDS = {"input": 0, "lif": 1, "lif_reset": 2, "ternary_lif": 3}

# columns of Layout.populations
P_KIND, P_START, P_N, P_MODULATOR, P_INPUT = range(5)
# columns of Layout.modulators
M_SIGNAL, M_PSI, M_WIDTH, M_SHIFT, M_TARGET, M_DECAY, M_IMPULSE, M_TRACE_SHIFT = range(8)
# columns of Layout.connections
(
    C_PRE, C_PRE_START, C_PRE_N, C_POST, C_POST_START, C_POST_N, C_EXP, C_GRADED, C_SIGNAL, C_ERROR, C_SPARSE,
    C_WEIGHTS, C_ROWS, C_DEPTH, C_BUFFER, C_SLOT, C_RULE,
) = range(17)  # fmt: skip


class Layout(NamedTuple):
    """What does not change during a run. One row per population, modulator, connection; neurons are numbered through.

    `weights` int16: of a dense connection pre-major, (n_pre, n_post) from C_WEIGHTS on. `listed` int16, `column`,
    `delay`: synapses of sparse and delayed connections in compressed rows by pre neuron, whose bounds stand in
    `row_pointer` from C_ROWS on. Plastic weights lie in the state.
    """

    populations: I64
    modulators: I64
    connections: I64
    du: I32
    dv: I32
    bias: I32
    theta: I32
    theta_low: I32
    interval: I32
    offset: I32
    weights: npt.NDArray[np.int16]
    listed: npt.NDArray[np.int16]
    row_pointer: I64
    column: I32
    delay: npt.NDArray[np.uint8]
    rules: RuleTables


def build_layout(program: Program) -> tuple[Layout, I32, I32, I32]:
    """The layout of a program, and the initial plastic weights, tag_1 and tag_2, int32, pre-major."""
    starts, total = {}, 0
    for p in program.populations:
        starts[p.name] = total
        total += p.n
    neurons = {k: np.zeros(total, np.int32) for k in ("du", "dv", "bias", "theta", "theta_low", "interval", "offset")}
    populations = np.zeros((len(program.populations), 5), np.int64)
    modulators: list[list[int]] = []
    inputs = 0
    for row, p in zip(populations, program.populations, strict=True):
        span = slice(starts[p.name], starts[p.name] + p.n)
        row[:] = KINDS[p.kind], starts[p.name], p.n, -1, -1
        if p.kind == "input":
            row[P_INPUT], inputs = inputs, inputs + 1
        else:
            _neurons(p, neurons, span)
        if p.modulator is not None:
            row[P_MODULATOR] = len(modulators)
            modulators.append(_modulator(p.modulator, starts))
    table, parts = _Synapses(program, starts), program.connections
    connections = np.array([table.add(c) for c in parts], np.int64).reshape(len(parts), 17)
    plastic = [c for c in parts if c.plasticity is not None]
    layout = Layout(
        populations=populations, modulators=np.array(modulators, np.int64).reshape(-1, 8), connections=connections,
        **neurons,
        weights=_join(table.weights, np.int16), listed=_join(table.listed, np.int16),
        row_pointer=_join(table.rows, np.int64), column=_join(table.columns, np.int32),
        delay=_join(table.delays, np.uint8),
        rules=build_rule_tables(plastic),
    )  # fmt: skip
    return layout, _join(table.plastic, np.int32), _tags(plastic, "tag_1"), _tags(plastic, "tag_2")


def _neurons(p: Population, neurons: dict[str, I32], span: slice) -> None:
    neurons["du"][span], neurons["dv"][span] = p.parameter("du"), p.parameter("dv")
    neurons["bias"][span] = effective_bias(p.parameter("bias_mant"), p.parameter("bias_exp"))
    low, high = ("vth_lo", "vth_hi") if p.kind == "ternary_lif" else ("vth", "vth")
    neurons["theta"][span], neurons["theta_low"][span] = p.parameter(high) << 6, p.parameter(low) << 6
    if p.kind == "lif_reset":
        interval = p.parameter("reset_interval")
        neurons["interval"][span] = interval
        neurons["offset"][span] = p.parameter("reset_offset") % interval


def _modulator(m: Modulator, starts: dict[str, int]) -> list[int]:
    target = -1 if m.target is None else starts[m.target]
    signal, psi = int(m.signal == "feedback"), int(m.psi == "box")
    return [
        signal, psi, m.psi_halfwidth, m.signal_shift, target, m.trace_decay, m.trace_impulse, m.trace_shift
    ]  # fmt: skip


class _Synapses:
    """Collects the synapses of all connections, in order, into flat arrays."""

    def __init__(self, program: Program, starts: dict[str, int]) -> None:
        self.program, self.starts = program, starts
        self.index = {p.name: k for k, p in enumerate(program.populations)}
        self.weights: list[npt.NDArray[Any]] = []
        self.listed: list[npt.NDArray[Any]] = []
        self.plastic: list[npt.NDArray[Any]] = []
        self.rows: list[npt.NDArray[Any]] = []
        self.columns: list[npt.NDArray[Any]] = []
        self.delays: list[npt.NDArray[Any]] = []
        self.sizes = dict.fromkeys(("weights", "listed", "plastic", "rows", "buffer", "slots", "rules"), 0)

    def add(self, c: Connection) -> list[int]:
        """One row of Layout.connections."""
        pre, post = self.program.population(c.pre), self.program.population(c.post)
        depth = 1 if c.delays is None else (c.max_delay or int(c.delays.max())) + 1
        row = [
            self.index[c.pre], self.starts[c.pre], pre.n, self.index[c.post], self.starts[c.post], post.n, c.weight_exp,
            int(c.num_message_bits > 0), int(c.port == "signal"), int(c.pre_port == "error"), 0, 0, 0, depth,
            self.sizes["buffer"], self.sizes["slots"], -1,
        ]  # fmt: skip
        self.sizes["buffer"] += depth * post.n
        self.sizes["slots"] += depth
        weights = c.matrix().T
        if c.plasticity is not None:
            self._plastic(c, row, weights)
        elif c.kind == "dense":
            row[C_WEIGHTS] = self.sizes["weights"]
            self.sizes["weights"] += weights.size
            self.weights.append(weights.astype(np.int16).ravel())
        else:
            self._rows(c, row, weights)
        return row

    def _plastic(self, c: Connection, row: list[int], weights: I32) -> None:
        if c.kind != "dense" or c.pre_port == "error" or c.port == "signal":
            raise UnsupportedError(
                f"a {c.kind} connection on the learning path cannot be plastic here", where=f"connection '{c.name}'",
                remedy="Use a dense connection without delays from spikes to the synaptic input.",
            )  # fmt: skip
        row[C_WEIGHTS], row[C_RULE] = self.sizes["plastic"], self.sizes["rules"]
        self.sizes["plastic"] += weights.size
        self.sizes["rules"] += 1
        self.plastic.append(weights.ravel())

    def _rows(self, c: Connection, row: list[int], weights: I32) -> None:
        """A delayed or sparse connection: sparse keeps the weights that are not 0, delayed dense keeps all."""
        keep = weights != 0 if c.kind == "sparse" else np.ones(weights.shape, bool)
        pre, column = np.nonzero(keep)
        pointer = np.zeros(weights.shape[0] + 1, np.int64)
        np.cumsum(np.bincount(pre, minlength=weights.shape[0]), out=pointer[1:])
        delay = np.zeros(pre.size, np.uint8) if c.delays is None else c.delays.T[keep].astype(np.uint8)
        row[C_SPARSE], row[C_ROWS] = 1, self.sizes["rows"]
        self.rows.append(pointer + self.sizes["listed"])
        self.columns.append(column.astype(np.int32))
        self.delays.append(delay)
        self.listed.append(weights[keep].astype(np.int16))
        self.sizes["rows"] += pointer.size
        self.sizes["listed"] += pre.size


def _tags(plastic: list[Connection], key: str) -> I32:
    found = []
    for c in plastic:
        tag = getattr(c.plasticity, key)
        found.append(
            np.zeros(math.prod(c.weights.shape), np.int32) if tag is None else np.asarray(tag, np.int32).T.ravel()
        )
    return _join(found, np.int32)


def _join(parts: list[npt.NDArray[Any]], kind: Any) -> npt.NDArray[Any]:
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, kind)
