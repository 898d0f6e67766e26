"""A run in progress: the state of a program on the simulated chip, carried from one stretch of steps to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnknownNameError, ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Connection, Plasticity, Program
from neurotrain_hw.simulator.counters import Counters
from neurotrain_hw.simulator.counting import collect_counters
from neurotrain_hw.simulator.kernels import Counts, Inputs, Recorder, State, advance
from neurotrain_hw.simulator.layout import I32, Layout, build_layout
from neurotrain_hw.simulator.rule_tables import RandomStreams
from neurotrain_hw.simulator.run import Run

VARIABLES = ("spikes", "u", "v", "y1", "y2")
_EVENT_ROOM = 1 << 16


class Session:
    """A program being run; `run` may be called again and goes on where it stopped, with the same bits as one call.

    `record`: names as in `simulate`. `learn` False freezes the plastic weights. Counters are of all steps so far.
    """

    def __init__(self, program: Program, *, record: Sequence[str], learn: bool = True) -> None:
        self.program, self.learn = program, learn
        self._record = _parse_record(program, record)
        self._layout, *plastic = build_layout(program)
        self._plastic = plastic
        self._start()

    def fresh(self) -> Session:
        """A session of the same program at step 0 that shares the read-only layout."""
        twin = object.__new__(Session)
        twin.program, twin.learn, twin._record = self.program, self.learn, self._record
        twin._layout, twin._plastic = self._layout, self._plastic
        twin._start()
        return twin

    def frozen(self, *, record: Sequence[str] | None = None) -> Session:
        """A session at step 0 with the weights and tags as they stand now, bit for bit, and plasticity off.

        (Loading the same weights into a new program would truncate them to the grid of the chip's weight format.)
        By default it records the spikes of the program's outputs.
        """
        twin = self.fresh()
        names = [f"{name}.spikes" for name in self.program.outputs] if record is None else record
        twin._record = _parse_record(self.program, names)
        twin.learn = False
        twin._plastic = [part.copy() for part in (self._state.w, self._state.tag_1, self._state.tag_2)]
        twin._start()
        return twin

    def _start(self) -> None:
        self.step = 0
        self._state = _initial_state(self._layout, self._plastic)
        self._streams = RandomStreams(self._connections)
        layout = self._layout
        self._counts = Counts(
            spikes=np.zeros(layout.du.size, np.int64), active=np.zeros(len(layout.populations), np.int64),
            idle=np.zeros(len(layout.populations), np.int64), events=np.zeros(len(layout.connections), np.int64),
            learning=np.zeros((len(layout.rules.rules), 5), np.int64),
        )  # fmt: skip

    @property
    def _connections(self) -> list[Connection]:
        return [c for c in self.program.connections if c.plasticity is not None] if self.learn else []

    def run(
        self, inputs: Mapping[str, EventStream], *, steps: int, third_factors: Mapping[str, I32] | None = None
    ) -> Run:
        """Run `steps` more steps; streams start at the first of them."""
        first, last, offset = self.step + 1, self.step + steps, self.step
        numbers = self._streams.draw(first, last)
        fed = _inputs(self.program, inputs, steps, self._third(third_factors or {}, steps))
        recorder = self._recorder(steps)
        done = first
        while done <= last:
            done = advance(
                self._layout, self._state, fed, recorder, numbers, self._counts, done, last, offset, self.learn
            )
            if done <= last:
                recorder = recorder._replace(neuron=_grown(recorder.neuron), value=_grown(recorder.value))
        self.step = last
        return self._result(steps, recorder)

    @property
    def counters(self) -> Counters:
        """Exact counts of all steps so far."""
        return collect_counters(self.program, self._counts, self.step, learn=self.learn)

    def weights(self) -> dict[str, I32]:
        """Plastic weights as they stand, int32 (n_post, n_pre) per connection."""
        return self._synaptic(self._state.w)

    def _third(self, given: Mapping[str, I32], steps: int) -> I32:
        plastic = [c for c in self.program.connections if c.plasticity is not None]
        for name in given:
            if name not in [c.name for c in plastic]:
                raise UnknownNameError("plastic connection", name, [c.name for c in plastic])
        widest = max((c.weights.shape[0] for c in plastic), default=0)
        third = np.zeros((len(plastic), 3, steps if given else 0, widest), np.int32)
        for k, c in enumerate(plastic):
            rule: Plasticity | None = c.plasticity
            needed = rule is not None and rule.kind == "3f" and self.program.population(c.post).modulator is None
            if needed and self.learn and c.name not in given:
                raise ValueRangeError(
                    f"its rule has three factors and population '{c.post}' has no modulator to form the third",
                    where=f"connection '{c.name}'", remedy="Give the population a Modulator, or pass third_factors.",
                )  # fmt: skip
            if c.name in given:
                n = c.weights.shape[0]
                if given[c.name].shape != (3, steps, n):
                    raise ValueRangeError(
                        f"third factors of shape {given[c.name].shape}", where=f"connection '{c.name}'",
                        need=f"(3, {steps}, {n})",
                    )  # fmt: skip
                third[k, :, :, :n] = given[c.name]
        return third

    def _recorder(self, steps: int) -> Recorder:
        populations = self.program.populations
        states = np.full((len(populations), 3), -1, np.int64)
        rows = 0
        for k, p in enumerate(populations):
            for which, names in enumerate((("u",), ("v",), ("y1", "y2"))):
                if any((p.name, name) in self._record for name in names):
                    states[k, which], rows = rows, rows + p.n
        events = np.array([(p.name, "spikes") in self._record for p in populations])
        room = self._layout.du.size + _EVENT_ROOM
        return Recorder(
            events, states, np.zeros(room, np.int32), np.zeros(room, np.int32),
            np.zeros((steps if events.any() else 1, len(populations)), np.int64), np.zeros(1, np.int64),
            np.zeros((rows, steps if rows else 1), np.int32),
        )  # fmt: skip

    def _result(self, steps: int, recorder: Recorder) -> Run:
        spikes: dict[str, EventStream] = {}
        states: dict[str, I32] = {}
        used = int(recorder.used[0])
        owner = np.repeat(
            np.tile(np.arange(len(self.program.populations)), len(recorder.per_step)), recorder.per_step.ravel()
        )
        for k, p in enumerate(self.program.populations):
            if recorder.events[k]:
                mine = np.flatnonzero(owner == k) if recorder.events.sum() > 1 else slice(0, used)
                value = recorder.value[:used][mine]
                pointer = np.concatenate([[0], np.cumsum(recorder.per_step[:, k])])
                graded = None if bool(np.all(value == 1)) else value
                spikes[p.name] = EventStream(pointer, recorder.neuron[:used][mine], p.n, graded)
            for which, name in enumerate(("u", "v", "third")):
                row = recorder.states[k, which]
                if row >= 0:
                    found = np.ascontiguousarray(recorder.table[row : row + p.n].T)
                    states |= _named_states(p.name, name, found, self._record)
        state = self._state
        return Run(
            steps, spikes, states, self.weights(),
            tags={f"{k}.tag_1": v for k, v in self._synaptic(state.tag_1).items()}
            | {f"{k}.tag_2": v for k, v in self._synaptic(state.tag_2).items()},
            traces=self._traces(), counters=self.counters,
        )  # fmt: skip

    def _synaptic(self, flat: I32) -> dict[str, I32]:
        out, start = {}, 0
        for c in self.program.connections:
            if c.plasticity is not None:
                n_post, n_pre = c.weights.shape
                out[c.name] = flat[start : start + n_post * n_pre].reshape(n_pre, n_post).T.copy()
                start += n_post * n_pre
        return out

    def _traces(self) -> dict[str, I32]:
        out, x, y = {}, 0, 0
        for c in self.program.connections:
            if c.plasticity is not None:
                n_post, n_pre = c.weights.shape
                for name in ("x1", "x2"):
                    out[f"{c.name}.{name}"], x = self._state.x[x : x + n_pre].copy(), x + n_pre
                for name in ("y1", "y2", "y3"):
                    out[f"{c.name}.{name}"], y = self._state.y[y : y + n_post].copy(), y + n_post
        return out


def _named_states(population: str, name: str, found: I32, wanted: set[tuple[str, str]]) -> dict[str, I32]:
    """A recorded table under its public names; M becomes y1 = max(M, 0) and y2 = max(-M, 0)."""
    parts = {name: found} if name != "third" else {"y1": np.maximum(found, 0), "y2": np.maximum(-found, 0)}
    return {f"{population}.{k}": v for k, v in parts.items() if (population, k) in wanted}


def _parse_record(program: Program, record: Sequence[str]) -> set[tuple[str, str]]:
    out = set()
    for name in record:
        population, _, variable = name.rpartition(".")
        found = program.population(population)
        if variable not in VARIABLES:
            raise UnknownNameError("recordable variable", variable, VARIABLES)
        if variable in ("y1", "y2") and found.modulator is None:
            raise ValueRangeError(f"population '{population}' has no modulator", where=f"record '{name}'")
        if variable in ("u", "v") and found.kind == "input":
            raise ValueRangeError(f"'{population}' is an input and has no state", where=f"record '{name}'")
        out.add((population, variable))
    return out


def _initial_state(layout: Layout, plastic: Sequence[I32]) -> State:
    n, rules = layout.du.size, layout.rules.rules
    synapses, tag_1, tag_2 = (part.copy() for part in plastic)
    depth_n = layout.connections[:, 13] * layout.connections[:, 5]
    zeros = {name: np.zeros(n, np.int32) for name in State._fields[:9]}
    pre_n, post_n = (int(rules[:, k].sum()) for k in (6, 7))
    return State(
        **zeros, active_n=np.zeros(len(layout.populations), np.int64),
        buffer=np.zeros(int(depth_n.sum()), np.int32),
        slot_used=np.zeros(int(layout.connections[:, 13].sum()), np.bool_),
        accumulator=np.zeros(int(depth_n.max(initial=0)), np.int32), w=synapses, tag_1=tag_1, tag_2=tag_2,
        x=np.zeros(2 * pre_n, np.int32), y=np.zeros(3 * post_n, np.int32), tx=np.zeros(pre_n, np.int32),
        ty=np.zeros(post_n, np.int32), below=np.zeros(len(rules), np.bool_),
    )  # fmt: skip


def _inputs(program: Program, streams: Mapping[str, EventStream], steps: int, third: I32) -> Inputs:
    pointers, index, value, start = [], [], [], 0
    for name in program.inputs:
        stream = streams.get(name) or EventStream.empty(steps, program.population(name).n)
        pointers.append(stream.indptr[np.minimum(np.arange(steps + 1), stream.steps)] + start)
        index.append(stream.index)
        value.append(stream.values())
        start += stream.count
    return Inputs(
        np.array(pointers, np.int64).reshape(-1, steps + 1), _concatenate(index), _concatenate(value), third
    )  # fmt: skip


def _concatenate(parts: list[npt.NDArray[np.int32]]) -> I32:
    return np.concatenate(parts).astype(np.int32) if parts else np.zeros(0, np.int32)


def _grown(array: I32) -> I32:
    return np.concatenate([array, np.zeros_like(array)])
