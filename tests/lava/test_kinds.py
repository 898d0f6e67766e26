"""Every kind of neuron in Lava against `neuron_formulas.py`, state by state and step by step, with random integers.

Each kind is there twice: with the parameters of a network, and with wild ones whose inputs fill 32 bits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import neuron_formulas as formulas
import numpy as np
import pytest

from neurotrain_hw import lava
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import PARAMETERS, STATES, Connection, Population, PopulationKind, Program
from neurotrain_hw.simulator.run import Run

pytestmark = pytest.mark.usefixtures("quick_lava")

STEPS, N = 60, 12
RESONATORS = ("rf", "rf_iz", "rf_zero")
SHARED = {
    "tame": {"theta_step": 20, "cum_error": 0, "relu": 1},
    "wild": {"theta_step": -(2**24) - 5, "cum_error": 1, "relu": 0},
}
"""Per flavour: parameters that Lava takes once for all neurons of a population."""
TAME: dict[str, tuple[int, int]] = {
    "du": (200, 4096), "dv": (0, 900), "vth": (5, 90), "vth_lo": (-300, -20), "vth_hi": (20, 300),
    "bias_mant": (-5, 9), "bias_exp": (-2, 7), "dtheta": (50, 900), "dr": (50, 900), "theta_0": (20, 150),
    "spike_exp": (0, 3), "state_exp": (0, 3), "bias": (-20, 20), "sin_decay": (500, 3500), "cos_decay": (1500, 3500),
    "decay_bits": (12, 13), "uth": (2, 40), "lst": (4000, 16000), "lct": (20000, 32000),
}  # fmt: skip
WILD: dict[str, tuple[int, int]] = {
    "du": (-1, 4097), "dv": (0, 4097), "vth": (-(2**14), 2**17), "vth_lo": (-(2**17), 0), "vth_hi": (-(2**16), 2**17),
    "bias_mant": (-(2**15) + 1, 2**15), "bias_exp": (-20, 17), "dtheta": (0, 4097), "dr": (0, 4097),
    "theta_0": (-(2**27), 2**27), "spike_exp": (0, 18), "state_exp": (0, 18), "bias": (-(2**31), 2**31),
    "sin_decay": (-(2**16), 2**16), "cos_decay": (-(2**16), 2**16), "decay_bits": (0, 20), "uth": (-(2**31), 2**31),
    "lst": (-(2**31), 2**31), "lct": (-(2**31), 2**31),
}  # fmt: skip
KINDS = tuple(formulas.STEP)


@pytest.fixture(scope="module")
def case(lava_python: Path) -> tuple[Program, dict[str, np.ndarray[Any, Any]], Run]:
    """All kinds in one program: the program, its inputs and what Lava recorded."""
    program, inputs = _program(np.random.default_rng(20))
    record = [
        f"{p.name}.{key}" for p in program.populations if p.kind != "input" for key in ("spikes", *STATES[p.kind])
    ]
    streams = {name: EventStream.from_dense(values) for name, values in inputs.items()}
    return program, inputs, lava.simulate(program, streams, steps=STEPS, record=record, python=lava_python)


@pytest.mark.parametrize("flavour", ["tame", "wild"])
@pytest.mark.parametrize("kind", KINDS)
def test_states_and_what_is_sent_follow_the_formula(kind: str, flavour: str, case: Any) -> None:
    """Lava's recordings of every step are those of the formula."""
    program, inputs, run = case
    population = program.population(f"{flavour} {kind}")
    expected = _expected(population, inputs)
    sent = run.spikes[population.name].dense()
    np.testing.assert_array_equal(sent, expected.pop("spikes"))
    for state, values in expected.items():
        np.testing.assert_array_equal(run.states[f"{population.name}.{state}"], values, err_msg=state)
    assert np.count_nonzero(sent) >= 4


def test_graded_values_come_back_in_32_bits(case: Any) -> None:
    """What sigma, delta, sigma_delta and rf_zero send fills more than 8 and more than 16 bits."""
    _, _, run = case
    for kind in ("sigma", "delta", "sigma_delta", "rf_zero"):
        assert np.abs(run.spikes[f"wild {kind}"].values().astype(np.int64)).max() > 2**16
        assert np.abs(run.spikes[f"tame {kind}"].values()).max() > 2**7


def _program(rng: np.random.Generator) -> tuple[Program, dict[str, np.ndarray[Any, Any]]]:
    """Every population receives its own column of currents, unchanged, from the input of its flavour."""
    populations = [Population(name, "input", (N,)) for name in ("tame", "tame imag", "wild", "wild imag")]
    connections = []
    for kind in KINDS:
        for flavour, ranges in (("tame", TAME), ("wild", WILD)):
            name = f"{flavour} {kind}"
            parameters = _parameters(rng, kind, ranges, SHARED[flavour])  # type: ignore[arg-type]
            populations.append(Population(name, kind, (3, 4), parameters))  # type: ignore[arg-type]
            for port, pre in (("current", flavour), ("imag", f"{flavour} imag"))[: 1 + (kind in RESONATORS)]:
                connections.append(Connection(
                    f"{name} {port}", "dense", pre, name, np.eye(N, dtype=np.int16), sign_mode="excitatory",
                    num_message_bits=32, port=port,  # type: ignore[arg-type]
                ))  # fmt: skip
    shape = (STEPS, N)
    inputs = {name: (rng.random(shape) < 0.5) * rng.integers(-30, 60, shape) for name in ("tame", "tame imag")}
    for name in ("wild", "wild imag"):
        width = rng.integers(4, 32, shape)
        inputs[name] = rng.integers(-(2**31), 2**31, shape) >> (31 - width)
    return Program("kinds", tuple(populations), tuple(connections)), inputs


def _parameters(
    rng: np.random.Generator, kind: PopulationKind, ranges: dict[str, tuple[int, int]], shared: dict[str, int]
) -> dict[str, Any]:
    drawn = [key for key in PARAMETERS[kind] if key not in SHARED["tame"]]
    values = {key: rng.integers(*ranges[key], N).astype(np.int32) for key in drawn}
    return values | {key: shared[key] for key in PARAMETERS[kind] if key in shared}


def _expected(population: Population, inputs: dict[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """What the formula gives: rows of every state and of what is sent; an input arrives one step later."""
    flavour = population.name.split()[0]
    current, imag = inputs[flavour].tolist(), inputs[f"{flavour} imag"].tolist()
    rows: dict[str, np.ndarray[Any, Any]] = {
        key: np.zeros((STEPS, N), np.int64) for key in ("spikes", *STATES[population.kind])
    }
    step = formulas.STEP[population.kind]
    for j in range(N):
        p = {key: int(population.parameter(key)[j]) for key in population.parameters}
        state = dict.fromkeys(STATES[population.kind], 0)
        if population.kind == "atrlif":
            state["theta"] = formulas.i32(p["theta_0"] << 6)
        for t in range(STEPS):
            late = (current[t - 1][j], imag[t - 1][j]) if t else (0, 0)
            rows["spikes"][t, j] = step(state, p, *late)
            for key, value in state.items():
                rows[key][t, j] = value
    return rows
