"""MNIST and Fashion-MNIST: idx files of bytes, gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurotrain_hw.data.catalogue import dataset_facts
from neurotrain_hw.data.places import FOLDER_VARIABLE, find, require
from neurotrain_hw.data.splits import Samples, Splits, stratified
from neurotrain_hw.errors import FormatError

IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
LIMIT_IMAGES = 1_000_000
_SIDE = 28

__all__ = ["FOLDER_VARIABLE", "IMAGES", "LABELS", "load_fashion_split", "load_mnist_split", "read_idx"]


def load_mnist_split(*, validation: float = 0.15, folder: Path | None = None) -> Splits:
    """MNIST as `x` float32 (N, 784) in 0..1, `y` int64 (N,), shape (1, 28, 28).

    With the four official files, their 60,000 training images (a stratified share for validation) and 10,000 test
    images. With the two test files alone, the first 8,000 of them are for training and validation, and the last 2,000
    for testing. `folder` (or the environment variable NEUROTRAIN_HW_DATA) holds them, or a folder `mnist` with them.
    Raises DataUnavailableError where they are missing, FormatError where they are damaged.
    """
    facts = dataset_facts("mnist")
    there = [find(facts, archive, folder) is not None for archive in facts.archives]
    if not all(there[:2]) and all(there[2:]):
        x, y = _pair(require(facts, facts.archives[2:], folder))
        cut = len(y) * 4 // 5
        note = f"The official test images alone: the first {cut:,} train and validate, the last {len(y) - cut:,} test."
        return _split("mnist", (x[:cut], y[:cut]), (x[cut:], y[cut:]), validation, note)
    places = require(facts, facts.archives, folder)
    return _split("mnist", _pair(places[:2]), _pair(places[2:]), validation)


def load_fashion_split(*, validation: float = 0.15, folder: Path | None = None) -> Splits:
    """Fashion-MNIST as `load_mnist_split`, from its four files; all have MNIST's names, so it needs its own folder."""
    facts = dataset_facts("fashion-mnist")
    places = require(facts, facts.archives, folder)
    return _split("fashion-mnist", _pair(places[:2]), _pair(places[2:]), validation)


def read_idx(path: Path, *, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Bytes (N, *shape) of one idx file of unsigned bytes, gzipped or not; N is in its head. Raises FormatError."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(4 * (len(shape) + 2))
            count = int.from_bytes(head[4:8], "big")
            need = b"\0\0\x08" + bytes([len(shape) + 1]) + b"".join(n.to_bytes(4, "big") for n in (count, *shape))
            if head != need or not 0 < count <= LIMIT_IMAGES:
                raise FormatError(
                    "not the expected idx file", where=str(path), need=f"unsigned bytes of shape {('N', *shape)}"
                )
            size = count * int(np.prod(shape, dtype=np.int64))
            content = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(f"cannot be read: {error}", where=str(path), need="an idx file") from None
    if len(content) != size:
        raise FormatError("is not as long as its head says", where=str(path), need=f"{size:,} bytes of data")
    return np.frombuffer(content, np.uint8).reshape(count, *shape)


def _pair(places: list[Path]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Images (N, 784) in 0..1 and their labels."""
    images, labels = read_idx(places[0], shape=(_SIDE, _SIDE)), read_idx(places[1], shape=())
    if len(images) != len(labels) or labels.max() > 9:
        raise FormatError(
            f"{len(labels):,} labels up to {labels.max()} for {len(images):,} images", where=str(places[1]),
            need="a label 0..9 for each image",
        )  # fmt: skip
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255), labels.astype(np.int64)


def _split(
    name: str,
    train: tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]],
    test: tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]],
    validation: float,
    note: str = "",
) -> Splits:
    (x, y), shape = train, (1, _SIDE, _SIDE)
    kept, held = stratified(y, share=validation, seed=0)
    parts = Samples(x[kept], y[kept], shape), Samples(x[held], y[held], shape), Samples(*test, shape)
    return Splits(name, *parts, 10, note)
