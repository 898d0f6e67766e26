"""A Program refuses what contradicts itself, and every refusal names the place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from program_forms import KINDS

from neurotrain_hw.errors import NeurotrainError, UnknownNameError, ValueRangeError
from neurotrain_hw.program import Arithmetic, Connection, CoreSlice, Modulator, Plasticity, Population, Program, Timing
from neurotrain_hw.program.synapses import Convolution, PackedWeights, SparseWeights, pack_weights, sparse_weights

LIF = {"du": 4095, "dv": 100, "vth": 10, "bias_mant": 0, "bias_exp": 0}
WIRE = "connection 'c' (in -> out)"


def _program(**changes: Any) -> Program:
    """Two inputs on three neurons; `population`, `connection` and `modulator` change fields, the rest the program."""
    rule = Plasticity("2f", dw="x1*y0")
    population = {"parameters": LIF, **changes.pop("population", {})}
    connection = {"weights": np.ones((3, 2), np.int16), "plasticity": rule, **changes.pop("connection", {})}
    inputs = (Population("in", "input", (2,)), Population("aim", "input", (3,)))
    fields = {
        "populations": (*inputs, Population(**{"name": "out", "kind": "lif", "shape": (3,), **population})),
        "connections": (Connection(**{"name": "c", "kind": "dense", "pre": "in", "post": "out", **connection}),),
        "outputs": ("out",),
    }
    return Program("small", **{**fields, **changes})


def _with(**values: Any) -> dict[str, Any]:
    return {"population": {"parameters": {**LIF, **values}}}


def _modulated(**values: Any) -> dict[str, Any]:
    return {"population": {"modulator": Modulator(**{"signal": "error", "target": "aim", **values})}}


def _rule(**values: Any) -> dict[str, Any]:
    return {"connection": {"plasticity": Plasticity(**{"kind": "2f", **values})}}


def _wire(**values: Any) -> dict[str, Any]:
    return {"connection": values}


def _arithmetic(**values: Any) -> dict[str, Any]:
    return {"population": {"arithmetic": Arithmetic(**values)}}


W = np.full((3, 2), 2, np.int32)


def _chip_form(weights: Any, **values: Any) -> dict[str, Any]:
    return {"connection": {"weights": weights, "sign_mode": "mixed", "plasticity": None, **values}}


def test_a_good_program_is_accepted() -> None:
    program = _program(**_modulated())
    assert program.inputs == ("in", "aim")
    assert program.population("out").n == 3
    assert program.connection("c").post == "out"


FAULTS = {
    "same name twice": ({"populations": (Population("in", "input", (2,)),) * 2}, "'in'", "same name"),
    "empty name": (
        {"populations": (Population("", "input", (2,)),), "connections": (), "outputs": ()},
        "",
        "1 to 200 characters",
    ),
    "name too long": (
        {"populations": (Population("n" * 201, "input", (2,)),), "connections": (), "outputs": ()},
        "",
        "1 to 200",
    ),
    "output": ({"outputs": ("outt",)}, "outputs", "Did you mean out?"),
    "kind": ({"population": {"kind": "lifs"}}, "population 'out'", "Did you mean lif"),
    "no shape": ({"population": {"shape": ()}}, "population 'out'", "neurons"),
    "empty shape": ({"population": {"shape": (3, 0)}}, "population 'out'", "neurons"),
    "huge shape": ({"population": {"shape": (2**32, 2**32)}}, "population 'out'", "2^31 - 1 neurons"),
    "missing parameter": ({"population": {"parameters": {"du": 1}}}, "population 'out'", "'dv' is missing"),
    "extra parameter": (_with(vthr=3), "population 'out'", "Did you mean vth?"),
    "float parameter": (_with(du=0.5), "population 'out'", "'du' has type float64"),
    "long parameter": (_with(du=np.ones(4, np.int32)), "population 'out'", "shape (4,)"),
    "wide parameter": (_with(vth=2**31), "population 'out'", "-2147483648 to 2147483647"),
    "decay": (_with(dv=4097), "population 'out'", "expected 0 to 4096"),
    "current decay": (_with(du=np.array([0, 1, -2], np.int32)), "population 'out'", "expected -1 to 4096"),
    "bias exponent": (_with(bias_exp=32), "population 'out'", "expected -31 to 31"),
    "interval": (
        {"population": {"kind": "lif_reset", "parameters": {**LIF, "reset_interval": 0, "reset_offset": 0}}},
        "population 'out'",
        "'reset_interval'",
    ),
    "modulator on an input": (
        {
            "populations": (Population("in", "input", (2,), {}, Modulator("feedback")),),
            "connections": (),
            "outputs": (),
        },
        "population 'in'",
        "lif or lif_reset",
    ),
    "signal": (_modulated(signal="bribe"), "population 'out'", "'error' or 'feedback' or 'reward'"),
    "psi": (_modulated(psi="gauss"), "population 'out'", "'none' or 'box'"),
    "psi_halfwidth": (_modulated(psi_halfwidth=-1), "population 'out'", "modulator.psi_halfwidth is -1"),
    "signal_shift": (_modulated(signal_shift=32), "population 'out'", "0 to 31"),
    "trace_decay": (_modulated(trace_decay=4097), "population 'out'", "0 to 4096"),
    "trace_impulse": (_modulated(trace_impulse=1.5), "population 'out'", "modulator.trace_impulse is 1.5"),
    "trace_shift": (_modulated(trace_shift=True), "population 'out'", "modulator.trace_shift is True"),
    "no target": (_modulated(target=None), "population 'out'", "its signal 'error' has no target"),
    "target of another size": (_modulated(target="in"), "population 'out'", "an input of 3 neurons"),
    "pre": (_wire(pre="inn"), "connection 'c' (inn -> out)", "Did you mean in?"),
    "post": (_wire(post="outs"), "connection 'c' (in -> outs)", "Did you mean out?"),
    "kind of connection": (_wire(kind="pool"), WIRE, "dense"),
    "shape of weights": (_wire(weights=np.ones((2, 3), np.int16)), WIRE, "integers of (3, 2)"),
    "type of weights": (_wire(weights=np.ones((3, 2))), WIRE, "float64"),
    "sign mode": (_wire(sign_mode="positive"), WIRE, "'excitatory'"),
    "port": (_wire(port="dendrite"), WIRE, "'signal'"),
    "pre port": (_wire(pre_port="soma"), WIRE, "'error'"),
    "weight_exp": (_wire(weight_exp=32), WIRE, "-31 to 31"),
    "num_weight_bits": (_wire(num_weight_bits=9), WIRE, "1 to 8"),
    "num_message_bits": (_wire(num_message_bits=33), WIRE, "0 to 32"),
    "max_delay": (_wire(max_delay=-1), WIRE, "0 to 63"),
    "shape of many axes": ({"population": {"shape": (1,) * 9}}, "population 'out'", "1 to 8 axes"),
    "arithmetic": (_arithmetic(threshold="below"), "population 'out'", "'above' or 'reached'"),
    "reset of the arithmetic": (_arithmetic(reset="none"), "population 'out'", "'zero' or 'subtract'"),
    "overflow of u": (_arithmetic(u_overflow="clip"), "population 'out'", "'wrap_once' or 'wrap' or 'saturate'"),
    "overflow of v": (_arithmetic(v_overflow="wrap_once"), "population 'out'", "'saturate' or 'wrap'"),
    "arithmetic of a sigma": (
        {"population": {"kind": "sigma", "parameters": {}, "arithmetic": Arithmetic("reached")}},
        "population 'out'",
        "one arithmetic only",
    ),
    "a ternary neuron that subtracts": (
        {
            "population": {
                "kind": "ternary_lif",
                "parameters": KINDS["ternary_lif"],
                "arithmetic": Arithmetic(reset="subtract"),
            }
        },
        "population 'out'",
        "resets to zero",
    ),
    "imag port of a neuron without": (_wire(port="imag"), WIRE, "resonators only"),
    "sparse weights of a dense kind": (_chip_form(sparse_weights(W, "mixed", 8)), WIRE, "kind sparse or delay_sparse"),
    "packed weights that learn": (
        {"connection": {"weights": pack_weights(W, "mixed", 8), "sign_mode": "mixed"}},
        WIRE,
        "no learning rule",
    ),
    "packed weights of another shape": (_chip_form(pack_weights(W.T, "mixed", 8)), WIRE, "shape (3, 2)"),
    "packed weights without a sign mode": (
        _chip_form(pack_weights(W, "mixed", 8), sign_mode=None),
        WIRE,
        "expected a sign_mode",
    ),
    "packed weights of other bits": (
        _chip_form(pack_weights(W, "mixed", 4)),
        WIRE,
        "expected (8, 1, True, False) for 8 bits, mixed",
    ),
    "delays beside sparse weights": (
        _chip_form(sparse_weights(W, "mixed", 8, W), kind="delay_sparse", delays=W),
        WIRE,
        "delays within",
    ),
    "geometry of a dense connection": (_wire(conv=Convolution()), WIRE, "kind conv"),
    "conv without geometry": (_wire(kind="conv"), WIRE, "its geometry"),
    "delays of a dense connection": (_wire(delays=np.ones((3, 2), np.int32)), WIRE, "delay_dense"),
    "no delays": (_wire(kind="delay_dense"), WIRE, "without delays"),
    "long delays": (_wire(kind="delay_dense", delays=np.full((3, 2), 64, np.int32)), WIRE, "0..63 steps"),
    "delays above max_delay": (
        _wire(kind="delay_dense", delays=np.full((3, 2), 4, np.int32), max_delay=3),
        WIRE,
        "need 4, limit 3",
    ),
    "shape of delays": (_wire(kind="delay_dense", delays=np.ones((2, 3), np.int32)), WIRE, "delays have type int32"),
    "into an input": (_wire(post="in", weights=np.ones((2, 2), np.int16)), "connection 'c' (in -> in)", "only send"),
    "port without modulator": (_wire(port="signal"), WIRE, "port 'signal'"),
    "pre port without modulator": (_wire(pre_port="error"), WIRE, "port 'error'"),
    "kind of rule": (_rule(kind="4f"), WIRE, "'2f' or '3f'"),
    "rounding": (_rule(rounding="own"), WIRE, "'shared'"),
    "epoch": (_rule(t_epoch=0), WIRE, "plasticity.t_epoch is 0"),
    "seed": (_rule(rng_seed=-1), WIRE, "plasticity.rng_seed is -1"),
    "trace": (_rule(traces={"x3_tau": 1}), WIRE, "'x3_tau'"),
    "negative tau": (_rule(traces={"x1_tau": -1}), WIRE, "x1_tau is -1"),
    "no number": (_rule(traces={"x1_tau": float("nan")}), WIRE, "x1_tau is nan"),
    "shape of a tag": (_rule(tag_1=np.ones((2, 3), np.int32)), WIRE, "tag_1"),
    "type of a tag": (_rule(tag_2=np.ones((3, 2))), WIRE, "tag_2 has type float64"),
    "placement of nothing": ({"placement": (CoreSlice("h", 0, 1, 0, 0),)}, "placement", "population called 'h'"),
    "placement too long": ({"placement": (CoreSlice("out", 0, 4, 0, 0),)}, "placement of 'out'", "its 3 neurons"),
    "empty placement": ({"placement": (CoreSlice("out", 2, 2, 0, 0),)}, "placement of 'out'", "2 to 2"),
    "scale": ({"scales": {"out": float("inf")}}, "scale of 'out'", "a finite number"),
    "sample steps": ({"timing": Timing(0, {"out": 1})}, "timing", "sample_steps is 0"),
    "depth of nothing": ({"timing": Timing(5, {"h": 1})}, "timing", "population called 'h'"),
    "negative depth": ({"timing": Timing(5, {"out": -1})}, "timing", "depth of 'out' is -1"),
}


@pytest.mark.parametrize(("changes", "where", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_contradiction_is_refused_with_its_place(changes: dict[str, Any], where: str, message: str) -> None:
    with pytest.raises(NeurotrainError) as caught:
        _program(**changes)
    assert isinstance(caught.value, UnknownNameError | ValueRangeError)
    assert caught.value.where == where
    assert message in str(caught.value)


def test_names_that_are_not_there_offer_the_nearest() -> None:
    program = _program()
    with pytest.raises(UnknownNameError, match=r"no population called 'outp'.*Did you mean out"):
        program.population("outp")
    with pytest.raises(UnknownNameError, match=r"no connection called 'd'.*Known: c"):
        program.connection("d")
    with pytest.raises(UnknownNameError, match="no connection called 'd'"):
        program.with_weights({"d": np.zeros((3, 2), int)})


def test_with_weights_changes_the_weights_and_nothing_else() -> None:
    program, other = _program(), np.arange(6, dtype=np.int32).reshape(3, 2)
    changed = program.with_weights({"c": other})
    np.testing.assert_array_equal(changed.connection("c").weights, other)
    np.testing.assert_array_equal(program.connection("c").weights, np.ones((3, 2)))
    assert replace(changed.connection("c"), weights=program.connection("c").weights).__dict__ == (
        program.connection("c").__dict__
    )
    with pytest.raises(ValueRangeError, match="connection 'c'"):
        program.with_weights({"c": other.T})


def test_a_parameter_is_one_value_per_neuron() -> None:
    program = _program(**_with(vth=np.array([1, 2, 3], np.int32)))
    assert program.population("out").parameter("vth").tolist() == [1, 2, 3]
    assert program.population("out").parameter("dv").tolist() == [100, 100, 100]
    assert Population("image", "input", (2, 3, 4)).n == 24


def _image(**changes: Any) -> Program:
    """A convolution of 3 x 3 taps from 8 x 8 x 4 to 6 x 6 x 6, in two groups."""
    fields = {"weights": np.ones((6, 3, 3, 2), np.int16), "conv": Convolution(groups=2), **changes}
    populations = (Population("in", "input", (8, 8, 4)), Population("out", "lif", (6, 6, 6), LIF))
    return Program("image", populations, (Connection("c", "conv", "in", "out", **fields),))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"conv": Convolution((2, 2), groups=2)}, r"shape \(6, 6, 6\) \(expected \(3, 3, 6\)\)"),
        ({"conv": Convolution()}, "C_in = its last size times the groups"),
        ({"conv": Convolution((0, 1), groups=2)}, "conv.stride is 0.*from 1 to 32768"),
        ({"conv": Convolution((1, 1), (-1, 0), groups=2)}, "conv.padding is -1"),
        ({"conv": Convolution(dilation=(1, 2**16), groups=2)}, "conv.dilation is 65536"),
        ({"conv": Convolution((1,), groups=2)}, "a pair of integers"),  # type: ignore[arg-type]
        ({"conv": Convolution(groups=0)}, "conv.groups is 0"),
        ({"weights": np.ones((6, 3, 3, 2))}, "float64"),
        ({"weights": np.ones((6, 3, 3), np.int16)}, r"shape \(6, 3, 3\)"),
        ({"weights": np.full((6, 3, 3, 2), 2**31)}, "does not fit into 32 bits"),
        ({"plasticity": Plasticity("2f", dw="x1*y0")}, "does not learn"),
        ({"num_weight_bits": 2, "weights": np.full((6, 3, 3, 2), 2)}, "here 2 to 2.*integers of 2 bits"),
        ({"delays": np.ones((6, 3, 3, 2), np.int32)}, "delays"),
    ],
)
def test_a_convolution_that_contradicts_itself_is_refused(changes: dict[str, Any], says: str) -> None:
    assert _image().connection("c").matrix().shape == (6, 3, 3, 2)
    with pytest.raises(ValueRangeError, match=rf"connection 'c' \(in -> out\): .*{says}"):
        _image(**changes)


def test_packing_a_program_changes_no_weight_and_keeps_what_learns() -> None:
    """One byte for each static dense synapse, rows for sparse ones; kernels and plastic weights stay as they are."""
    rng = np.random.default_rng(0)
    weights, rule = rng.integers(-300, 300, (3, 2)), Plasticity("2f", dw="x1*y0")
    base: dict[str, Any] = {"pre": "in", "post": "out", "weights": weights}
    delays = np.ones((3, 2), np.int32)
    program = Program(
        "mixed",
        (Population("in", "input", (2,)), Population("out", "lif", (3,), LIF)),
        (
            Connection("d", "dense", **base),
            Connection("s", "sparse", **base, num_weight_bits=4),
            Connection("p", "dense", **base, plasticity=rule),
            Connection("ds", "delay_sparse", **base, delays=delays),
            Connection("dd", "delay_dense", **base, delays=delays),
        ),
    )
    packed = program.packed()
    for before, after in zip(program.connections, packed.connections, strict=True):
        np.testing.assert_array_equal(before.matrix(), after.matrix())
        assert before.longest_delay == after.longest_delay
        assert after.resolved_sign_mode == before.resolved_sign_mode
    kinds = {c.name: type(c.weights) for c in packed.connections}
    assert kinds == {"d": PackedWeights, "s": SparseWeights, "p": np.ndarray, "ds": SparseWeights, "dd": np.ndarray}
    image = _image()
    assert image.packed().connection("c").weights is image.connection("c").weights
