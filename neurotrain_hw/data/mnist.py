"""MNIST's official 10,000 test images, read from idx files that the user provides."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurotrain_hw.data.splits import Samples, Splits, stratified
from neurotrain_hw.errors import DataUnavailableError, FormatError

FOLDER_VARIABLE = "NEUROTRAIN_HW_DATA"
IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
_COUNT, _TEST = 10_000, 2_000


def load_mnist_split(*, validation: float = 0.15, folder: Path | None = None) -> Splits:
    """MNIST as `x` float32 (N, 784) in 0..1, `y` int64 (N,).

    Of the 10,000 official test images the first 8,000 are for training and validation (stratified share), the last
    2,000 for testing. `folder` (or the environment variable NEUROTRAIN_HW_DATA) holds the two .gz files, or a folder
    `mnist` with them. Raises DataUnavailableError where they are missing, FormatError where they are damaged.
    """
    base = _find(folder)
    x = read_idx(base / IMAGES, shape=(_COUNT, 28, 28)).reshape(_COUNT, 784).astype(np.float32) / np.float32(255)
    y = read_idx(base / LABELS, shape=(_COUNT,)).astype(np.int64)
    cut = _COUNT - _TEST
    kept, held = stratified(y[:cut], share=validation, seed=0)
    train, held_out, test = (Samples(x[part], y[part], (1, 28, 28)) for part in (kept, held, slice(cut, None)))
    return Splits("mnist", train, held_out, test, 10)


def read_idx(path: Path, *, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Bytes of one gzipped idx file of unsigned bytes; its header must state `shape`. Raises FormatError."""
    header = b"\0\0\x08" + bytes([len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    size = int(np.prod(shape))
    try:
        with gzip.open(path) as file:
            content = file.read(len(header) + size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(f"cannot be read: {error}", where=str(path), need="a gzipped idx file") from None
    if content[: len(header)] != header or len(content) != len(header) + size:
        raise FormatError("not the expected idx file", where=str(path), need=f"unsigned bytes of shape {shape}")
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def _find(folder: Path | None) -> Path:
    given = folder if folder is not None else os.environ.get(FOLDER_VARIABLE)
    if given is not None:
        for place in (Path(given), Path(given) / "mnist"):
            if (place / IMAGES).is_file() and (place / LABELS).is_file():
                return place
    raise DataUnavailableError(
        "the MNIST files are not there" if given is not None else "no folder with MNIST files was named",
        where=str(given or ""),
        remedy=f"Put {IMAGES} and {LABELS} (MNIST's official test set) into a folder and name it in {FOLDER_VARIABLE}.",
    )
