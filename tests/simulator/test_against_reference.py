"""The compiled kernels against a literal simulation made of the pure functions: every spike, state and count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from agreement import compare, expect_agreement
from hypothesis import HealthCheck, given, settings
from programs import Network, networks, random_network, random_program
from reference import Reference

from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Arithmetic, Program
from neurotrain_hw.program.modulator import BESIDE, PSI_KINDS, SIGNALS
from neurotrain_hw.simulator import Session, simulate, simulate_batch

STEERED = tuple(f"{name}.y{k}" for name in ("h2", "h3", "h4", "out") for k in (1, 2, 3))
NAMES = ("h1.spikes", "h1.u", "h1.v", "h2.spikes", "h2.u", "h2.v", "out.spikes", "out.v", *STEERED)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(networks())
def test_networks_of_every_kind_agree(network: Network) -> None:
    expect_agreement(network)


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_networks_of_every_seed_agree(first: int) -> None:
    for seed in range(first, first + 20):
        expect_agreement(random_network(seed))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 3000, 200))
def test_two_thousand_networks_agree(first: int) -> None:
    for seed in range(first, first + 200):
        expect_agreement(random_network(seed))


def test_the_networks_hold_every_kind_at_work() -> None:
    """The comparisons above would be empty if neurons of some kind hardly ever sent anything."""
    found, sending = {}, {}
    for seed in range(100):
        network = random_network(seed)
        log = Reference(network.program).run(network.inputs, network.steps).log
        for p in network.program.populations:
            found[p.kind] = found.get(p.kind, 0) + 1
            sending[p.kind] = sending.get(p.kind, 0) + bool(np.any(log[f"{p.name}.spikes"]))
    assert len(found) == 12
    for kind, count in found.items():
        assert sending[kind] >= max(5, count // 4), kind


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_agree(seed: int) -> None:
    program, inputs, steps = random_program(seed)
    reference = Reference(program).run(inputs, steps)
    run = simulate(program, _streams(inputs), steps=steps, record=NAMES)
    compare(program, reference, run, NAMES, steps)


@pytest.mark.parametrize("kind", ["sparse", "delay_sparse", "delay_dense"])
def test_errors_travel_through_every_kind_of_connection(kind: str) -> None:
    """Every neuron sends its error at every step, whether it spikes or not."""
    tried = 0
    for seed in range(40):
        program, inputs, steps = random_program(seed)
        connections = tuple(
            replace(c, kind=kind, delays=None if kind == "sparse" else np.full(c.weights.shape, 1 + seed % 3))
            if c.pre_port == "error" and c.transpose_of is None else c
            for c in program.connections
        )  # fmt: skip
        if [c.kind for c in connections] == [c.kind for c in program.connections]:
            continue
        tried += 1
        changed = replace(program, connections=connections)
        reference = Reference(changed).run(inputs, steps)
        compare(changed, reference, simulate(changed, _streams(inputs), steps=steps, record=NAMES), NAMES, steps)
    assert tried >= 5


@pytest.mark.parametrize("seed", range(12))
def test_third_factors_of_every_arithmetic_agree(seed: int) -> None:
    """A modulator sees the membrane before the reset, whatever the reset does to it."""
    program, inputs, steps = random_program(seed)
    rng = np.random.default_rng(seed)
    populations = []
    for p in program.populations:
        if p.kind in ("lif", "lif_reset"):
            how = [("above", "reached"), ("zero", "subtract"), ("wrap_once", "wrap", "saturate"), ("saturate", "wrap")]
            p = replace(p, arithmetic=Arithmetic(*(str(rng.choice(values)) for values in how)))
        populations.append(p)
    program = replace(program, populations=tuple(populations))
    reference = Reference(program).run(inputs, steps)
    run = simulate(program, _streams(inputs), steps=steps, record=NAMES)
    compare(program, reference, run, NAMES, steps)


def test_some_random_programs_spike_everywhere() -> None:
    busy = 0
    for seed in range(70):
        program, inputs, steps = random_program(seed)
        run = simulate(program, _streams(inputs), steps=steps, record=NAMES)
        busy += all(run.spikes[name].count for name in ("h1", "h2", "out")) and bool(run.states["h2.y2"].any())
    assert busy >= 8


def test_the_random_modulators_work_in_every_form() -> None:
    """Each signal, psi, and what travels beside M is followed by third factors of both signs in several programs."""
    found: Counter[str] = Counter()
    for seed in range(40):
        program, inputs, steps = random_program(seed)
        run = simulate(program, _streams(inputs), steps=steps, record=STEERED)
        for p in program.populations:
            if p.modulator is None:
                continue
            m, alone = p.modulator, p.modulator.beside == "nothing"
            halves = [run.states[f"{p.name}.y{k}"] for k in ((1, 2) if alone else (2, 3))]
            if all(half.any() for half in halves):
                found.update([m.signal, m.psi, m.beside, m.output, m.error_sent])
    forms = (*SIGNALS, *PSI_KINDS, *BESIDE, "membrane", "sign")
    assert all(found[form] >= 3 for form in forms), found


@pytest.mark.parametrize("cuts", [(1, 59), (7, 13, 40), (30, 30)])
def test_a_run_in_pieces_gives_the_same_bits(cuts: tuple[int, ...]) -> None:
    program, inputs, _ = random_program(3)
    _expect_the_same_in_pieces(program, _streams(inputs), cuts, NAMES)


@pytest.mark.parametrize("seed", range(100, 130))
def test_networks_of_every_kind_run_in_pieces(seed: int) -> None:
    """What is in flight, with delays, and what rests goes on where it stopped."""
    network = random_network(seed, steps=25)
    _expect_the_same_in_pieces(network.program, network.streams, (1, 9, 3, 12), network.variables)


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


@pytest.mark.parametrize("seed", range(200, 212))
def test_samples_of_every_kind_do_not_see_one_another(seed: int) -> None:
    """Each starts at rest, also where the one before it left values in flight; threads do not matter."""
    network = random_network(seed, steps=12)
    silent = {name: EventStream.empty(12, stream.n) for name, stream in network.streams.items()}
    samples = [network.streams, silent, network.streams, silent]
    alone = [simulate(network.program, s, steps=12, record=network.variables) for s in samples]
    for threads in (1, 2):
        together = simulate_batch(network.program, samples, steps=12, record=network.variables, threads=threads)
        for one, other in zip(together, alone, strict=True):
            assert one.spikes == other.spikes
            assert one.counters == other.counters
            for name, values in other.states.items():
                np.testing.assert_array_equal(one.states[name], values, err_msg=name)


def test_a_recorder_that_fills_up_grows() -> None:
    program, _, _ = random_program(1)
    n = program.population("in").n
    steps = 70_000 // n + 10
    dense = np.ones((steps, n), np.int32)
    run = simulate(program, {"in": EventStream.from_dense(dense)}, steps=steps, record=["in.spikes"])
    assert run.spikes["in"].count == steps * n


def _expect_the_same_in_pieces(program: Program, streams: dict, cuts: tuple[int, ...], names: Sequence[str]) -> None:
    whole = simulate(program, streams, steps=sum(cuts), record=names)
    session, at, parts = Session(program, record=names), 0, []
    for cut in cuts:
        parts.append(session.run({k: s.window(at, at + cut) for k, s in streams.items()}, steps=cut))
        at += cut
    for name in whole.spikes:
        assert EventStream.concatenate([p.spikes[name] for p in parts]) == whole.spikes[name]
    for name in whole.states:
        np.testing.assert_array_equal(np.concatenate([p.states[name] for p in parts]), whole.states[name])
    assert parts[-1].counters == whole.counters


def _streams(inputs: dict[str, np.ndarray]) -> dict[str, EventStream]:
    return {k: EventStream.from_dense(v.astype(np.int32)) for k, v in inputs.items()}
