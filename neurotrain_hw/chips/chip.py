"""A chip as its file describes it: figures, each with its source and status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from neurotrain_hw.chips.keys import KEYS
from neurotrain_hw.errors import UnknownNameError, UnsupportedError, ValueRangeError

Number = int | float
Value = bool | int | float | str | tuple[int | float | str, ...] | Mapping[str, Number | tuple[Number, ...]]

STATUS: Mapping[str, str] = {
    "V": "read directly in code, a document or an abstract",
    "S": "a secondary text that quotes or cites the primary one",
    "D": "derived by arithmetic from figures of the source",
    "M": "from memory, to verify",
    "X": "chosen here, no chip behind it",
    "U": "unknown: not published, as far as found",
}
"""What the status letters mean."""


@dataclass(frozen=True)
class Figure:
    """One figure of a chip: `value` (None: unknown), the text of its `source`, and its `status` (`STATUS`).

    `source_id` is the source's key in the file's [sources]; for an unknown figure, of the source that lacks it.
    """

    key: str
    value: Value | None
    source: str
    status: str
    source_id: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    @property
    def plain(self) -> object:
        """The value with plain lists and dicts, for JSON; None if unknown."""
        if isinstance(self.value, Mapping):
            return {k: list(v) if isinstance(v, tuple) else v for k, v in self.value.items()}
        return list(self.value) if isinstance(self.value, tuple) else self.value

    @property
    def words(self) -> str:
        """The value as a person reads it: `196608`, `1, 2, 4`, `dense 35.5; conv 24.0`, `unknown`."""
        if isinstance(self.value, Mapping):
            return "; ".join(f"{k} {_words(v)}" for k, v in self.value.items())
        return "unknown" if self.value is None else _words(self.value)

    def __str__(self) -> str:
        return f"{self.words} ({self.status}: {self.source})"


@dataclass(frozen=True)
class StateField:
    """One field of state that a learning engine keeps, of `bits` bits with its sign."""

    name: str
    bits: int
    signed: bool

    def __str__(self) -> str:
        return f"{self.name}:{self.bits}{'s' if self.signed else 'u'}"


@dataclass(frozen=True)
class Calibration:
    """A published measurement of a whole task.

    `independent` False: the chip's figures were derived from it, so that agreement with it is a consistency check
    and scores nothing.
    """

    task: str
    figures: Mapping[str, Number | tuple[Number, ...]]
    source: str
    status: str
    independent: bool
    source_id: str = ""


@dataclass(frozen=True)
class Chip:
    """A chip: `figures` in the order of its file, by dotted key; `calibrations`; texts of its `sources` by id.

    The accessors `integer`, `number`, ... give None for an unknown figure; those called `require_...` raise
    UnsupportedError. A key that the schema does not list raises UnknownNameError, a wrong type ValueRangeError.
    """

    id: str
    name: str
    path: Path
    figures: Mapping[str, Figure] = field(repr=False)
    calibrations: tuple[Calibration, ...] = field(default=(), repr=False)
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)

    def figure(self, key: str) -> Figure:
        """The figure of a dotted key such as `memory.sram_core_bytes`; an absent one is unknown."""
        if key not in KEYS:
            raise UnknownNameError("figure of a chip", key, KEYS)
        return self.figures.get(key) or Figure(key, None, "the chip file does not give it", "U")

    def integer(self, key: str) -> int | None:
        """An integer, or None."""
        value = self._value(key, "integer", "signed")
        return value if isinstance(value, int) else None

    def number(self, key: str) -> float | None:
        """A number, or None."""
        value = self._value(key, "integer", "signed", "number")
        return float(value) if isinstance(value, int | float) else None

    def text(self, key: str) -> str | None:
        """A text, or None."""
        value = self._value(key, "text")
        return value if isinstance(value, str) else None

    def flag(self, key: str) -> bool | None:
        """True, False, or None."""
        value = self._value(key, "flag")
        return value if isinstance(value, bool) else None

    def integers(self, key: str) -> tuple[int, ...] | None:
        """Integers, or None."""
        value = self._value(key, "integers")
        return tuple(v for v in value if isinstance(v, int)) if isinstance(value, tuple) else None

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Texts, or None."""
        value = self._value(key, "texts")
        return tuple(str(v) for v in value) if isinstance(value, tuple) else None

    def state(self, key: str) -> tuple[StateField, ...] | None:
        """Fields of state, or None."""
        value = self._value(key, "state")
        if not isinstance(value, tuple):
            return None
        parts = [str(text).partition(":") for text in value]
        return tuple(StateField(name, int(size[:-1]), size[-1] == "s") for name, _, size in parts)

    def require_integer(self, key: str, why: str) -> int:
        """An integer; UnsupportedError says what it was needed for, `why` ("to place neurons on cores")."""
        value = self.integer(key)
        if value is None:
            raise self._missing(key, why)
        return value

    def require_number(self, key: str, why: str) -> float:
        """A number; UnsupportedError says what it was needed for."""
        value = self.number(key)
        if value is None:
            raise self._missing(key, why)
        return value

    def _value(self, key: str, *kinds: str) -> Value | None:
        figure = self.figure(key)
        if KEYS[key].kind not in kinds:
            raise ValueRangeError(f"'{key}' was asked for as {kinds[0]}", need=KEYS[key].kind)
        return figure.value

    def _missing(self, key: str, why: str) -> UnsupportedError:
        return UnsupportedError(
            f"the figure '{key}' is unknown, and it is needed {why}",
            where=f"chip '{self.id}'",
            remedy="Nobody has published it, as far as we know; "
            f"write your assumption into a copy of {self.path.name} and give that file instead of the name.",
        )


def _words(value: bool | float | str | tuple[int | float | str, ...]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(str(v) for v in value) if isinstance(value, tuple) else str(value)
