"""Whether the chip has room for a course, and with which other settings it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from neurotrain_hw.errors import CapacityError
from neurotrain_hw.learn.lessons import Teacher
from neurotrain_hw.learn.settings import LearnSettings


def check_room(teacher: Teacher) -> None:
    """Raise CapacityError where the learning program has no room on the chip, with settings that were tried and fit."""
    try:
        teacher.program(0)
    except CapacityError as error:
        budgets = [str(remedy) for remedy in error.remedies if "--budget" in str(remedy)]
        raise CapacityError(
            error.what, where=error.where, need=error.need, limit=error.limit, remedy=error.remedy, table=error.table,
            remedies=[*_remedies(teacher), *budgets],
        ) from None  # fmt: skip


def _remedies(teacher: Teacher) -> Iterator[str]:
    settings, allowed = teacher.settings, teacher.chip.integers("synapse.weight_bits_allowed")
    for bits in range((settings.weight_bits or 9) - 1, 1, -1):
        if (allowed is None or bits in allowed) and _fits(teacher, replace(settings, weight_bits=bits)):
            yield f"weights on the grid of {bits} bits (--weight-bits {bits})"
            break
    most, too_many = 0, settings.hidden or 1
    while too_many - most > 1:
        hidden = (most + too_many) // 2
        fits = _fits(teacher, replace(settings, hidden=hidden))
        most, too_many = (hidden, too_many) if fits else (most, hidden)
    if most:
        yield f"{most} hidden neuron{'s' * (most != 1)} (--hidden {most})"


def _fits(teacher: Teacher, settings: LearnSettings) -> bool:
    try:
        Teacher(settings, teacher.rules, teacher.chip, teacher.data).program(0)
    except CapacityError:
        return False
    return True
