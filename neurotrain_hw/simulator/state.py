"""Everything that changes during a run: neuron states, what is in flight, plastic weights, counters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.simulator import tables as t
from neurotrain_hw.simulator.addresses import address
from neurotrain_hw.simulator.layout import ALIGN, I32, I64, Layout, block_starts
from neurotrain_hw.simulator.rule_memory import Plastic, RuleMemory, start_plastic
from neurotrain_hw.simulator.rule_tables import R_EPOCH, R_POST_N, R_PRE_N
from neurotrain_hw.simulator.traces import L_COLUMNS

_KEPT = [t.P_RESTING, t.P_RESTING_ACTIVE, t.P_ANY_TOUCH, t.P_ACTIVE, t.P_IDLE, t.P_SPIKES, t.P_THIRDS]
"""Columns of the populations' table that change during a run and hold no addresses."""


class State:
    """The state of one run of a layout; its table holds addresses into it, so it must outlive their use.

    `words` int32, `marks` uint8 and `totals` int64 are the blocks that the layout divides; `populations` and
    `connections` the rows of `table`, some of whose columns are counters; `learning` int64 (rules, L_COLUMNS).
    """

    def __init__(self, layout: Layout, plastic: tuple[I32, I32, I32]) -> None:
        self.layout = layout
        self.step = 0
        self._starts = block_starts(layout.sizes)
        size = self._starts["totals"] + layout.sizes["totals"]
        room = np.zeros(size + t.BLOCK + 2 * ALIGN, np.uint8)
        skip = -address(room) % ALIGN
        self._room, self.at = room[skip:], address(room) + skip
        self.scratch_at = self.at + -(-size // ALIGN) * ALIGN
        self.table: I64 = self._block("table", np.int64)
        self.words: I32 = self._block("words", np.int32)
        self.marks: npt.NDArray[np.uint8] = self._block("marks", np.uint8)
        self.totals: I64 = self._block("totals", np.int64)
        self._image = layout.table.copy()
        self._image[layout.slots] = self.at + layout.offsets
        first = layout.shape[0] * t.P_COLUMNS
        self.populations, self.connections = (
            self.table[:first].reshape(-1, t.P_COLUMNS),
            self.table[first:].reshape(-1, t.C_COLUMNS),
        )
        self.learning = np.zeros((len(layout.rules.rules), L_COLUMNS), np.int64)
        self._learn_from(plastic)
        self._begin()

    def reset(self, plastic: tuple[I32, I32, I32]) -> None:
        """Back to step 0, with these initial weights and tags."""
        self.step = 0
        self._room[:] = 0
        self.learning[:] = 0
        if len(self.learning):
            self._learn_from(plastic)
        self._begin()

    def _learn_from(self, plastic: tuple[I32, I32, I32]) -> None:
        self.plastic = start_plastic(self.layout.rules, plastic)
        self.rules = RuleMemory(self.layout.rules, self.plastic, self.learning)

    def _begin(self) -> None:
        self.table[:] = self._image
        for offset, values in self.layout.presets:
            self.words[offset // 4 : offset // 4 + values.size] = values

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return self._room.nbytes

    def address(self, population: str, name: str) -> int:
        """The address of a state variable, int32 (n,)."""
        return self.at + self._starts["words"] + self.layout.states[population, name]

    def population_at(self, number: int) -> int:
        """The address of a population's row."""
        return self.at + number * t.P_COLUMNS * 8

    def clear_inputs(self) -> None:
        """Forget what inputs sent in the last step of an earlier stretch: its streams may be gone."""
        for number, _ in self.layout.inputs if self.step else ():
            row = self.populations[number]
            row[t.P_SENDING] = row[t.P_ACTIVE_AT] = row[t.P_VALUE_AT] = 0
            if row[t.P_SENT_AT]:
                start = (int(row[t.P_SENT_AT]) - self.at - self._starts["words"]) // 4
                self.words[start : start + int(row[t.P_N])] = 0

    def listen(self, heard: Mapping[str, EventStream]) -> None:
        """Tell the inputs where their streams of a run lie; these must live as long as it does."""
        for number, name in self.layout.inputs:
            stream, row = heard[name], self.populations[number]
            row[t.P_POINTER_AT], row[t.P_EVENTS_AT] = address(stream.indptr), address(stream.index)
            row[t.P_VALUES_AT] = 0 if stream.payload is None else address(stream.payload)

    def spikes(self, number: int) -> I64:
        """Messages sent so far by each neuron of a placed program's population, int64 (n,)."""
        start = (int(self.populations[number, t.P_SPIKES_AT]) - self.at - self._starts["totals"]) // 8
        return self.totals[start : start + int(self.populations[number, t.P_N])]

    def parts(self) -> dict[str, npt.NDArray[Any]]:
        """Everything by name, as arrays that hold no addresses: what a snapshot keeps."""
        return {
            "words": self.words, "marks": self.marks, "totals": self.totals, "learning": self.learning,
            "populations": self.populations[:, _KEPT], "events": self.connections[:, t.C_EVENTS],
            **self.plastic._asdict(),
        }  # fmt: skip

    def restore(self, parts: Mapping[str, npt.NDArray[Any]], step: int) -> None:
        """Take over the parts of a state of the same layout; ValueRangeError where they cannot be one."""
        for name, mine in self.parts().items():
            if name not in parts or parts[name].shape != mine.shape or parts[name].dtype != mine.dtype:
                raise ValueRangeError(f"'{name}' is not of this program", where="snapshot", need=str(mine.shape))
        epochs = self.layout.rules.rules[:, R_EPOCH]
        for name, column in (("tx", R_PRE_N), ("ty", R_POST_N)):
            limits = np.repeat(epochs, self.layout.rules.rules[:, column])
            if np.any(parts[name] < 0) or np.any(parts[name] > limits):
                raise ValueRangeError(f"'{name}' holds times beyond the epoch", where="snapshot")
        for name in ("words", "marks", "totals", "learning"):
            getattr(self, name)[...] = parts[name]
        for name in Plastic._fields:
            getattr(self.plastic, name)[...] = parts[name]
        self.populations[:, _KEPT] = parts["populations"]
        self.connections[:, t.C_EVENTS] = parts["events"]
        self.step = step

    def _block(self, name: str, kind: type[Any]) -> npt.NDArray[Any]:
        start = self._starts[name]
        return self._room[start : start + self.layout.sizes[name]].view(kind)
