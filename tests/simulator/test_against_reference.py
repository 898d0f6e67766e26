"""The compiled kernels against a literal simulation made of the pure functions: every spike, state and count."""

from __future__ import annotations

import numpy as np
import pytest
from programs import random_program
from reference import Reference

from neurotrain_hw.events import EventStream
from neurotrain_hw.simulator import Session, simulate, simulate_batch

NAMES = ("h1.spikes", "h1.u", "h1.v", "h2.spikes", "h2.u", "h2.v", "out.spikes", "out.v", "h2.y1", "h2.y2", "out.y1")


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_agree(seed: int) -> None:
    program, inputs, steps = random_program(seed)
    reference = Reference(program).run(inputs, steps)
    run = simulate(program, _streams(inputs), steps=steps, record=NAMES)
    for name in NAMES:
        population, _, part = name.rpartition(".")
        actual = run.spikes[population].dense() if part == "spikes" else run.states[name]
        np.testing.assert_array_equal(actual, np.array(reference.log[name]), err_msg=name)
    for name, count in reference.events.items():
        assert run.counters.connections[name].synaptic_events == count, name
    for p in program.populations:
        counts = run.counters.populations[p.name]
        assert counts.spikes == np.count_nonzero(reference.log[f"{p.name}.spikes"])
        assert counts.updates_active == reference.active[p.name]
        assert counts.updates_active + counts.updates_idle == (0 if p.kind == "input" else steps * p.n)


def test_some_random_programs_spike_everywhere() -> None:
    busy = 0
    for seed in range(40):
        program, inputs, steps = random_program(seed)
        run = simulate(program, _streams(inputs), steps=steps, record=NAMES)
        busy += all(run.spikes[name].count for name in ("h1", "h2", "out")) and bool(run.states["h2.y2"].any())
    assert busy >= 8


@pytest.mark.parametrize("cuts", [(1, 59), (7, 13, 40), (30, 30)])
def test_a_run_in_pieces_gives_the_same_bits(cuts: tuple[int, ...]) -> None:
    program, inputs, steps = random_program(3)
    streams = _streams(inputs)
    whole = simulate(program, streams, steps=steps, record=NAMES)
    session, at, parts = Session(program, record=NAMES), 0, []
    for cut in cuts:
        parts.append(session.run({k: s.window(at, at + cut) for k, s in streams.items()}, steps=cut))
        at += cut
    for name in ("h1", "h2", "out"):
        assert EventStream.concatenate([p.spikes[name] for p in parts]) == whole.spikes[name]
    for name in whole.states:
        np.testing.assert_array_equal(np.concatenate([p.states[name] for p in parts]), whole.states[name])
    assert parts[-1].counters == whole.counters


def test_batches_do_not_depend_on_threads() -> None:
    program, inputs, steps = random_program(5)
    rng = np.random.default_rng(0)
    samples = [
        {"in": EventStream.from_dense((rng.random(inputs["in"].shape) < 0.4).astype(np.int32))} for _ in range(12)
    ]
    one = simulate_batch(program, samples, steps=steps, record=["out.spikes"], threads=1)
    four = simulate_batch(program, samples, steps=steps, record=["out.spikes"], threads=4)
    alone = [simulate(program, s, steps=steps, record=["out.spikes"]) for s in samples]
    for a, b, c in zip(one, four, alone, strict=True):
        assert a.spikes["out"] == b.spikes["out"] == c.spikes["out"]
        assert a.counters == b.counters == c.counters


def test_a_recorder_that_fills_up_grows() -> None:
    program, _, _ = random_program(1)
    n = program.population("in").n
    steps = 70_000 // n + 10
    dense = np.ones((steps, n), np.int32)
    run = simulate(program, {"in": EventStream.from_dense(dense)}, steps=steps, record=["in.spikes"])
    assert run.spikes["in"].count == steps * n


def _streams(inputs: dict[str, np.ndarray]) -> dict[str, EventStream]:
    return {k: EventStream.from_dense(v.astype(np.int32)) for k, v in inputs.items()}
