"""Learning signals of every kind, against Lava: third factors, spikes, and the weights that they change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from modulators import random_modulator

from neurotrain_hw import lava
from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Connection, Modulator, Plasticity, Population, Program
from neurotrain_hw.simulator import simulate

pytestmark = pytest.mark.usefixtures("quick_lava")

STEPS = 60
RULE = "2^-5*u0*x1*y1 - 2^-5*u0*x1*y2 + 2^-6*u0*x1*y3"
LIF = {"du": 4095, "bias_mant": 40, "bias_exp": 3}
TARGETS = {"error": "label", "reward": "scalar", "goodness": "scalar", "feedback": None}
SIGNALS = ("error", "feedback", "reward", "goodness", "feedback", "error")


def _population(rng: np.random.Generator, k: int, signal: str, n: int) -> Population:
    values: dict[str, Any] = {**LIF, "dv": int(rng.integers(0, 1000)), "vth": int(rng.integers(20, 300))}
    if k % 2:
        values |= {"reset_interval": 17, "reset_offset": k}
    modulator = random_modulator(rng, signal, TARGETS[signal])
    return Population(f"p{k}", "lif_reset" if k % 2 else "lif", (n,), values, modulator)


def _network(seed: int) -> tuple[Program, dict[str, EventStream]]:
    """Populations with a modulator each, that learn from one input, and feed errors back in three ways."""
    rng = np.random.default_rng(seed)
    populations = [
        Population("in", "input", (6,)), Population("label", "input", (3,)), Population("scalar", "input", (1,)),
        *(_population(rng, k, signal, 3 if signal == "error" else 4) for k, signal in enumerate(SIGNALS)),
    ]  # fmt: skip
    rule = Plasticity("3f", dw=RULE, traces={"x1_impulse": 20, "x1_tau": 9}, rng_seed=seed + 1)
    connections = [
        Connection(f"c{p.name}", "dense", "in", p.name, rng.integers(-40, 200, (p.n, 6)), sign_mode="mixed",
                   plasticity=rule if k % 2 else None)
        for k, p in enumerate(populations[3:])
    ]  # fmt: skip
    forth = Connection("forth", "dense", "p1", "p0", rng.integers(-200, 200, (3, 4)), 0, int(rng.integers(2, 9)))
    zeros, back = np.zeros((4, 3), np.int8), {"num_message_bits": 8, "port": "signal", "pre_port": "error"}
    connections += [
        forth,
        Connection("backward", "dense", "p0", "p1", zeros, -1, transpose_of="forth", **back),
        replace(forth, name="other", pre="p4", post="p5"),
        Connection("signs", "dense", "p5", "p4", zeros, 1, transpose_of="other", signs_only=True, **back),
        Connection("random", "dense", "p0", "p4", rng.integers(-128, 128, (4, 3)), sign_mode="mixed", **back),
        Connection("projection", "dense", "label", "p1", rng.integers(-128, 128, (4, 3)), sign_mode="mixed",
                   num_message_bits=8, port="signal"),
    ]  # fmt: skip
    data = {
        "in": rng.random((STEPS, 6)) < 0.3,
        "label": rng.integers(0, 120, (STEPS, 3)),
        "scalar": (rng.random((STEPS, 1)) < 0.6) * rng.integers(-140, 140, (STEPS, 1)),
    }
    streams = {name: EventStream.from_dense(values.astype(np.int32)) for name, values in data.items()}
    return Program("signals", tuple(populations), tuple(connections)), streams


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(k, marks=pytest.mark.slow) for k in range(2, 10))])
def test_every_signal_agrees_with_lava(seed: int, lava_python: Path) -> None:
    program, streams = _network(seed)
    parts = ("spikes", "v", "y1", "y2", "y3")
    record = [f"p{k}.{part}" for k in range(len(SIGNALS)) for part in parts]
    expected = lava.simulate(program, streams, steps=STEPS, record=record, python=lava_python)
    run = simulate(program, streams, steps=STEPS, record=record)
    assert run.spikes == expected.spikes
    for name, values in expected.states.items():
        np.testing.assert_array_equal(run.states[name], values, err_msg=name)
    for name, weights in expected.weights.items():
        np.testing.assert_array_equal(run.weights[name], weights, err_msg=name)
    assert any(np.any(weights != program.connection(name).matrix()) for name, weights in expected.weights.items())
    for key in ("y1", "y2"):
        assert any(values.any() for name, values in expected.states.items() if name.endswith(key))


@pytest.mark.parametrize("port", ["current", "none"])
def test_weights_that_learn_and_are_read_backward_are_refused_by_name(port: Any) -> None:
    program, _ = _network(0)
    rule = Plasticity("3f", dw=RULE)
    program = replace(
        program,
        connections=tuple(
            replace(c, plasticity=rule, port=port) if c.name == "forth" else c for c in program.connections
        ),
    )
    with pytest.raises(UnsupportedError, match=r"(forth|backward).*no connection can read weights"):
        lava.simulate(program, {}, steps=3)


def test_the_programs_hold_different_modulators() -> None:
    modulators = [p.modulator for seed in (0, 1) for p in _network(seed)[0].populations[3:]]
    assert all(isinstance(m, Modulator) for m in modulators)
    assert len({m.psi for m in modulators if m}) == 4
    assert len({m.beside for m in modulators if m}) >= 4
