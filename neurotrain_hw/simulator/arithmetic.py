"""Integer arithmetic of Loihi-class chips as pure functions, each with its formula.

Source: Lava 0.10.0's fixed-point process models (`proc/lif`, `proc/atrlif`, `proc/sdn`, `proc/rf`, `proc/rf_iz`,
`proc/resfire`, `proc/conv`, `utils/weightutils.py`, `magma/core/learning/`); `program.Arithmetic` adds what other
chips do. All of them take NumPy integers or arrays; `>>` is the arithmetic shift (floor). "In 32 bits" means that
every intermediate result wraps as two's complement. The compiled kernels are tested against these functions, exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

IntLike = Any  # a Python integer or an integer array

V_LIMIT = 2**23
ACCUMULATOR_LOW, ACCUMULATOR_HIGH = -(2**15) - 1, 2**15 - 1
WEIGHT_FRACTION_BITS = 7


def wrap32(x: IntLike) -> npt.NDArray[np.int64]:
    """Two's complement in 32 bits: ((x + 2^31) mod 2^32) - 2^31."""
    narrow: npt.NDArray[np.int32] = np.asarray(x, np.int64).astype(np.int32)
    return narrow.astype(np.int64)


def shift_toward_zero(x: IntLike, bits: IntLike) -> npt.NDArray[np.int64]:
    """tz(x, k) = sign(x) * (|x| >> k)."""
    wide: npt.NDArray[np.int64] = np.asarray(x, np.int64)
    magnitude: npt.NDArray[np.int64] = np.abs(wide) >> bits
    return np.where(wide < 0, -magnitude, magnitude)


def decay(x: IntLike, constant: IntLike) -> npt.NDArray[np.int64]:
    """tz(x * (4096 - constant), 12): a state of 24 bits decayed by a constant of 12 bits."""
    return shift_toward_zero(np.asarray(x, np.int64) * (4096 - np.asarray(constant, np.int64)), 12)


def sum_messages(weights: IntLike, values: IntLike, weight_exp: int, *, wide: bool = False) -> npt.NDArray[np.int64]:
    """acc = sum_j w_ij * s_j in 32 bits; acc << weight_exp, or acc >> -weight_exp where negative; in 32 bits.

    `weights` (n_post, n_pre), `values` (n_pre,): graded values, or ones and zeros. `wide`: products have 32 bits, but
    their sum has 64 until it is shifted; Lava's DelayDense is so, and none of the others.
    """
    acc = wrap32(np.asarray(weights, np.int64) * wrap32(values)).sum(axis=-1)
    return shift_sum(acc if wide else wrap32(acc), weight_exp)


def shift_sum(acc: IntLike, weight_exp: int) -> npt.NDArray[np.int64]:
    """acc << weight_exp, or acc >> -weight_exp where weight_exp is negative; in 32 bits."""
    wide: npt.NDArray[np.int64] = np.asarray(acc, np.int64)
    return wrap32(wide << weight_exp if weight_exp > 0 else wide >> -weight_exp)


def wrap24(x: IntLike) -> npt.NDArray[np.int64]:
    """Two's complement in 24 bits: ((x + 2^23) mod 2^24) - 2^23. The sums of a convolution wrap so."""
    wide: npt.NDArray[np.int64] = np.asarray(x, np.int64)
    return (wide + V_LIMIT) % 2**24 - V_LIMIT


def limit_current(total: IntLike, overflow: str = "wrap_once") -> npt.NDArray[np.int64]:
    """What a current of 24 bits becomes of a sum in 32 bits.

    wrap_once: total - 2^24 where total > 2^23, total + 2^24 where total <= -2^23 (one subtraction, no modulo; 2^23
    stays, -2^23 becomes 2^23). wrap: `wrap24`. saturate: clip(total, -2^23 + 1, 2^23 - 1).
    """
    wide: npt.NDArray[np.int64] = np.asarray(total, np.int64)
    if overflow == "wrap":
        return wrap24(wide)
    if overflow == "saturate":
        return np.clip(wide, -V_LIMIT + 1, V_LIMIT - 1)
    return np.where(wide > V_LIMIT, wide - 2**24, np.where(wide <= -V_LIMIT, wide + 2**24, wide))


def update_current(u: IntLike, a_in: IntLike, du: IntLike, overflow: str = "wrap_once") -> npt.NDArray[np.int64]:
    """u' = limit_current(tz(u * (4096 - (du + 1)), 12) + (a_in << 6)), the argument in 32 bits."""
    total = wrap32(decay(u, np.asarray(du, np.int64) + 1) + wrap32(np.asarray(a_in, np.int64) << 6))
    return limit_current(total, overflow)


def limit_voltage(total: IntLike, overflow: str = "saturate") -> npt.NDArray[np.int64]:
    """saturate: clip(total, -2^23 + 1, 2^23 - 1); wrap: `wrap24`."""
    if overflow == "wrap":
        return wrap24(total)
    return np.clip(np.asarray(total, np.int64), -V_LIMIT + 1, V_LIMIT - 1)


