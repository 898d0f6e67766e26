"""Datasets split into training, validation and test, the same way everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import ValueRangeError

FloatArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Samples:
    """N samples: `x` float32 (N, n) in 0..1, `y` int64 (N,) class numbers from 0. Unpacks as `x, y`; read-only."""

    x: FloatArray
    y: LabelArray

    def __post_init__(self) -> None:
        for array in (self.x, self.y):
            array.flags.writeable = False

    def __iter__(self) -> Iterator[npt.NDArray[np.generic]]:
        return iter((self.x, self.y))

    def __len__(self) -> int:
        return len(self.y)

    def first(self, count: int) -> Samples:
        """The first `count` samples."""
        return Samples(self.x[:count], self.y[:count])


@dataclass(frozen=True, eq=False)
class Splits:
    """Training, validation (for every choice that is made) and test samples (looked at once, at the end)."""

    name: str
    train: Samples
    validation: Samples
    test: Samples
    classes: int

    @property
    def inputs(self) -> int:
        """Features of a sample."""
        return int(self.train.x.shape[1])


def stratified(y: LabelArray, *, share: float, seed: int) -> tuple[LabelArray, LabelArray]:
    """Indices (kept, held out): about `share` of each class is held out, drawn with `seed`; both ascending."""
    if not 0 < share < 1:
        raise ValueRangeError(f"got {share}", where="validation", need="a share between 0 and 1")
    rng = np.random.default_rng(seed)
    held = [rng.permutation(found := np.flatnonzero(y == c))[: max(1, round(share * found.size))] for c in np.unique(y)]
    out = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(y.size), out), out
