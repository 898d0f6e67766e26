"""The float twin against the same learning written out on whole matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from float_reference import FloatReference
from learning_rules import ADAPTIVE, DECOLLE, DRTP, ETLP, SIGN, SYMMETRIC

from neurotrain_hw.chips import load_chip
from neurotrain_hw.data import load_dataset
from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.events import EventStream
from neurotrain_hw.onchip import FloatTwin, OnChipNetwork, build_program, learning_program, lessons, target_levels
from neurotrain_hw.program import Connection, Plasticity, Population, Program
from neurotrain_hw.rules import load_rule

NETWORK = OnChipNetwork(64, 24, 10, output_vth=1024)
DELTA = load_rule("delta")


RULES = [load_rule("eprop-random"), DRTP, ETLP, DECOLLE, SYMMETRIC, SIGN, ADAPTIVE]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_networks_learn_as_written_out(rule) -> None:
    program = build_program(NETWORK, rule, DELTA, load_chip("loihi2"), seed=3)
    train = load_dataset("digits").train.first(10)
    stream = next(lessons(program.sample_timing, target_levels(NETWORK, DELTA), train, epochs=1, seed=3))
    twin = FloatTwin(program)
    twin.learn(stream.inputs(), steps=stream.steps)
    wanted = FloatReference(program).run({k: v.dense() for k, v in stream.inputs().items()}, stream.steps)
    for name, weights in twin.weights().items():
        np.testing.assert_allclose(weights, wanted.weights[name], rtol=1e-9, atol=1e-9)
        assert np.abs(weights - program.connection(name).matrix()).max() > 0.1


@pytest.mark.parametrize(
    ("kind", "dw", "dt"),
    [
        ("2f", "2^-2*y0*x1 - 2^-2*x0*y1", None),
        ("2f", "-2^-5*y0*x1*(w-254) - 2^-5*x0*y1*w", None),
        ("2f", "2^-3*u1*x1*y1 - 2^-4*u1*x2*y1*sgn(w)", None),
        ("2f", "2^-2*u0*t*y2", "2^-2*y0*x1 - 2^-2*x0*y1 - 2^-3*u0*t"),
    ],
)
def test_forms_of_sums_are_as_written_out(kind: str, dw: str, dt: str | None) -> None:
    rng = np.random.default_rng(1)
    traces = {"x1_impulse": 16, "x1_tau": 20, "x2_impulse": 3, "x2_tau": 5, "y1_impulse": 16, "y1_tau": 20,
              "y2_impulse": 4, "y2_tau": 3}  # fmt: skip
    neuron = {"du": 1000, "dv": 410, "vth": 600, "bias_mant": 0, "bias_exp": 0}
    program = Program(
        "forms",
        (Population("in", "input", (8,)), Population("out", "lif", (5,), neuron)),
        (Connection("in-out", "dense", "in", "out", (2 * rng.integers(10, 60, (5, 8))).astype(np.int16),
                    sign_mode="mixed", plasticity=Plasticity(kind, dw, dt=dt, traces=traces)),),
        ("out",),
    )  # fmt: skip
    noise = (rng.random((60, 8)) < 0.3).astype(np.int32)
    twin = FloatTwin(program)
    for part in (noise[:20], noise[20:]):
        twin.learn({"in": EventStream.from_dense(part)}, steps=len(part))
    wanted = FloatReference(program).run({"in": noise}, 60)
    np.testing.assert_allclose(twin.weights()["in-out"], wanted.weights["in-out"], rtol=1e-9)
    assert (twin.weights()["in-out"] != program.connection("in-out").matrix()).any()


@pytest.mark.parametrize("name", ["reward-stdp", "reward-stdp-immediate"])
def test_a_reward_comes_beside_the_neurons_own_trace(name: str) -> None:
    program = learning_program(load_rule(name), (8, 5), load_chip("loihi2"), seed=3)
    rng = np.random.default_rng(1)
    inputs = {"in": (rng.random((60, 8)) < 0.4).astype(np.int32), "reward": rng.integers(-90, 91, (60, 1))}
    twin = FloatTwin(program)
    twin.learn({key: EventStream.from_dense(values) for key, values in inputs.items()}, steps=60)
    wanted = FloatReference(program).run(inputs, 60)
    np.testing.assert_allclose(twin.weights()["in-out"], wanted.weights["in-out"], rtol=1e-9)
    assert (np.abs(twin.weights()["in-out"] - program.connection("in-out").matrix()) > 1).any()


def test_counting_leaves_the_run_as_it_was() -> None:
    program = build_program(NETWORK, DRTP, DELTA, load_chip("loihi2"), seed=0)
    train = load_dataset("digits").train.first(6)
    stream = next(lessons(program.sample_timing, target_levels(NETWORK, DELTA), train, epochs=1, seed=0))
    one, two = FloatTwin(program), FloatTwin(program)
    spikes = stream.spikes.dense()[None, :20]
    for _ in range(2):
        one.learn(stream.inputs(), steps=stream.steps)
        two.learn(stream.inputs(), steps=stream.steps)
        counts = two.counts(spikes, skip=2)
        np.testing.assert_array_equal(counts, two.copy().counts(spikes, skip=2))
    np.testing.assert_array_equal(one.weights()["in-hidden"], two.weights()["in-hidden"])


def test_a_rate_of_0_changes_nothing() -> None:
    program = build_program(NETWORK, DRTP, DELTA, load_chip("loihi2"), seed=0)
    twin = FloatTwin(program, rate=0.0)
    train = load_dataset("digits").train.first(3)
    stream = next(lessons(program.sample_timing, target_levels(NETWORK, DELTA), train, epochs=1, seed=0))
    twin.learn(stream.inputs(), steps=stream.steps)
    np.testing.assert_array_equal(twin.weights()["in-hidden"], program.connection("in-hidden").matrix())


def test_what_it_has_no_real_numbers_for_is_refused() -> None:
    program = build_program(NETWORK, DRTP, DELTA, load_chip("loihi2"), seed=0)
    connection = program.connections[0]
    slow = replace(connection, plasticity=replace(connection.plasticity, t_epoch=2))
    with pytest.raises(UnsupportedError, match="epochs of one step"):
        FloatTwin(replace(program, connections=(slow, *program.connections[1:])))
    with pytest.raises(UnsupportedError, match="no sigma"):
        FloatTwin(Program("s", (Population("s", "sigma", (3,)),), (), ("s",)))
