"""The sum of mantissas as the value that arrives."""

from __future__ import annotations

import numpy as np

from neurotrain_hw.simulator.views import inlined

WRAP24 = 2**23


@inlined
def scaled(total, shift, exp, negative, conv):
    """The sum of mantissas as the value that arrives: << shift, sign, weight exponent, and 24 bits for a conv."""
    value = np.int32(np.int64(total) << shift)
    if negative:
        value = np.int32(-value)
    found = np.int32(np.int64(value) << exp) if exp > 0 else np.int32(value >> np.int32(-exp))
    if conv:
        found = np.int32(((found + WRAP24) & (2 * WRAP24 - 1)) - WRAP24)
    return found
