"""Datasets split into training, validation and test, the same way everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.data.encodings import Encoding, Rate, Seed, Shape
from neurotrain_hw.errors import ValueRangeError

LabelArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Samples:
    """N samples: `x` as the encoding takes it, `y` int64 (N,) class numbers from 0. Unpacks as `x, y`; read-only.

    `x` of images is float32 (N, n) in 0..1, of `shape` (n,) or (C, H, W) with n = C H W. Of event recordings it is what
    the frames of a whole part are kept in, on disk, and `rows` int64 (N,) says which of them these samples are.
    """

    x: npt.NDArray[Any]
    y: LabelArray
    shape: Shape = ()
    encoding: Encoding = field(default_factory=Rate)
    rows: LabelArray | None = None

    def __post_init__(self) -> None:
        if not self.shape:
            object.__setattr__(self, "shape", tuple(self.x.shape[1:]))
        for array in (self.x, self.y, self.rows):
            if array is not None:
                array.flags.writeable = False

    def __iter__(self) -> Iterator[npt.NDArray[np.generic]]:
        return iter((self.x, self.y))

    def __len__(self) -> int:
        return len(self.y)

    def first(self, count: int) -> Samples:
        """The first `count` samples."""
        if self.rows is None:
            return replace(self, x=self.x[:count], y=self.y[:count])
        return replace(self, y=self.y[:count], rows=self.rows[:count])

    def spikes(self, indices: npt.ArrayLike | slice, *, steps: int, seed: Seed) -> npt.NDArray[Any]:
        """The input of a network for some samples, (len(indices), steps, *shape of the split).

        uint8 spikes, or float32 values where the encoding is direct. Equal seeds give equal bits; recordings are the
        same whatever the seed. Raises ValueRangeError for other steps than recordings were binned to.
        """
        chosen = indices if isinstance(indices, slice) else np.asarray(indices, np.int64)
        x = self.x[chosen if self.rows is None else self.rows[chosen]]
        return self.encoding.encode(x, self.shape, steps=steps, seed=seed)


@dataclass(frozen=True, eq=False)
class Splits:
    """Training, validation (for every choice that is made) and test samples (looked at once, at the end).

    `note`: what a reader of a result must know of the split.
    """

    name: str
    train: Samples
    validation: Samples
    test: Samples
    classes: int
    note: str = ""

    @property
    def shape(self) -> Shape:
        """Shape of one step of what `spikes` gives: (64,), (1, 28, 28), (2, 34, 34)."""
        return self.train.encoding.shape(self.train.shape)

    @property
    def inputs(self) -> int:
        """Inputs of a network, the product of `shape`."""
        return math.prod(self.shape)

    def as_dict(self) -> dict[str, object]:
        """What a result must say of its data: name, numbers of samples, classes, shape and note."""
        parts = {name: len(getattr(self, name)) for name in ("train", "validation", "test")}
        return {"name": self.name, **parts, "classes": self.classes, "shape": list(self.shape), "note": self.note}

    def encoded(self, encoding: Encoding) -> Splits:
        """The same samples under another encoding."""
        parts = {name: replace(getattr(self, name), encoding=encoding) for name in ("train", "validation", "test")}
        return replace(self, **parts)


def stratified(y: LabelArray, *, share: float, seed: int) -> tuple[LabelArray, LabelArray]:
    """Indices (kept, held out): about `share` of each class is held out, drawn with `seed`; both ascending."""
    if not 0 < share < 1:
        raise ValueRangeError(f"got {share}", where="validation", need="a share between 0 and 1")
    rng = np.random.default_rng(seed)
    held = [rng.permutation(found := np.flatnonzero(y == c))[: max(1, round(share * found.size))] for c in np.unique(y)]
    out = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(y.size), out), out
