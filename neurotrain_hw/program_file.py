"""The program file: an uncompressed zip of one JSON document and one `.npy` array per tensor, versioned.

The document names every array with its type and shape; what lies in the zip must agree with it before anything of
that size is allocated, and every array is used once. So a damaged or hostile file costs at most a few times the bytes
it has on disk for its arrays; the document, which is at most 16 MiB, and the zip's directory cost about 30 times
theirs. Nothing in a file is evaluated.
"""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import FormatError, NeurotrainError
from neurotrain_hw.files import replacing
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
from neurotrain_hw.synapses import Convolution, PackedWeights, SparseWeights, Weights

FORMAT = "neurotrain-hw program"
VERSION = 2
SUFFIX = ".nhw"
_DOCUMENT = "program.json"
_DOCUMENT_LIMIT = 16 << 20
_TEXT_LIMIT = 10_000
_ARRAYS_LIMIT = 100_000
_TYPES = ("int8", "uint8", "int16", "int32", "int64")
_HEADER = re.compile(
    rb"{'descr': '[<|]([iu])([1248])', 'fortran_order': (False|True), 'shape': \(((?:[0-9]{1,18},? ?)*)\), } *\n"
)


def save_program(program: Program, path: Path) -> None:
    """Write a program file in one step; equal programs give equal bytes."""
    arrays: list[npt.NDArray[Any]] = []
    document = {"format": FORMAT, "version": VERSION, "program": _pack(program, arrays)}
    with replacing(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(_DOCUMENT), json.dumps(document, indent=1, allow_nan=False))
        for number, array in enumerate(arrays):
            plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            with archive.open(zipfile.ZipInfo(f"{number}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, plain, version=(1, 0), allow_pickle=False)


def load_program(path: Path) -> Program:
    """Read a program file; FormatError names the file, the key and what was expected."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, path)
    except FileNotFoundError:
        raise FormatError("there is no such file", where=str(path)) from None
    except IsADirectoryError:
        raise FormatError("this is a folder", where=str(path), need="a program file") from None
    except (
        zipfile.BadZipFile,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        OverflowError,
    ) as error:
        raise FormatError(f"this is no readable program file: {error}", where=str(path)) from None


def _read(archive: zipfile.ZipFile, path: Path) -> Program:
    members = {info.filename: info for info in archive.infolist()}
    if _DOCUMENT not in members or len(members) > _ARRAYS_LIMIT:
        raise FormatError("this zip is no program file", where=str(path), need=_DOCUMENT)
    if len(members) < len(archive.infolist()):
        raise FormatError("two members of this zip have the same name", where=str(path))
    size = path.stat().st_size
    for info in members.values():
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise FormatError(f"member '{info.filename}' is compressed", where=str(path), need="stored members")
    claimed = sum(info.file_size for info in members.values())
    if claimed > size:
        raise FormatError("the members claim more bytes than the file has", where=str(path), need=claimed, limit=size)
    if members[_DOCUMENT].file_size > _DOCUMENT_LIMIT:
        raise FormatError(
            "the document is too large", where=str(path), need=members[_DOCUMENT].file_size, limit=_DOCUMENT_LIMIT
        )
    try:
        document = json.loads(
            archive.read(_DOCUMENT).decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_unique
        )
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{_DOCUMENT} is not JSON: {error}", where=str(path)) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FormatError("the key 'format' is not a program's", where=str(path), need=f"'{FORMAT}'")
    if document.get("version") != VERSION:
        raise FormatError(
            f"version {str(document.get('version'))[:20]} of the program format", where=str(path),
            need=f"version {VERSION}",
            remedy="Compile the program again with this version of neurotrain-hw.",
        )  # fmt: skip
    reader = _Reader(archive, members, str(path))
    try:
        program = reader.program(document["program"])
    except NeurotrainError as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"the program contradicts itself: {error}", where=str(path)) from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        raise FormatError(f"the document is incomplete or of the wrong type: {error!r}", where=str(path)) from None
    unused = sorted(set(members) - reader.used - {_DOCUMENT})
    if unused or set(document) != {"format", "version", "program"}:
        raise FormatError(f"the file holds more than a program: {unused[:3] or sorted(document)[:5]}", where=str(path))
    return program


def _pack(value: Any, arrays: list[npt.NDArray[Any]]) -> Any:
    """Dataclasses become objects in the order of their fields, mappings objects sorted by key, arrays references."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _pack(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        if value.dtype.name not in _TYPES:
            raise FormatError(f"an array of type {value.dtype}", where="program", need=f"one of {', '.join(_TYPES)}")
        if value.ndim == 0:
            return int(value)
        arrays.append(value)
        return {"array": len(arrays) - 1, "type": value.dtype.name, "shape": list(value.shape)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {k: _pack(value[k], arrays) for k in sorted(value)}
    if isinstance(value, tuple | list):
        return [_pack(v, arrays) for v in value]
    return value


class _Reader:
    """Rebuilds the dataclasses of a program from its document."""

    def __init__(self, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], where: str) -> None:
        self.archive, self.members, self.where = archive, members, where
        self.used: set[str] = set()

    def program(self, doc: Any) -> Program:
        fields = self._fields(Program, doc)
        timing = fields["timing"]
        return Program(
            **{
                **fields,
                "populations": tuple(self._population(p) for p in _list(fields["populations"])),
                "connections": tuple(self._connection(c) for c in _list(fields["connections"])),
                "outputs": tuple(_text(o) for o in _list(fields["outputs"])),
                "placement": tuple(CoreSlice(**self._fields(CoreSlice, s)) for s in _list(fields["placement"])),
                "memory": tuple(MemoryRow(**self._fields(MemoryRow, r)) for r in _list(fields["memory"])),
                "scales": {k: _number(v) for k, v in fields["scales"].items()},
                "timing": None if timing is None else self._timing(timing),
                "notes": tuple(_text(n) for n in _list(fields["notes"])),
            }
        )

    def _timing(self, doc: Any) -> Timing:
        fields = self._fields(Timing, doc)
        return Timing(fields["sample_steps"], {k: _integer(v) for k, v in fields["depth"].items()})

    def _population(self, doc: Any) -> Population:
        fields = self._fields(Population, doc)
        modulator = fields["modulator"]
        return Population(
            **{
                **fields,
                "arithmetic": Arithmetic(**self._fields(Arithmetic, fields["arithmetic"])),
                "shape": tuple(_integer(s) for s in _list(fields["shape"])),
                "parameters": {k: self._value(v) for k, v in fields["parameters"].items()},
                "modulator": None if modulator is None else Modulator(**self._fields(Modulator, modulator)),
            }
        )

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
        pairs = {k: tuple(_integer(v) for v in _list(fields[k])) for k in ("stride", "padding", "dilation")}
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
        return self._array(value) if isinstance(value, dict) else _integer(value)

    def _array(self, ref: Any) -> npt.NDArray[Any]:
        name = f"{_integer(ref['array'])}.npy"
        shape = tuple(_integer(s) for s in _list(ref["shape"]))
        if set(ref) != {"array", "type", "shape"} or ref["type"] not in _TYPES or any(s < 0 for s in shape):
            raise FormatError(f"array {name} is described wrongly", where=self.where)
        if name not in self.members or name in self.used:
            raise FormatError(f"array {name[:20]} is missing, or used twice", where=self.where)
        self.used.add(name)
        kind = np.dtype(ref["type"])
        need = kind.itemsize
        for size in shape:
            need *= size
        if need > self.members[name].file_size:
            raise FormatError(f"array {name} is shorter than its shape {shape} needs", where=self.where, need=need)
        raw = self.archive.read(name)
        found, start = _header(raw)
        if found != (shape, kind) or len(raw) - start != need:
            raise FormatError(
                f"array {name} holds {found} in {len(raw) - start} bytes", where=self.where,
                need=f"{(shape, kind)} in {need} bytes, as the document says",
            )  # fmt: skip
        array = np.frombuffer(raw, kind, offset=start).reshape(shape)
        array.flags.writeable = False
        return array


def _header(raw: bytes) -> tuple[tuple[tuple[int, ...], np.dtype[Any]], int]:
    """Shape, type and data offset that an `.npy` member of version 1.0 states; the data are not touched.

    NumPy's own reader evaluates the header as a Python literal; here it is only compared with what `save_program`
    writes.
    """
    if raw[:8] != b"\x93NUMPY\x01\x00" or len(raw) < 10:
        raise ValueError("a member is no .npy file of version 1.0")
    start = 10 + int.from_bytes(raw[8:10], "little")
    match = _HEADER.fullmatch(raw[10:start])
    if match is None or match[3] != b"False":
        raise ValueError("an .npy member whose header is not that of a C-ordered array of integers")
    shape = tuple(int(size) for size in match[4].replace(b",", b" ").split())
    return (shape, np.dtype(f"{match[1].decode()}{match[2].decode()}")), start


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


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("an object has a key twice")
    return out


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected an integer, found {type(value).__name__}")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, found {type(value).__name__}")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {type(value).__name__}")
    return value
