"""Spreads over seeds against SciPy and by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.onchip import curve, spread


@pytest.mark.parametrize("n", [2, 3, 5, 31])
def test_the_interval_is_that_of_students_t(n: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(n).random(n)
    found = spread(values.tolist())
    low, high = stats.t.interval(0.95, n - 1, values.mean(), stats.sem(values))
    assert found.mean == pytest.approx(values.mean())
    assert found.deviation == pytest.approx(values.std(ddof=1))
    assert found.half_width == pytest.approx((high - low) / 2, rel=1e-3)


def test_one_value_has_no_spread() -> None:
    assert spread([0.5]).half_width is None
    assert str(spread([0.5])) == "50.00%"
    with pytest.raises(ValueRangeError):
        spread([])


def test_curves_hold_what_a_stopped_lesson_reached() -> None:
    lessons = [
        SimpleNamespace(validation=(0.1, 0.5, 0.4), best=1),
        SimpleNamespace(validation=(0.1, 0.5, 0.6, 0.7), best=3),
    ]
    assert [round(point.mean, 6) for point in curve(lessons)] == [0.1, 0.5, 0.5, 0.6]
