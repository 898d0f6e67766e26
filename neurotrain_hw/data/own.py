"""A dataset of one's own: an .npz file of recordings or values with their labels, split by the file or by seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.data.encodings import Encoding, make_encoding
from neurotrain_hw.data.frames import Frames, frame_kind
from neurotrain_hw.data.recordings import read_arrays
from neurotrain_hw.data.splits import Samples, Splits, stratified
from neurotrain_hw.errors import FormatError, ValueRangeError

TEST_SHARE = 0.15
"""Of a file that does not say itself which samples test."""


def load_own(
    path: Path, *, validation: float = 0.15, encoding: str | Encoding | None = None, steps: int | None = None
) -> Splits:
    """The arrays `x`, `y` (N,) and, where there is one, `split` (N,): 0 trains, 1 validates, 2 tests.

    `x` of whole numbers (N, T, *shape) is recordings: spikes, or numbers of them, joined to `steps` bins where T is
    larger. `x` of other numbers in 0..1 is values, (N, n) or (N, C, H, W), and takes any encoding; (N, T, n) is values
    that change in time, where `encoding` says direct or delta. Without `split`, 15 % of each class test, and the share
    `validation` of the rest validates, both drawn with seed 0. Raises FormatError, ValueRangeError, UnknownNameError.
    """
    arrays = read_arrays(path, ("x", "y", "split"))
    x, y = arrays.get("x"), arrays.get("y")
    where = str(path)
    if x is None or y is None:
        raise FormatError("has no array 'x' or no array 'y'", where=where, need="samples x and their class numbers y")
    if x.ndim < 2 or not x.size or y.shape != (len(x),):
        raise FormatError(f"x has shape {x.shape}, y {y.shape}", where=where, need="(N, ...) and (N,)")
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() > 1 << 20:
        raise FormatError("y does not hold class numbers", where=where, need="whole numbers from 0")
    labels = y.astype(np.int64)
    kept, held, tested = _parts(labels, arrays.get("split"), validation, where)
    if x.dtype.kind in "iub":
        stored, shape, code = _recordings(x, encoding, steps, where)
    else:
        stored, shape, code = _values(x, encoding, where)
    train, validate, test = (Samples(stored, labels[rows], shape, code, rows) for rows in (kept, held, tested))
    return Splits(path.stem, train, validate, test, int(labels.max()) + 1)


def _parts(
    y: npt.NDArray[np.int64], split: npt.NDArray[Any] | None, validation: float, where: str
) -> tuple[npt.NDArray[np.int64], ...]:
    """Rows that train, validate and test."""
    if split is None:
        rest, tested = stratified(y, share=TEST_SHARE, seed=0)
        kept, held = stratified(y[rest], share=validation, seed=0)
        return rest[kept], rest[held], tested
    if split.shape != y.shape or not np.isin(split, (0, 1, 2)).all():
        raise FormatError("array 'split' is not one of 0, 1 and 2 for each sample", where=where, need=f"({len(y)},)")
    found = tuple(np.flatnonzero(split == part) for part in range(3))
    if not all(part.size for part in found):
        raise FormatError("array 'split' leaves a part empty", where=where, need="samples in 0, 1 and 2")
    return found


def _recordings(
    x: npt.NDArray[Any], encoding: str | Encoding | None, steps: int | None, where: str
) -> tuple[npt.NDArray[Any], tuple[int, ...], Encoding]:
    """Numbers of spikes (N, T, *shape) as frames of `steps` bins."""
    kind = frame_kind(encoding)
    if x.ndim < 3 or (x.dtype.kind == "i" and x.min() < 0):
        raise FormatError(f"x has shape {x.shape}", where=where, need="numbers of spikes from 0, (N, T, *shape)")
    count, length, *shape = x.shape
    steps = length if steps is None else steps
    if not 1 <= steps <= length:
        raise ValueRangeError(f"got {steps} steps", where=where, need=f"1 to {length}, the steps of the recordings")
    flat = x.reshape(count, length, -1)
    if steps < length:
        starts = np.arange(steps) * length // steps
        flat = np.add.reduceat(flat, starts, axis=1, dtype=np.int64)
    flat = np.minimum(flat, 255).astype(np.uint8)
    return np.packbits(flat != 0, axis=2) if kind == "binary" else flat, tuple(shape), Frames(kind)


def _values(
    x: npt.NDArray[Any], encoding: str | Encoding | None, where: str
) -> tuple[npt.NDArray[Any], tuple[int, ...], Encoding]:
    code = make_encoding(encoding)
    values = x.astype(np.float32)
    if not (values.min() >= 0 and values.max() <= 1):
        raise FormatError("a value of x lies outside 0..1", where=where, remedy="Scale them into 0..1 first.")
    if x.ndim == 3 and code.moving:
        return values, (x.shape[2],), code
    return values.reshape(len(x), -1), tuple(x.shape[1:]), code
