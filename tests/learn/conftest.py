"""Few samples to learn from, and all the test samples."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neurotrain_hw.data import Splits, load_dataset


@pytest.fixture(scope="session")
def few() -> Splits:
    """The digits with 40 samples to learn from and 30 to validate."""
    digits = load_dataset("digits")
    return replace(digits, train=digits.train.first(40), validation=digits.validation.first(30))
