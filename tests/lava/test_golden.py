"""Recorded runs of Lava, replayed through our worker: every recorded array comes back, element by element."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurotrain_hw import lava
from neurotrain_hw.simulator import load_case, simulate

pytestmark = pytest.mark.usefixtures("quick_lava")
CASES = [
    "lif_perneuron_0009", "lifreset_two_0102", "conv_stack_0405", "learn2f_random_0507", "learn2f_weightdep_0514",
    "learn3f_delay_0603",
]  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_recorded_case(name: str, shared: Path, lava_python: Path) -> None:
    """Case {name} comes back bit for bit."""
    _compare(shared / "golden" / "lava" / f"{name}.npz", lava_python)


@pytest.mark.slow
def test_every_recorded_case(shared: Path, lava_python: Path) -> None:
    """All cases come back bit for bit."""
    paths = sorted((shared / "golden" / "lava").glob("*.npz"))
    assert len(paths) >= 60
    for path in paths:
        _compare(path, lava_python)


def test_simulate_hands_third_factors_on_to_lava(
    shared: Path, lava_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`simulate(engine="lava")` gives a recorded three-factor case as Lava itself did."""
    monkeypatch.setattr("neurotrain_hw.lava.client.lava_python", lambda: lava_python)
    case = load_case(shared / "golden" / "lava" / "learn3f_direct_0602.npz")
    assert case.third_factors
    run = simulate(case.program, case.inputs, steps=case.steps, third_factors=case.third_factors, engine="lava")
    learned = [key for key in case.expected if key.endswith(".weights")]
    assert learned
    for key in learned:
        np.testing.assert_array_equal(run.weights[key.removesuffix(".weights")], case.expected[key])


def _compare(path: Path, python: Path) -> None:
    case = load_case(path)
    record = [key for key in case.expected if key.endswith((".spikes", ".u", ".v", "@epochs"))]
    run = lava.simulate(
        case.program, case.inputs, steps=case.steps, record=record, third_factors=case.third_factors, python=python
    )
    for key, expected in case.expected.items():
        part, _, variable = key.rpartition(".")
        if variable == "spikes":
            found = run.spikes[part].dense()
        elif variable == "weights":
            found = run.weights[part]
        else:
            found = {**run.states, **run.tags, **run.traces, **run.history}[key]
        np.testing.assert_array_equal(found, expected, err_msg=f"{path.name}: {key}")
