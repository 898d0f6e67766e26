"""Checks of single values: one of several choices, an integer within a range."""

from __future__ import annotations

import numpy as np

from neurotrain_hw.errors import ValueRangeError


def check_choice(key: str, value: object, choices: tuple[object, ...], where: str) -> None:
    """ValueRangeError unless the value is one of the choices; `key` names it, `where` its place."""
    if value not in choices:
        raise ValueRangeError(f"{key} is {repr(value)[:60]}", where=where, need=" or ".join(repr(c) for c in choices))


def check_range(key: str, value: object, low: int, high: int, where: str) -> None:
    """ValueRangeError unless the value is an integer from low to high, and no truth value."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise ValueRangeError(f"{key} is {repr(value)[:60]}", where=where, need=f"an integer from {low} to {high}")
