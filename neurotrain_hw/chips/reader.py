"""Reads chip files and checks them against the schema; every fault names file, line, key and the expected type."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from neurotrain_hw import files
from neurotrain_hw.chips.chip import STATUS, Calibration, Chip, Figure, Value
from neurotrain_hw.chips.keys import KEYS, SECTIONS, Key
from neurotrain_hw.errors import FormatError, UnknownNameError

SCHEMA = 1
MAX_BYTES = 256 * 1024
UNKNOWN = "unknown"

_NAMED = ("schema", *SECTIONS, "calibration", "provenance", "sources")
_UNSOURCED = ("chip.id", "chip.name")
_CALIBRATION = {
    "task": "a text", "figures": "a table of numbers of at least 0, or of lists of them",
    "source": "a key of [sources]", "status": f"one of {', '.join(STATUS)}", "independent": "true or false",
}  # fmt: skip
_LARGEST = 2**63 - 1


def chip_names() -> list[str]:
    """Names of the chips that come with the package."""
    return sorted(path.stem for path in files.shipped("targets").glob("*.toml"))


def load_chip(name_or_path: str | Path) -> Chip:
    """A chip by name (`loihi2`) or by the path of a chip file (a Path, or a text with / or .toml).

    Raises UnknownNameError with the nearest names, FormatError for the first fault of the file.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in text or text.endswith(".toml"):
        return read_chip(Path(name_or_path))
    if text not in chip_names():
        raise UnknownNameError("chip", text, chip_names())
    return read_chip(files.shipped("targets") / f"{text}.toml")


def read_chip(path: Path) -> Chip:
    """The chip that a file describes; FormatError for its first fault."""
    document, found = _read(path)
    if found:
        raise found[0]
    figures = {}
    for section in SECTIONS:
        for name, raw in document.get(section, {}).items():
            figures[f"{section}.{name}"] = _figure(document, f"{section}.{name}", raw)
    calibrations = tuple(
        Calibration(c["task"], MappingProxyType(_freeze(c["figures"])), document["sources"][c["source"]],
                    c["status"], c["independent"], c["source"])
        for c in document.get("calibration", [])
    )  # fmt: skip
    sources = MappingProxyType(dict(document.get("sources", {})))
    return Chip(
        document["chip"]["id"], document["chip"]["name"], path, MappingProxyType(figures), calibrations, sources
    )


def faults(path: Path) -> list[FormatError]:
    """Every fault of a chip file, in the order of the file's sections; empty if there is none.

    A file that is not there, is no file or is too large raises FormatError.
    """
    return _read(path)[1]


def _read(path: Path) -> tuple[dict[str, Any], list[FormatError]]:
    if not path.is_file():
        raise FormatError("there is no such file", where=str(path), remedy="See `neurotrain-hw targets list`.")
    with path.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise FormatError("the file is too large for a chip file", where=str(path), limit=f"{MAX_BYTES} bytes")
    try:
        text = content.decode("utf-8")
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return {}, [FormatError("this is not UTF-8", where=f"{path}:{line}", need="a TOML file")]
    except RecursionError:
        return {}, [FormatError("values are nested too deeply", where=str(path), need="a TOML file")]
    except ValueError as error:  # TOMLDecodeError, and Python's own limit on the digits of an integer
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        where = f"{path}:{found[1]}" if found else str(path)
        return {}, [FormatError(f"this is not TOML: {error}", where=where, need="a TOML file")]
    return document, [_located(path, text, *fault) for fault in _check(document)]


# A fault before it has a place: dotted key, what is wrong, what was expected, remedy.
_Fault = tuple[str, str, str, str]


def _check(document: Mapping[str, Any]) -> Iterator[_Fault]:
    if document.get("schema") != SCHEMA:
        yield "schema", f"the schema is {document.get('schema')!r}", f"schema = {SCHEMA}", ""
    for section, table in document.items():
        if section not in _NAMED:
            yield section, "there is no such section", "", _nearest(section, _NAMED)
        elif section in (*SECTIONS, "provenance", "sources") and not isinstance(table, dict):
            yield section, "this is not a table", f"[{section}]", ""
    tables = {s: t for s in (*SECTIONS, "provenance", "sources") if isinstance(t := document.get(s, {}), dict)}
    for key in ("chip.id", "chip.name", "chip.kind", "chip.time_model", "learning.supported", "energy.scope"):
        section, _, name = key.partition(".")
        if name not in tables.get(section, {}):
            remedy = f"{KEYS[key].meaning.capitalize()}."
            yield key, "the key is missing", KEYS[key].expected + ("" if key in _UNSOURCED else " or 'unknown'"), remedy
    for section in SECTIONS:
        for name, value in tables.get(section, {}).items():
            yield from _check_value(f"{section}.{name}", value)
    yield from _check_provenance(tables)
    yield from _check_calibrations(document.get("calibration", []), tables.get("sources", {}))


def _check_value(key: str, value: object) -> Iterator[_Fault]:
    if key not in KEYS:
        yield key, "there is no such key", "", _nearest(key, KEYS)
    elif key == "chip.id" and not (isinstance(value, str) and re.fullmatch(r"[a-z0-9_]+", value)):
        yield key, f"{value!r} is no name for a chip", "small letters, digits and _", ""
    elif value == UNKNOWN and key in _UNSOURCED:
        yield key, "it cannot be unknown", KEYS[key].expected, ""
    elif value != UNKNOWN and not _fits(KEYS[key], value):
        yield key, f"the value is {_short(value)}", KEYS[key].expected + ", or 'unknown'", ""


