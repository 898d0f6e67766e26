"""Files of ours: an uncompressed zip of one JSON document and one `.npy` array per tensor, versioned.

The document names every array with its type and shape; what lies in the zip must agree with it before anything of
that size is allocated, and every array is used once. Arrays are read once, straight into their place, and checked in
pieces. So loading takes time in proportion to the file, and as memory: the bytes that the arrays have on disk, about
30 times those of the document, which is at most 16 MiB, and of the zip's directory, and about 20 MB to work in. Nothing
in a file is evaluated.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import FormatError, NeurotrainError
from neurotrain_hw.files import replacing

T = TypeVar("T")

TYPES = ("int8", "uint8", "int16", "int32", "int64")
"""Types that arrays may have."""

DOCUMENT_LIMIT = 16 << 20
_ARRAYS_LIMIT = 100_000
_AXES_LIMIT = 8
_PIECE = 1 << 22
_HEADER = re.compile(
    rb"{'descr': '[<|]([iu])([1248])', 'fortran_order': (False|True), 'shape': \(((?:[0-9]{1,18},? ?)*)\), } *\n"
)


@dataclass(frozen=True)
class Kind:
    """A kind of file: `what` it holds, which names its document and the document's body; its `version`, and what to do
    about a file of another one."""

    what: str
    version: int
    remedy: str

    @property
    def format(self) -> str:
        """How the document calls it."""
        return f"neurotrain-hw {self.what}"

    @property
    def document(self) -> str:
        """The name of the document in the zip."""
        return f"{self.what}.json"


def write_archive(path: Path, kind: Kind, body: Any, arrays: Sequence[npt.NDArray[Any]], *, where: str) -> None:
    """Write a file in one step; equal contents give equal bytes.

    FormatError for more parts than a document may hold; `where` names what is written.
    """
    text = json.dumps({"format": kind.format, "version": kind.version, kind.what: body}, indent=1, allow_nan=False)
    document = text.encode()
    if len(document) > DOCUMENT_LIMIT or len(arrays) >= _ARRAYS_LIMIT:
        raise FormatError(
            f"the {kind.what} has too many parts for a {kind.what} file", where=where,
            need=f"{len(document)} bytes of document, {len(arrays)} arrays",
            limit=f"{DOCUMENT_LIMIT} and {_ARRAYS_LIMIT - 1}",
            remedy="Join populations, or save it before it is placed on cores.",
        )  # fmt: skip
    with replacing(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(kind.document), document)
        for number, array in enumerate(arrays):
            plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            with archive.open(zipfile.ZipInfo(f"{number}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, plain, version=(1, 0), allow_pickle=False)


def read_archive(path: Path, kind: Kind, build: Callable[[Any, Callable[[Any], npt.NDArray[Any]]], T]) -> T:
    """What `build` makes of the document's body and of a function that reads the array of a reference.

    FormatError names the file, the key and what was expected.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, path, kind, build)
    except FileNotFoundError:
        raise FormatError("there is no such file", where=str(path)) from None
    except IsADirectoryError:
        raise FormatError("this is a folder", where=str(path), need=f"a {kind.what} file") from None
    except (
        zipfile.BadZipFile,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        OverflowError,
    ) as error:
        raise FormatError(f"this is no readable {kind.what} file: {error}", where=str(path)) from None


def _read(
    archive: zipfile.ZipFile, path: Path, kind: Kind, build: Callable[[Any, Callable[[Any], npt.NDArray[Any]]], T]
) -> T:
    members = {info.filename: info for info in archive.infolist()}
    if kind.document not in members or len(members) > _ARRAYS_LIMIT:
        raise FormatError(f"this zip is no {kind.what} file", where=str(path), need=kind.document)
    if len(members) < len(archive.infolist()):
        raise FormatError("two members of this zip have the same name", where=str(path))
    size = path.stat().st_size
    for info in members.values():
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise FormatError(f"member '{info.filename}' is compressed", where=str(path), need="stored members")
    claimed = sum(info.file_size for info in members.values())
    if claimed > size:
        raise FormatError("the members claim more bytes than the file has", where=str(path), need=claimed, limit=size)
    if members[kind.document].file_size > DOCUMENT_LIMIT:
        raise FormatError(
            "the document is too large", where=str(path), need=members[kind.document].file_size, limit=DOCUMENT_LIMIT
        )
    try:
        document = json.loads(
            archive.read(kind.document).decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_unique
        )
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{kind.document} is not JSON: {error}", where=str(path)) from None
    if not isinstance(document, dict) or document.get("format") != kind.format:
        raise FormatError(f"the key 'format' is not a {kind.what}'s", where=str(path), need=f"'{kind.format}'")
    if document.get("version") != kind.version:
        raise FormatError(
            f"version {str(document.get('version'))[:20]} of the {kind.what} format", where=str(path),
            need=f"version {kind.version}", remedy=kind.remedy,
        )  # fmt: skip
    arrays = _Arrays(archive, members, str(path))
    try:
        built = build(document[kind.what], arrays.read)
    except NeurotrainError as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"the {kind.what} contradicts itself: {error}", where=str(path)) from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        raise FormatError(f"the document is incomplete or of the wrong type: {error!r}", where=str(path)) from None
    unused = sorted(set(members) - arrays.used - {kind.document})
    if unused or set(document) != {"format", "version", kind.what}:
        raise FormatError(
            f"the file holds more than a {kind.what}: {unused[:3] or sorted(document)[:5]}", where=str(path)
        )
    return built


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

    NumPy's own reader evaluates the header as a Python literal; here it is only compared with what `write_archive`
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


def pack(value: Any, arrays: list[npt.NDArray[Any]]) -> Any:
    """Dataclasses become objects in the order of their fields, mappings objects sorted by key, arrays references."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: pack(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        if value.dtype.name not in TYPES:
            raise FormatError(f"an array of type {value.dtype}", where="archive", need=f"one of {', '.join(TYPES)}")
        if value.ndim == 0:
            return int(value)
        arrays.append(value)
        return {"array": len(arrays) - 1, "type": value.dtype.name, "shape": list(value.shape)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {k: pack(value[k], arrays) for k in sorted(value)}
    if isinstance(value, tuple | list):
        return [pack(v, arrays) for v in value]
    return value


def as_list(value: Any) -> list[Any]:
    """A list as it is; TypeError for anything else."""
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return value


def as_integer(value: Any) -> int:
    """An integer as it is; TypeError for anything else, truth values too."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected an integer, found {type(value).__name__}")
    return value


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("an object has a key twice")
    return out
