"""What the library says runs in Lava does: each such rule learns there with the same bits as on the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from neurotrain_hw import lava
from neurotrain_hw.chips import load_chip
from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.events import EventStream
from neurotrain_hw.onchip import learning_program
from neurotrain_hw.program import Connection, Population, Program
from neurotrain_hw.rules import Rule, load_rule, rule_names
from neurotrain_hw.simulator import simulate

STEPS, SIZES = 140, (6, 5, 3)  # beyond 128, where u7 opens
LIF = {"du": 4095, "dv": 400, "vth": 200, "bias_mant": 0, "bias_exp": 0}
RULES = [load_rule(name) for name in rule_names()]
IN_LAVA = [rule.name for rule in RULES if "lava" in rule.engines]

Parts = tuple[Program, Mapping[str, npt.NDArray[np.int32]], Mapping[str, npt.NDArray[np.int32]]]


def test_what_the_simulator_runs_lava_runs_too_unless_it_reads_weights_that_learn_backward() -> None:
    apart = {"error-symmetric", "error-adaptive"}
    for rule in RULES:
        if "simulator" in rule.engines:
            assert ("lava" in rule.engines) == (rule.modulation.signal not in apart), rule.name
        else:
            assert "lava" not in rule.engines
    assert len(IN_LAVA) >= 22


def test_a_rule_whose_signal_is_formed_says_that_the_simulator_runs_it() -> None:
    for rule in RULES:
        assert rule.modulation.formed != "modulator" or "simulator" in rule.engines, rule.name


@pytest.mark.slow
@pytest.mark.parametrize("names", [IN_LAVA[k::3] for k in range(3)], ids=", ".join)
def test_all_learn_the_same_in_lava(names: list[str], lava_python: Path) -> None:
    program, inputs, third = _side_by_side({name: _program(load_rule(name)) for name in names})
    _same_in_lava(program, inputs, third, lava_python)


def test_direct_feedback_reaches_every_hidden_layer(lava_python: Path) -> None:
    program = learning_program(load_rule("dfa"), (6, 5, 4, 3), load_chip("loihi2"), seed=9)
    learned = _same_in_lava(program, _inputs(program), {}, lava_python)
    assert {"in-hidden1", "hidden1-hidden2", "hidden2-out"} == learned


def test_lava_refuses_feedback_through_weights_that_learn(lava_python: Path) -> None:
    program = learning_program(load_rule("es-d-rtrl"), SIZES, load_chip("loihi2"), seed=1)
    with pytest.raises(UnsupportedError, match="no connection can read weights that another one learns"):
        lava.simulate(program, {}, steps=1, python=lava_python)


def _same_in_lava(
    program: Program,
    inputs: Mapping[str, npt.NDArray[np.int32]],
    third: Mapping[str, npt.NDArray[np.int32]],
    python: Path,
) -> set[str]:
    """Names of the connections whose weights changed, the same in both."""
    streams = {name: EventStream.from_dense(values) for name, values in inputs.items()}
    ours = simulate(program, streams, steps=STEPS, third_factors=third)
    theirs = lava.simulate(program, streams, steps=STEPS, third_factors=third, python=python)
    plastic = [c for c in program.connections if c.plasticity is not None]
    for c in plastic:
        np.testing.assert_array_equal(ours.weights[c.name], theirs.weights[c.name], err_msg=c.name)
    return {c.name for c in plastic if (ours.weights[c.name] != c.matrix()).any()}


def _program(rule: Rule) -> Parts:
    """A network that forms the rule's signal, or one layer with third factors from outside, and inputs."""
    if rule.modulation.formed != "given":
        program = learning_program(rule, SIZES, load_chip("loihi2"), seed=3)
        return program, _inputs(program), {}
    rng, (n_in, n_post, _) = np.random.default_rng(11), SIZES
    learns = Connection("learns", "dense", "in", "post", (2 * rng.integers(0, 60, (n_post, n_in))).astype(np.int16),
                        sign_mode="mixed", plasticity=rule.plasticity(rng_seed=3))  # fmt: skip
    neurons = (Population("in", "input", (n_in,)), Population("post", "lif", (n_post,), LIF))
    program = Program("given", neurons, (learns,))
    return program, _inputs(program), {"learns": rng.integers(0, 60, (3, STEPS, n_post)).astype(np.int32)}


def _inputs(program: Program) -> dict[str, npt.NDArray[np.int32]]:
    rng, phase = np.random.default_rng(11), (np.arange(STEPS) % 128)[:, None]
    n_out, blocks = SIZES[-1], STEPS // 20
    rows = {
        "in": rng.random((STEPS, SIZES[0])) < 0.35,
        "target": np.repeat(rng.integers(0, 110, (blocks, n_out)), 20, axis=0),
        "label": np.repeat(np.eye(n_out)[rng.integers(0, n_out, blocks)], 20, axis=0),
        "reward": rng.integers(-90, 91, (STEPS, 1)) * (rng.random((STEPS, 1)) < 0.3),
        "pass": np.repeat(rng.choice((-1, 1), (blocks, 1)), 20, axis=0),
        "free": phase < 63,
    }
    if "free" in program.inputs:
        rows["target"] = (rows["target"] > 50) & (phase >= 64)
    return {name: rows[name].astype(np.int32) for name in program.inputs}


def _side_by_side(parts: Mapping[str, Parts]) -> Parts:
    """Programs that do not touch as one; every name gets its rule's in front."""
    populations, connections = [], []
    inputs: dict[str, npt.NDArray[np.int32]] = {}
    third: dict[str, npt.NDArray[np.int32]] = {}
    for rule, (program, given, factors) in parts.items():
        name = f"{rule}.".__add__
        for p in program.populations:
            m = p.modulator
            populations.append(
                replace(p, name=name(p.name), modulator=m and replace(m, target=m.target and name(m.target)))
            )
        for c in program.connections:
            back = c.transpose_of and name(c.transpose_of)
            connections.append(replace(c, name=name(c.name), pre=name(c.pre), post=name(c.post), transpose_of=back))
        inputs |= {name(k): v for k, v in given.items()}
        third |= {name(k): v for k, v in factors.items()}
    return Program("side by side", tuple(populations), tuple(connections)), inputs, third
