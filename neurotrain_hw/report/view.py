"""What a page is made of: sections of text, tables and plots; the template draws them, and knows nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Cell:
    """One cell of a table. `kind` sets its look: `number` stands right, `unknown` in grey italics."""

    text: str
    kind: Literal["text", "number", "unknown", "good", "bad", "code", "fine"] = "text"


@dataclass(frozen=True)
class Table:
    """A table with its caption; `folded` starts closed, with the caption as its handle."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    folded: bool = False
    block: str = "table"

    def is_numeric(self, k: int) -> bool:
        """Whether column k holds numbers, known or unknown, and nothing else: it is then aligned right."""
        return all(row[k].kind in ("number", "unknown", "good", "bad") for row in self.rows)


@dataclass(frozen=True)
class Plot:
    """A plot as Plotly takes it (`data`, `layout`). A colour is a name such as `@c1`, which the page looks up."""

    caption: str
    data: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    block: str = "plot"


@dataclass(frozen=True)
class Text:
    """A paragraph; `code` an equation as it is written, `absent` what was not done, and why."""

    text: str
    kind: Literal["plain", "code", "absent"] = "plain"
    block: str = "text"


Block = Table | Plot | Text


@dataclass(frozen=True)
class Section:
    """A numbered part of the page."""

    id: str
    title: str
    blocks: Sequence[Block]


def text(value: object) -> Cell:
    """A text, or `unknown`."""
    return Cell(UNKNOWN, "unknown") if value is None else Cell(str(value))


def fine(value: str | None) -> Cell:
    """A longer text, such as a source or a reason; empty if there is none."""
    return Cell(value or "", "fine")


def number(value: float | None, form: str | None = None) -> Cell:
    """A number, right-aligned, already written as `form` if given; `unknown` for None, never 0."""
    if value is None:
        return Cell(UNKNOWN, "unknown")
    return Cell(form if form is not None else grouped(value), "number")


def share(value: float | None, digits: int = 1) -> Cell:
    """A share of 1 as a percentage."""
    return Cell(UNKNOWN, "unknown") if value is None else Cell(percent(value, digits), "number")


def percent(value: float, digits: int = 1) -> str:
    """0.953 -> `95.3 %`."""
    return f"{100 * value:.{digits}f} %"


def grouped(value: float) -> str:
    """1234567 -> `1 234 567` (no-break spaces); fractions keep four significant digits."""
    if value != int(value) and abs(value) < 1000:
        return f"{value:.4g}"
    return f"{round(value):,}".replace(",", "\N{NO-BREAK SPACE}")


def seconds(value: float) -> str:
    """A duration: `0.4 s`, `12 s`, `3 min 05 s`."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s"


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else "none"


def sentence(words: str) -> str:
    """With a capital first letter and a full stop."""
    words = words.strip()
    if not words:
        return words
    return words[0].upper() + words[1:] + ("" if words[-1] in ".!?" else ".")
