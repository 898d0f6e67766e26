"""Learning curves over seeds: mean, standard deviation, and the confidence interval of the mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from neurotrain_hw.errors import ValueRangeError

_T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t for a two-sided interval of 95 %, by degrees of freedom from 1 to 30 (any table of statistics)."""


class Learned(Protocol):
    """A lesson: validation accuracy before learning and after each epoch, and the epoch whose weights were kept."""

    @property
    def validation(self) -> tuple[float, ...]: ...
    @property
    def best(self) -> int: ...


@dataclass(frozen=True)
class Spread:
    """Values over seeds: `mean`, `deviation` (of the sample, n - 1) and `half_width` of the 95 % interval of the mean.

    Both are None of a single value, which tells nothing of the spread.
    """

    n: int
    mean: float
    deviation: float | None
    half_width: float | None

    def __str__(self) -> str:
        """In percent, such as `94.72 ± 0.81%`, mean and half_width."""
        return f"{self.mean:.2%}" if self.half_width is None else f"{100 * self.mean:.2f} ± {self.half_width:.2%}"


def spread(values: Sequence[float]) -> Spread:
    """The spread of at least one value, with Student's t (1.96 above 31 values)."""
    n = len(values)
    if n == 0:
        raise ValueRangeError("there are no values", where="spread", need="at least 1")
    if n == 1:
        return Spread(1, float(values[0]), None, None)
    deviation = float(np.std(values, ddof=1))
    factor = _T_975[n - 2] if n - 2 < len(_T_975) else 1.96
    return Spread(n, float(np.mean(values)), deviation, factor * deviation / n**0.5)


def curve(lessons: Sequence[Learned]) -> list[Spread]:
    """Validation accuracy before learning and after each epoch, over the seeds.

    A lesson that stopped early counts with the accuracy at which its weights were kept, as it would be used.
    """
    longest = max((len(lesson.validation) for lesson in lessons), default=0)
    return [spread([_at(lesson, epoch) for lesson in lessons]) for epoch in range(longest)]


def _at(lesson: Learned, epoch: int) -> float:
    validation = lesson.validation
    return validation[epoch] if epoch < len(validation) else validation[lesson.best]
