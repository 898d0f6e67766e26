"""Scales of weights after training, against brute force and formulas in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler.scales import choose_scales, squared_error
from neurotrain_hw.compiler.settings import QuantisationSettings
from neurotrain_hw.compiler.weight_format import WeightFormat, allowed_bits, weight_format
from neurotrain_hw.errors import UnsupportedError, ValueRangeError

LOIHI2 = load_chip("loihi2")


def form_of(bits: int, sign_mode: str = "mixed") -> WeightFormat:
    return weight_format(LOIHI2, bits, sign_mode, conv=False, where="w")


def error_of(weights: np.ndarray, scale: float, low: int, high: int) -> float:
    """Of every weight to the nearest of all multiples of the scale that there are."""
    return float(((weights[:, None] - scale * np.arange(low, high + 1)) ** 2).min(1).sum())


@settings(max_examples=15, deadline=None)
@given(bits=st.integers(2, 8), n=st.integers(10, 60), tail=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_the_least_squared_error_is_near_that_of_brute_force(bits, n, tail, seed):
    rng = np.random.default_rng(seed)
    weight = rng.standard_t(2, (1, n)) if tail else rng.normal(0, 1, (1, n))
    form = form_of(bits)
    (scale,) = choose_scales(weight, form, QuantisationSettings("mse"))
    largest = np.abs(weight).max() / form.high
    brute = min(error_of(weight[0], largest * f, form.low, form.high) for f in np.linspace(0.05, 1.05, 200))
    found = error_of(weight[0], float(scale), form.low, form.high)
    assert found <= 1.15 * brute + 1e-12
    assert found <= error_of(weight[0], largest, form.low, form.high) + 1e-12


def test_the_largest_weight_and_the_percentile_by_hand():
    weight = np.array([[0.1, -0.2, 0.3, 4.0], [-0.5, 0.6, 0.7, 0.8]])
    assert choose_scales(weight, form_of(8), QuantisationSettings()).tolist() == [4.0 / 127] * 2
    rows = choose_scales(weight, form_of(8), QuantisationSettings(per_channel=True))
    assert rows.tolist() == [4.0 / 127, 0.8 / 127]
    magnitudes = sorted(abs(w) for w in weight.ravel().tolist())
    at = 0.9 * (len(magnitudes) - 1)  # between two of the sorted weights
    low, part = int(at), at - int(at)
    cut = magnitudes[low] + part * (magnitudes[low + 1] - magnitudes[low])
    found = choose_scales(weight, form_of(8), QuantisationSettings("percentile", percentile=90))
    assert found[0] == pytest.approx(cut / 127)


def test_powers_of_two_clip_nothing_by_the_largest_weight_and_lose_least_otherwise():
    rng = np.random.default_rng(0)
    for seed in range(5):
        weight = np.random.default_rng(seed).normal(0, rng.uniform(0.01, 10), (1, 200))
        (scale,) = choose_scales(weight, form_of(4), QuantisationSettings(power_of_two=True))
        assert scale == 2.0 ** math.ceil(math.log2(np.abs(weight).max() / 7))
        (scale,) = choose_scales(weight, form_of(4), QuantisationSettings("mse", power_of_two=True))
        every = {e: error_of(weight[0], 2.0**e, -8, 7) for e in range(-12, 8)}
        assert every[round(math.log2(scale))] == pytest.approx(min(every.values()))


def test_a_row_without_weights_takes_a_scale_like_the_others():
    weight = np.array([[0.0, 0.0], [0.5, -1.0], [1.0, 1.0]])
    scale = choose_scales(weight, form_of(8), QuantisationSettings("mse", per_channel=True))
    assert np.all(scale > 0) and 0.5 < scale[0] * 127 < 2
    assert squared_error(weight, scale, form_of(8))[0] == 0
    assert choose_scales(np.zeros((2, 3)), form_of(8), QuantisationSettings()).tolist() == [1.0, 1.0]


def test_bits_of_other_chips():
    assert allowed_bits(load_chip("loihi1")) == (1, 2, 3, 4, 5, 6, 8)
    assert allowed_bits(load_chip("edge_sram")) == (1, 2, 3, 4, 5, 6, 8)  # 16 bits lie beyond the 8-bit grid
    assert weight_format(load_chip("loihi1"), 7, "mixed", conv=False, where="w").stored_bits == 8
    with pytest.raises(UnsupportedError, match="truenorth"):
        allowed_bits(load_chip("truenorth"))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"method": "magic"}, "magic"),
        ({"percentile": 20}, "50..100"),
        ({"bits": 0}, "1..16"),
        ({"bits": {"a": 17}}, "17"),
    ],
)
def test_settings_out_of_range(values, words):
    with pytest.raises(ValueRangeError, match=words):
        QuantisationSettings(**values)


def test_bits_by_name_of_a_connection_or_its_layer():
    settings = QuantisationSettings(bits={"l1": 4, "w": 3})
    assert (settings.bits_of("l1", "w"), settings.bits_of("l1", "x"), settings.bits_of("l2", "x")) == (3, 4, None)
    assert QuantisationSettings(bits=6).bits_of("l1", "w") == 6
