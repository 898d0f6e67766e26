"""A run in pieces, and a run resumed from a file, give the bits of one call; samples in a batch those of one alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plastic_programs import random_plastic_program
from programs import random_network

from neurotrain_hw import simulate, simulate_batch
from neurotrain_hw.errors import UnknownNameError, ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.simulator import Run, Session

SEEDS = range(40)


def in_pieces(session: Session, streams: dict, third: dict, cuts: list[int], *, between=lambda s: s) -> Run:
    """The pieces of a run joined as one; `between` may replace the session where one piece ends."""
    runs = []
    for first, last in zip([0, *cuts[:-1]], cuts, strict=True):
        parts = {k: v[:, first:last] for k, v in third.items()}
        windows = {k: s.window(first, last) for k, s in streams.items()}
        runs.append(session.run(windows, steps=last - first, third_factors=parts))
        session = between(session)
    spikes = {k: EventStream.concatenate([r.spikes[k] for r in runs]) for k in runs[0].spikes}
    states = {k: np.concatenate([r.states[k] for r in runs]) for k in runs[0].states}
    last = runs[-1]
    return Run(sum(r.steps for r in runs), spikes, states, last.weights, last.tags, last.traces, counters=last.counters)


def expect_equal(a: Run, b: Run) -> None:
    assert a.counters == b.counters
    for mine, theirs in ((a.states, b.states), (a.weights, b.weights), (a.tags, b.tags), (a.traces, b.traces)):
        assert mine.keys() == theirs.keys()
        for name, values in mine.items():
            np.testing.assert_array_equal(values, theirs[name], err_msg=name)
    assert a.spikes.keys() == b.spikes.keys()
    for name, stream in a.spikes.items():
        np.testing.assert_array_equal(stream.dense(), b.spikes[name].dense(), err_msg=name)


def cuts(seed: int, steps: int) -> list[int]:
    inside = np.random.default_rng(seed).choice(np.arange(1, steps), size=min(3, steps - 1), replace=False)
    return [*sorted(int(c) for c in inside), steps]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_in_pieces(seed: int) -> None:
    network = random_network(seed)
    whole = simulate(network.program, network.streams, steps=network.steps, record=network.variables)
    session = Session(network.program, record=network.variables)
    expect_equal(in_pieces(session, network.streams, {}, cuts(seed, network.steps)), whole)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_learning_run_resumed_from_files(seed: int, tmp_path: Path) -> None:
    program, inputs, third, steps = random_plastic_program(seed)
    streams = {k: EventStream.from_dense(v) for k, v in inputs.items()}
    record = ["h.spikes", "out.v", "out.spikes"]
    whole = simulate(program, streams, steps=steps, record=record, third_factors=third)

    def resumed(session: Session) -> Session:
        session.save(tmp_path / "run.snapshot")
        return Session.resume(program, tmp_path / "run.snapshot")

    session = Session(program, record=record)
    expect_equal(in_pieces(session, streams, third, cuts(seed, steps), between=resumed), whole)


@pytest.mark.parametrize("seed", SEEDS[:10])
def test_a_session_begun_again(seed: int) -> None:
    """What the first run returned stays as it is."""
    program, inputs, third, steps = random_plastic_program(seed)
    network = random_network(seed)
    learning = (program, {k: EventStream.from_dense(v) for k, v in inputs.items()}, steps, ["h.spikes", "out.v"], third)
    for case in (learning, (network.program, network.streams, network.steps, network.variables, {})):
        program, streams, steps, record, third = case
        session = Session(program, record=record)
        first = session.run(streams, steps=steps, third_factors=third)
        session.run(streams, steps=1, third_factors={k: v[:, :1] for k, v in third.items()})
        session.restart()
        assert session.step == 0
        second = session.run(streams, steps=steps, third_factors=third)
        expect_equal(first, second)
        expect_equal(first, simulate(program, streams, steps=steps, record=record, third_factors=third))


@pytest.mark.parametrize("seed", SEEDS[:20])
def test_a_network_of_any_kind_resumed_from_files(seed: int, tmp_path: Path) -> None:
    network = random_network(seed)
    whole = simulate(network.program, network.streams, steps=network.steps, record=network.variables)

    def resumed(session: Session) -> Session:
        session.save(tmp_path / "run.snapshot")
        return Session.resume(network.program, tmp_path / "run.snapshot")

    session = Session(network.program, record=network.variables)
    expect_equal(in_pieces(session, network.streams, {}, cuts(seed, network.steps), between=resumed), whole)


def test_inputs_that_do_not_fit_are_refused_and_leave_the_run_as_it_is() -> None:
    """A stream of more neurons than the population has would lead beyond its memory."""
    program, inputs, third, steps = random_plastic_program(3)
    streams = {k: EventStream.from_dense(v) for k, v in inputs.items()}
    whole = simulate(program, streams, steps=steps, record=["h.spikes"], third_factors=third)
    session = Session(program, record=["h.spikes"])
    wrong = {"in": EventStream.from_dense(np.ones((steps, 1_000), np.int32))}
    with pytest.raises(ValueRangeError, match="input 'in': the stream has 1000 neurons"):
        session.run(wrong, steps=steps)
    with pytest.raises(UnknownNameError, match="no input population called 'inn'"):
        session.run({"inn": streams["in"]}, steps=steps)
    with pytest.raises(UnknownNameError, match="no plastic connection called 'c9'"):
        session.run(streams, steps=steps, third_factors={"c9": np.zeros((3, steps, 1), np.int32)})
    with pytest.raises(ValueRangeError, match="steps is 0"):
        session.run(streams, steps=0)
    expect_equal(session.run(streams, steps=steps, third_factors=third), whole)


@pytest.mark.parametrize("seed", SEEDS[:10])
def test_a_batch_is_its_samples_whatever_its_size_and_threads(seed: int) -> None:
    network = random_network(seed)
    rng = np.random.default_rng(seed)
    samples = [
        {k: EventStream.from_dense(np.roll(v, int(rng.integers(9)), axis=0)) for k, v in network.inputs.items()}
        for _ in range(7)
    ]
    options = {"steps": network.steps, "record": network.variables}
    alone = [simulate(network.program, sample, **options) for sample in samples]
    for threads, sizes in ((1, (7,)), (2, (7,)), (3, (7,)), (2, (3, 4)), (2, (1,) * 7)):
        batched, first = [], 0
        for size in sizes:
            batched += simulate_batch(network.program, samples[first : first + size], threads=threads, **options)
            first += size
        for one, other in zip(alone, batched, strict=True):
            expect_equal(one, other)
