"""A Program laid out for the compiled kernels: tables of what does not change, and where in memory the rest lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.program import LIF_KINDS, STATES, Arithmetic, Connection, Modulator, Population, Program
from neurotrain_hw.program.modulator import BESIDE, PSI_BITS, PSI_KINDS, SIGNALS
from neurotrain_hw.simulator import tables as t
from neurotrain_hw.simulator.addresses import address
from neurotrain_hw.simulator.lanes import NEURONS
from neurotrain_hw.simulator.parameters import kernel_parameters
from neurotrain_hw.simulator.rule_tables import RuleTables, build_rule_tables, row_length
from neurotrain_hw.simulator.weight_layout import lay_weights, plastic_values

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

ALIGN = 64
"""Bytes that every stretch of a state is aligned to."""

_PORTS = {"current": t.CURRENT, "imag": t.IMAG, "signal": t.SIGNAL, "none": t.UNREAD}
_FAMILIES = {"atrlif": "atrlif", "delta": "delta", "sigma_delta": "delta", "rf_zero": "rf_zero"}
_SENDS_VALUES = ("ternary_lif", "sigma", "delta", "sigma_delta", "rf_zero")


@dataclass(frozen=True, eq=False)
class Layout:
    """What all runs of a program share.

    `shape`: how many populations and connections. `inputs`: number and name of each input. `parts`: entries of the
    table that are addresses of compiled parts, by the part's name. `table`: the rows of all populations, then of all
    connections (see `tables.py`), with their fixed columns. `slots`: the entries of it that are addresses of the state
    itself, and `offsets` where in the state they point to, int64, in bytes. `sizes`: bytes of the state's blocks, in
    their order. `presets`: values that are not 0 at the start, as (offset in bytes, int32 values). `states`: where the
    state variables and third factors lie, offset in bytes by (population, name). `plastic`: initial weights, tag_1 and
    tag_2 of the learning connections, int32, laid out as in `rule_memory.Plastic`. `arrays` keeps alive what the tables
    point to.
    """

    shape: tuple[int, int]
    inputs: tuple[tuple[int, str], ...]
    parts: tuple[tuple[int, str], ...]
    table: I64
    slots: I64
    offsets: I64
    sizes: dict[str, int]
    presets: tuple[tuple[int, I32], ...]
    states: dict[tuple[str, str], int]
    rules: RuleTables
    plastic: tuple[I32, I32, I32]
    arrays: tuple[npt.NDArray[Any], ...]


def build_layout(program: Program) -> Layout:
    """The layout of a program; weights that are in the chip's form already are used where they are."""
    return _Builder(program).layout()


