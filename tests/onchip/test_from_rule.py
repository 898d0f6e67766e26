"""Every rule of the library in a network that forms its signal, against the literal interpreter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from learning_reference import LearningReference

from neurotrain_hw.chips import load_chip
from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.onchip import learning_program
from neurotrain_hw.program import Connection, Population, Program
from neurotrain_hw.rules import load_rule, modulator_of, rule_names
from neurotrain_hw.simulator import simulate

SIZES, STEPS = (6, 5, 3), 60
LONGER = dict.fromkeys(("emstdp", "drtp", "etlp", "osttp"), 140)  # beyond 128, where u7 opens; others learn rarely
SUMS = [name for name in rule_names() if load_rule(name).kind is not None]
GIVEN = [name for name in SUMS if load_rule(name).modulation.formed == "given"]
FORMED = [name for name in SUMS if name not in GIVEN]


def _inputs(program: Program, rng: np.random.Generator, steps: int = STEPS) -> dict[str, np.ndarray]:
    """Random spikes, targets, labels, rewards and passes, dense (steps, n), for those inputs that the program has."""
    blocks = steps // 10
    phase = (np.arange(steps) % 128)[:, None]
    rows = {
        "in": rng.random((steps, SIZES[0])) < 0.35,
        "target": np.repeat(rng.integers(0, 110, (blocks, SIZES[-1])), 10, axis=0),
        "label": np.repeat(np.eye(SIZES[-1])[rng.integers(0, SIZES[-1], blocks)], 10, axis=0),
        "reward": rng.integers(-90, 91, (steps, 1)) * (rng.random((steps, 1)) < 0.3),
        "pass": np.repeat(rng.choice((-1, 1), (blocks, 1)), 10, axis=0),
        "free": phase < 63,
    }
    if "free" in program.inputs:
        rows["target"] = (rng.random((steps, SIZES[-1])) < [0.9, 0.1, 0.5]) & (phase >= 64)
    return {name: rows[name].astype(np.int32) for name in program.inputs}


def _agree(program: Program, inputs: dict[str, np.ndarray], third: dict[str, np.ndarray]) -> list[str]:
    """The simulator and the literal reference give the same bits; names of the connections whose weights changed."""
    steps = len(inputs["in"])
    heard = [f"{p.name}.spikes" for p in program.populations if p.kind != "input"]
    heard += [f"{p.name}.{y}" for p in program.populations if p.modulator for y in ("y1", "y2", "y3")]
    streams = {name: EventStream.from_dense(values) for name, values in inputs.items()}
    run = simulate(program, streams, steps=steps, record=heard, third_factors=third)
    literal = LearningReference(program, third).run(inputs, steps)
    for key in heard:
        name, what = key.split(".")
        ours = run.spikes[name].dense() if what == "spikes" else run.states[key]
        np.testing.assert_array_equal(ours, literal.log[key], err_msg=key)
    changed = []
    for name, engine in literal.engines.items():
        np.testing.assert_array_equal(run.weights[name], engine.var["w"], err_msg=name)
        for tag, variable in (("tag_1", "t"), ("tag_2", "d")):
            if f"{name}.{tag}" in run.tags:
                np.testing.assert_array_equal(run.tags[f"{name}.{tag}"], engine.var[variable], err_msg=name)
        if (run.weights[name] != program.connection(name).matrix()).any():
            changed.append(name)
    return changed


@pytest.mark.parametrize("name", FORMED)
def test_a_rule_whose_signal_is_formed_learns_as_the_literal_interpreter_does(name: str) -> None:
    program = learning_program(load_rule(name), SIZES, load_chip("loihi2"), seed=4)
    changed = _agree(program, _inputs(program, np.random.default_rng(8), LONGER.get(name, STEPS)), {})
    assert name in {program.connection(c).plasticity.rule for c in changed}


@pytest.mark.parametrize("name", GIVEN)
def test_a_rule_whose_signal_is_given_learns_as_the_literal_interpreter_does(name: str) -> None:
    """Its synapses, from random third factors; the file says so, and no program claims to form them."""
    rule, rng = load_rule(name), np.random.default_rng(5)
    assert rule.note and rule.engines in ((), ("trainer",), ("simulator", "lava"), ("trainer", "simulator", "lava"))
    with pytest.raises(UnsupportedError, match=f"rule '{name}': no program here forms its learning signal"):
        learning_program(rule, SIZES, load_chip("loihi2"), seed=4)
    n_in, n_post, _ = SIZES
    lif = {"du": 4095, "dv": 400, "vth": 200, "bias_mant": 0, "bias_exp": 0}
    mode = rule.defaults.get("sign_mode", "mixed")
    weights = (2 * rng.integers(20, 60, (n_post, n_in))).astype(np.int16)
    learns = Connection("learns", "dense", "in", "post", weights, sign_mode=mode,
                        plasticity=rule.plasticity(rng_seed=3))  # fmt: skip
    program = Program("alone", (Population("in", "input", (n_in,)), Population("post", "lif", (n_post,), lif)),
                      (learns,), ("post",))  # fmt: skip
    with pytest.raises(ValueRangeError, match="connection 'learns'"):
        simulate(program, {}, steps=STEPS)
    third = {"learns": rng.integers(0, 60, (3, STEPS, n_post)).astype(np.int32)}
    assert _agree(program, _inputs(program, rng), third) == ["learns"]


def test_what_is_no_sum_of_products_has_no_program() -> None:
    others = [name for name in rule_names() if name not in SUMS]
    assert others == ["bptt", "eprop-alif-filtered"]
    for name in others:
        with pytest.raises(UnsupportedError, match=f"rule '{name}'"):
            learning_program(load_rule(name), SIZES, load_chip("loihi2"), seed=4)


def test_a_signal_from_the_outputs_needs_hidden_layers_and_the_transpose_one_alone() -> None:
    chip = load_chip("loihi2")
    with pytest.raises(ValueRangeError, match="an input, a hidden and an output layer"):
        learning_program(load_rule("dfa"), (6, 3), chip, seed=1)
    with pytest.raises(UnsupportedError, match=r"back through 2 hidden layers.*one hidden layer"):
        learning_program(load_rule("es-d-rtrl"), (6, 5, 5, 3), chip, seed=1)
    deep = learning_program(load_rule("dfa"), (6, 5, 4, 3), chip, seed=1)
    assert [c.post for c in deep.connections if c.port == "signal"] == ["hidden1", "hidden2"]


def test_the_same_seed_gives_the_same_program_and_another_one_does_not() -> None:
    rule, chip = load_rule("node-perturbation"), load_chip("loihi2")
    one, again, other = (learning_program(rule, SIZES, chip, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.connections[0].weights, again.connections[0].weights)
    assert not np.array_equal(one.connections[0].weights, other.connections[0].weights)
    assert one.population("hidden").modulator != other.population("hidden").modulator  # the noise


def test_a_readout_and_the_reset_of_samples_can_be_chosen() -> None:
    soel = load_rule("soel")
    program = learning_program(load_rule("drtp"), SIZES, load_chip("loihi2"), seed=1, readout=soel, steps=20)
    assert program.connection("hidden-out").plasticity.rule == "soel"
    assert program.population("out").modulator == modulator_of(soel, theta=300 << 6, target="target")
    assert [program.population(n).parameters["reset_offset"] for n in ("hidden", "out")] == [2, 3]


def test_emstdps_error_network_moves_the_outputs_towards_their_targets() -> None:
    """In the second phase an output that should fire fires more than in the first, one that should not fires less."""
    program = learning_program(load_rule("emstdp"), SIZES, load_chip("loihi2"), seed=4)
    still = replace(program, connections=tuple(replace(c, plasticity=None) for c in program.connections))
    rng, phase = np.random.default_rng(3), np.arange(128)[:, None]
    rows = {"in": rng.random((128, 6)) < 0.35, "free": phase < 63, "target": (phase >= 64) & np.array([1, 0, 0], bool)}
    inputs = {name: EventStream.from_dense(values.astype(np.int32)) for name, values in rows.items()}
    run = simulate(still, inputs, steps=128, record=["out.spikes", "too-few.spikes", "too-many.spikes"])
    spikes = {name: run.spikes[name].dense() for name in ("out", "too-few", "too-many")}
    free, driven = spikes["out"][:64].sum(0), spikes["out"][66:].sum(0)
    assert driven[0] > free[0] + 10 and (driven[1:] < free[1:]).all() and (free > 5).all()
    assert not (spikes["too-few"][:64].any() or spikes["too-many"][:64].any())


@pytest.mark.parametrize("name", ["drtp", "etlp", "osttp"])
def test_the_signal_of_a_target_projection_is_the_labels_column(name: str) -> None:
    """M of every step is psi times the weight of the label of the step before, whatever the rule's shift."""
    program = learning_program(load_rule(name), SIZES, load_chip("loihi2"), seed=4)
    project = program.connection("label-hidden").matrix()
    assert (np.abs(project.sum(axis=1)) <= 3).all() and (project < 0).any() and (project > 0).any()
    labels = np.random.default_rng(1).integers(0, 3, 30)
    rows = {"in": np.zeros((30, 6)), "target": np.zeros((30, 3)), "label": np.eye(3)[labels]}
    inputs = {k: EventStream.from_dense(v.astype(np.int32)) for k, v in rows.items()}
    run = simulate(program, inputs, steps=30, record=["hidden.y1", "hidden.y2"])
    m = run.states["hidden.y1"].astype(int) - run.states["hidden.y2"]  # psi is 1: the membranes rest a threshold below
    np.testing.assert_array_equal(m[1:], project[:, labels[:-1]].T)