def update_voltage(
    v: IntLike, u: IntLike, bias: IntLike, dv: IntLike, overflow: str = "saturate"
) -> npt.NDArray[np.int64]:
    """v' = limit_voltage(tz(v * (4096 - dv), 12) + u + bias), the argument in 32 bits."""
    return limit_voltage(wrap32(decay(v, dv) + np.asarray(u, np.int64) + np.asarray(bias, np.int64)), overflow)


def exceeds(v: IntLike, theta: IntLike, threshold: str = "above") -> npt.NDArray[np.bool_]:
    """above: v > theta; reached: v >= theta."""
    v, theta = np.asarray(v, np.int64), np.asarray(theta, np.int64)
    return np.asarray(v >= theta if threshold == "reached" else v > theta)


def ternary_spike(v: IntLike, low: IntLike, high: IntLike, threshold: str = "above") -> npt.NDArray[np.int64]:
    """s = (v > high) - (v < low), or >= and <= for threshold "reached": 0 where v is above and below at once."""
    below = exceeds(-np.asarray(v, np.int64), -np.asarray(low, np.int64), threshold)
    return exceeds(v, high, threshold).astype(np.int64) - below.astype(np.int64)


def reset_voltage(v: IntLike, theta: IntLike, spike: IntLike, reset: str = "zero") -> npt.NDArray[np.int64]:
    """Where spike is not 0: 0 (zero), or v - theta in 32 bits (subtract); else v."""
    v = np.asarray(v, np.int64)
    after = wrap32(v - np.asarray(theta, np.int64)) if reset == "subtract" else 0
    return np.where(np.asarray(spike) != 0, after, v)


def count_refractory(left: IntLike, spike: IntLike, period: IntLike) -> npt.NDArray[np.int64]:
    """Steps left without spikes: period where the neuron spiked in this step, else max(left - 1, 0)."""
    return np.where(np.asarray(spike) != 0, period, np.maximum(np.asarray(left, np.int64) - 1, 0))


def decay_theta(theta: IntLike, theta_0: IntLike, dtheta: IntLike) -> npt.NDArray[np.int64]:
    """theta' = tz((theta - theta_0) * (4096 - dtheta), 12) + theta_0, in 32 bits."""
    return wrap32(decay(wrap32(np.asarray(theta, np.int64) - theta_0), dtheta) + theta_0)


