"""What makes a modulator and a connection that is read backward valid, and what a modulator costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurotrain_hw.errors import UnknownNameError, ValueRangeError
from neurotrain_hw.program import Connection, Modulator, Plasticity, Population, Program

LIF = {"du": 4095, "dv": 100, "vth": 10, "bias_mant": 0, "bias_exp": 0}
SEGMENTS = Modulator("feedback", "segments", psi_bounds=(-4, -1, 1, 4), psi_values=(0, 8, 31, 8, 0))
ERROR = Modulator("error", target="label")


def _program(hidden: Modulator = SEGMENTS, out: Modulator | None = ERROR, **changes: Any) -> Program:
    back: dict[str, Any] = {"num_message_bits": 8, "port": "signal", "pre_port": "error", "transpose_of": "forth"}
    read = Connection("back", "dense", "out", "h", np.zeros((3, 2), np.int8), **back)
    rule = Plasticity("3f", dw="u0*x1*y1")
    return Program(
        "p",
        (Population("label", "input", (2,)), Population("scalar", "input", (1,)),
         Population("h", "lif", (3,), LIF, hidden), Population("out", "lif", (2,), LIF, out)),
        (Connection("forth", "dense", "h", "out", np.ones((2, 3), np.int8), plasticity=rule),
         replace(read, **changes)),
    )  # fmt: skip


def test_what_the_others_change_is_valid() -> None:
    assert _program().population("h").modulator == SEGMENTS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signal": "target"}, "modulator.signal is 'target'"),
        ({"signal": ["error"]}, "modulator.signal"),
        ({"psi": "gauss"}, "modulator.psi is 'gauss'"),
        ({"psi": "box"}, "a psi 'box' with psi_bounds"),
        ({"psi": "triangle", "psi_bounds": (), "psi_values": ()}, "its triangle has no width"),
        ({"psi_bounds": (1, 1, 2, 3)}, "do not rise"),
        ({"psi_bounds": (3, 2, 4, 5)}, "do not rise"),
        ({"psi_bounds": (1, 2)}, "2 psi_bounds and 5 psi_values"),
        ({"psi_bounds": (), "psi_values": (1,)}, "0 psi_bounds"),
        ({"psi_bounds": tuple(range(32)), "psi_values": (1,) * 33}, "32 psi_bounds"),
        ({"psi_bounds": (1.0, 2, 3, 4)}, "psi_bounds is 1.0"),
        ({"psi_bounds": [1, 2, 3, 4]}, "is no tuple"),
        ({"psi_bounds": (-(2**25), 0, 1, 2)}, "psi_bounds is -33554432"),
        ({"psi_values": (0, 1, 32, 1, 0)}, "psi_values is 32"),
        ({"psi_values": (0, 1, -1, 1, 0)}, "psi_values is -1"),
        ({"target": "label"}, "takes no target"),
        ({"output": "current"}, "modulator.output"),
        ({"error_sent": "half"}, "modulator.error_sent"),
        ({"error_step": 0}, "modulator.error_step is 0"),
        ({"beside": "y"}, "modulator.beside"),
        ({"beside_shift": 7}, "modulator.beside_shift is 7"),
        ({"goodness_shift": 32}, "modulator.goodness_shift"),
        ({"goodness_level": -1}, "modulator.goodness_level"),
        ({"noise_exp": 17}, "modulator.noise_exp"),
        ({"noise_seed": -1}, "modulator.noise_seed"),
        ({"noise_seed": True}, "modulator.noise_seed is True"),
    ],
)
def test_a_modulator_out_of_range_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueRangeError, match=message):
        _program(replace(SEGMENTS, **change))


@pytest.mark.parametrize("signal", ["reward", "goodness"])
def test_a_scalar_signal_reads_an_input_of_one(signal: Any) -> None:
    back = {"port": "current"}
    _program(Modulator(signal, target="scalar"), **back)
    for target in ("label", None, "h"):
        with pytest.raises(ValueRangeError, match="an input of 1"):
            _program(Modulator(signal, target=target), **back)
    with pytest.raises(UnknownNameError, match="nobody"):
        _program(Modulator(signal, target="nobody"), **back)
    with pytest.raises(ValueRangeError, match="an input of 2 neurons"):
        _program(out=Modulator("error", target="scalar"))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"transpose_of": "fourth"}, UnknownNameError, "fourth"),
        ({"transpose_of": "back"}, ValueRangeError, "reads 'back' backward"),
        ({"transpose_of": None, "signs_only": True}, ValueRangeError, "signs_only without transpose_of"),
        ({"weights": np.ones((3, 2), np.int8)}, ValueRangeError, "has its own"),
        ({"kind": "sparse"}, ValueRangeError, "another kind"),
        ({"port": "none"}, ValueRangeError, "leads nowhere and does not learn"),
        ({"signs_only": 2}, ValueRangeError, "signs_only is 2"),
    ],
)
def test_a_backward_connection_that_does_not_fit_is_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        _program(**change)


def test_state_bits() -> None:
    assert ERROR.state_bits == 24 and replace(ERROR, output="membrane").state_bits == 0
    assert SEGMENTS.state_bits == 32 and replace(SEGMENTS, beside="trace").state_bits == 56
    assert Modulator("reward", target="scalar").state_bits == 0
    assert Modulator("goodness", target="scalar").state_bits == 24


@pytest.mark.parametrize(
    ("modulator", "operations"),
    [
        (Modulator("feedback"), (0, 0)),
        (Modulator("feedback", "box"), (0, 2)),  # distance, comparison
        (Modulator("feedback", "triangle", 9), (1, 1)),  # product with L; distance
        (SEGMENTS, (1, 1)),
        (ERROR, (1, 2)),  # decay of z; impulse, difference
        (replace(ERROR, output="membrane"), (0, 1)),  # the difference alone
        (replace(ERROR, output="membrane", error_step=3), (1, 1)),
        (Modulator("reward", target="scalar"), (0, 0)),
        (Modulator("reward", target="scalar", beside="trace"), (1, 1)),  # z
        (Modulator("reward", target="scalar", beside="noise"), (0, 1)),  # onto the membrane
        (Modulator("goodness", target="scalar"), (3, 2)),  # z, its square, times q; impulse, sum of squares
        (replace(SEGMENTS, beside="psi_alone"), (0, 1)),  # the synapse multiplies
    ],
)
def test_operations_of_an_update(modulator: Modulator, operations: tuple[int, int]) -> None:
    assert modulator.operations == operations