def block_starts(sizes: dict[str, int]) -> dict[str, int]:
    """Where the blocks of a state begin, one after the other, in bytes."""
    starts, at = {}, 0
    for block, size in sizes.items():
        starts[block], at = at, at + -(-size // ALIGN) * ALIGN
    return starts


class _Builder:
    """Fills the table and hands out room in the blocks `words` (int32), `marks` (uint8), `totals` (int64)."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.index = {p.name: k for k, p in enumerate(program.populations)}
        self.shape = (len(program.populations), len(program.connections))
        first = self.shape[0] * t.P_COLUMNS  # entry of the first connection
        self.table = np.zeros(first + self.shape[1] * t.C_COLUMNS, np.int64)
        self.populations = self.table[:first].reshape(-1, t.P_COLUMNS)
        self.connections = self.table[first:].reshape(-1, t.C_COLUMNS)
        self.slots: list[tuple[int, str, int]] = []  # entry of the table, block, and bytes into it
        self.sizes = {"table": self.table.nbytes, "words": 0, "marks": 0, "totals": 0}
        self.presets: list[tuple[int, I32]] = []
        self.states: dict[tuple[str, str], int] = {}
        self.arrays: list[npt.NDArray[Any]] = []
        self.sent: dict[str, int] = {}
        self.parts: list[tuple[int, str]] = []
        self.plastic_size = self.rules = 0

    def layout(self) -> Layout:
        for number, population in enumerate(self.program.populations):
            self._population(number, population)
        for number, population in enumerate(self.program.populations):
            target = population.modulator.target if population.modulator else None
            if target is not None:
                self._slot("populations", number, t.P_TARGET_AT, "words", self.sent[target])
        for number, connection in enumerate(self.program.connections):
            self._connection(number, connection)
        learning = [c for c in self.program.connections if c.plasticity is not None]
        slots, offsets = self._offsets()
        inputs = tuple((self.index[name], name) for name in self.program.inputs)
        return Layout(
            self.shape, inputs, tuple(self.parts), self.table, slots, offsets, self.sizes, tuple(self.presets),
            self.states, build_rule_tables(learning), plastic_values(learning), tuple(self.arrays),
        )  # fmt: skip

    def _room(self, block: str, size: int) -> int:
        offset = self.sizes[block]
        self.sizes[block] += -(-size // ALIGN) * ALIGN
        return offset

    def _slot(self, table: str, row: int, column: int, block: str, offset: int) -> None:
        entry = row * t.P_COLUMNS if table == "populations" else self.populations.size + row * t.C_COLUMNS
        self.slots.append((entry + column, block, offset))

    def _offsets(self) -> tuple[I64, I64]:
        """The entries of the table that are addresses, and the bytes from the start of the state to what they mean."""
        starts = block_starts(self.sizes)
        entries = [entry for entry, _, _ in self.slots]
        offsets = [starts[block] + offset for _, block, offset in self.slots]
        return np.array(entries, np.int64), np.array(offsets, np.int64)

    def _give(self, table: str, row: int, column: int, block: str, size: int) -> int:
        """Room of its own for a column; returns its offset."""
        offset = self._room(block, size)
        self._slot(table, row, column, block, offset)
        return offset

    def _kept(self, array: npt.NDArray[Any]) -> int:
        """The address of an array that the layout keeps alive."""
        self.arrays.append(array)
        return address(array)

    def _population(self, number: int, p: Population) -> None:
        row, n = self.populations[number], p.n
        give: Callable[..., int] = lambda column, size, block="words": self._give(  # noqa: E731
            "populations", number, column, block, size
        )
        row[t.P_KIND], row[t.P_N] = t.KINDS[p.kind], n
        if self.program.placement:  # deliveries to cores are counted from the spikes of each neuron
            give(t.P_SPIKES_AT, 8 * n, "totals")
        if self._needs_sent(p.name):
            self.sent[p.name] = give(t.P_SENT_AT, 4 * n)
        if p.kind == "input":
            return
        self._parameters(row, p)
        if not row[t.P_PLAIN]:
            self.parts.append((number * t.P_COLUMNS + t.P_PART_AT, "any_lif" if p.kind in LIF_KINDS else "others"))
        blocks = -(-n // t.BLOCK)
        at = give(t.P_STATE_AT, 4 * n * max(len(STATES[p.kind]), 2))
        for k, name in enumerate(STATES[p.kind]):
            self.states[p.name, name] = at + 4 * n * k
        if p.kind == "atrlif":
            self.presets.append((self.states[p.name, "theta"], p.parameter("theta_0") << 6))
        give(t.P_CURRENT_AT, 4 * n)
        give(t.P_ACTIVE_AT, 4 * n)
        give(t.P_TOUCHED_AT, blocks, "marks")
        self.presets.append((give(t.P_REST_AT, 4 * blocks), np.full(blocks, -1, np.int32)))
        if p.kind in ("rf", "rf_iz", "rf_zero"):
            give(t.P_IMAG_AT, 4 * n)
        if p.kind in _SENDS_VALUES:
            give(t.P_VALUE_AT, 4 * n)
        if p.modulator is not None:
            self._modulator(row, p.modulator)
            for column in (t.P_SIGNAL_AT, t.P_Z_AT, t.P_ERROR_AT):
                give(column, 4 * n)
            self.states[p.name, "third"] = give(t.P_THIRD_AT, 4 * n)
            if p.modulator.beside != "nothing":
                self.states[p.name, "beside"] = give(t.P_BESIDE_AT, 4 * n)
            if p.modulator.signal == "goodness":
                give(t.P_GOODNESS_AT, 16, "totals")

    def _needs_sent(self, name: str) -> bool:
        return any(p.modulator is not None and p.modulator.target == name for p in self.program.populations)

    def _parameters(self, row: I64, p: Population) -> None:
        values = kernel_parameters(p)
        uniform = values.shape[1] == 1
        if uniform and p.kind in LIF_KINDS:  # one for each lane
            values = np.repeat(values, NEURONS, axis=1)
        row[t.P_PARAMETERS_AT] = self._kept(values)
        row[t.P_WIDTH], row[t.P_EACH] = values.shape[1], int(not uniform)
        if p.kind not in LIF_KINDS:
            return
        a = p.arithmetic
        row[t.P_SUBTRACT] = int(a.reset == "subtract")
        row[t.P_U_MODE] = ("wrap_once", "wrap", "saturate").index(a.u_overflow)
        row[t.P_V_MODE] = ("saturate", "wrap").index(a.v_overflow)
        usual = (a.u_overflow, a.v_overflow) == (Arithmetic.u_overflow, Arithmetic.v_overflow)
        usual = usual and bool(np.all(values[0] < 4096))  # a du of 4096 turns the sign of u, which lanes do not
        if p.kind in ("lif", "lif_reset") and usual and p.modulator is None:
            row[t.P_PLAIN] = 1
        if p.kind == "lif_reset":
            names = t.PARAMETERS["lif"]
            intervals, phases = values[names.index("interval")], values[names.index("offset")]
            if (intervals == intervals[0]).all() and (phases == phases[0]).all():
                row[t.P_PERIOD], row[t.P_PHASE] = intervals[0], phases[0]
            else:
                row[t.P_RESTLESS] = 1

    def _modulator(self, row: I64, m: Modulator) -> None:
        row[t.P_MODULATED], row[t.P_RESTLESS] = 1, 1
        row[t.P_SIGNAL], row[t.P_PSI] = SIGNALS.index(m.signal), PSI_KINDS.index(m.psi)
        row[t.P_HALFWIDTH], row[t.P_BOUNDS] = m.psi_halfwidth, len(m.psi_bounds)
        row[t.P_BOUNDS_AT] = self._kept(np.array([*m.psi_bounds, *m.psi_values], np.int32))
        row[t.P_SIGNAL_SHIFT] = m.signal_shift + (PSI_BITS if m.psi_from_table and m.beside != "psi_alone" else 0)
        row[t.P_FILTERS], row[t.P_DECAY], row[t.P_IMPULSE] = int(m.filters_spikes), m.trace_decay, m.trace_impulse
        row[t.P_TRACE_SHIFT], row[t.P_MEMBRANE] = m.trace_shift, int(m.output == "membrane")
        row[t.P_ERROR_STEP], row[t.P_SIGN_SENT] = m.error_step, int(m.error_sent == "sign")
        row[t.P_BESIDE], row[t.P_BESIDE_SHIFT] = BESIDE.index(m.beside), m.beside_shift
        row[t.P_GOODNESS_SHIFT], row[t.P_GOODNESS_LEVEL] = m.goodness_shift, m.goodness_level
        row[t.P_NOISE_EXP], row[t.P_NOISE_SEED] = m.noise_exp, m.noise_seed

    def _connection(self, number: int, c: Connection) -> None:
        row = self.connections[number]
        pre, post = self.program.population(c.pre), self.program.population(c.post)
        for column, name in ((t.C_PRE_AT, c.pre), (t.C_POST_AT, c.post)):
            self._slot("connections", number, column, "table", self.index[name] * t.P_COLUMNS * 8)
        row[t.C_PORT] = _PORTS[c.port]
        row[t.C_N_PRE], row[t.C_N_POST], row[t.C_EXP] = pre.n, post.n, c.weight_exp
        row[t.C_GRADED], row[t.C_ERROR], row[t.C_RULE] = int(c.num_message_bits > 0), int(c.pre_port == "error"), -1
        depth = row[t.C_DEPTH] = c.longest_delay + 1
        # floor shifts of what was sent in different steps must not be added before they are made
        late = row[t.C_LATE] = t.LATE if depth > 1 and c.weight_exp < 0 else 0
        if c.kind == "delay_dense" and c.weight_exp < 0 and c.num_message_bits > 0:
            late = row[t.C_LATE] = t.WIDE
        if c.plasticity is not None:
            self._plastic(row, c)
        else:
            lay_weights(row, c, self.program, self._kept)
        blocks = -(-post.n // t.BLOCK)
        for column, block, size in (
            (t.C_BUFFER_AT, "words", 4 * depth * post.n), (t.C_MARKS_AT, "marks", depth * blocks),
            (t.C_USED_AT, "marks", depth),
        ):  # fmt: skip
            self._give("connections", number, column, block, size)
        if late:
            self._give("connections", number, t.C_SCRATCH_AT, "words", (8 if late == t.WIDE else 4) * depth * post.n)
            self._give("connections", number, t.C_SCRATCH_MARKS_AT, "marks", depth * blocks)
        elif row[t.C_FORMAT] == t.DENSE:
            self._give("connections", number, t.C_SCRATCH_AT, "words", 4 * (-(-post.n // 2)))  # sums of 16 bits
        plain = row[t.C_FORMAT] == t.DENSE and not (row[t.C_GRADED] or row[t.C_ERROR] or row[t.C_PORT] == t.UNREAD)
        if not plain:
            part = {t.SPARSE: "sparse", t.CONV: "convolution"}.get(int(row[t.C_FORMAT]), "rows")
            self.parts.append((self.populations.size + number * t.C_COLUMNS + t.C_PART_AT, part))

    def _plastic(self, row: I64, c: Connection) -> None:
        if c.kind != "dense" or c.pre_port == "error" or c.port not in ("current", "none"):
            raise UnsupportedError(
                f"a {c.kind} connection on the learning path cannot be plastic here", where=f"connection '{c.name}'",
                remedy="Use a dense connection without delays from spikes to the synaptic input.",
            )  # fmt: skip
        row[t.C_FORMAT], row[t.C_WEIGHTS_AT], row[t.C_RULE] = t.PLASTIC, self.plastic_size, self.rules
        row[t.C_ROW] = row_length(c.weights.shape[0])
        self.plastic_size += c.weights.shape[1] * int(row[t.C_ROW])
        self.rules += 1