def _fits(key: Key, value: object) -> bool:
    match key.kind:
        case "integer":
            return _number(value) and isinstance(value, int)
        case "signed":
            return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST
        case "number":
            return _number(value)
        case "flag":
            return isinstance(value, bool)
        case "text":
            return isinstance(value, str) and (not key.choices or value in key.choices)
        case "table":
            return _number_table(value)
    if not isinstance(value, list):
        return False
    match key.kind:
        case "integers":
            return all(_number(v) and isinstance(v, int) for v in value)
        case "numbers":
            return all(_number(v) for v in value)
        case "state":
            return all(isinstance(v, str) and re.fullmatch(r"\w+:[1-9]\d{0,2}[su]", v) for v in value)
    return all(isinstance(v, str) and (not key.choices or v in key.choices) for v in value)


def _number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) and value >= 0 else 0 <= value <= _LARGEST


def _number_table(value: object) -> bool:
    return isinstance(value, dict) and all(
        _number(v) or (isinstance(v, list) and all(_number(x) for x in v)) for v in value.values()
    )


def _check_provenance(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[_Fault]:
    provenance, sources = tables.get("provenance", {}), tables.get("sources", {})
    for name, text in sources.items():
        if not isinstance(text, str) or not text.strip():
            yield f"sources.{name}", f"the value is {_short(text)}", "a text", ""
    patterns = {*KEYS, *(f"{section}.*" for section in SECTIONS)}
    for pattern, entry in provenance.items():
        if pattern not in patterns:
            yield f"provenance.{pattern}", "there is no such key", "", _nearest(pattern, patterns)
        elif not isinstance(entry, dict) or set(entry) != {"source", "status"} or entry["status"] not in [*STATUS]:
            need = f'{{source = "...", status = "..."}}, status one of {", ".join(STATUS)}'
            yield f"provenance.{pattern}", f"the value is {_short(entry)}", need, ""
        elif entry["source"] not in [*sources]:
            remedy = _nearest(str(entry["source"]), sources)
            yield f"provenance.{pattern}", f"there is no source '{entry['source']}'", "a key of [sources]", remedy
    for section in SECTIONS:
        for name, value in tables.get(section, {}).items():
            key = f"{section}.{name}"
            sourced = {key, f"{section}.*"} & set(provenance) or key in _UNSOURCED or value == UNKNOWN
            if key in KEYS and not sourced:
                remedy = f'Add "{key}" or "{section}.*" to [provenance].'
                yield key, "the figure has no source", "", remedy


def _check_calibrations(entries: object, sources: Mapping[str, Any]) -> Iterator[_Fault]:
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        yield "calibration", "this is not a list of tables", "[[calibration]]", ""
        return
    for number, entry in enumerate(entries, 1):
        place = f"calibration[{number}]"
        for name in set(entry) - set(_CALIBRATION):
            yield f"{place}.{name}", "there is no such key", "", _nearest(name, _CALIBRATION)
        good = {
            "task": isinstance(entry.get("task"), str),
            "figures": _number_table(entry.get("figures")),
            "source": entry.get("source") in [*sources],
            "status": entry.get("status") in [*STATUS],
            "independent": isinstance(entry.get("independent"), bool),
        }
        for name, fits in good.items():
            if not fits:
                what = f"the value is {_short(entry[name])}" if name in entry else "the key is missing"
                yield f"{place}.{name}", what, _CALIBRATION[name], ""


def _figure(document: Mapping[str, Any], key: str, raw: object) -> Figure:
    if key in _UNSOURCED:
        return Figure(key, _frozen(raw), "this file", "X")
    provenance, sources = document.get("provenance", {}), document.get("sources", {})
    own = provenance.get(key)
    if raw != UNKNOWN:
        entry = own or provenance[f"{key.partition('.')[0]}.*"]
        return Figure(key, _frozen(raw), sources[entry["source"]], entry["status"], entry["source"])
    if own is None:  # nobody claims to have looked in the source of the rest of the section
        return Figure(key, None, "not published, as far as found", "U")
    return Figure(key, None, f"not published, as far as found; looked in: {sources[own['source']]}", "U", own["source"])


def _frozen(raw: Any) -> Value:
    if isinstance(raw, dict):
        return MappingProxyType(_freeze(raw))
    return tuple(raw) if isinstance(raw, list) else raw


def _freeze(table: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}


def _nearest(name: str, known: object) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=2, cutoff=0.5)  # type: ignore[call-overload]
    return f"Did you mean {' or '.join(near)}?" if near else ""


def _short(value: object) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) <= _LARGEST else "an integer of more than 64 bits"
    return text if len(text) <= 60 else text[:57] + "..."


def _located(path: Path, text: str, key: str, what: str, need: str, remedy: str) -> FormatError:
    line = _line(text, key)
    where = f"{path}:{line}, key '{key}'" if line else f"{path}, key '{key}'"
    return FormatError(what, where=where, need=need or None, remedy=remedy)


def _line(text: str, key: str) -> int | None:
    """The line of a key, counted from 1, as far as a look at the headers and the names before `=` can tell."""
    section = key.partition(".")[0]
    current, header, nth = "", None, 0
    for number, line in enumerate(text.splitlines(), 1):
        if heading := re.match(r"\s*(\[{1,2})\s*([\w.]+)\s*\]", line):
            nth += heading[1] == "[["
            current = heading[2] if heading[1] == "[" else f"{heading[2]}[{nth}]"
            header = number if current == section and header is None else header
        elif assigned := re.match(r"\s*(\"[^\"]*\"|[\w.-]+)\s*=", line):
            full = f"{current}.{assigned[1].strip(chr(34))}" if current else assigned[1]
            if full == key:
                return number
    return header
