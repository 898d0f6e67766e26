"""Integer arithmetic of Loihi-class chips as pure functions, each with its formula.

Source: Lava 0.10.0's fixed-point process models (`proc/lif/models.py`, `utils/weightutils.py`,
`magma/core/learning/`). All of them take NumPy integers or arrays; `>>` is the arithmetic shift (floor).
The compiled kernels are tested against these functions, exactly.
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


def shift_toward_zero(x: IntLike, bits: int) -> npt.NDArray[np.int64]:
    """tz(x, k) = sign(x) * (|x| >> k)."""
    wide: npt.NDArray[np.int64] = np.asarray(x, np.int64)
    magnitude: npt.NDArray[np.int64] = np.abs(wide) >> bits
    return np.where(wide < 0, -magnitude, magnitude)


def decay(x: IntLike, constant: IntLike) -> npt.NDArray[np.int64]:
    """tz(x * (4096 - constant), 12): a state of 24 bits decayed by a constant of 12 bits."""
    return shift_toward_zero(np.asarray(x, np.int64) * (4096 - np.asarray(constant, np.int64)), 12)


def update_current(u: IntLike, a_in: IntLike, du: IntLike) -> npt.NDArray[np.int64]:
    """u' = tz(u * (4096 - (du + 1)), 12) + (a_in << 6), in 32 bits; then one wrap into 24 bits.

    u' > 2^23: u' - 2^24; u' <= -2^23: u' + 2^24 (one subtraction, no modulo).
    """
    total = wrap32(decay(u, np.asarray(du, np.int64) + 1) + wrap32(np.asarray(a_in, np.int64) << 6))
    return np.where(total > V_LIMIT, total - 2**24, np.where(total <= -V_LIMIT, total + 2**24, total))


def update_voltage(v: IntLike, u: IntLike, bias: IntLike, dv: IntLike) -> npt.NDArray[np.int64]:
    """v' = clip(tz(v * (4096 - dv), 12) + u + bias, -2^23 + 1, 2^23 - 1)."""
    total = wrap32(decay(v, dv) + np.asarray(u, np.int64) + np.asarray(bias, np.int64))
    return np.clip(total, -V_LIMIT + 1, V_LIMIT - 1)


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
