"""Weights from a seed: SplitMix64 in Python's own integers, range, and independence of the order."""

from __future__ import annotations

import numpy as np
import pytest

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.memory import Generated
from neurotrain_hw.memory.generated import splitmix64

MASK = (1 << 64) - 1


def by_hand(seed: int, count: int) -> list[int]:
    """Steele, Lea and Flood's generator, one number after the other."""
    state, out = seed, []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        out.append(z ^ (z >> 31))
    return out


def test_the_published_first_number_of_seed_0() -> None:
    assert int(splitmix64(0, 1)[0]) == 0xE220A8397B1DCDAF


@pytest.mark.parametrize("seed", [0, 1, 12345, MASK])
def test_numbers_and_weights_follow_from_seed_and_place(seed: int) -> None:
    numbers = by_hand(seed, 12)
    assert splitmix64(seed, 12).tolist() == numbers
    weights = Generated(seed, 64).weights((3, 4))
    assert weights.tolist() == [[2 * (numbers[3 * i + j] % 65) - 64 for i in range(4)] for j in range(3)]


def test_weights_are_even_within_their_range_and_centred() -> None:
    weights = Generated(7, 254).weights((100, 100))
    assert weights.dtype == np.int16 and not np.any(weights % 2)
    assert (weights.min(), weights.max()) == (-254, 254)
    assert abs(float(weights.mean())) < 5  # sd of the mean is 1.5


@pytest.mark.parametrize(("seed", "largest"), [(-1, 254), (1 << 64, 254), (1, 3), (1, 0), (1, 256)])
def test_what_is_out_of_range_is_refused(seed: int, largest: int) -> None:
    with pytest.raises(ValueRangeError):
        Generated(seed, largest)
