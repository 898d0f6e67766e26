"""Typed errors that tell what is wrong, where, what is needed, what there is, and one remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass


class NeurotrainError(Exception):
    """A fault that the user can mend.

    `what` says the fault in one clause; `where` names the place (layer, core, file or key); `need` and `limit`
    hold what was asked for and what there is; `remedy` is one thing to do. `exit_code` is what the command line
    returns: 2 for a usage error, 1 for a negative answer.
    """

    exit_code = 2

    def __init__(
        self, what: str, *, where: str = "", need: object = None, limit: object = None, remedy: str = ""
    ) -> None:
        self.what, self.where, self.need, self.limit, self.remedy = what, where, need, limit, remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.need is not None and self.limit is not None:
            text += f" (need {self.need}, limit {self.limit})"
        elif self.need is not None:
            text += f" (expected {self.need})"
        elif self.limit is not None:
            text += f" (limit {self.limit})"
        return f"{text}. {self.remedy}" if self.remedy else text

    def as_dict(self) -> dict[str, object]:
        """The error as the `--json` output shows it."""
        return {
            "error": type(self).__name__,
            "what": self.what,
            "where": self.where or None,
            "need": None if self.need is None else str(self.need),
            "limit": None if self.limit is None else str(self.limit),
            "remedy": self.remedy or None,
        }


class UnknownNameError(NeurotrainError):
    """A chip, model, rule, dataset or population that does not exist; the nearest names are offered."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str = "") -> None:
        self.known = sorted(known)
        near = difflib.get_close_matches(name, self.known, n=3, cutoff=0.4)
        remedy = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(self.known) or 'none'}."
        super().__init__(f"there is no {kind} called '{name}'", where=where, remedy=remedy)


class FormatError(NeurotrainError):
    """A file or document that is malformed: `where` names file and key, `need` the expected content."""


class ValueRangeError(NeurotrainError):
    """A value outside what a format, field or argument allows."""


class RuleSyntaxError(FormatError):
    """A learning rule that the grammar does not accept.

    `position` is where in `text` the fault is, from 0; `line` and `column` count from 1. `fault`: without the place.
    """

    def __init__(self, what: str, *, text: str, position: int, where: str = "", remedy: str = "") -> None:
        self.fault, self.text, self.position = what, text, position
        self.line = text.count("\n", 0, position) + 1
        self.column = position - text.rfind("\n", 0, position)
        place = f"column {self.column}" if "\n" not in text else f"line {self.line}, column {self.column}"
        super().__init__(f"{what} at {place}", where=where, remedy=remedy)

    def __str__(self) -> str:
        fault = f"{self.where}: {self.what}" if self.where else self.what
        shown = self.text.split("\n")[self.line - 1]
        return "\n".join(
            [fault, f"  {shown}", f"  {' ' * (self.column - 1)}^", *([self.remedy] if self.remedy else [])]
        )


@dataclass(frozen=True)
class Shortage:
    """One line of what a refused network needs: `need` against `limit` (None: no limit of its own) of a `unit`."""

    purpose: str
    where: str
    need: int
    limit: int | None = None
    unit: str = "bits"


class CapacityError(NeurotrainError):
    """A network, or what a learning rule adds to it, is larger than the chip.

    `table`: what it needs by purpose and core, with the limits that it breaks. `remedies`: changes with which it fits,
    each found by placing the changed network; their text says what to do.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        need: object = None,
        limit: object = None,
        remedy: str = "",
        table: Sequence[Shortage] = (),
        remedies: Sequence[object] = (),
    ) -> None:
        self.table, self.remedies = tuple(table), tuple(remedies)
        super().__init__(what, where=where, need=need, limit=limit, remedy=remedy)

    def __str__(self) -> str:
        lines = [super().__str__()]
        if self.table:
            lines += _columns([("purpose", "where", "need", "limit", "")] + [_cells(row) for row in self.table])
        if self.remedies:
            lines += ["It fits with:", *(f"  - {remedy}" for remedy in self.remedies)]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, object]:
        """The error as the `--json` output shows it; with its table and remedies where it has a table."""
        document = super().as_dict()
        if self.table:
            document |= {"table": [asdict(row) for row in self.table], "remedies": [str(r) for r in self.remedies]}
        return document


class UnsupportedError(NeurotrainError):
    """Something well-formed that cannot be done here, named, with the reason."""


class NotOnThisChipError(NeurotrainError):
    """Something that the chip named cannot do, though others can: a negative answer, not a wrong question."""

    exit_code = 1


class MissingExtraError(NeurotrainError):
    """An optional package is absent; names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"this needs the package '{package}', which is not installed",
            remedy=f"Install it with: pip install 'neurotrain-hw[{extra}]'",
        )


class LavaUnavailableError(NeurotrainError):
    """Lava's own environment is missing or broken; `remedy` tells how to get it."""


class LavaRunError(NeurotrainError):
    """Lava started and failed; `what` holds the last lines that it printed."""


class DataUnavailableError(NeurotrainError):
    """A dataset is not where it was expected; `remedy` tells what to put where."""


class OutputError(NeurotrainError):
    """Something cannot be written: no permission, no space, a folder where a file should be."""


def _cells(row: Shortage) -> tuple[str, ...]:
    limit = "" if row.limit is None else f"{row.limit:,}"
    return row.purpose, row.where, f"{row.need:,}", limit, row.unit


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as aligned lines; numbers, the third and fourth column, to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  " + "  ".join(
            cell.rjust(width) if k in (2, 3) else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]  # fmt: skip
