"""Typed errors that tell what is wrong, where, what is needed, what there is, and one remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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

    def as_dict(self) -> dict[str, str | None]:
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
    """A learning rule that the grammar does not accept; `position` is the column (from 0) of the fault in `text`."""

    def __init__(self, what: str, *, text: str, position: int, where: str = "", remedy: str = "") -> None:
        self.text, self.position = text, position
        super().__init__(f"{what} at column {position + 1}", where=where, remedy=remedy)

    def __str__(self) -> str:
        fault = f"{self.where}: {self.what}" if self.where else self.what
        return "\n".join(
            [fault, f"  {self.text}", f"  {' ' * self.position}^", *([self.remedy] if self.remedy else [])]
        )


class CapacityError(NeurotrainError):
    """A network, or what a learning rule adds to it, is larger than the chip."""

    exit_code = 1


class UnsupportedError(NeurotrainError):
    """Something well-formed that cannot be done here, named, with the reason."""


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
