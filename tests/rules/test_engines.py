"""What the library says runs on the simulator and in Lava does: each such rule learns, with the same bits in both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from neurotrain_hw import lava
from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Connection, Modulator, Plasticity, Population, Program
from neurotrain_hw.rules import load_rule, rule_names
from neurotrain_hw.simulator import simulate

STEPS, IN, HIDDEN, OUT = 140, 6, 5, 3  # beyond 128, where u7 opens
LIF = {"du": 4095, "dv": 400, "vth": 200, "bias_mant": 0, "bias_exp": 0}
FEEDBACK = {
    "box": Modulator("feedback", psi="box", psi_halfwidth=9000, signal_shift=3),
    "none": Modulator("feedback", signal_shift=3),
}
ERROR = Modulator("error", target="target", trace_decay=400, trace_impulse=1200, trace_shift=5)
RUNNING = [name for name in rule_names() if "simulator" in load_rule(name).engines]
SUMS = [name for name in rule_names() if load_rule(name).kind is not None]


def test_what_runs_on_the_simulator_runs_in_lava_too() -> None:
    assert [name for name in rule_names() if "lava" in load_rule(name).engines] == RUNNING
    assert len(RUNNING) == 17


def test_what_no_engine_runs_is_refused_by_name() -> None:
    others = [name for name in rule_names() if name not in SUMS]
    assert others == ["bptt", "eprop-alif-filtered"]
    for name in others:
        with pytest.raises(UnsupportedError, match=f"rule '{name}': it is no sum of products"):
            load_rule(name).plasticity(rng_seed=1)


@pytest.mark.parametrize("name", [name for name in SUMS if name not in RUNNING])
def test_where_no_signal_is_formed_yet_the_synapses_learn_from_given_factors(name: str) -> None:
    """The file says so, and a run without given factors is refused by the name of the connection."""
    rule = load_rule(name)
    assert rule.modulation.formed == "given" and rule.note
    rng = np.random.default_rng(5)
    program = Program(
        "alone", (Population("in", "input", (IN,)), Population("post", "lif", (HIDDEN,), LIF)),
        (_connect("learns", "in", "post", rng.integers(20, 60, (HIDDEN, IN)), rule.plasticity(rng_seed=3)),), ("post",),
    )  # fmt: skip
    inputs = {"in": EventStream.from_dense((rng.random((STEPS, IN)) < 0.35).astype(np.int32))}
    with pytest.raises(ValueRangeError, match="connection 'learns'"):
        simulate(program, inputs, steps=STEPS)
    factors = {"learns": rng.integers(0, 60, (3, STEPS, HIDDEN)).astype(np.int32)}
    run = simulate(program, inputs, steps=STEPS, third_factors=factors)
    assert (run.weights["learns"] != program.connection("learns").weights).sum() > 3


@pytest.mark.parametrize("name", RUNNING)
def test_each_changes_weights_on_the_simulator(name: str) -> None:
    program, inputs, factors = _program([name])
    run = simulate(program, inputs, steps=STEPS, third_factors=factors)
    assert (run.weights[f"{name}.learns"] != program.connection(f"{name}.learns").weights).sum() > 3


@pytest.mark.parametrize("names", [RUNNING[k::3] for k in range(3)], ids=", ".join)
def test_all_learn_the_same_in_lava(names: list[str], lava_python: Path) -> None:
    program, inputs, factors = _program(names)
    ours = simulate(program, inputs, steps=STEPS, third_factors=factors)
    theirs = lava.simulate(program, inputs, steps=STEPS, third_factors=factors, python=lava_python)
    for name in names:
        np.testing.assert_array_equal(ours.weights[f"{name}.learns"], theirs.weights[f"{name}.learns"], err_msg=name)


def test_direct_feedback_reaches_every_hidden_layer(lava_python: Path) -> None:
    rng, rule = np.random.default_rng(9), load_rule("dfa")
    layers = {"in": IN, "first": HIDDEN, "second": HIDDEN, "out": OUT}
    connections = [
        _connect(f"{pre}-{post}", pre, post, rng.integers(20, 90, (layers[post], layers[pre])), plasticity)
        for pre, post, plasticity in (
            ("in", "first", rule.plasticity(rng_seed=1)), ("first", "second", rule.plasticity(rng_seed=2)),
            ("second", "out", None),
        )
    ]  # fmt: skip
    connections += [
        _connect(f"back-{post}", "out", post, rng.integers(-60, 60, (HIDDEN, OUT)), port="signal")
        for post in ("first", "second")
    ]
    populations = (
        Population("in", "input", (IN,)), Population("target", "input", (OUT,)),
        Population("first", "lif", (HIDDEN,), LIF, FEEDBACK["box"]),
        Population("second", "lif", (HIDDEN,), LIF, FEEDBACK["box"]), Population("out", "lif", (OUT,), LIF, ERROR),
    )  # fmt: skip
    program = Program("dfa", populations, tuple(connections))
    data = {"in": rng.random((STEPS, IN)) < 0.35, "target": np.full((STEPS, OUT), 60)}
    inputs = {k: EventStream.from_dense(v.astype(np.int32)) for k, v in data.items()}
    ours = simulate(program, inputs, steps=STEPS)
    theirs = lava.simulate(program, inputs, steps=STEPS, python=lava_python)
    for name in ("in-first", "first-second"):
        assert (ours.weights[name] != program.connection(name).weights).sum() > 3
        np.testing.assert_array_equal(ours.weights[name], theirs.weights[name], err_msg=name)


Parts = tuple[Program, dict[str, EventStream], dict[str, npt.NDArray[np.int32]]]


def _program(names: list[str]) -> Parts:
    """One small network per rule, side by side on the same input, target and label."""
    rng = np.random.default_rng(11)
    populations = [
        Population("in", "input", (IN,)),
        Population("target", "input", (OUT,)),
        Population("label", "input", (OUT,)),
    ]
    connections: list[Connection] = []
    factors: dict[str, npt.NDArray[np.int32]] = {}
    for name in names:
        rule, post = load_rule(name), f"{name}.post"
        signal, plasticity = rule.modulation.signal, rule.plasticity(rng_seed=3)
        if signal == "error":
            populations.append(Population(post, "lif", (OUT,), LIF, ERROR))
        elif signal in ("none", "injected", "reward"):
            populations.append(Population(post, "lif", (OUT,), LIF))
        else:
            populations.append(Population(post, "lif", (HIDDEN,), LIF, FEEDBACK[rule.modulation.psi]))
        n = populations[-1].n
        connections.append(_connect(f"{name}.learns", "in", post, rng.integers(0, 60, (n, IN)), plasticity))
        if signal == "reward":
            factors[f"{name}.learns"] = _factors(rng, n)
        if signal == "target-projection":
            connections.append(_connect(f"{name}.label", "label", post, rng.integers(-60, 60, (n, OUT)), port="signal"))
        if signal == "error-random":
            out = f"{name}.out"
            populations.append(Population(out, "lif", (OUT,), LIF, ERROR))
            connections += [
                _connect(f"{name}.readout", post, out, rng.integers(0, 90, (OUT, n))),
                _connect(f"{name}.back", out, post, rng.integers(-60, 60, (n, OUT)), port="signal"),
            ]
    data = {
        "in": rng.random((STEPS, IN)) < 0.35,
        "target": np.repeat(rng.integers(0, 110, (STEPS // 20, OUT)), 20, axis=0),
        "label": np.repeat(np.eye(OUT)[rng.integers(0, OUT, STEPS // 20)], 20, axis=0),
    }
    inputs = {k: EventStream.from_dense(v.astype(np.int32)) for k, v in data.items()}
    return Program("side by side", tuple(populations), tuple(connections)), inputs, factors


def _connect(
    name: str, pre: str, post: str, halves: npt.NDArray[np.int64], plasticity: Plasticity | None = None,
    *, port: str = "current",
) -> Connection:  # fmt: skip
    from_error = port == "signal" and pre != "label"
    bounded = plasticity is not None and plasticity.rule == "weight-dependent-stdp"
    return Connection(
        name, "dense", pre, post, (2 * halves).astype(np.int16), sign_mode="excitatory" if bounded else "mixed",
        plasticity=plasticity,
        num_message_bits=8 if from_error else 0,
        port=port, pre_port="error" if from_error else "spikes",  # type: ignore[arg-type]
    )  # fmt: skip


def _factors(rng: np.random.Generator, n: int) -> npt.NDArray[np.int32]:
    """y1 a noisy post trace, y2 and y3 rare rewards and punishments of all neurons: int32 (3, steps, n)."""
    reward = rng.integers(-90, 90, (STEPS, 1)) * (rng.random((STEPS, 1)) < 0.2)
    factors = [
        rng.integers(0, 40, (STEPS, n)),
        np.broadcast_to(reward.clip(0), (STEPS, n)),
        np.broadcast_to((-reward).clip(0), (STEPS, n)),
    ]
    return np.stack(factors).astype(np.int32)
