"""Every pure function of the chip's arithmetic against Python's integers, with the edges at powers of two."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis.extra.numpy import arrays

from neurotrain_hw.program.synapses import derive_sign_mode, truncate_weights
from neurotrain_hw.simulator import arithmetic as a

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
@given(st.lists(st.tuples(integers(-256, 255), INT32), min_size=1, max_size=5), st.integers(-31, 31), st.booleans())
@example([(200, 2**23), (200, 2**23)], -3, True)
@example([(200, 2**23), (200, 2**23)], -3, False)
def test_sum_messages(pairs: list[tuple[int, int]], exponent: int, wide: bool) -> None:
    total = sum(_wrap(w * s) for w, s in pairs)
    shifted = floor(Fraction(total if wide else _wrap(total)) * Fraction(2) ** exponent)
    weights, values = (np.array(part, np.int64) for part in zip(*pairs, strict=True))
    assert a.sum_messages(weights[None, :], values, exponent, wide=wide).tolist() == [_wrap(shifted)]


@QUICK
@given(integers(-(2**40), 2**40))
def test_wrap24(x: int) -> None:
    assert a.wrap24(x) == (x + 2**23) % 2**24 - 2**23


@QUICK
@given(STATE, INT32, integers(-1, 4096))
@example(2**23, 0, -1)
@example(0, 2**17, 4095)
@example(0, -(2**17), 4095)
def test_other_overflows_of_the_current(u: int, a_in: int, du: int) -> None:
    total = _wrap(int(Fraction(u * (4095 - du), 4096)) + _wrap(a_in * 64))
    assert a.update_current(u, a_in, du, "wrap") == (total + 2**23) % 2**24 - 2**23
    assert a.update_current(u, a_in, du, "saturate") == max(-(2**23) + 1, min(2**23 - 1, total))


@QUICK
@given(integers(-(2**23), 2**23 - 1), INT32, INT32, integers(0, 4096))
@example(2**23 - 1, 1, 0, 0)
@example(-(2**23), -1, 0, 0)
def test_a_membrane_that_wraps(v: int, u: int, bias: int, dv: int) -> None:
    total = _wrap(int(Fraction(v * (4096 - dv), 4096)) + u + bias)
    assert a.update_voltage(v, u, bias, dv, "wrap") == (total + 2**23) % 2**24 - 2**23


@QUICK
@given(STATE, STATE)
@example(64, 64)
def test_threshold_and_reset(v: int, theta: int) -> None:
    assert a.exceeds(v, theta) == (v > theta)
    assert a.exceeds(v, theta, "reached") == (v >= theta)
    assert [a.reset_voltage(v, theta, s) for s in (0, 1, -1)] == [v, 0, 0]
    assert [a.reset_voltage(v, theta, s, "subtract") for s in (0, 1)] == [v, v - theta]


@QUICK
@given(STATE, STATE, STATE)
@example(64, 64, 64)
@example(0, 64, -64)
def test_ternary_spike(v: int, low: int, high: int) -> None:
    assert a.ternary_spike(v, low, high) == (v > high) - (v < low)
    assert a.ternary_spike(v, low, high, "reached") == (v >= high) - (v <= low)


@pytest.mark.parametrize(
    ("left", "spike", "period", "after"), [(0, 0, 5, 0), (0, 1, 5, 5), (0, 1, 0, 0), (5, 0, 5, 4), (1, 0, 5, 0)]
)
def test_count_refractory(left: int, spike: int, period: int, after: int) -> None:
    assert a.count_refractory(left, spike, period) == after


@QUICK
@given(INT32, INT32, integers(0, 4096))
def test_decay_theta(theta: int, theta_0: int, dtheta: int) -> None:
    above = int(Fraction(_wrap(theta - theta_0) * (4096 - dtheta), 4096))
    assert a.decay_theta(theta, theta_0, dtheta) == _wrap(above + theta_0)


@QUICK
@given(STATE, INT32, INT32, INT32)
@example(64, 0, 64, 1)
@example(63, 0, 64, 1)
def test_adapt(v: int, r: int, theta: int, step: int) -> None:
    s = _wrap(v - r) >= theta
    expected = [1, _wrap(r + 2 * theta), _wrap(theta + step)] if s else [0, r, theta]
    assert [int(x) for x in a.adapt(v, r, theta, step)] == expected


@QUICK
@given(INT32, st.integers(0, 62))
def test_scale(x: int, bits: int) -> None:
    assert a.scale(x, bits) == _wrap(x * 2**bits)


@QUICK
@given(INT32, INT32)
def test_activate(sigma: int, bias: int) -> None:
    assert a.activate(sigma, bias, 0) == _wrap(sigma + bias)
    assert a.activate(sigma, bias, 1) == max(_wrap(sigma + bias), 0)


@QUICK
@given(INT32, INT32, INT32, INT32, integers(-(2**31), 2**31 - 1), st.booleans())
@example(-(2**31), 1, 1, 1, 10, True)
@example(-(2**31), 0, 0, 0, 10, False)
@example(7, 0, 0, 0, 7, False)
@example(3, 0, 0, 4, 7, True)
def test_encode_delta(act: int, last: int, residue: int, error: int, threshold: int, cumulative: bool) -> None:
    d = _wrap(act - last + residue)
    total = _wrap(error + d) if cumulative else error
    s = d if _wrap(abs(total if cumulative else d)) >= threshold else 0
    left = 0 if cumulative and _wrap(abs(s)) > 0 else total
    found = a.encode_delta(act, last, residue, error, threshold, cumulative)
    assert [int(x) for x in found] == [s, _wrap(d - s), left]


@QUICK
@given(STATE, STATE, INT32, INT32, integers(-(2**16), 2**16), integers(-(2**16), 2**16), st.integers(0, 31))
def test_resonate(re: int, im: int, a_re: int, a_im: int, sin: int, cos: int, bits: int) -> None:
    def clip(x: int) -> int:
        return max(-(2**23) + 1, min(2**23 - 1, x))

    real = _toward_zero(cos * re, bits) - _toward_zero(sin * im, bits) + a_re
    imag = _toward_zero(sin * re, bits) + _toward_zero(cos * im, bits) + a_im
    assert [int(x) for x in a.resonate(re, im, a_re, a_im, sin, cos, bits)] == [clip(real), clip(imag)]


@QUICK
@given(STATE, STATE, STATE, STATE)
@example(5, 0, -1, 5)
@example(5, 0, 0, 5)
def test_fire_of_resonators(real: int, imag: int, before: int, threshold: int) -> None:
    assert a.fire_at_phase(real, imag, before, threshold) == (real >= threshold and imag >= 0 > before)
    expected = [1, 0, threshold - 1] if imag >= threshold else [0, real, imag]
    assert [int(x) for x in a.fire_and_reset(real, imag, threshold)] == expected


@QUICK
@given(INT32, INT32, INT32, INT32, INT32, INT32, INT32)
@example(0, -1, 9, 1, 0, 0, 8)
@example(0, -1, 9, 0, 0, 0, 9)
def test_resonate_zero(u: int, v: int, u_in: int, v_in: int, lst: int, lct: int, uth: int) -> None:
    new_u = _wrap((_wrap(u * lct) // 2**15) - (_wrap(v * lst) // 2**15) + u_in)
    new_v = _wrap((_wrap(v * lct) // 2**15) + (_wrap(u * lst) // 2**15) + v_in)
    sent = new_u if new_u > uth and new_v >= 0 > v else 0
    assert [int(x) for x in a.resonate_zero(u, v, u_in, v_in, lst, lct, uth)] == [sent, new_u, new_v]


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
