"""What a run records: the room that the kernels fill, and the streams and tables made of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from neurotrain_hw.errors import UnknownNameError
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import STATES, Program
from neurotrain_hw.simulator.kernels import R_NEURON_AT, R_ROOM, R_USED, R_VALUE_AT, Recorder
from neurotrain_hw.simulator.layout import I32
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


class Recording:
    """Room for `steps` steps of the wanted variables; `recorder` is what the kernels write to."""

    def __init__(self, program: Program, state: State, wanted: Wanted, steps: int) -> None:
        self.program, self.steps, self.wanted = program, steps, wanted
        self.numbers = [k for k, p in enumerate(program.populations) if (p.name, "spikes") in wanted]
        self.neurons = [np.empty(self._n(k) + _EVENT_ROOM, np.int32) for k in self.numbers]
        self.values = [
            None if program.populations[k].kind in _ONES_ONLY else np.empty(self._n(k) + _EVENT_ROOM, np.int32)
            for k in self.numbers
        ]
        self.variables = self._variables()
        probes, columns = [], 0
        for name, variable in self.variables:
            n = program.population(name).n
            probes.append([state.address(name, variable), n, columns])
            columns += n
        events = np.zeros((len(self.numbers), 5), np.int64)
        self.recorder = Recorder(
            events, np.zeros((steps if self.numbers else 1, len(self.numbers)), np.int64),
            np.array(probes, np.int64).reshape(-1, 3), np.empty((steps if columns else 1, columns), np.int32),
        )  # fmt: skip
        self._point()

    def grow(self) -> None:
        """Double the room of the lists that may be full after the next step."""
        for e, number in enumerate(self.numbers):
            used, room = self.recorder.events[e, R_USED], self.recorder.events[e, R_ROOM]
            if used + self._n(number) > room:
                self.neurons[e] = _longer(self.neurons[e])
                value = self.values[e]
                self.values[e] = None if value is None else _longer(value)
        self._point()

    def spikes(self) -> dict[str, EventStream]:
        """The recorded messages; ends the recording."""
        out = {}
        for e, number in enumerate(self.numbers):
            p, used = self.program.populations[number], int(self.recorder.events[e, R_USED])
            pointer = np.zeros(self.steps + 1, np.int64)
            np.cumsum(self.recorder.per_step[:, e], out=pointer[1:])
            pointer.flags.writeable = False
            value = self.values[e]
            if value is not None:
                value = None if bool(np.all(value[:used] == 1)) else _cut(value, used)
            out[p.name] = EventStream.of_valid(pointer, _cut(self.neurons[e], used), p.n, value)
        return out

    def states(self) -> dict[str, I32]:
        """The recorded variables, int32 (steps, n) each; M becomes y1 = max(M, 0) and y2 = max(-M, 0)."""
        out: dict[str, I32] = {}
        for (name, variable), (_, n, start) in zip(self.variables, self.recorder.probes, strict=True):
            found = np.ascontiguousarray(self.recorder.table[:, start : start + n])
            parts = {variable: found}
            if variable == "third":
                parts = {"y1": np.maximum(found, 0), "y2": np.maximum(-found, 0)}
            out |= {f"{name}.{k}": v for k, v in parts.items() if (name, k) in self.wanted}
        return out

    def _n(self, number: int) -> int:
        return self.program.populations[number].n

    def _variables(self) -> Sequence[tuple[str, str]]:
        """The state variables to record, in a fixed order; y1 and y2 are both read from the third factor."""
        third = {(name, "third") for name, variable in self.wanted if variable in ("y1", "y2")}
        return sorted({(n, v) for n, v in self.wanted if v not in ("spikes", "y1", "y2")} | third)

    def _point(self) -> None:
        """Tell the kernels where the lists lie."""
        for row, number, neuron, value in zip(
            self.recorder.events, self.numbers, self.neurons, self.values, strict=True
        ):
            row[0], row[R_NEURON_AT], row[R_ROOM] = number, neuron.ctypes.data, neuron.size
            row[R_VALUE_AT] = 0 if value is None else value.ctypes.data


def _longer(array: I32) -> I32:
    longer = np.empty(2 * array.size, np.int32)
    longer[: array.size] = array
    return longer


def _cut(array: I32, size: int) -> I32:
    """The first `size` entries, without a copy, read-only from now on."""
    array.resize(size, refcheck=False)
    array.flags.writeable = False
    return array
