"""The program file: an uncompressed zip of one JSON document and one `.npy` array per tensor, versioned.

The document names every array with its type and shape; what lies in the zip must agree with it before anything of
that size is allocated, and every array is used once. Arrays are read once, straight into their place, and checked in
pieces. So loading takes time in proportion to the file, and as memory: the bytes that the arrays have on disk, about
30 times those of the document, which is at most 16 MiB, and of the zip's directory, and about 20 MB to work in. Nothing
in a file is evaluated.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import FormatError, NeurotrainError
from neurotrain_hw.files import replacing
from neurotrain_hw.program import Program
from neurotrain_hw.program_document import TYPES, DocumentReader, as_integer, as_list, pack

FORMAT = "neurotrain-hw program"
VERSION = 2
SUFFIX = ".nhw"
_DOCUMENT = "program.json"
_DOCUMENT_LIMIT = 16 << 20
_ARRAYS_LIMIT = 100_000
_AXES_LIMIT = 8
_PIECE = 1 << 22
_HEADER = re.compile(
    rb"{'descr': '[<|]([iu])([1248])', 'fortran_order': (False|True), 'shape': \(((?:[0-9]{1,18},? ?)*)\), } *\n"
)


def save_program(program: Program, path: Path) -> None:
    """Write a program file in one step; equal programs give equal bytes.

    FormatError for arrays of other types than the format has, and for more parts than its document may hold.
    """
    arrays: list[npt.NDArray[Any]] = []
    document = {"format": FORMAT, "version": VERSION, "program": pack(program, arrays)}
    text = json.dumps(document, indent=1, allow_nan=False).encode()
    if len(text) > _DOCUMENT_LIMIT or len(arrays) >= _ARRAYS_LIMIT:
        raise FormatError(
            "the program has too many parts for a program file", where=f"program '{program.name}'",
            need=f"{len(text)} bytes of document, {len(arrays)} arrays",
            limit=f"{_DOCUMENT_LIMIT} and {_ARRAYS_LIMIT - 1}",
            remedy="Join populations, or save it before it is placed on cores.",
        )  # fmt: skip
    with replacing(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(_DOCUMENT), text)
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
    arrays = _Arrays(archive, members, str(path))
    try:
        program = DocumentReader(arrays.read, str(path)).program(document["program"])
    except NeurotrainError as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"the program contradicts itself: {error}", where=str(path)) from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        raise FormatError(f"the document is incomplete or of the wrong type: {error!r}", where=str(path)) from None
    unused = sorted(set(members) - arrays.used - {_DOCUMENT})
    if unused or set(document) != {"format", "version", "program"}:
        raise FormatError(f"the file holds more than a program: {unused[:3] or sorted(document)[:5]}", where=str(path))
    return program


class _Arrays:
    """The arrays of the zip, each of them given out once."""

    def __init__(self, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], where: str) -> None:
        self.archive, self.members, self.where = archive, members, where
        self.used: set[str] = set()

    def read(self, ref: Any) -> npt.NDArray[Any]:
        """The array of a reference such as {"array": 0, "type": "int16", "shape": [128, 64]}, read-only."""
        name = f"{as_integer(ref['array'])}.npy"
        shape = tuple(as_integer(s) for s in as_list(ref["shape"]))
        good = len(shape) <= _AXES_LIMIT and all(0 <= size < 2**48 for size in shape)
        if set(ref) != {"array", "type", "shape"} or ref["type"] not in TYPES or not good:
            raise FormatError(f"array {name[:20]} is described wrongly", where=self.where)
        if name not in self.members or name in self.used:
            raise FormatError(f"array {name[:20]} is missing, or used twice", where=self.where)
        self.used.add(name)
        kind = np.dtype(ref["type"])
        need = kind.itemsize * math.prod(shape)
        if need > self.members[name].file_size:
            raise FormatError(f"array {name} is shorter than its shape {shape} needs", where=self.where, need=need)
        with self.archive.open(name) as member:
            found, start = _header(member)
            held = self.members[name].file_size - start
            if found != (shape, kind) or held != need:
                raise FormatError(
                    f"array {name} holds {found} in {held} bytes", where=self.where,
                    need=f"{(shape, kind)} in {need} bytes, as the document says",
                )  # fmt: skip
            array = np.empty(shape, kind)
            _fill(array.reshape(-1).view(np.uint8), member)
        array.flags.writeable = False
        return array


def _header(member: IO[bytes]) -> tuple[tuple[tuple[int, ...], np.dtype[Any]], int]:
    """Shape, type and data offset that an `.npy` member of version 1.0 states; the data are left unread.

    NumPy's own reader evaluates the header as a Python literal; here it is only compared with what `save_program`
    writes.
    """
    opening = member.read(10)
    if opening[:8] != b"\x93NUMPY\x01\x00" or len(opening) < 10:
        raise ValueError("a member is no .npy file of version 1.0")
    length = int.from_bytes(opening[8:10], "little")
    match = _HEADER.fullmatch(member.read(length))
    if match is None or match[3] != b"False":
        raise ValueError("an .npy member whose header is not that of a C-ordered array of integers")
    shape = tuple(int(size) for size in match[4].replace(b",", b" ").split())
    return (shape, np.dtype(f"{match[1].decode()}{match[2].decode()}")), 10 + length


def _fill(flat: npt.NDArray[np.uint8], member: IO[bytes]) -> None:
    """Read the rest of a member, piece by piece; its checksum is compared when the last byte is read."""
    at = 0
    while at < flat.size:
        piece = member.read(min(_PIECE, flat.size - at))
        if not piece:
            raise EOFError("a member ends before its data")
        flat[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
        at += len(piece)


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("an object has a key twice")
    return out
