"""Reading a document against its schema: every getter checks type and range, and names file, key and expectation."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from neurotrain_hw.errors import FormatError


def read_toml(path: Path, *, kind: str) -> dict[str, Any]:
    """The tables of a TOML file; FormatError if there is none or it is malformed (`kind`: "a rule file")."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FormatError("there is no such file", where=str(path), need=f"{kind} (TOML)") from None
    except IsADirectoryError:
        raise FormatError("this is a folder", where=str(path), need=f"{kind} (TOML)") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"not TOML: {error}", where=str(path), need=f"{kind} (TOML)") from None


class Table:
    """One table of a document and its place."""

    def __init__(self, values: object, where: str, *, known: Iterable[str], file: str = "") -> None:
        self._where, self._file = where, file or where
        if not isinstance(values, Mapping):
            raise FormatError(f"got {values!r}", where=where, need="a table")
        self._values = values
        names = list(known)
        for key in values:
            if key not in names:
                raise FormatError("unknown key", where=self.at(key), need=f"one of {', '.join(names)}")

    def at(self, key: str) -> str:
        """The place of a key, as errors name it: `file: table.key`."""
        return f"{self._file}: {key}" if self._where == self._file else f"{self._where}.{key}"

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._values

    def text(self, key: str, *, default: str | None = None) -> str:
        """A text."""
        value = self._get(key, default, "a text")
        return value if isinstance(value, str) else self._refuse(key, value, "a text")

    def identifier(self, key: str) -> str:
        """A name of letters, digits, '_' and '-'."""
        need, value = "a name of letters, digits, '_' and '-'", self.text(key)
        return value if value.replace("_", "a").replace("-", "a").isalnum() else self._refuse(key, value, need)

    def choice(self, key: str, choices: Sequence[str], *, default: str | None = None) -> str:
        """One of the texts in `choices`."""
        need = f"one of {', '.join(choices)}"
        value = self._get(key, default, need)
        return value if isinstance(value, str) and value in choices else self._refuse(key, value, need)

    def texts(self, key: str, *, choices: Sequence[str] | None = None) -> tuple[str, ...]:
        """A list of texts, empty if the key is missing; each one of `choices` where given."""
        need = "a list of texts" if choices is None else f"a list of some of {', '.join(choices)}"
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) and (not choices or v in choices) for v in value):
            self._refuse(key, value, need)
        return tuple(value)

    def whole(self, key: str, *, low: int, high: int | None = None, default: int | None = None) -> int:
        """A whole number of at least `low`, and at most `high` where given."""
        need = f"a whole number of at least {low}" if high is None else f"a whole number in {low}..{high}"
        value = self._get(key, default, need)
        if type(value) is not int or value < low or (high is not None and value > high):
            self._refuse(key, value, need)
        return int(value)

    def wholes(self, key: str, *, low: int) -> tuple[int, ...]:
        """A list of one or more whole numbers of at least `low`."""
        need = f"a list of whole numbers of at least {low}"
        value = self._get(key, None, need)
        if not isinstance(value, list) or not value or not all(type(v) is int and v >= low for v in value):
            self._refuse(key, value, need)
        return tuple(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """true or false."""
        value = self._values.get(key, default)
        return value if isinstance(value, bool) else bool(self._refuse(key, value, "true or false"))

    def number(self, key: str, *, low: float, default: float | None = None) -> float:
        """A finite number of at least `low`."""
        need = f"a number of at least {low:g}"
        value = self._get(key, default, need)
        if type(value) not in (int, float) or not low <= value < float("inf"):
            self._refuse(key, value, need)
        return float(value)

    def positive(self, key: str, *, default: float | None = None) -> float:
        """A finite number above 0."""
        value = self._get(key, default, "a number above 0")
        if type(value) not in (int, float) or not 0 < value < float("inf"):
            self._refuse(key, value, "a number above 0")
        return float(value)

    def share(self, key: str) -> float:
        """A number of at least 0 and below 1."""
        need = "a number of at least 0 and below 1"
        value = self._get(key, None, need)
        return float(value) if type(value) in (int, float) and 0 <= value < 1 else self._refuse(key, value, need)

    def table(self, key: str, *, known: Iterable[str] | None = None) -> Table:
        """A table, empty if the key is missing; `known` None: any key."""
        value = self._values.get(key, {})
        names = value if known is None and isinstance(value, Mapping) else known or ()
        return Table(value, self.at(key), known=names, file=self._file)

    def tables(self, key: str, *, known: Iterable[str]) -> list[Table]:
        """At least one table of the list `[[key]]`."""
        need, names = f"at least one [[{key}]]", tuple(known)
        values = self._get(key, None, need)
        if not isinstance(values, list) or not values:
            self._refuse(key, values, need)
        return [Table(v, f"{self.at(key)}[{k}]", known=names, file=self._file) for k, v in enumerate(values)]

    def keys(self) -> tuple[str, ...]:
        """The keys that are there, in order."""
        return tuple(self._values)

    def plain(self, key: str) -> int | float | str | bool:
        """A single value of any type."""
        value = self._get(key, None, "a value")
        if not isinstance(value, int | float | str) or value in (float("inf"), float("-inf")) or value != value:
            self._refuse(key, value, "a finite number, a text or a boolean")
        return cast(int | float | str | bool, value)

    def _get(self, key: str, default: object, need: str) -> Any:
        value = self._values.get(key, default)
        if value is None:
            raise FormatError("this key is missing", where=self.at(key), need=need)
        return value

    def _refuse(self, key: str, value: object, need: str) -> Any:
        raise FormatError(f"got {value!r}", where=self.at(key), need=need)
