"""A run in progress: the state of a program on the simulated chip, carried from one stretch of steps to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from neurotrain_hw.errors import FormatError, UnknownNameError, ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Connection, Plasticity, Program
from neurotrain_hw.program.check import check_inputs
from neurotrain_hw.simulator import tables as t
from neurotrain_hw.simulator.addresses import address
from neurotrain_hw.simulator.compiling import announced
from neurotrain_hw.simulator.counters import Counters
from neurotrain_hw.simulator.counting import collect_counters
from neurotrain_hw.simulator.kernels import PARTS, advance
from neurotrain_hw.simulator.layout import I32, build_layout
from neurotrain_hw.simulator.random_streams import RandomStreams
from neurotrain_hw.simulator.recording import Recording, parse_record
from neurotrain_hw.simulator.rule_tables import INDEPENDENT, R_DRAW_AT, R_ROUNDS, row_length
from neurotrain_hw.simulator.run import Run
from neurotrain_hw.simulator.snapshot import Snapshot, read_snapshot, write_snapshot
from neurotrain_hw.simulator.state import State


class Session:
    """A program being run; `run` may be called again and goes on where it stopped, with the same bits as one call.

    `record`: names as in `simulate`. `learn` False freezes the plastic weights. Counters are of all steps so far.
    """

    def __init__(self, program: Program, *, record: Sequence[str], learn: bool = True) -> None:
        self.program, self.learn = program, learn
        self._record = parse_record(program, record)
        self._layout = build_layout(program)
        self._initial = self._layout.plastic
        self._start()

    def fresh(self) -> Session:
        """A session of the same program at step 0 that shares what does not change."""
        twin = object.__new__(Session)
        twin.program, twin.learn, twin._record, twin._layout = self.program, self.learn, self._record, self._layout
        twin._initial = self._initial
        twin._start()
        return twin

    def restart(self) -> None:
        """Back to step 0, with the bits of a fresh session, in the memory that this one has."""
        self._state.reset(self._initial)
        self._streams = RandomStreams(self._connections)

    def frozen(self, *, record: Sequence[str] | None = None) -> Session:
        """A session at step 0 with the weights and tags as they stand now, bit for bit, and plasticity off.

        (Loading the same weights into a new program would truncate them to the grid of the chip's weight format.)
        By default it records the spikes of the program's outputs.
        """
        twin = object.__new__(Session)
        names = [f"{name}.spikes" for name in self.program.outputs] if record is None else record
        twin.program, twin.learn, twin._layout = self.program, False, self._layout
        twin._record = parse_record(self.program, names)
        plastic = self._state.plastic
        twin._initial = (plastic.w.copy(), plastic.tag_1.copy(), plastic.tag_2.copy())
        twin._start()
        return twin

    @property
    def size(self) -> int:
        """Bytes of the state that changes during a run."""
        return self._state.size

    def save(self, path: Path) -> None:
        """Write a snapshot of the run, from which `resume` goes on with the same bits."""
        parts = self._state.parts() | {f"initial_{k}": v for k, v in enumerate(self._initial)}
        record = sorted(f"{name}.{variable}" for name, variable in self._record)
        write_snapshot(path, self.program, Snapshot(parts, self._streams.states(), self.step, self.learn, record))

    @classmethod
    def resume(cls, program: Program, path: Path) -> Session:
        """The run of a snapshot, at the step at which it was saved.

        FormatError where the file is damaged, or of another program.
        """
        found = read_snapshot(path, program)
        try:
            session = cls(program, record=found.record, learn=found.learn)
            initial = tuple(found.parts[f"initial_{k}"] for k in range(3))
            if any(a.shape != b.shape or a.dtype != b.dtype for a, b in zip(initial, session._initial, strict=True)):
                raise ValueRangeError("the weights are not of this program", where="snapshot")
            session._state.restore(found.parts, found.step)
            session._streams.restore(found.streams)
        except (KeyError, UnknownNameError, ValueRangeError) as error:
            raise FormatError(f"the snapshot contradicts its program: {error}", where=str(path)) from None
        session._initial = (initial[0], initial[1], initial[2])
        return session

    def _start(self) -> None:
        self._state = State(self._layout, self._initial)
        self._recording: Recording | None = None
        self._streams = RandomStreams(self._connections)

    @property
    def step(self) -> int:
        """Steps run so far."""
        return self._state.step

    @property
    def _connections(self) -> list[Connection]:
        return [c for c in self.program.connections if c.plasticity is not None] if self.learn else []

    def run(
        self, inputs: Mapping[str, EventStream], *, steps: int, third_factors: Mapping[str, I32] | None = None
    ) -> Run:
        """Run `steps` more steps; streams start at the first of them.

        UnknownNameError and ValueRangeError for inputs or third factors that do not fit; the run stays as it is.
        """
        self._prepare(inputs, steps, third_factors or {})
        _advance([self])
        return self._finish()

    def _prepare(self, inputs: Mapping[str, EventStream], steps: int, third_factors: Mapping[str, I32]) -> None:
        """Everything up to the step loop, which trusts what it is given."""
        if steps < 1:
            raise ValueRangeError(f"steps is {steps}", where="Session.run", need="at least 1")
        program, state, before = self.program, self._state, self.step
        check_inputs(program, inputs)
        third = self._third(third_factors, steps)
        self._heard = {name: _heard(program, name, inputs.get(name), steps) for name in program.inputs}
        state.clear_inputs()
        state.listen(self._heard)
        if self._recording is None or self._recording.steps != steps:
            self._recording = Recording(program, state, self._record, steps)
        self._recording.begin()
        run = self._recording.run
        run[t.X_OFFSET], run[t.X_NEXT], run[t.X_LAST] = before, before + 1, before + steps
        if len(self._layout.rules.rules):
            run[t.X_PLASTIC_AT], run[t.X_RULES_AT] = address(state.plastic.w), address(state.rules.rows)
        if self._learning:
            state.rules.feed(self._streams.draw(before + 1, before + steps), third)

    def _link(self) -> None:
        """Tell the step loop where the compiled parts are that it needs; they are compiled where they are not."""
        for entry, name in self._layout.parts:
            self._state.table[entry] = PARTS[name].address
        self._running.run[t.X_LEARN_AT] = PARTS["learning"].address if self._learning else 0
        if self._draws:
            self._state.rules.rows[:, R_DRAW_AT] = PARTS["drawing"].address

    def _finish(self) -> Run:
        recording = self._running
        self._state.step = int(recording.run[t.X_LAST])
        return Run(
            recording.steps, recording.spikes(self._heard), recording.states(), self.weights(), tags=self._tags(),
            traces=self._traces(), counters=self.counters,
        )  # fmt: skip

    @property
    def _learning(self) -> bool:
        return self.learn and len(self._layout.rules.rules) > 0

    @property
    def _draws(self) -> bool:
        """Whether a random number is drawn for each synapse."""
        return self._learning and bool(np.any(self._layout.rules.rules[:, R_ROUNDS] == INDEPENDENT))

    @property
    def _running(self) -> Recording:
        if self._recording is None:
            raise ValueRangeError("no run was prepared", where="Session")
        return self._recording

    @property
    def _ready(self) -> bool:
        names = {name for _, name in self._layout.parts} | ({"learning"} if self._learning else set())
        names |= {"drawing"} if self._draws else set()
        return bool(advance.overloads) and all(PARTS[name].ready for name in names)

    @property
    def counters(self) -> Counters:
        """Exact counts of all steps so far."""
        return collect_counters(self.program, self._state, learn=self.learn)

    def weights(self) -> dict[str, I32]:
        """Plastic weights as they stand, int32 (n_post, n_pre) per connection."""
        return self._synaptic(self._state.plastic.w)

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

    def _tags(self) -> dict[str, I32]:
        plastic = self._state.plastic
        return {
            f"{name}.{key}": tag
            for key, flat in (("tag_1", plastic.tag_1), ("tag_2", plastic.tag_2))
            for name, tag in self._synaptic(flat).items()
        }

    def _synaptic(self, flat: I32) -> dict[str, I32]:
        out, start = {}, 0
        for c in self.program.connections:
            if c.plasticity is not None:
                n_post, n_pre = c.weights.shape
                size = n_pre * row_length(n_post)
                out[c.name] = flat[start : start + size].reshape(n_pre, -1)[:, :n_post].T.copy()
                start += size
        return out

    def _traces(self) -> dict[str, I32]:
        out, x, y = {}, 0, 0
        for c in self.program.connections:
            if c.plasticity is not None:
                n_post, n_pre = c.weights.shape
                for name in ("x1", "x2"):
                    out[f"{c.name}.{name}"], x = self._state.plastic.x[x : x + n_pre].copy(), x + n_pre
                for name in ("y1", "y2", "y3"):
                    out[f"{c.name}.{name}"], y = self._state.plastic.y[y : y + n_post].copy(), y + n_post
        return out


def run_together(sessions: Sequence[Session], samples: Sequence[Mapping[str, EventStream]], *, steps: int) -> list[Run]:
    """Run a sample in each session from the start, in one stretch of compiled code, which other threads run beside."""
    for session, sample in zip(sessions, samples, strict=True):
        session.restart()
        session._prepare(sample, steps, {})
    _advance(sessions)
    return [session._finish() for session in sessions]


def _advance(sessions: Sequence[Session]) -> None:
    """Run what was prepared."""
    with nullcontext() if all(session._ready for session in sessions) else announced():
        for session in sessions:
            session._link()
        rows = np.array([session._running.run_at for session in sessions], np.int64)
        done = 0
        while done < len(sessions):
            done += advance(address(rows[done:]), len(sessions) - done)
            if done < len(sessions):
                sessions[done]._running.grow()


def _heard(program: Program, name: str, stream: EventStream | None, steps: int) -> EventStream:
    """What an input sends in a run: `steps` steps of its stream, silence after its end, and no values of 0."""
    if stream is None:
        return EventStream.empty(steps, program.population(name).n)
    pointer, neurons, values = stream.indptr, stream.index, stream.payload
    if values is not None:
        heard = values != 0  # a value of 0 is no message
        if not heard.all():
            pointer = np.concatenate([[0], np.cumsum(heard)])[pointer]
            neurons, values = neurons[heard], values[heard]
        values = None if bool(np.all(values == 1)) else values
    if stream.steps != steps:
        pointer = pointer[np.minimum(np.arange(steps + 1), stream.steps)]
        count = int(pointer[-1])
        neurons, values = neurons[:count], None if values is None else values[:count]
    elif neurons is stream.index and values is stream.payload:
        return stream
    for array in (pointer, neurons, values):
        if array is not None:
            array.flags.writeable = False
    return EventStream.of_valid(pointer, neurons, stream.n, values)
