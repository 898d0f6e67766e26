"""scikit-learn's handwritten digits: 1,797 images of 8x8 pixels that need no download."""

from __future__ import annotations

import numpy as np

from neurotrain_hw.data.splits import Samples, Splits, stratified
from neurotrain_hw.errors import MissingExtraError


def load_digits_split(*, validation: float = 0.15) -> Splits:
    """The digits as `x` float32 (N, 64) in 0..1 (value / 16), `y` int64 (N,).

    Stratified 1437/360 with random_state=0 for training and test; `validation` of the training part is held out,
    stratified. Raises MissingExtraError without scikit-learn.
    """
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError:
        raise MissingExtraError("scikit-learn", "train") from None
    x, y = load_digits(return_X_y=True)
    x, y = (x / 16).astype(np.float32), y.astype(np.int64)
    x_rest, x_test, y_rest, y_test = train_test_split(x, y, test_size=360, random_state=0, stratify=y)
    kept, held = stratified(y_rest, share=validation, seed=0)
    return Splits(
        "digits", Samples(x_rest[kept], y_rest[kept]), Samples(x_rest[held], y_rest[held]), Samples(x_test, y_test), 10
    )
