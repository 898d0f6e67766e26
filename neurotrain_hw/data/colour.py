"""CIFAR-10 and SVHN: colour images from their official files, CIFAR-10 in the binary version (the other is pickles)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurotrain_hw.data.catalogue import Facts, dataset_facts
from neurotrain_hw.data.mat5 import read_mat5
from neurotrain_hw.data.members import members
from neurotrain_hw.data.places import require, verify
from neurotrain_hw.data.splits import Samples, Splits, stratified
from neurotrain_hw.errors import FormatError

ByteArray = npt.NDArray[np.uint8]

_SIDE, _CHANNELS = 32, 3
_PIXELS = _CHANNELS * _SIDE * _SIDE
_RECORD = 1 + _PIXELS


def load_cifar10_split(*, validation: float = 0.15, folder: Path | None = None) -> Splits:
    """CIFAR-10 as `x` float32 (N, 3072) in 0..1, red, green, blue; shape (3, 32, 32).

    From cifar-10-binary.tar.gz, or the folder that it unpacks to. Raises DataUnavailableError, FormatError.
    """
    facts = dataset_facts("cifar10")
    (path,) = require(facts, facts.archives, folder)
    verify(facts.archives[0], path)
    found = {
        name.rsplit("/", 1)[-1]: _records(content, f"{path}: {name}") for name, content in members(path, (".bin",))
    }
    names = [f"data_batch_{k}.bin" for k in range(1, 6)]
    missing = [name for name in (*names, "test_batch.bin") if name not in found]
    if missing:
        raise FormatError(f"holds no {', '.join(missing)}", where=str(path))
    return _split(facts, np.concatenate([found[name] for name in names]), found["test_batch.bin"], validation)


def load_svhn_split(*, validation: float = 0.15, folder: Path | None = None) -> Splits:
    """SVHN's cropped digits as `x` float32 (N, 3072) in 0..1, shape (3, 32, 32); the file's class 10 is the digit 0.

    From train_32x32.mat and test_32x32.mat. Raises DataUnavailableError, FormatError.
    """
    facts = dataset_facts("svhn")
    places = require(facts, facts.archives, folder)
    for archive, path in zip(facts.archives, places, strict=True):
        verify(archive, path)
    train, test = (read_svhn(path) for path in places)
    return _split(facts, train, test, validation)


def read_svhn(path: Path) -> ByteArray:
    """Label and pixels (N, 1 + 3072) of a MATLAB file with X (32, 32, 3, N) and y (N, 1) in 1..10. FormatError."""
    found = read_mat5(path)
    x, y = found.get("X", np.empty(0)), found.get("y", np.empty(0))
    count = y.size
    if x.shape != (_SIDE, _SIDE, _CHANNELS, count) or x.dtype != np.uint8 or y.shape != (count, 1) or not count:
        raise FormatError(
            f"holds X {x.dtype} {x.shape} and y {y.shape}", where=str(path),
            need="X, bytes (32, 32, 3, N), and y, numbers (N, 1)",
        )  # fmt: skip
    if not np.isin(y, np.arange(1, 11)).all():
        raise FormatError("a label is none", where=str(path), need="labels in 1..10")
    return np.column_stack([(y[:, 0] % 10).astype(np.uint8), x.transpose(3, 2, 0, 1).reshape(count, _PIXELS)])


def _records(content: bytes, where: str) -> ByteArray:
    """Label and pixels (N, 3073) of a file of such records."""
    if not content or len(content) % _RECORD:
        raise FormatError(f"{len(content):,} bytes", where=where, need=f"images of {_RECORD:,} bytes each, one or more")
    found = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    if found[:, 0].max() > 9:
        raise FormatError(f"a label is {found[:, 0].max()}", where=where, need="0..9")
    return found


def _split(facts: Facts, train: ByteArray, test: ByteArray, validation: float) -> Splits:
    kept, held = stratified(train[:, 0].astype(np.int64), share=validation, seed=0)
    trained, validated, tested = (_samples(rows, facts) for rows in (train[kept], train[held], test))
    return Splits(facts.name, trained, validated, tested, facts.classes)


def _samples(rows: ByteArray, facts: Facts) -> Samples:
    x = rows[:, 1:].astype(np.float32) / np.float32(255)
    return Samples(x, rows[:, 0].astype(np.int64), facts.shape)