def adapt(
    v: IntLike, r: IntLike, theta: IntLike, theta_step: IntLike
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(s, r', theta') of an atrlif: s = v - r >= theta; where s, r' = r + 2 theta and theta' = theta + theta_step.

    All in 32 bits; v, r and theta after their decay of this step.
    """
    v, r, theta = (np.asarray(x, np.int64) for x in (v, r, theta))
    spike = wrap32(v - r) >= theta
    return (
        spike.astype(np.int64),
        np.where(spike, wrap32(r + 2 * theta), r),
        np.where(spike, wrap32(theta + theta_step), theta),
    )


def scale(x: IntLike, bits: IntLike) -> npt.NDArray[np.int64]:
    """x << bits in 32 bits (0 for 32 bits and more)."""
    bits = np.asarray(bits, np.int64)
    return np.where(bits < 32, wrap32(np.asarray(x, np.int64) << np.minimum(bits, 31)), 0)


def absolute32(x: IntLike) -> npt.NDArray[np.int64]:
    """|x| in 32 bits: |-2^31| = -2^31."""
    return wrap32(np.abs(np.asarray(x, np.int64)))


def activate(sigma: IntLike, bias: IntLike, relu: IntLike) -> npt.NDArray[np.int64]:
    """act = sigma + bias in 32 bits, and max(act, 0) where relu; bias is scaled already."""
    total = wrap32(np.asarray(sigma, np.int64) + np.asarray(bias, np.int64))
    rectified: npt.NDArray[np.int64] = np.maximum(total, 0)
    return np.where(np.asarray(relu) != 0, rectified, total)


def encode_delta(
    act: IntLike, last: IntLike, residue: IntLike, error: IntLike, threshold: IntLike, cum_error: IntLike
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(s, residue', error') of a delta coder whose activation went from `last` to `act`, in 32 bits.

    d = act - last + residue. Where cum_error: e = error + d, s = d where |e| >= threshold, else 0; error' = 0 where
    |s| > 0, else e. Elsewhere: s = d where |d| >= threshold, else 0; error' = error. residue' = d - s.
    |.| is `absolute32`, so that -2^31 counts as small.
    """
    d = wrap32(np.asarray(act, np.int64) - last + residue)
    cumulative = np.asarray(cum_error) != 0
    total = np.where(cumulative, wrap32(np.asarray(error, np.int64) + d), error)
    s = np.where(absolute32(np.where(cumulative, total, d)) >= threshold, d, 0)
    return s, wrap32(d - s), np.where(cumulative & (absolute32(s) > 0), 0, total)


def resonate(
    real: IntLike, imag: IntLike, a_real: IntLike, a_imag: IntLike,
    sin_decay: IntLike, cos_decay: IntLike, decay_bits: IntLike,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:  # fmt: skip
    """(re', im') of rf and rf_iz, the inputs scaled already; with k = decay_bits:

    re' = clip(tz(cos * re, k) - tz(sin * im, k) + a_re, -2^23 + 1, 2^23 - 1),
    im' = clip(tz(sin * re, k) + tz(cos * im, k) + a_im, -2^23 + 1, 2^23 - 1), in 64 bits.
    """
    re, im, sin, cos = (np.asarray(x, np.int64) for x in (real, imag, sin_decay, cos_decay))
    k = np.asarray(decay_bits, np.int64)
    new_real = shift_toward_zero(cos * re, k) - shift_toward_zero(sin * im, k) + a_real
    new_imag = shift_toward_zero(sin * re, k) + shift_toward_zero(cos * im, k) + a_imag
    return limit_voltage(new_real), limit_voltage(new_imag)


def fire_at_phase(real: IntLike, imag: IntLike, imag_before: IntLike, threshold: IntLike) -> npt.NDArray[np.int64]:
    """s of an rf: re' >= threshold and im' >= 0 and im < 0."""
    crossed = (np.asarray(imag) >= 0) & (np.asarray(imag_before) < 0)
    fires: npt.NDArray[np.bool_] = (np.asarray(real, np.int64) >= threshold) & crossed
    return fires.astype(np.int64)


def fire_and_reset(
    real: IntLike, imag: IntLike, threshold: IntLike
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(s, re, im) of an rf_iz: s = im' >= threshold; where s, re = 0 and im = threshold - 1 (in 32 bits)."""
    spike = np.asarray(imag, np.int64) >= threshold
    held = wrap32(np.asarray(threshold, np.int64) - 1)
    return spike.astype(np.int64), np.where(spike, 0, real), np.where(spike, held, imag)


def resonate_zero(
    u: IntLike, v: IntLike, u_in: IntLike, v_in: IntLike, lst: IntLike, lct: IntLike, uth: IntLike
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(s, u', v') of an rf_zero, in 32 bits:

    u' = (u * lct >> 15) - (v * lst >> 15) + u_in, v' = (v * lct >> 15) + (u * lst >> 15) + v_in;
    s = u' where u' > uth and v' >= 0 and v < 0, else 0.
    """
    old_u, old_v, sin, cos = (np.asarray(x, np.int64) for x in (u, v, lst, lct))
    new_u = wrap32((wrap32(old_u * cos) >> 15) - (wrap32(old_v * sin) >> 15) + u_in)
    new_v = wrap32((wrap32(old_v * cos) >> 15) + (wrap32(old_u * sin) >> 15) + v_in)
    fires = (new_u > uth) & (new_v >= 0) & (old_v < 0)
    return np.where(fires, new_u, 0), new_u, new_v


def effective_bias(mantissa: IntLike, exponent: IntLike) -> npt.NDArray[np.int64]:
    """bias = mantissa << exponent, or mantissa >> -exponent where the exponent is negative."""
    m, e = np.asarray(mantissa, np.int64), np.asarray(exponent, np.int64)
    return np.where(e >= 0, m << np.maximum(e, 0), m >> np.maximum(-e, 0))


def clip_weights(weights: IntLike, sign_mode: str) -> npt.NDArray[np.int64]:
    """Range of a plastic weight: mixed -256..255, excitatory 0..255, inhibitory -255..0."""
    low = {"mixed": -256, "excitatory": 0, "inhibitory": -255}[sign_mode]
    return np.asarray(np.clip(weights, low, 0 if sign_mode == "inhibitory" else 255), np.int64)


def decay_trace(value: IntLike, factor: float, random: float) -> npt.NDArray[np.int64]:
    """z = factor * value in float64; floor(z) + (random < z mod 1). `factor` is exp(-1 / tau)."""
    z = factor * np.asarray(value, np.float64)
    whole = np.floor(z)
    return (whole + (random < z % 1)).astype(np.int64)


def add_impulse(value: IntLike, whole: int, fraction: int, random: int) -> npt.NDArray[np.int64]:
    """clip(value + whole + (random < fraction), 0, 127): a 7-bit trace takes an impulse of whole + fraction/256."""
    return np.clip(np.asarray(value, np.int64) + whole + int(random < fraction), 0, 127)


def split_impulse(impulse: float) -> tuple[int, int]:
    """(floor(impulse), round((impulse - floor(impulse)) * 256))."""
    whole = int(np.floor(impulse))
    return whole, int(np.round((impulse - whole) * 256))


def round_weight(accumulator: IntLike, random: float) -> npt.NDArray[np.int64]:
    """Stochastic rounding from 7 fractional bits: floor(acc / 128) + (random < (acc mod 128) / 128).

    In integers: (acc + 127 - floor(128 * random)) >> 7.
    """
    return (np.asarray(accumulator, np.int64) + 127 - int(np.floor(random * 128))) >> WEIGHT_FRACTION_BITS


def third_factor_box(v_before_reset: IntLike, theta: IntLike, halfwidth: int) -> npt.NDArray[np.int64]:
    """psi = 1 where |v' - theta| <= halfwidth, else 0."""
    distance = np.abs(np.asarray(v_before_reset, np.int64) - np.asarray(theta, np.int64))
    return (distance <= halfwidth).astype(np.int64)
