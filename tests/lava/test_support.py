"""What Lava has no exact counterpart for is refused by name before it starts; its odd corners are as we know them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurotrain_hw import lava
from neurotrain_hw.errors import LavaRunError, UnsupportedError
from neurotrain_hw.events import EventStream
from neurotrain_hw.lava.support import check_program, recordable
from neurotrain_hw.program import STATES, Arithmetic, Connection, Plasticity, Population, PopulationKind, Program
from neurotrain_hw.program.synapses import Convolution

LIF = {"du": 4095, "dv": 0, "vth": 100, "bias_mant": 0, "bias_exp": 0}
ATRLIF = {**{k: v for k, v in LIF.items() if k != "vth"}, "dtheta": 9, "dr": 9, "theta_0": 5, "theta_step": 3}
DELTA = {"vth": 5, "spike_exp": 0, "state_exp": 0, "cum_error": 0}
SIGMA_DELTA = {**DELTA, "bias": 0, "relu": 1}
RESONATOR = {"sin_decay": 9, "cos_decay": 9, "decay_bits": 3, "state_exp": 0, "vth": 1}
TWO = np.array([0, 1], np.int32)


def _one(kind: PopulationKind, parameters: dict[str, Any], **options: Any) -> Program:
    return Program("p", (Population("x", kind, (2,), parameters, **options),), ())


def _conv(
    kernel: tuple[int, ...] = (1, 2, 2, 1), value: int = 1, size: tuple[int, int, int] = (4, 4, 1), **o: Any
) -> Program:
    geometry = o.pop("conv", Convolution())
    weights = np.full(kernel, value, np.int32)
    after = Population("out", "sigma", geometry.output_shape(size, kernel))
    connection = Connection("c", "conv", "in", "out", weights, conv=geometry, **o)
    return Program("p", (Population("in", "input", size), after), (connection,))


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (_one("lif_refractory", {**LIF, "refractory_period": 2}), r"'x' \(lif_refractory\).*floating point only"),
        (_one("lif", LIF, arithmetic=Arithmetic(threshold="reached")), "one arithmetic.*threshold='reached'"),
        (_one("lif", LIF, arithmetic=Arithmetic(reset="subtract")), "reset='subtract'"),
        (_one("ternary_lif", {**{k: v for k, v in LIF.items() if k != "vth"}, "vth_lo": -5, "vth_hi": 5},
              arithmetic=Arithmetic(u_overflow="wrap")), "u_overflow='wrap'"),
        (_one("lif_reset", {**LIF, "reset_interval": TWO + 1, "reset_offset": 0}), "one reset_interval for all"),
        (_one("lif_reset", {**LIF, "reset_interval": 4, "reset_offset": TWO}), "one reset_offset for all"),
        (_one("atrlif", {**ATRLIF, "theta_step": TWO}), r"'x' \(atrlif\): Lava has one theta_step for all"),
        (_one("atrlif", {**ATRLIF, "bias_mant": 2**15}), "keeps bias_mant in 16 bits"),
        (_one("lif", {**LIF, "bias_mant": -(2**15) - 1}), "keeps bias_mant in 16 bits"),
        (_one("delta", {**DELTA, "cum_error": TWO}), "one cum_error for all"),
        (_one("sigma_delta", {**SIGMA_DELTA, "cum_error": TWO}), "one cum_error for all"),
        (_one("sigma_delta", {**SIGMA_DELTA, "relu": TWO}), "one relu for all"),
        (_conv(weight_exp=-1), "conv 'c': Lava's Conv ignores weight_exp, which is -1"),
        (_conv(kernel=(1, 128, 1, 1), size=(128, 4, 1)), "in 8 bits.*need 128, limit 127"),
        (_conv(conv=Convolution(stride=(1, 128))), "in 8 bits"),
        (_conv(conv=Convolution(padding=(128, 0))), "in 8 bits"),
        (_conv(conv=Convolution(dilation=(1, 2), padding=(200, 1))), "in 8 bits.*need 200"),
        (_conv(kernel=(128, 1, 1, 1), size=(1, 1, 128), conv=Convolution(groups=128)), "in 8 bits"),
        (_conv(value=2**21, num_message_bits=8), "floating point.*limit 4194304"),
    ],
)  # fmt: skip
def test_what_lava_cannot_express_exactly_is_refused_by_name(program: Program, words: str) -> None:
    """The error names the part, the reason and a limit."""
    with pytest.raises(UnsupportedError, match=words) as caught:
        check_program(program, ())
    assert caught.value.where


@pytest.mark.parametrize("kind", ["sparse", "delay_sparse", "delay_dense"])
def test_learning_is_dense(kind: Any) -> None:
    """Lava has learning on dense connections, and one for sparse ones that loses weights of 0."""
    delays = None if kind == "sparse" else np.ones((2, 2), np.int32)
    learning = Plasticity("2f", dw="x1*y0", traces={"x1_impulse": 16, "x1_tau": 10})
    connection = Connection("c", kind, "in", "x", np.ones((2, 2), np.int16), delays=delays, plasticity=learning)
    program = Program("p", (Population("in", "input", (2,)), *_one("lif", LIF).populations), (connection,))
    with pytest.raises(UnsupportedError, match=f"this one is {kind}"):
        check_program(program, ())


def test_what_is_just_within_lavas_limits_is_taken() -> None:
    """The neighbours of the refused values, and per-neuron values where Lava's arithmetic takes them."""
    for program in (
        _one("atrlif", {**ATRLIF, "bias_mant": 2**15 - 1, "theta_0": TWO, "dtheta": TWO, "du": TWO}),
        _one("delta", {**DELTA, "vth": TWO, "spike_exp": TWO, "state_exp": TWO}),
        _one("sigma_delta", {**SIGMA_DELTA, "bias": TWO, "vth": TWO, "state_exp": TWO}),
        _one("rf", dict.fromkeys(RESONATOR, TWO)),
        _one("rf_zero", {"uth": TWO, "lst": TWO, "lct": TWO}),
        _conv(conv=Convolution(stride=(127, 1), padding=(127, 0))),
        _conv(value=2**20, num_message_bits=8),
        _conv(value=2**31 - 1),
    ):
        check_program(program, ())


