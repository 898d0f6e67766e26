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

Wanted = frozenset[tuple[str, str]]


def parse_record(program: Program, record: Collection[str]) -> Wanted:
    """Names such as "h.spikes" as (population, variable); UnknownNameError for what there is not."""
    out = set()
    for name in record:
        population, _, variable = name.rpartition(".")
        found = program.population(population)
        known = ["spikes", *STATES[found.kind], *(("y1", "y2") if found.modulator else ())]
        if variable not in known:
            raise UnknownNameError("recordable variable", variable, known, where=f"population '{population}'")
        out.add((population, variable))
    return frozenset(out)


@dataclass
class _Spikes:
    """Room for the messages of one population: where each step's begin, int64 (steps + 1,), neurons, and values."""

    name: str
    n: int
    pointer: I64
    neurons: I32
    values: I32 | None

    def stream(self) -> EventStream:
        """What was recorded, without a copy."""
        used = int(self.pointer[-1])
        self.pointer.flags.writeable = False
        values = self.values
        if values is not None:
            values = None if bool(np.all(values[:used] == 1)) else _cut(values, used)
        return EventStream.of_valid(self.pointer, _cut(self.neurons, used), self.n, values)


class Recording:
    """Room for `steps` steps of the wanted variables.

    `events` (recorded populations, E_COLUMNS) and `probes` (variables, B_COLUMNS) are what the kernels write to. What
    inputs send is known: it is taken from `heard`.
    """

    def __init__(
        self, program: Program, state: State, wanted: Wanted, steps: int, heard: Mapping[str, EventStream]
    ) -> None:
        self.program, self.wanted = program, wanted
        self._heard = {name: stream for name, stream in heard.items() if (name, "spikes") in wanted}
        numbers = [k for k, p in enumerate(program.populations) if p.kind != "input" and (p.name, "spikes") in wanted]
        self._lists = []
        for p in (program.populations[k] for k in numbers):
            room, valued = p.n + _EVENT_ROOM, p.kind not in _ONES_ONLY
            self._lists.append(
                _Spikes(
                    p.name, p.n, np.zeros(steps + 1, np.int64), np.empty(room, np.int32),
                    np.empty(room, np.int32) if valued else None,
                )
            )  # fmt: skip
        self.events = np.zeros((len(numbers), t.E_COLUMNS), np.int64)
        self.events[:, t.E_POPULATION_AT] = [state.population_at(k) for k in numbers]
        self._point()
        self._variables = self._wanted_variables()
        sizes = [program.population(name).n for name, _ in self._variables]
        self._starts = [0, *np.cumsum(sizes, dtype=np.int64).tolist()]
        self._table = np.empty((steps if sizes else 0, self._starts[-1]), np.int32)
        at, stride = address(self._table), self._starts[-1] * 4
        self.probes = np.array(
            [[state.address(*variable), n, at + start * 4, stride]
             for variable, n, start in zip(self._variables, sizes, self._starts, strict=False)],
            np.int64,
        ).reshape(-1, t.B_COLUMNS)  # fmt: skip

    def grow(self) -> None:
        """Double the room of the lists that may be full after the next step."""
        for event, spikes in zip(self.events, self._lists, strict=True):
            if event[t.E_USED] + spikes.n > event[t.E_ROOM]:
                spikes.neurons = _longer(spikes.neurons)
                spikes.values = None if spikes.values is None else _longer(spikes.values)
        self._point()

    def spikes(self) -> dict[str, EventStream]:
        """The recorded messages, in the order of the populations; ends the recording."""
        found = self._heard | {spikes.name: spikes.stream() for spikes in self._lists}
        return {p.name: found[p.name] for p in self.program.populations if p.name in found}

    def states(self) -> dict[str, I32]:
        """The recorded variables, int32 (steps, n) each; M becomes y1 = max(M, 0) and y2 = max(-M, 0)."""
        out: dict[str, I32] = {}
        for k, (name, variable) in enumerate(self._variables):
            found = np.ascontiguousarray(self._table[:, self._starts[k] : self._starts[k + 1]])
            parts = {variable: found}
            if variable == "third":
                parts = {"y1": np.maximum(found, 0), "y2": np.maximum(-found, 0)}
            out |= {f"{name}.{part}": value for part, value in parts.items() if (name, part) in self.wanted}
        return out

    def _wanted_variables(self) -> Sequence[tuple[str, str]]:
        """The state variables to record, in a fixed order; y1 and y2 are both read from the third factor."""
        third = {(name, "third") for name, variable in self.wanted if variable in ("y1", "y2")}
        return sorted({(n, v) for n, v in self.wanted if v not in ("spikes", "y1", "y2")} | third)

    def _point(self) -> None:
        """Tell the kernels where the lists lie."""
        for row, spikes in zip(self.events, self._lists, strict=True):
            row[t.E_N], row[t.E_ROOM] = spikes.n, spikes.neurons.size
            row[t.E_NEURON_AT], row[t.E_POINTER_AT] = address(spikes.neurons), address(spikes.pointer)
            row[t.E_VALUE_AT] = 0 if spikes.values is None else address(spikes.values)


def _longer(array: I32) -> I32:
    longer = np.empty(2 * array.size, np.int32)
    longer[: array.size] = array
    return longer


def _cut(array: I32, size: int) -> I32:
    """The first `size` entries, without a copy, read-only from now on."""
    array.resize(size, refcheck=False)
    array.flags.writeable = False
    return array
