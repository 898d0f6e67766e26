"""Holding a JSON document against a schema; the first fault is named by file and key."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurotrain_hw.errors import FormatError
from neurotrain_hw.report.schema import FLAG, NUMBER, PLAIN, SAME, TEXT, WHOLE, Map, Null


def read_json(path: Path) -> Any:
    """The document in a file; FormatError with line and column where it is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise FormatError(f"not UTF-8: {error.reason}", where=str(path)) from None
    except json.JSONDecodeError as error:
        raise FormatError(
            f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}", where=str(path)
        ) from None


def hold(value: object, kind: Any, file: str, key: str = "") -> None:
    """Hold a value against a `kind` of `schema`; FormatError names `file` and `key`."""
    where = f"{file}: {key}" if key else file
    if isinstance(kind, Null):
        if value is not None:
            hold(value, kind.kind, file, key)
    elif isinstance(kind, Map):
        if not isinstance(value, Mapping):
            raise FormatError(f"got {kind_of(value)}", where=where, need="an object")
        for name, item in value.items():
            hold(item, kind.kind, file, f"{key}.{name}")
    elif isinstance(kind, Mapping):
        _check_object(value, kind, file, key)
    elif isinstance(kind, list):
        if not isinstance(value, list):
            raise FormatError(f"got {kind_of(value)}", where=where, need="a list")
        for k, item in enumerate(value):
            hold(item, kind[0], file, f"{key}[{k}]")
    elif not _is(value, kind):
        raise FormatError(f"got {kind_of(value)}", where=where, need=kind)


def kind_of(value: object) -> str:
    """A value in a few words, for an error."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value, default=repr)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _check_object(value: object, kinds: Mapping[str, Any], file: str, key: str) -> None:
    where, prefix = (f"{file}: {key}", f"{key}.") if key else (file, "")
    if not isinstance(value, Mapping):
        raise FormatError(f"got {kind_of(value)}", where=where, need="an object")
    for name, kind in kinds.items():
        if name == SAME:
            continue
        bare = name.removesuffix("?")
        if value.get(bare) is None and name.endswith("?"):
            _check_reason(value, bare, file, prefix)
        elif bare not in value:
            raise FormatError("this key is missing", where=f"{file}: {prefix}{bare}", need=_words(kind))
        else:
            hold(value[bare], kind, file, f"{prefix}{bare}")
    present = [name for name in kinds.get(SAME, ()) if value.get(name) is not None]
    lengths = {name: len(value[name]) for name in present}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise FormatError(f"arrays of different lengths ({shown})", where=where, need="the same length")


def _check_reason(value: Mapping[str, Any], key: str, file: str, prefix: str) -> None:
    reason = value.get(f"{key}_reason")
    if reason is not None and not isinstance(reason, str):
        raise FormatError(f"got {kind_of(reason)}", where=f"{file}: {prefix}{key}_reason", need=TEXT)


def _is(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == FLAG
    if kind == TEXT:
        return isinstance(value, str)
    if kind == WHOLE:
        return isinstance(value, int)
    finite = isinstance(value, int | float) and math.isfinite(value)
    return finite if kind == NUMBER else kind == PLAIN and (finite or isinstance(value, str))


def _words(kind: Any) -> str:
    if isinstance(kind, Null):
        return f"{_words(kind.kind)} or null"
    if isinstance(kind, list):
        return "a list"
    return "an object" if isinstance(kind, Mapping | Map) else str(kind)
