"""Constants from text, `name=value`, checked by the type that a rule declares (no torch)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from neurotrain_hw.errors import UnknownNameError, ValueRangeError
from neurotrain_hw.trainers.constants import RuleSettings
from neurotrain_hw.trainers.declarations import default_settings


def changed(rule: str, texts: Mapping[str, str]) -> RuleSettings:
    """A rule's constants with some replaced; UnknownNameError, ValueRangeError for a value of another type."""
    constants = default_settings(rule)
    known = get_type_hints(type(constants))
    values = {}
    for name, text in texts.items():
        if name not in {f.name for f in fields(constants)}:
            raise UnknownNameError(f"constant of {rule}", name, known)
        values[name] = _value(known[name], text, where=f"{rule}: {name}")
    return replace(constants, **values)


def _value(kind: Any, text: str, *, where: str) -> Any:
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            raise ValueRangeError(f"got '{text}'", where=where, need=" or ".join(get_args(kind)))
        return text
    options = get_args(kind) or (kind,)
    if NoneType in options and text == "none":
        return None
    plain = next(option for option in options if option is not NoneType)
    try:
        return {"true": True, "false": False}[text] if plain is bool else plain(text)
    except (ValueError, KeyError):
        need = {int: "a whole number", float: "a number", bool: "true or false"}[plain]
        raise ValueRangeError(f"got '{text}'", where=where, need=need) from None
