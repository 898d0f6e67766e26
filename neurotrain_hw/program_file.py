"""The program file: an uncompressed zip of one JSON document and one `.npy` array per tensor, versioned.

The document names every array with its type and shape; what lies in the zip must agree with it before anything of
that size is allocated, so a damaged or hostile file costs no more memory than it has bytes on disk.
"""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import FormatError, NeurotrainError
from neurotrain_hw.files import replacing
from neurotrain_hw.program import (
    Connection,
    CoreSlice,
    MemoryRow,
    Modulator,
    Plasticity,
    Population,
    Program,
    Timing,
)

FORMAT = "neurotrain-hw program"
VERSION = 1
SUFFIX = ".nhw"
_DOCUMENT = "program.json"
_DOCUMENT_LIMIT = 64 << 20
_ARRAYS_LIMIT = 100_000
_TYPES = ("int8", "uint8", "int16", "int32", "int64")


def save_program(program: Program, path: Path) -> None:
    """Write a program file in one step; equal programs give equal bytes."""
    arrays: list[npt.NDArray[Any]] = []
    document = {"format": FORMAT, "version": VERSION, "program": _pack(program, arrays)}
    with replacing(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(_DOCUMENT), json.dumps(document, indent=1))
        for number, array in enumerate(arrays):
            with archive.open(zipfile.ZipInfo(f"{number}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)


def load_program(path: Path) -> Program:
    """Read a program file; FormatError names the file, the key and what was expected."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, path)
    except FileNotFoundError:
        raise FormatError("there is no such file", where=str(path)) from None
    except IsADirectoryError:
        raise FormatError("this is a folder", where=str(path), need="a program file") from None
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise FormatError(f"this is no readable program file: {error}", where=str(path)) from None


def _read(archive: zipfile.ZipFile, path: Path) -> Program:
    members = {info.filename: info for info in archive.infolist()}
    if _DOCUMENT not in members or len(members) > _ARRAYS_LIMIT:
        raise FormatError("this zip is no program file", where=str(path), need=_DOCUMENT)
    size = path.stat().st_size
    for info in members.values():
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > size or info.file_size != info.compress_size:
            raise FormatError(f"member '{info.filename}' is compressed or larger than the file", where=str(path))
    if members[_DOCUMENT].file_size > _DOCUMENT_LIMIT:
        raise FormatError(
            "the document is too large", where=str(path), need=members[_DOCUMENT].file_size, limit=_DOCUMENT_LIMIT
        )
    try:
        document = json.loads(archive.read(_DOCUMENT).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{_DOCUMENT} is not JSON: {error}", where=str(path)) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FormatError("the key 'format' is not a program's", where=str(path), need=f"'{FORMAT}'")
    if document.get("version") != VERSION:
        raise FormatError(
            f"version {document.get('version')} of the program format", where=str(path), need=f"version {VERSION}",
            remedy="Compile the program again with this version of neurotrain-hw.",
        )  # fmt: skip
    reader = _Reader(archive, members, str(path))
    try:
        return reader.program(document["program"])
    except NeurotrainError as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"the program contradicts itself: {error}", where=str(path)) from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        raise FormatError(f"the document is incomplete or of the wrong type: {error!r}", where=str(path)) from None


def _pack(value: Any, arrays: list[npt.NDArray[Any]]) -> Any:
    """Dataclasses become objects, arrays references, everything else stays; the order of fields is the code's."""
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
        return {k: _pack(v, arrays) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_pack(v, arrays) for v in value]
    return value


class _Reader:
    """Rebuilds the dataclasses of a program from its document."""

    def __init__(self, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], where: str) -> None:
        self.archive, self.members, self.where = archive, members, where

    def program(self, doc: Any) -> Program:
        fields = self._fields(Program, doc)
        timing = fields["timing"]
        return Program(
            **{
                **fields,
                "populations": tuple(self._population(p) for p in _list(fields["populations"])),
                "connections": tuple(self._connection(c) for c in _list(fields["connections"])),
                "outputs": tuple(str(o) for o in _list(fields["outputs"])),
                "placement": tuple(CoreSlice(**self._fields(CoreSlice, s)) for s in _list(fields["placement"])),
                "memory": tuple(MemoryRow(**self._fields(MemoryRow, r)) for r in _list(fields["memory"])),
                "scales": {str(k): float(v) for k, v in fields["scales"].items()},
                "timing": None if timing is None else Timing(**self._fields(Timing, timing)),
                "notes": tuple(str(n) for n in _list(fields["notes"])),
            }
        )

    def _population(self, doc: Any) -> Population:
        fields = self._fields(Population, doc)
        modulator = fields["modulator"]
        return Population(
            **{
                **fields,
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
                "weights": self._array(fields["weights"]),
                "delays": None if fields["delays"] is None else self._array(fields["delays"]),
                "plasticity": None if plasticity is None else self._plasticity(plasticity),
            }
        )

    def _plasticity(self, doc: Any) -> Plasticity:
        fields = self._fields(Plasticity, doc)
        tags = {k: None if fields[k] is None else self._array(fields[k]) for k in ("tag_1", "tag_2")}
        traces = {str(k): float(v) for k, v in fields["traces"].items()}
        return Plasticity(**{**fields, **tags, "traces": traces})

    def _fields(self, kind: type, doc: Any) -> dict[str, Any]:
        names = {f.name for f in dataclasses.fields(kind)}
        if not isinstance(doc, dict) or set(doc) != names:
            found = sorted(set(doc) ^ names) if isinstance(doc, dict) else type(doc).__name__
            raise FormatError(f"a {kind.__name__} with missing or unknown keys: {found}", where=self.where)
        return dict(doc)

    def _value(self, value: Any) -> Any:
        return self._array(value) if isinstance(value, dict) else _integer(value)

    def _array(self, ref: Any) -> npt.NDArray[Any]:
        name = f"{_integer(ref['array'])}.npy"
        shape = tuple(_integer(s) for s in _list(ref["shape"]))
        if ref["type"] not in _TYPES or name not in self.members or any(s < 0 for s in shape):
            raise FormatError(f"array {name} is missing or of an unknown type", where=self.where)
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
    """Shape, type and data offset that an `.npy` member states; the data are not touched."""
    stream = io.BytesIO(raw)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an .npy member of an unknown version")
    shape, fortran, kind = np.lib.format.read_array_header_1_0(stream, max_header_size=4096)
    if fortran:
        raise ValueError("an .npy member in Fortran order")
    return (shape, kind), stream.tell()


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected an integer, found {value!r}")
    return value
