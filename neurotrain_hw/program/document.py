"""The document of a program file: dataclasses to JSON objects with references to arrays, and back, fully checked."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy.typing as npt

from neurotrain_hw.archive import as_integer, as_list
from neurotrain_hw.errors import FormatError
from neurotrain_hw.program import (
    Arithmetic,
    Connection,
    CoreSlice,
    MemoryRow,
    Modulator,
    Plasticity,
    Population,
    Program,
    Timing,
)
from neurotrain_hw.program.synapses import Convolution, PackedWeights, SparseWeights, Weights

_TEXT_LIMIT = 10_000


class DocumentReader:
    """Rebuilds the dataclasses of a program from its document; `array` gives the array that a reference names.

    Raises FormatError, KeyError, TypeError, ValueError or AttributeError for what is no such document, and what
    `Program` raises for one that contradicts itself.
    """

    def __init__(self, array: Callable[[Any], npt.NDArray[Any]], where: str) -> None:
        self._array, self.where = array, where

    def program(self, doc: Any) -> Program:
        """The program that the document describes."""
        fields = self._fields(Program, doc)
        timing = fields["timing"]
        return Program(
            **{
                **fields,
                "populations": tuple(self._population(p) for p in as_list(fields["populations"])),
                "connections": tuple(self._connection(c) for c in as_list(fields["connections"])),
                "outputs": tuple(_text(o) for o in as_list(fields["outputs"])),
                "placement": tuple(CoreSlice(**self._fields(CoreSlice, s)) for s in as_list(fields["placement"])),
                "memory": tuple(MemoryRow(**self._fields(MemoryRow, r)) for r in as_list(fields["memory"])),
                "scales": {k: _scale(v) for k, v in fields["scales"].items()},
                "source_axes": {
                    k: tuple(as_integer(axis) for axis in as_list(v)) for k, v in fields["source_axes"].items()
                },
                "timing": None if timing is None else self._timing(timing),
                "notes": tuple(_text(n) for n in as_list(fields["notes"])),
            }
        )

    def _timing(self, doc: Any) -> Timing:
        fields = self._fields(Timing, doc)
        return Timing(**{**fields, "depth": {k: as_integer(v) for k, v in fields["depth"].items()}})

    def _population(self, doc: Any) -> Population:
        fields = self._fields(Population, doc)
        modulator = fields["modulator"]
        return Population(
            **{
                **fields,
                "arithmetic": Arithmetic(**self._fields(Arithmetic, fields["arithmetic"])),
                "shape": tuple(as_integer(s) for s in as_list(fields["shape"])),
                "parameters": {k: self._value(v) for k, v in fields["parameters"].items()},
                "modulator": None if modulator is None else self._modulator(modulator),
            }
        )

    def _modulator(self, doc: Any) -> Modulator:
        fields = self._fields(Modulator, doc)
        table = {k: tuple(as_integer(v) for v in as_list(fields[k])) for k in ("psi_bounds", "psi_values")}
        return Modulator(**{**fields, **table})

    def _connection(self, doc: Any) -> Connection:
        fields = self._fields(Connection, doc)
        plasticity = fields["plasticity"]
        return Connection(
            **{
                **fields,
                "weights": self._weights(fields["weights"]),
                "conv": None if fields["conv"] is None else self._convolution(fields["conv"]),
                "delays": None if fields["delays"] is None else self._array(fields["delays"]),
                "plasticity": None if plasticity is None else self._plasticity(plasticity),
            }
        )

    def _weights(self, doc: Any) -> Weights:
        if isinstance(doc, dict) and "data" in doc:
            fields = self._fields(PackedWeights, doc)
            return PackedWeights(**{**fields, "data": self._array(fields["data"])})
        if isinstance(doc, dict) and "pointer" in doc:
            fields = self._fields(SparseWeights, doc)
            arrays = {k: self._array(fields[k]) for k in ("pointer", "post", "mantissa")}
            delay = None if fields["delay"] is None else self._array(fields["delay"])
            return SparseWeights(**{**fields, **arrays, "delay": delay})
        return self._array(doc)

    def _convolution(self, doc: Any) -> Convolution:
        fields = self._fields(Convolution, doc)
        pairs = {k: tuple(as_integer(v) for v in as_list(fields[k])) for k in ("stride", "padding", "dilation")}
        return Convolution(**{**fields, **pairs})

    def _plasticity(self, doc: Any) -> Plasticity:
        fields = self._fields(Plasticity, doc)
        tags = {k: None if fields[k] is None else self._array(fields[k]) for k in ("tag_1", "tag_2")}
        traces = {k: _number(v) for k, v in fields["traces"].items()}
        return Plasticity(**{**fields, **tags, "traces": traces})

    def _fields(self, kind: type, doc: Any) -> dict[str, Any]:
        names = {f.name for f in dataclasses.fields(kind)}
        if not isinstance(doc, dict) or set(doc) != names:
            found = sorted(set(doc) ^ names)[:5] if isinstance(doc, dict) else type(doc).__name__
            raise FormatError(f"a {kind.__name__} with missing or unknown keys: {str(found)[:200]}", where=self.where)
        for key, allowed in _scalars(kind).items():
            value = doc[key]
            if type(value) not in allowed or (isinstance(value, str) and len(value) > _TEXT_LIMIT):
                raise FormatError(
                    f"'{key}' of a {kind.__name__} is {str(value)[:40]!r}", where=self.where,
                    need=" or ".join(sorted(t.__name__ for t in allowed)),
                )  # fmt: skip
        return dict(doc)

    def _value(self, value: Any) -> Any:
        return self._array(value) if isinstance(value, dict) else as_integer(value)


@cache
def _scalars(kind: type) -> dict[str, frozenset[type]]:
    """The fields of a dataclass that hold a text or a number, with the JSON types that are allowed."""
    found = {}
    for name, hint in typing.get_type_hints(kind).items():
        union = typing.get_origin(hint) in (typing.Union, types.UnionType)
        options = typing.get_args(hint) if union else (hint,)
        allowed = frozenset(str if typing.get_origin(o) is typing.Literal else o for o in options)
        if allowed <= {str, int, bool, types.NoneType}:
            found[name] = allowed
    return found


def _scale(value: Any) -> float | tuple[float, ...]:
    return tuple(_number(v) for v in value) if isinstance(value, list) else _number(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, found {type(value).__name__}")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {type(value).__name__}")
    return value
