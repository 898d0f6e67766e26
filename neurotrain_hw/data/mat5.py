"""MATLAB files of version 5, the plain arrays in them: SciPy's reader takes processes down with some damaged files."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import FormatError

LIMIT_BYTES = 1 << 30
"""More than this in all arrays together is refused."""

_HEAD_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_KINDS = {1: "<i1", 2: "<u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
"""Types of stored data (MAT-File Format, MathWorks, table 1-1)."""

_NUMERIC = range(6, 16)
"""Classes of arrays of numbers, double to uint64 (table 1-3)."""


def read_mat5(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Name and array of each numeric variable; others are left out. Nothing is unpickled or called.

    Arrays have the type that they are stored in, which may be narrower than MATLAB's. Raises FormatError for what is
    damaged, too large, of another version, or written on a big-endian machine.
    """
    where = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise FormatError(f"cannot be read: {error}", where=where) from None
    if len(content) > LIMIT_BYTES:
        raise FormatError("is too large", where=where, limit=f"{LIMIT_BYTES:,} bytes")
    if len(content) < _HEAD_BYTES or content[124:128] != b"\0\1IM":
        raise FormatError("does not begin as it should", where=where, need="a MATLAB file of version 5")
    found, at, left = {}, _HEAD_BYTES, LIMIT_BYTES
    try:
        while at + 8 <= len(content):
            kind, data, at = _element(memoryview(content), at)
            if kind == _COMPRESSED:
                kind, data, _ = _element(memoryview(_decompressed(data, left)), 0)
            left -= len(data)
            if left < 0:
                raise ValueError(f"holds more than {LIMIT_BYTES:,} bytes")
            variable = _variable(data) if kind == _MATRIX else None
            if variable is not None:
                found[variable[0]] = variable[1]
    except (ValueError, struct.error, zlib.error, UnicodeDecodeError) as error:
        raise FormatError(f"cannot be read: {error}", where=where, need="a MATLAB file of version 5") from None
    return found


def _element(content: memoryview, at: int) -> tuple[int, memoryview, int]:
    """Type and data of the element at a place, and the place of the next."""
    kind, size = struct.unpack_from("<II", content, at)
    if kind >> 16:  # a small one: length and up to four bytes of data in the tag
        kind, size, start, after = kind & 0xFFFF, kind >> 16, at + 4, at + 8
    else:
        start = at + 8
        after = start + (size if kind == _COMPRESSED else -(-size // 8) * 8)
    if start + size > min(len(content), after):
        raise ValueError(f"an element of {size:,} bytes at {at:,} ends after the file")
    return kind, content[start : start + size], after


def _decompressed(data: memoryview, limit: int) -> bytes:
    worker = zlib.decompressobj()
    found = worker.decompress(data, limit)
    if not worker.eof:
        raise ValueError(f"a compressed element is cut off, or longer than {limit:,} bytes")
    return found


def _variable(data: memoryview) -> tuple[str, npt.NDArray[Any]] | None:
    """Name and array of a matrix element; None where it is not of real numbers."""
    _, flags, at = _element(data, 0)
    _, sizes, at = _element(data, at)
    _, name, at = _element(data, at)
    (flag,) = struct.unpack_from("<I", flags)
    if flag & 0xFF not in _NUMERIC or flag & 0x800:  # a bit says that it is complex
        return None
    kind, values, _ = _element(data, at)
    shape = tuple(int(n) for n in np.frombuffer(sizes, "<i4"))
    if kind not in _KINDS or any(n < 0 for n in shape):
        raise ValueError(f"an array of shape {shape} has data of type {kind}")
    if math.prod(shape) * np.dtype(_KINDS[kind]).itemsize != len(values):
        raise ValueError(f"an array of shape {shape} has {len(values):,} bytes of data")
    return bytes(name).decode("ascii"), np.frombuffer(values, _KINDS[kind]).reshape(shape, order="F")
