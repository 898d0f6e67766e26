"""Rows of an audit, made of a figure of the chip and of whether a requirement is met."""

from __future__ import annotations

from neurotrain_hw.audit.verdict import Aspect, Result, Row
from neurotrain_hw.chips import Figure


def answer(figure: Figure, met: bool) -> Result:
    """Unknown where the figure is, else whether the requirement is met."""
    if not figure.known:
        return Result.UNKNOWN
    return Result.PASS if met else Result.FAIL


def engine_row(
    requirement: str, need: str, result: Result, figure: Figure, reason: str, remedy: str, *, unit: str = ""
) -> Row:
    """An engine row; reason and remedy are told only where the requirement is not met."""
    if result == Result.UNKNOWN:
        reason, remedy = f"nobody has published '{figure.key}', as far as we know", ""
    elif result == Result.PASS:
        reason, remedy = "", ""
    limit = f"{figure.words} {unit}".strip() if figure.known else figure.words
    return Row(requirement, Aspect.ENGINE, need, limit, result, reason, remedy, source_of(figure))


def source_of(figure: Figure) -> str:
    """Where a limit comes from: key, status and source."""
    return f"{figure.key} ({figure.status}: {figure.source})"
