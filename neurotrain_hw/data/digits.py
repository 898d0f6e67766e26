"""scikit-learn's handwritten digits: 1,797 images of 8x8 pixels that need no download."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurotrain_hw.data.kept import keep, read_kept
from neurotrain_hw.data.splits import Samples, Splits, stratified
from neurotrain_hw.errors import MissingExtraError

_COUNT, _TEST, _PIXELS = 1797, 360, 64


def load_digits_split(*, validation: float = 0.15) -> Splits:
    """The digits as `x` float32 (N, 64) in 0..1 (value / 16), `y` int64 (N,).

    Stratified 1437/360 with random_state=0 for training and test; `validation` of the training part is held out,
    stratified. Importing scikit-learn takes longer than a short run, so the digits are kept in the user's cache folder.
    Raises MissingExtraError without scikit-learn.
    """
    rows = _rows()
    x, y = (rows[:, :_PIXELS] / 16).astype(np.float32), rows[:, _PIXELS].astype(np.int64)
    cut = _COUNT - _TEST
    kept, held = stratified(y[:cut], share=validation, seed=0)
    return Splits("digits", Samples(x[kept], y[kept]), Samples(x[held], y[held]), Samples(x[cut:], y[cut:]), 10)


def _rows() -> npt.NDArray[np.uint8]:
    """Pixels (0 to 16) and label of each image, (1797, 65); training images first, then the test images."""
    name = _kept_as()
    content = None if name is None else read_kept(name, size=_COUNT * (_PIXELS + 1))
    if content is not None:
        return np.frombuffer(content, np.uint8).reshape(_COUNT, _PIXELS + 1)
    rows = _from_scikit_learn()
    if name is not None:
        keep(name, rows.tobytes())
    return rows


def _kept_as() -> str | None:
    """A file name that changes with scikit-learn's version and with this module; None where no version is known."""
    try:
        version = metadata.version("scikit-learn")
        return f"digits-{version}-{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]}"
    except (metadata.PackageNotFoundError, OSError):
        return None


def _from_scikit_learn() -> npt.NDArray[np.uint8]:
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError:
        raise MissingExtraError("scikit-learn", "train") from None
    x, y = load_digits(return_X_y=True)
    x_rest, x_test, y_rest, y_test = train_test_split(x, y, test_size=_TEST, random_state=0, stratify=y)
    labels = np.concatenate([y_rest, y_test])
    return np.column_stack([np.concatenate([x_rest, x_test]), labels]).astype(np.uint8)
