"""What `simulate` takes and refuses."""

from __future__ import annotations

import numpy as np
import pytest
from plastic_programs import random_plastic_program
from programs import random_program

from neurotrain_hw.errors import NeurotrainError, UnknownNameError, ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.simulator import Session, simulate, simulate_batch

PROGRAM, INPUTS, STEPS = random_program(2)
STREAMS = {name: EventStream.from_dense(values.astype(np.int32)) for name, values in INPUTS.items()}


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"record": ["h99.spikes"]}, UnknownNameError, "no population called 'h99'"),
        ({"record": ["h1.w"]}, UnknownNameError, "no recordable variable called 'w'"),
        ({"record": ["h1.y1"]}, UnknownNameError, "population 'h1': there is no recordable variable called 'y1'"),
        ({"record": ["in.v"]}, UnknownNameError, "population 'in': there is no recordable variable called 'v'"),
        ({"inputs": {"inn": EventStream.empty(1, 1)}}, UnknownNameError, "no input population called 'inn'"),
        ({"inputs": {"h1": EventStream.empty(1, 1)}}, UnknownNameError, "no input population called 'h1'"),
        ({"inputs": {"in": EventStream.empty(1, 1000)}}, ValueRangeError, "input 'in': the stream has 1000 neurons"),
        ({"steps": 0}, ValueRangeError, "steps is 0 (expected at least 1)"),
        ({"engine": "loihi"}, UnknownNameError, "no engine called 'loihi'"),
        ({"third_factors": {"c0": np.zeros((3, 60, 1), np.int32)}}, UnknownNameError, "no plastic connection"),
    ],
)
def test_what_does_not_exist_is_refused_by_name(changes: dict, kind: type[NeurotrainError], message: str) -> None:
    with pytest.raises(kind) as caught:
        simulate(PROGRAM, **{"inputs": STREAMS, "steps": STEPS, **changes})
    assert message in str(caught.value)


def test_a_batch_names_a_wrong_stream_before_it_runs() -> None:
    with pytest.raises(ValueRangeError, match="input 'in'"):
        simulate_batch(PROGRAM, [STREAMS, {"in": EventStream.empty(1, 1000)}], steps=STEPS)


def test_a_short_stream_is_followed_by_silence_and_a_missing_one_is_silent() -> None:
    half = {"in": STREAMS["in"].window(0, 30)}
    padded = {"in": half["in"].window(0, STEPS), "target": EventStream.empty(STEPS, STREAMS["target"].n)}
    one, other = (simulate(PROGRAM, s, steps=STEPS, record=("out.spikes", "out.v")) for s in (half, padded))
    assert one.spikes["out"] == other.spikes["out"]
    np.testing.assert_array_equal(one.states["out.v"], other.states["out.v"])
    assert one.counters == other.counters


def test_recording_changes_nothing_and_the_outputs_are_recorded_by_default() -> None:
    bare = simulate(PROGRAM, STREAMS, steps=STEPS)
    full = simulate(PROGRAM, STREAMS, steps=STEPS, record=("h1.u", "h2.v", "h2.y2", "in.spikes", "out.spikes"))
    assert set(bare.spikes) == {"out"} and not bare.states
    assert bare.spikes["out"] == full.spikes["out"]
    assert bare.counters == full.counters
    assert full.spikes["in"] == STREAMS["in"].window(0, STEPS)


def test_a_fresh_session_starts_anew() -> None:
    session = Session(PROGRAM, record=("out.spikes",))
    first = session.run(STREAMS, steps=STEPS)
    twin = session.fresh().run(STREAMS, steps=STEPS)
    assert first.spikes["out"] == twin.spikes["out"]
    assert first.counters == twin.counters


def test_a_frozen_session_keeps_the_learned_weights_bit_for_bit() -> None:
    """Odd weights too, which a mixed connection could not be loaded with."""
    program, inputs, third, steps = random_plastic_program(6)
    streams = {k: EventStream.from_dense(v.astype(np.int32)) for k, v in inputs.items()}
    session = Session(program, record=())
    learned = session.run(streams, steps=steps, third_factors=third)
    assert any(np.any(w % 2) for w in learned.weights.values())
    run = session.frozen().run(streams, steps=steps)
    for name, weights in learned.weights.items():
        np.testing.assert_array_equal(run.weights[name], weights)
    assert set(run.spikes) == {"out"}
    assert all(c.weight_updates_proposed == 0 for c in run.counters.connections.values())
