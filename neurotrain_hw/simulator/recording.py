"""What a run records: the room that the kernels fill, and the streams and tables made of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neurotrain_hw.errors import UnknownNameError
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import STATES, Program
from neurotrain_hw.simulator import tables as t
from neurotrain_hw.simulator.addresses import address
from neurotrain_hw.simulator.layout import I32, I64
from neurotrain_hw.simulator.state import State

_EVENT_ROOM = 1 << 14
_ONES_ONLY = ("lif", "lif_reset", "lif_refractory", "atrlif", "rf", "rf_iz")

FACTORS = ("y1", "y2", "y3")

Wanted = frozenset[tuple[str, str]]


def parse_record(program: Program, record: Collection[str]) -> Wanted:
    """Names such as "h.spikes" as (population, variable); UnknownNameError for what there is not."""
    out = set()
    for name in record:
        population, _, variable = name.rpartition(".")
        found = program.population(population)
        known = ["spikes", *STATES[found.kind], *(FACTORS if found.modulator else ())]
        if variable not in known:
            raise UnknownNameError("recordable variable", variable, known, where=f"population '{population}'")
        out.add((population, variable))
    return frozenset(out)


@dataclass
class _Spikes:
    """Room for the messages of one population: neurons, and values where they may differ from 1."""

    name: str
    n: int
    neurons: I32
    values: I32 | None

    def stream(self, pointer: I64) -> EventStream:
        """What was recorded; `pointer` int64 (steps + 1,): where each step's messages begin."""
        used = int(pointer[-1])
        values = self.values
        if values is not None:
            values = None if bool(np.all(values[:used] == 1)) else _taken(values, used)
        return EventStream.of_valid(pointer, _taken(self.neurons, used), self.n, values)

    def renew(self) -> bool:
        """Room again where a long list was handed out; whether one was."""
        neurons, values = not self.neurons.flags.writeable, self.values is not None and not self.values.flags.writeable
        if neurons:
            self.neurons = _room(self.n)
        if values:
            self.values = _room(self.n)
        return neurons or values


