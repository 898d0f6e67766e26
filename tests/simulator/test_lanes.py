"""Lanes act as integers of 32 bits do one by one."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from neurotrain_hw.simulator import lanes
from neurotrain_hw.simulator.arithmetic import shift_toward_zero

EDGES = np.array(
    sorted({sign * 2**k + d for k in range(31) for d in (-1, 0, 1) for sign in (-1, 1)} | {-(2**31), 2**31 - 1}),
    np.int32,
)


@njit
def _apply(x_at, y_at, out_at, bits_at, n):
    """Every operation, in lanes; row r of the results begins r * n words after `out_at`."""
    for i in range(0, n, lanes.NEURONS):
        left, at = n - i, 4 * i
        x, y = lanes.load_some(x_at + at, left), lanes.load_some(y_at + at, left)
        found = (
            x + y,
            x - y,
            x & y,
            x | y,
            x ^ y,
            x << 6,
            lanes.choose(x > y, x, y),
            lanes.choose(lanes.differ(x, y), y, x),
            lanes.decay(x, y & lanes.every(4095)),
            lanes.decay(x, lanes.every(4096)),
        )
        for row in range(len(found)):
            lanes.store_some(out_at + 4 * (row * n) + at, found[row], left)
        lanes.store_some(bits_at + at, lanes.every(lanes.mask_bits(x > y)), left)


@pytest.mark.parametrize("n", [1, 15, 16, 17, 31, 200])
def test_every_operation_equals_the_formula(n: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.choice(EDGES, n), rng.choice(EDGES, n)
    out, bits = np.full(10 * n + 32, 7, np.int32), np.zeros(n, np.int32)
    _apply(x.ctypes.data, y.ctypes.data, out.ctypes.data, bits.ctypes.data, n)
    a, b = x.astype(np.int64), y.astype(np.int64)
    expected = [
        a + b, a - b, a & b, a | b, a ^ b, a << 6, np.maximum(a, b), b,
        shift_toward_zero(a * (b & 4095), 12), a,
    ]  # fmt: skip
    assert out[: 10 * n].reshape(10, n).tolist() == [row.astype(np.int32).tolist() for row in expected]
    assert (out[10 * n :] == 7).all()  # nothing is written beyond what was asked for
    for first in range(0, n, lanes.NEURONS):
        part = slice(first, first + lanes.NEURONS)
        assert int(bits[first]) == sum(1 << k for k, more in enumerate(a[part] > b[part]) if more)


@njit
def _bits(word):
    return lanes.lowest_bit(word), lanes.count_bits(word)


@pytest.mark.parametrize("word", [1, 2, 3, 6, 2**62, 2**63 - 1, -(2**63), -1])
def test_bits_of_a_word(word: int) -> None:
    binary = format(word % 2**64, "b")
    assert _bits(word) == (len(binary) - 1 - binary.rindex("1"), binary.count("1"))