def test_recordable_names_the_states_of_each_kind() -> None:
    """One key for each state, and the spikes."""
    assert recordable(_one("atrlif", ATRLIF)) == ["x.spikes", "x.u", "x.v", "x.theta", "x.r"]
    assert recordable(_one("rf_iz", RESONATOR)) == ["x.spikes", "x.real", "x.imag"]
    assert recordable(_conv()) == ["in.spikes", "out.spikes", "out.sigma"]


def test_a_convolution_that_leaves_32_bits_ends_the_run(lava_python: Path) -> None:
    """Lava casts the sum from floating point, with no defined result: the run ends, and says why."""
    program = replace(_conv(value=2**20, num_message_bits=16), outputs=("out",))
    values = np.zeros((6, 16), np.int32)
    values[3, 5] = 2**12
    with pytest.raises(LavaRunError, match="sum leaves 32 bits"):
        lava.simulate(program, {"in": EventStream.from_dense(values)}, steps=6, python=lava_python)


@pytest.fixture(scope="module")
def corners(lava_python: Path) -> Any:
    """One program of neurons at the ends of 32 bits; each row of the input comes to all of them one step later."""
    half = -(2**31)
    ternary = {"du": 4095, "dv": 0, "bias_mant": 0, "bias_exp": 0, "vth_lo": half, "vth_hi": -half - 1}
    populations = (
        Population("delta", "delta", (1,), {**DELTA, "vth": 10}),
        Population("cumulative", "delta", (1,), {**DELTA, "vth": 10, "cum_error": 1}),
        Population("far shift", "delta", (1,), {**DELTA, "vth": 0, "spike_exp": 31, "state_exp": 1}),
        Population("unreachable", "ternary_lif", (1,), ternary),
        Population("crossed", "ternary_lif", (1,), {**ternary, "vth_lo": -half - 1, "vth_hi": half}),
    )
    values = [5, half, 0, 1, 2]
    synapses = tuple(
        Connection(f"to {p.name}", "dense", "in", p.name, np.ones((1, 1), np.int16), num_message_bits=32)
        for p in populations
    )
    lone = tuple(
        Population(f"lone {kind}", kind, (2,), parameters)  # type: ignore[arg-type]
        for kind, parameters in (("atrlif", ATRLIF), ("delta", DELTA), ("sigma_delta", SIGMA_DELTA), ("sigma", {}),
                                 ("rf", RESONATOR), ("rf_iz", RESONATOR), ("rf_zero", {"uth": 1, "lst": 5, "lct": 5}))
    )  # fmt: skip
    program = Program("corners", (Population("in", "input", (1,)), *populations, *lone), synapses)
    record = [f"{p.name}.{key}" for p in (*populations, *lone) for key in ("spikes", *STATES[p.kind])]
    stream = EventStream.from_dense(np.array(values, np.int64)[:, None])
    return lava.simulate(program, {"in": stream}, steps=6, record=record, python=lava_python)


def test_the_magnitude_of_the_lowest_integer_is_negative(corners: Any) -> None:
    """d = -2^31 does not reach a threshold, and a value of -2^31 that is sent does not clear the summed error."""
    assert corners.spikes["delta"].dense()[:, 0].tolist() == [0, 0, 0, 0, 0, 0]
    assert corners.states["delta.residue"][:, 0].tolist() == [0, 5, -(2**31), 0, 1, 2]
    assert corners.spikes["cumulative"].dense()[:, 0].tolist() == [0, 0, -(2**31), 0, 1 - 2**31, 0]
    assert corners.states["cumulative.error"][:, 0].tolist() == [0, 5, 5 - 2**31, 5, 0, 1]


def test_a_shift_by_32_leaves_nothing(corners: Any) -> None:
    """spike_exp + state_exp = 32."""
    assert not corners.states["far shift.act"].any()


def test_thresholds_beyond_every_membrane(corners: Any) -> None:
    """No 24-bit membrane passes them; one that is above vth_hi and below vth_lo at once sends 0, and is not reset."""
    assert not corners.spikes["unreachable"].dense().any()
    assert not corners.spikes["crossed"].dense().any()
    assert corners.states["crossed.v"][:, 0].tolist() == corners.states["unreachable.v"][:, 0].tolist()
    assert corners.states["crossed.v"].any()


def test_populations_that_nothing_reaches_rest(corners: Any) -> None:
    """Without input every state keeps its first value."""
    for key, values in corners.states.items():
        if key.startswith("lone"):
            assert (values == (5 << 6 if key.endswith("theta") else 0)).all(), key
