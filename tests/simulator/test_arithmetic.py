"""Every pure function of the chip's arithmetic against Python's integers, with the edges at powers of two."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis.extra.numpy import arrays

from neurotrain_hw.simulator import arithmetic as a
from neurotrain_hw.synapses import derive_sign_mode, truncate_weights

QUICK = settings(max_examples=100, deadline=None)
EDGES = sorted({sign * 2**k + d for k in (0, 7, 8, 15, 16, 23, 24, 31) for d in (-1, 0, 1) for sign in (-1, 1)})


def integers(low: int, high: int) -> st.SearchStrategy[int]:
    """Any integer of the range, the edges often."""
    inside = [e for e in (*EDGES, low, high) if low <= e <= high]
    return st.one_of(st.sampled_from(inside), st.integers(low, high))


STATE = integers(-(2**24), 2**24)
INT32 = integers(-(2**31), 2**31 - 1)


def _wrap(x: int) -> int:
    return (x + 2**31) % 2**32 - 2**31


def _toward_zero(x: int, k: int) -> int:
    return int(Fraction(x, 2**k))  # a Fraction becomes an integer by dropping what is behind the point


@QUICK
@given(integers(-(2**40), 2**40))
def test_wrap32(x: int) -> None:
    assert a.wrap32(x) == _wrap(x)


@QUICK
@given(integers(-(2**40), 2**40), st.integers(0, 31))
def test_shift_toward_zero(x: int, k: int) -> None:
    assert a.shift_toward_zero(x, k) == _toward_zero(x, k)


@QUICK
@given(STATE, integers(0, 4096))
def test_decay(x: int, constant: int) -> None:
    assert a.decay(x, constant) == int(Fraction(x * (4096 - constant), 4096))


@QUICK
@given(STATE, INT32, integers(0, 4095))
@example(2**23, 0, 0)
@example(0, 2**17, 4095)
@example(0, -(2**17), 4095)
def test_update_current(u: int, a_in: int, du: int) -> None:
    total = _wrap(int(Fraction(u * (4095 - du), 4096)) + _wrap(a_in * 64))
    if total > 2**23:
        total -= 2**24
    elif total <= -(2**23):
        total += 2**24
    assert a.update_current(u, a_in, du) == total


@QUICK
@given(integers(-(2**23) + 1, 2**23 - 1), STATE, integers(-(2**20), 2**20), integers(0, 4096))
@example(2**23 - 1, 2**23, 0, 0)
@example(-(2**23) + 1, -(2**23), -1, 0)
def test_update_voltage(v: int, u: int, bias: int, dv: int) -> None:
    total = _wrap(int(Fraction(v * (4096 - dv), 4096)) + u + bias)
    assert a.update_voltage(v, u, bias, dv) == max(-(2**23) + 1, min(2**23 - 1, total))


@QUICK
@given(integers(-(2**15), 2**15), st.integers(-31, 31))
def test_effective_bias(mantissa: int, exponent: int) -> None:
    assert a.effective_bias(mantissa, exponent) == floor(Fraction(mantissa) * Fraction(2) ** exponent)


@QUICK
@given(arrays(np.int32, (2, 3), elements=integers(-(2**15), 2**15)))
def test_sign_mode(weights: np.ndarray) -> None:
    signs = {w > 0 for w in weights.ravel().tolist() if w != 0}
    expected = "mixed" if signs == {True, False} else "inhibitory" if signs == {False} else "excitatory"
    assert derive_sign_mode(weights) == expected


@QUICK
@given(
    arrays(np.int32, (2, 3), elements=integers(-(2**15), 2**15)),
    st.sampled_from(["mixed", "excitatory", "inhibitory"]), st.integers(1, 8), st.booleans(),
)  # fmt: skip
def test_truncate_weights(weights: np.ndarray, mode: str, bits: int, clip: bool) -> None:
    step = 2 ** (8 - bits + (mode == "mixed"))
    low, high = {"mixed": (-256, 255), "excitatory": (0, 255), "inhibitory": (-255, 0)}[mode]
    expected = []
    for w in weights.ravel().tolist():
        inside = max(low, min(high, w)) if clip else w
        # magnitudes of inhibitory weights are cut, so that these move to zero; the others move down
        expected.append(-(-inside // step) * step if mode == "inhibitory" else inside // step * step)
    assert truncate_weights(weights, mode, bits, clip=clip).ravel().tolist() == expected


@QUICK
@given(integers(-(2**15), 2**15))
def test_clip_weights(w: int) -> None:
    assert a.clip_weights(w, "mixed") == sorted((-256, w, 255))[1]
    assert a.clip_weights(w, "excitatory") == sorted((0, w, 255))[1]
    assert a.clip_weights(w, "inhibitory") == sorted((-255, w, 0))[1]


@QUICK
@given(integers(-127, 127), st.floats(0, 1), st.floats(0, 1, exclude_max=True))
@example(127, 1.0, 0.0)
def test_decay_trace(value: int, factor: float, random: float) -> None:
    """The product is rounded to a double; what follows is exact."""
    z = Fraction(factor * value)
    fraction = float(z - floor(z))  # as Lava: a remainder just below 1 may round to 1
    assert a.decay_trace(value, factor, random) == floor(z) + (random < fraction)


@QUICK
@given(integers(-300, 300), integers(0, 300), integers(0, 256), integers(0, 127))
def test_add_impulse(value: int, whole: int, fraction: int, random: int) -> None:
    assert a.add_impulse(value, whole, fraction, random) == sorted((0, value + whole + (random < fraction), 127))[1]


@QUICK
@given(integers(0, 127), integers(0, 255))
def test_split_impulse(whole: int, fraction: int) -> None:
    assert a.split_impulse(whole + fraction / 256) == (whole, fraction)


@pytest.mark.parametrize(
    ("impulse", "parts"), [(0.4, (0, 102)), (7.25, (7, 64)), (0.5 / 256, (0, 0)), (1.5 / 256, (0, 2))]
)
def test_split_impulse_rounds_half_to_even(impulse: float, parts: tuple[int, int]) -> None:
    assert a.split_impulse(impulse) == parts


@QUICK
@given(integers(-(2**15) - 1, 2**15 - 1), st.one_of(st.integers(0, 127).map(lambda k: k / 128),
                                                    st.floats(0, 1, exclude_max=True)))  # fmt: skip
def test_round_weight(accumulator: int, random: float) -> None:
    quotient, rest = divmod(accumulator, 128)
    assert a.round_weight(accumulator, random) == quotient + (Fraction(random) < Fraction(rest, 128))


@QUICK
@given(STATE, STATE, integers(0, 2**23))
def test_third_factor_box(v: int, theta: int, halfwidth: int) -> None:
    assert a.third_factor_box(v, theta, halfwidth) == (theta - halfwidth <= v <= theta + halfwidth)


def test_arrays_are_taken_element_by_element() -> None:
    x = np.array(EDGES)
    for function in (a.wrap32, lambda v: a.shift_toward_zero(v, 6), lambda v: a.decay(v, 500),
                     lambda v: a.round_weight(v, 0.3), lambda v: a.update_current(v, 5, 77)):  # fmt: skip
        assert function(x).tolist() == [int(function(int(v))) for v in EDGES]
