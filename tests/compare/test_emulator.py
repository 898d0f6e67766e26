"""The emulator: with all effects the integer simulator to the bit, with none the float reference."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from compare_networks import layer, network, program, run, synapses
from hypothesis import given, settings
from hypothesis import strategies as st

from neurotrain_hw.compare.emulator import Emulator
from neurotrain_hw.compiler.ideal import ConvGeometry
from neurotrain_hw.program import Arithmetic

STEPS, BATCH = 12, 3
arithmetics = st.builds(
    Arithmetic, threshold=st.sampled_from(["above", "reached"]), reset=st.sampled_from(["zero", "subtract"]),
    u_overflow=st.sampled_from(["wrap_once", "wrap", "saturate"]), v_overflow=st.sampled_from(["saturate", "wrap"]),
)  # fmt: skip


def expect_the_simulator(inputs, layers, given, arithmetic):
    """0 differing spikes, u and v."""
    made = program({name: x.shape[2:] for name, x in given.items()}, layers, arithmetic)
    chip = run(made, given, layers)
    found = Emulator(network(inputs, layers), layers, arithmetic=arithmetic).run(
        given, record=[one.source.name for one in layers]
    )
    for one in layers:
        name = one.source.name
        for key, mine in (("spikes", found.sent[name]), ("u", found.u[name]), ("v", found.v[name])):
            np.testing.assert_array_equal(mine, chip[name][key], err_msg=f"{name}.{key}")
    return chip


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), arithmetic=arithmetics, exps=st.tuples(*[st.integers(-3, 6)] * 3))
def test_all_effects_are_the_simulator_dense_and_recurrent(seed, arithmetic, exps):
    """Weights large enough to leave 24 bits in many examples; thresholds from tiny to out of reach."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, 3)
    layers = []
    for k, (n_pre, n_post) in enumerate(pairwise(sizes), start=1):

        def q(a, b):
            return rng.integers(-128, 128, (a, b))

        parts = [synapses(f"w{k}", "in" if k == 1 else "l1", f"l{k}", q(n_post, n_pre), weight_exp=exps[0])]
        if rng.random() < 0.5:
            parts.append(synapses(f"r{k}", f"l{k}", f"l{k}", q(n_post, n_post), weight_exp=exps[k], latency=1))
        vth = rng.integers(40, 1 << rng.integers(6, 17), n_post)
        layers.append(layer(
            f"l{k}", (int(n_post),), parts, du=rng.integers(0, 4096, n_post), dv=rng.integers(0, 4096, n_post),
            vth=vth, bias_mant=rng.integers(-vth * 8, vth * 8 + 1).clip(-4095, 4095), bias_exp=int(rng.integers(0, 2)),
            reset=arithmetic.reset,
        ))  # fmt: skip
    x = rng.integers(0, 2, (STEPS, BATCH, int(sizes[0])))
    expect_the_simulator({"in": (int(sizes[0]),)}, layers, {"in": x}, arithmetic)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), exp=st.integers(-2, 6))
def test_all_effects_are_the_simulator_convolutional(seed, exp):
    rng = np.random.default_rng(seed)
    groups = int(rng.choice([1, 2]))
    geometry = ConvGeometry(
        stride=tuple(rng.integers(1, 3, 2).tolist()), padding=tuple(rng.integers(0, 2, 2).tolist()),
        dilation=(1, int(rng.integers(1, 3))), groups=groups,
    )  # fmt: skip
    kernel = rng.integers(-128, 128, (4, 2 // groups, 2, 3))
    spans = [d * (k - 1) + 1 for d, k in zip(geometry.dilation, (2, 3), strict=True)]
    sent = [
        (s + 2 * p - span) // step + 1
        for s, p, span, step in zip((6, 7), geometry.padding, spans, geometry.stride, strict=True)
    ]
    shape = (4, *sent)
    flat = rng.integers(-60, 60, (5, int(np.prod(shape))))
    layers = [
        layer("c", shape, [synapses("k", "in", "c", kernel, conv=geometry, weight_exp=exp)], dv=300,
              vth=rng.integers(50, 3000)),
        layer("d", (5,), [synapses("w", "c", "d", flat)], du=1000, vth=900),
    ]  # fmt: skip
    x = rng.integers(0, 2, (STEPS, 2, 2, 6, 7))
    expect_the_simulator({"in": (2, 6, 7)}, layers, {"in": x}, Arithmetic())


def test_the_hypothesis_above_reaches_overflow_and_spikes():
    q = np.full((2, 4), 127)
    layers = [layer("l1", (2,), [synapses("w", "in", "l1", q, weight_exp=6)], du=100, dv=0, vth=131071)]
    x = np.ones((STEPS, 1, 4), np.int64)
    expect_the_simulator({"in": (4,)}, layers, {"in": x}, Arithmetic())
    found = Emulator(network({"in": (4,)}, layers), layers).run({"in": x})
    assert min(found.beyond["l1"]) > 0 and found.sent["l1"].sum() > 0


@pytest.mark.parametrize("effect", ["weights", "decay", "threshold", "bias", "reset"])
def test_an_effect_that_rounds_nothing_changes_nothing(effect):
    rng = np.random.default_rng(3)
    q = rng.integers(-20, 60, (5, 6))
    layers = [layer("l1", (5,), [synapses("w", "in", "l1", q)], du=2000, bias_mant=7, vth=400)]
    x = rng.integers(0, 2, (30, 4, 6))
    emulator = Emulator(network({"in": (6,)}, layers), layers)
    without, one = (emulator.run({"in": x}, effects, record=["l1"]) for effects in ((), (effect,)))
    assert without.sent["l1"].sum() > 50
    np.testing.assert_array_equal(without.v["l1"], one.v["l1"])
