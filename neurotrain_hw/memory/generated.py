"""Fixed weights that a chip draws anew from a seed whenever it needs them, so that it stores the seed alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import ValueRangeError

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_LARGEST = 254


@dataclass(frozen=True)
class Generated:
    """Even weights from -largest to largest, all equally likely but for the modulus of a 64-bit word.

    Weight k = i * n_post + j of pre neuron i and post neuron j is 2 * (z_k mod (largest + 1)) - largest, where z_k is
    number k of SplitMix64 from `seed` (Steele, Lea and Flood, OOPSLA 2014): each follows from its own number, in any
    order. Raises ValueRangeError unless 0 <= seed < 2^64 and `largest` is even, from 2 to 254.
    """

    seed: int
    largest: int = _LARGEST

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 1 << 64:
            raise ValueRangeError(f"the seed is {self.seed}", where="Generated", need="0 to 2^64 - 1")
        if self.largest % 2 or not 2 <= self.largest <= _LARGEST:
            raise ValueRangeError(
                f"the largest weight is {self.largest}", where="Generated", need=f"an even number, 2 to {_LARGEST}"
            )

    def weights(self, shape: tuple[int, ...]) -> npt.NDArray[np.int16]:
        """The weights, int16 (n_post, n_pre)."""
        n_post, n_pre = shape
        numbers = splitmix64(self.seed, n_post * n_pre)
        drawn = (numbers % np.uint64(self.largest + 1)).astype(np.int64) * 2 - self.largest
        return np.ascontiguousarray(drawn.reshape(n_pre, n_post).T.astype(np.int16))


def splitmix64(seed: int, count: int) -> npt.NDArray[np.uint64]:
    """The first numbers of SplitMix64, uint64 (count,)."""
    with np.errstate(over="ignore"):  # arithmetic modulo 2^64
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * _MIX_1
        z = (z ^ (z >> np.uint64(27))) * _MIX_2
        return np.asarray(z ^ (z >> np.uint64(31)), np.uint64)