class Recording:
    """Room for runs of `steps` steps, one after the other, to record the wanted variables of a state in.

    `events` (recorded populations, E_COLUMNS) and `probes` (variables, B_COLUMNS) are what the kernels write to, `run`
    (X_COLUMNS,) at `run_at` is what the step loop is told. What inputs send need not be recorded: it is known.
    """

    def __init__(self, program: Program, state: State, wanted: Wanted, steps: int) -> None:
        self.program, self.wanted, self.steps = program, wanted, steps
        self._inputs = [name for name in program.inputs if (name, "spikes") in wanted]
        numbers = [k for k, p in enumerate(program.populations) if p.kind != "input" and (p.name, "spikes") in wanted]
        self._lists = [
            _Spikes(p.name, p.n, _room(p.n), None if p.kind in _ONES_ONLY else _room(p.n))
            for p in (program.populations[k] for k in numbers)
        ]
        self._lists_moved = True
        self.events = np.zeros((len(numbers), t.E_COLUMNS), np.int64)
        self.events[:, t.E_POPULATION_AT] = [state.population_at(k) for k in numbers]
        self._variables = self._wanted_variables()
        sizes = [program.population(name).n for name, _ in self._variables]
        self._starts: list[int] = [0, *np.cumsum(sizes, dtype=np.int64).tolist()]
        self.probes = np.array(
            [[state.address(*variable), n, 0, self._starts[-1] * 4]
             for variable, n in zip(self._variables, sizes, strict=True)],
            np.int64,
        ).reshape(-1, t.B_COLUMNS)  # fmt: skip

        self.run = _run_row(state, self.events, self.probes)
        self.run_at = address(self.run)

    def begin(self) -> None:
        """Room for the next run; what the last one recorded stays as it is."""
        self._pointers = np.zeros((len(self._lists), self.steps + 1), np.int64)
        self.events[:, t.E_POINTER_AT] = address(self._pointers) + np.arange(len(self._lists)) * (8 * (self.steps + 1))
        self.events[:, t.E_USED] = 0
        for spikes in self._lists:
            self._lists_moved |= spikes.renew()
        if self._lists_moved:
            self._point()
        if len(self.probes):
            self._table = np.empty((self.steps, self._starts[-1]), np.int32)
            self.probes[:, t.B_INTO_AT] = address(self._table) + np.array(self._starts[:-1]) * 4

    def grow(self) -> None:
        """Double the room of the lists that may be full after the next step."""
        for event, spikes in zip(self.events, self._lists, strict=True):
            if event[t.E_USED] + spikes.n > event[t.E_ROOM]:
                spikes.neurons = _longer(spikes.neurons)
                spikes.values = None if spikes.values is None else _longer(spikes.values)
        self._point()

    def spikes(self, heard: Mapping[str, EventStream]) -> dict[str, EventStream]:
        """The recorded messages, in the order of the populations; what inputs sent is in `heard`."""
        self._pointers.flags.writeable = False
        found = {name: heard[name] for name in self._inputs}
        found |= {spikes.name: spikes.stream(self._pointers[k]) for k, spikes in enumerate(self._lists)}
        return {p.name: found[p.name] for p in self.program.populations if p.name in found}

    def states(self) -> dict[str, I32]:
        """The recorded variables, int32 (steps, n) each; y1, y2 and y3 are the halves of M, after what is beside it."""
        out: dict[str, I32] = {}
        for k, (name, variable) in enumerate(self._variables):
            found = np.ascontiguousarray(self._table[:, self._starts[k] : self._starts[k + 1]])
            parts = {variable: found}
            if variable == "third":
                halves, first = {0: np.maximum(found, 0), 1: np.maximum(-found, 0)}, self._first_half(name)
                parts = {y: halves.get(v - first, np.zeros_like(found)) for v, y in enumerate(FACTORS) if v >= first}
            elif variable == "beside":
                parts = {"y1": found}
            out |= {f"{name}.{part}": value for part, value in parts.items() if (name, part) in self.wanted}
        return out

    def _wanted_variables(self) -> Sequence[tuple[str, str]]:
        """The state variables to record, in a fixed order; y1, y2 and y3 are read from what forms them."""
        read = {
            (name, "beside" if variable == "y1" and self._first_half(name) else "third")
            for name, variable in self.wanted
            if variable in FACTORS
        }
        return sorted({(n, v) for n, v in self.wanted if v not in ("spikes", *FACTORS)} | read)

    def _first_half(self, name: str) -> int:
        """Which of the factors is max(M, 0): y1, or y2 where y1 travels beside it."""
        modulator = self.program.population(name).modulator
        return int(modulator is not None and modulator.beside != "nothing")

    def _point(self) -> None:
        """Tell the kernels where the lists lie."""
        self._lists_moved = False
        for row, spikes in zip(self.events, self._lists, strict=True):
            row[t.E_N], row[t.E_ROOM] = spikes.n, spikes.neurons.size
            row[t.E_NEURON_AT] = address(spikes.neurons)
            row[t.E_VALUE_AT] = 0 if spikes.values is None else address(spikes.values)


def _run_row(state: State, events: I64, probes: I64) -> I64:
    row = np.zeros(t.X_COLUMNS, np.int64)
    populations, connections = state.layout.shape
    row[t.X_POPULATIONS], row[t.X_POPULATIONS_AT] = populations, state.at
    row[t.X_CONNECTIONS], row[t.X_CONNECTIONS_AT] = connections, state.population_at(populations)
    row[t.X_SPIKES], row[t.X_SPIKES_AT] = len(events), address(events)
    row[t.X_PROBES], row[t.X_PROBES_AT] = len(probes), address(probes)
    row[t.X_SCRATCH_AT] = state.scratch_at
    return row


def _room(n: int) -> I32:
    return np.empty(n + _EVENT_ROOM, np.int32)


def _longer(array: I32) -> I32:
    longer = np.empty(2 * array.size, np.int32)
    longer[: array.size] = array
    return longer


def _taken(array: I32, size: int) -> I32:
    """The first `size` entries, read-only: a copy of a short list, whose room serves the next run, or a long one."""
    if size <= _EVENT_ROOM:
        array = array[:size].copy()
    else:
        array.resize(size, refcheck=False)
    array.flags.writeable = False
    return array
