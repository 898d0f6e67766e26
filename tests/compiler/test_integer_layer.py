"""One layer in integers: scales that share a membrane, integers of training kept, thresholds, decays, biases."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ideal_networks import ideal_layer, ideal_synapses

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler.ideal import ConvGeometry, IdealLayer, IdealSynapses
from neurotrain_hw.compiler.integer_layer import integer_layer
from neurotrain_hw.compiler.integers import IntegerLayer
from neurotrain_hw.compiler.settings import QuantisationSettings
from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.interchange import Quantisation

LOIHI2 = load_chip("loihi2")


def quantise(
    layer: IdealLayer, *synapses: IdealSynapses, steps: int = 20, chip: str = "loihi2", **options: object
) -> IntegerLayer:
    return integer_layer(layer, synapses, load_chip(chip), QuantisationSettings(**options), steps=steps)


def check_shared_membrane(layer: IntegerLayer) -> None:
    """scale == unit * grid * 2^(weight_exp + 6), neuron by neuron, and no exponent floors."""
    for s in layer.synapses:
        scale = np.repeat(s.scale, layer.unit.size // s.scale.size)
        assert np.allclose(scale, layer.unit * s.grid * 2.0 ** (s.weight_exp + 6), rtol=1e-5, atol=0)
        assert -int(math.log2(s.grid)) <= s.weight_exp <= 7


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 6),
    sizes=st.lists(st.tuples(st.integers(1, 12), st.floats(1e-3, 1e2)), min_size=1, max_size=3),
    bits=st.integers(2, 8),
    method=st.sampled_from(["max", "mse", "percentile"]),
    per_channel=st.booleans(),
    power_of_two=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_connections_onto_one_layer_share_its_membrane(n, sizes, bits, method, per_channel, power_of_two, seed):
    rng = np.random.default_rng(seed)
    synapses = [
        ideal_synapses(rng.normal(0, size, (n, n_pre)), name=f"w{k}", pre=f"p{k}")
        for k, (n_pre, size) in enumerate(sizes)
    ]
    threshold = sum(size for _, size in sizes)
    try:
        layer = quantise(
            ideal_layer(n, decay=0.9, threshold=threshold), *synapses, bits=bits, method=method,
            per_channel=per_channel, power_of_two=power_of_two,
        )  # fmt: skip
    except ValueRangeError as error:
        assert "round to zero" in str(error)  # a connection that is nothing beside the others
        return
    check_shared_membrane(layer)
    for s in layer.synapses:
        steps = s.source.weight / s.scale[:, None]
        inside = (steps > -(1 << (bits - 1)) - 0.5) & (steps < (1 << (bits - 1)) - 0.5)
        assert np.all(np.abs(steps - s.q)[inside & (s.sign_mode == "mixed")] <= 0.5 + 1e-9)
        if power_of_two:
            assert np.allclose(np.log2(s.scale), np.rint(np.log2(s.scale)), atol=1e-9)
        if method == "max":
            assert np.all(np.abs(steps - s.q) <= 0.5 + 1e-6)  # nothing saturates


@pytest.mark.parametrize("bits", [2, 5, 8])
def test_integers_of_training_stay_as_they_are(bits):
    rng = np.random.default_rng(bits)
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    q = rng.integers(low, high + 1, (6, 9))
    layer = quantise(ideal_layer(6), ideal_synapses(q * 0.037, quantisation=Quantisation(bits, 0.037)))
    (s,) = layer.synapses
    assert np.array_equal(s.q, q) and s.bits == bits and s.grid == 1 << (9 - bits)
    assert np.allclose(s.scale, 0.037)
    check_shared_membrane(layer)


def test_a_scale_per_channel_goes_into_the_neurons_own_thresholds():
    rng = np.random.default_rng(1)
    q, scales = rng.integers(-128, 128, (4, 9)), (0.01, 0.02, 0.03, 0.05)
    weight = q * np.array(scales)[:, None]
    layer = quantise(ideal_layer(4, decay=0.9), ideal_synapses(weight, quantisation=Quantisation(8, scales)))
    (s,) = layer.synapses
    assert np.array_equal(s.q, q)
    check_shared_membrane(layer)
    assert np.allclose(layer.vth * layer.unit * 64, 1, rtol=1e-3)
    assert np.allclose(layer.vth[0] / layer.vth, np.array(scales) / 0.01, rtol=1e-3)


def test_rows_scaled_after_training_keep_their_integers_also_with_a_negative_factor():
    q = np.array([[-128, 3], [5, -7], [1, 2]])
    rows = np.array([-0.5, 2.0, 0.0])
    layer = quantise(
        ideal_layer(3, decay=0.5), ideal_synapses(q * 0.1, row_scale=rows, quantisation=Quantisation(8, 0.1))
    )
    (s,) = layer.synapses
    assert s.q.tolist() == [[127, -3], [5, -7], [0, 0]]  # -128 has no opposite
    assert np.allclose(s.scale[:2], [0.05, 0.2])


def test_two_trained_connections_a_power_of_two_apart_are_both_kept():
    a = ideal_synapses([[3 * 0.1, -5 * 0.1]], name="a", quantisation=Quantisation(8, 0.1))
    b = ideal_synapses([[100 * 0.4]], name="b", pre="l", quantisation=Quantisation(8, 0.4))
    layer = quantise(ideal_layer(1, decay=0.9), a, b)
    assert [s.q.tolist() for s in layer.synapses] == [[[3, -5]], [[100]]]
    assert layer.synapses[1].weight_exp == layer.synapses[0].weight_exp + 2
    assert not any("requantised" in note for s in layer.synapses for note in s.notes)


def test_of_two_trained_connections_that_cannot_both_be_kept_the_one_that_loses_less_is_requantised():
    """Brute force: keep either, give the other the best power of two of its scale; the lesser squared error wins."""
    rng = np.random.default_rng(3)
    for scale in (0.13, 0.17, 0.3):
        qs = rng.integers(-100, 101, (3, 5)), rng.integers(-9, 10, (3, 4))
        first = ideal_synapses(qs[0] * 0.1, name="a", quantisation=Quantisation(8, 0.1))
        second = ideal_synapses(qs[1] * scale, name="b", quantisation=Quantisation(8, scale))
        layer = quantise(ideal_layer(3, decay=0.9), first, second)
        errors = []
        for kept, weight in ((0.1, second.weight), (scale, first.weight)):
            tried = [kept * 2.0**e for e in range(-12, 12)]
            errors.append(
                min(float(((weight - s * np.clip(np.rint(weight / s), -128, 127)) ** 2).sum()) for s in tried)
            )
        kept = int(errors[1] < errors[0])
        assert np.array_equal(layer.synapses[kept].q, qs[kept])
        (note,) = [n for n in layer.synapses[1 - kept].notes if "requantised" in n]
        assert "rms error" in note and f"'{'ab'[kept]}'" in note
        found = layer.synapses[1 - kept]
        weight = (first, second)[1 - kept].weight
        assert float(((weight - found.scale[:, None] * found.q) ** 2).sum()) == pytest.approx(errors[kept])
        check_shared_membrane(layer)


def spikes_of_an_integrator(weights: list[int], inputs: list[list[int]], threshold: float, reached: bool) -> list[int]:
    """One neuron in exact fractions: v += w s; a spike where v > threshold (or >=), then 0."""
    v, out = 0, []
    for row in inputs:
        v += sum(w * s for w, s in zip(weights, row, strict=True))
        fired = v >= threshold if reached else v > threshold
        out.append(int(fired))
        v = 0 if fired else v
    return out


@settings(max_examples=80, deadline=None)
@given(
    weights=st.lists(st.integers(-20, 20), min_size=2, max_size=4).filter(any),
    threshold=st.one_of(st.integers(1, 60), st.floats(1, 60)),
    reached=st.booleans(),
    chip_reaches=st.booleans(),
    data=st.data(),
)
def test_an_integrators_threshold_is_exact(tmp_path_factory, weights, threshold, reached, chip_reaches, data):
    """Every spike equal to exact arithmetic, whatever the threshold, also where the membrane lies on it."""
    rows = st.lists(st.lists(st.integers(0, 1), min_size=len(weights), max_size=len(weights)), min_size=1, max_size=30)
    inputs = data.draw(rows)
    chip = chip_that_spikes(tmp_path_factory.mktemp("chip"), "reached") if chip_reaches else LOIHI2
    layer = integer_layer(
        ideal_layer(1, threshold=threshold * 0.25, reached=reached),
        (ideal_synapses(np.array([weights]) * 0.25, quantisation=Quantisation(8, 0.25)),), chip,
        QuantisationSettings(), steps=40,
    )  # fmt: skip
    (s,) = layer.synapses
    v, found = 0, []
    for row in inputs:
        v += int((s.q[0] * s.grid) @ row) * 2.0**s.weight_exp * 64
        theta = int(layer.vth[0]) * 64
        found.append(int(v >= theta if chip_reaches else v > theta))
        v = 0 if found[-1] else v
    assert found == spikes_of_an_integrator(weights, inputs, threshold, reached)


def chip_that_spikes(folder, where):
    text = (LOIHI2.path).read_text(encoding="utf-8")
    (folder / "other.toml").write_text(text.replace('threshold = "above"', f'threshold = "{where}"'), encoding="utf-8")
    return load_chip(folder / "other.toml")


def test_decays_are_rounded_to_twelve_bits_and_the_error_is_told():
    decays = np.array([0.0, 0.3, 0.9, 0.99999, 1.0])
    layer = quantise(ideal_layer(5, decay=decays, current_decay=decays), ideal_synapses(np.ones((5, 2))))
    assert layer.dv.tolist() == [4095, round(0.7 * 4096), round(0.1 * 4096), 0, 0]
    assert layer.du.tolist() == [4095, round(4095 - 0.3 * 4096), round(4095 - 0.9 * 4096), 0, 0]
    text = "\n".join(layer.notes)
    assert "a decay slower than 1/4096 per step was lost" in text
    assert "loses at least 1/4096" in text


def test_a_layer_that_is_read_keeps_its_membrane_below_a_threshold_it_never_reaches():
    rng = np.random.default_rng(2)
    layer = quantise(ideal_layer(3, decay=0.95, threshold=np.inf), ideal_synapses(rng.normal(0, 1, (3, 10))), steps=30)
    assert layer.vth.tolist() == [2**17 - 1] * 3
    weights = layer.synapses[0].scale[:, None] * layer.synapses[0].q
    once = np.maximum(np.maximum(weights, 0).sum(1), np.maximum(-weights, 0).sum(1))
    assert np.all(once * sum(0.95**k for k in range(30)) / layer.unit < 2**23)
    huge = quantise(ideal_layer(1, threshold=np.inf), ideal_synapses(np.ones((1, 4000))), steps=100)
    assert any("membrane that is read" in note for note in huge.notes)


def test_a_bias_is_a_mantissa_and_an_exponent():
    bias = np.array([0.5, -0.25, 0.013])
    layer = quantise(ideal_layer(3, decay=0.9, bias=bias), ideal_synapses(np.full((3, 2), 0.1)))
    got = layer.bias_mant * 2.0**layer.bias_exp * layer.unit
    assert np.all(np.abs(got - bias) <= 0.5 * 2.0**layer.bias_exp * layer.unit)
    assert np.abs(layer.bias_mant).max() < 4096 and 0 <= layer.bias_exp <= 7


def test_two_connections_from_one_neuron_hold_a_constant_current_coarse_and_fine():
    current = np.array([0.3, -0.7, 0.0123])
    layer = quantise(
        ideal_layer(3, decay=0.9), ideal_synapses(np.random.default_rng(0).normal(0, 1, (3, 8))),
        ideal_synapses(current[:, None], name="coarse", pre="one"),
        ideal_synapses(np.zeros((3, 1)), name="fine", pre="one"),
    )  # fmt: skip
    got = sum(s.q[:, 0] * s.scale for s in layer.synapses[1:])
    error = np.abs(got - current).max()
    assert error < 0.7 / 127 / 50
    assert any(f"coarse: a constant of up to 0.7, off by at most {error:.3g}" in note for note in layer.notes)
    check_shared_membrane(layer)


def test_a_constant_current_that_no_connection_carries_is_refused():
    with pytest.raises(UnsupportedError, match=r"'l'.*constant current"):
        quantise(ideal_layer(2, current_bias=0.1), ideal_synapses(np.ones((2, 2))))


def test_kernels_are_taken_as_they_are():
    rng = np.random.default_rng(5)
    kernel = rng.normal(0, 0.1, (3, 2, 3, 3))
    layer = ideal_layer(12, shape=(3, 2, 2), decay=0.9)
    for per_channel in (False, True):
        found = quantise(layer, ideal_synapses(kernel, conv=ConvGeometry()), per_channel=per_channel)
        (s,) = found.synapses
        assert s.grid == 1 and s.weight_exp >= 0 and s.q.shape == kernel.shape and np.abs(s.q).max() == 127
        assert np.allclose(s.scale.reshape(-1, 1, 1, 1) * s.q, kernel, atol=s.scale.max() / 2)
        check_shared_membrane(found)
        assert np.unique(s.scale).size == (3 if per_channel else 1)


def test_a_kernel_with_a_delay_lies_on_the_grid_of_the_synapses_it_is_unrolled_to():
    kernel = np.random.default_rng(5).normal(0, 0.1, (3, 2, 3, 3))
    synapses = replace(ideal_synapses(kernel, conv=ConvGeometry()), delay=1)
    (s,) = quantise(ideal_layer(12, shape=(3, 2, 2), decay=0.9), synapses).synapses
    assert s.grid == 2


def test_weights_of_one_sign_need_no_bit_for_it():
    weight = np.random.default_rng(0).random((3, 7))
    (s,) = quantise(ideal_layer(3, decay=0.9), ideal_synapses(weight)).synapses
    assert s.sign_mode == "excitatory" and s.q.max() == 255 and s.grid == 1
    (s,) = quantise(ideal_layer(3, decay=0.9), ideal_synapses(-weight)).synapses
    assert s.sign_mode == "inhibitory" and s.q.min() == -255


def test_a_chip_with_few_thresholds_takes_no_scale_per_channel():
    layer, synapses = ideal_layer(20, decay=0.9), ideal_synapses(np.random.default_rng(0).normal(0, 1, (20, 5)))
    with pytest.raises(UnsupportedError, match="thresholds per core"):
        quantise(layer, synapses, chip="loihi1", per_channel=True)
    threshold = np.linspace(1, 2, 20)
    found = quantise(ideal_layer(20, decay=0.9, threshold=threshold), synapses, chip="loihi1")
    assert any("20 different thresholds" in note for note in found.notes)


def test_a_connection_whose_weights_all_round_to_zero_is_refused():
    big, small = ideal_synapses([[1.0]], name="big"), ideal_synapses([[1e-9]], name="small", pre="b")
    with pytest.raises(ValueRangeError, match=r"small.*round to zero"):
        quantise(ideal_layer(1, decay=0.9), big, small)
    with pytest.raises(ValueRangeError, match=r"big.*all weights are zero"):
        quantise(ideal_layer(1, decay=0.9), ideal_synapses([[0.0]], name="big"))


def test_saturated_weights_are_told_with_a_remedy():
    weight = np.concatenate([np.full((1, 95), 0.01), np.full((1, 5), 1.0)], axis=1) * np.array([[1, -1] * 50])
    (s,) = quantise(ideal_layer(1, decay=0.9), ideal_synapses(weight), method="percentile", percentile=90).synapses
    assert any("5.0% of the weights saturate" in note and "percentile" in note for note in s.notes)
