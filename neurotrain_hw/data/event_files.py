"""Event files of one recording each, in the formats in which the datasets are published; every value is checked."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.data.recordings import npy_header
from neurotrain_hw.errors import FormatError, MissingExtraError

IntArray = npt.NDArray[np.int64]

_NMNIST_BYTES = 5
_OVERFLOW_ROW = 240
"""An N-MNIST event with this y is no event: it adds 2^13 us to all times after it."""

CAMERA = 128


@dataclass(frozen=True, eq=False)
class Events:
    """Events of one recording: `t` microseconds and `cell`, int64 (n,); cell = (p * height + y) * width + x."""

    t: IntArray
    cell: IntArray


def read_nmnist(content: bytes, where: str) -> Events:
    """N-MNIST's .bin: 5 bytes an event, x, y, then 1 bit of polarity and 23 bits of time, the highest first.

    Read by tonic. Raises FormatError, MissingExtraError.
    """
    if not content or len(content) % _NMNIST_BYTES:
        raise FormatError(
            f"it is {len(content)} bytes long", where=where, need=f"events of {_NMNIST_BYTES} bytes each, one or more"
        )
    try:
        from tonic.io import read_mnist_file
    except ImportError:
        raise MissingExtraError("tonic", "train") from None
    kind = np.dtype([("x", np.int64), ("y", np.int64), ("t", np.int64), ("p", np.int64)])
    found = read_mnist_file(io.BytesIO(content), dtype=kind, is_stream=True)
    return checked_events(found["t"], found["x"], found["y"], found["p"], (34, 34), where)


def read_gesture(content: bytes, where: str) -> Events:
    """tonic's .npy of one gesture: rows of x, y, p and the time in milliseconds. Raises FormatError."""
    with io.BytesIO(content) as file:
        try:
            shape, fortran, kind = npy_header(file)
        except (ValueError, EOFError, OSError) as error:
            raise FormatError(f"cannot be read: {error}", where=where, need="an .npy array of numbers") from None
        held = len(content) - file.tell()
    if len(shape) != 2 or shape[1] != 4 or not shape[0] or kind.kind not in "iuf":
        raise FormatError(f"holds {kind} of shape {shape}", where=where, need="numbers (events, 4)")
    if held != shape[0] * 4 * kind.itemsize:
        raise FormatError(f"{held:,} bytes of data", where=where, need=f"{shape[0] * 4 * kind.itemsize:,}")
    found = np.frombuffer(content, kind, offset=len(content) - held).reshape(shape, order="F" if fortran else "C")
    if not np.all(np.isfinite(found) & (np.abs(found) < 2.0**40)):
        raise FormatError("holds a value that is no coordinate and no time", where=where)
    x, y, p, t = found.astype(np.int64).T
    return checked_events(t * 1000, x, y, p, (CAMERA, CAMERA), where)


def read_aedat2(content: bytes, where: str) -> Events:
    """AEDAT 2.0 of a DVS128, as CIFAR10-DVS was published: lines of comment, then addresses and times, big-endian.

    Each is 32 bits. Of the address bit 0 is polarity, bits 1 to 7 and 8 to 14 are coordinates; turned upright as others
    do it: x = 127 - bits 8 to 14, y = 127 - bits 1 to 7, and polarity is 1 - bit 0. Raises FormatError.
    """
    if not content.startswith(b"#!AER-DAT2"):
        raise FormatError("does not begin as AEDAT 2.0 does", where=where, need="#!AER-DAT2")
    at = 0
    while content[at : at + 1] == b"#":
        end = content.find(b"\n", at)
        if end < 0:
            break
        at = end + 1
    if len(content) == at or (len(content) - at) % 8:
        raise FormatError(
            f"{len(content) - at} bytes of events", where=where, need="events of 8 bytes each, one or more"
        )
    words = np.frombuffer(content, ">u4", offset=at).astype(np.int64)
    address, t = words[::2], words[1::2]
    x, y = 127 - (address >> 8 & 127), 127 - (address >> 1 & 127)
    return checked_events(t, x, y, 1 - (address & 1), (CAMERA, CAMERA), where)


def checked_events(
    t: npt.NDArray[Any],
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    p: npt.NDArray[Any],
    size: tuple[int, int],
    where: str,
) -> Events:
    """Events of a sensor of `size` (height, width); FormatError where there are none or one is not on it."""
    height, width = size
    if not t.size:
        raise FormatError("holds no events", where=where)
    for name, value, limit in (("x", x, width), ("y", y, height), ("p", p, 2)):
        low, high = int(value.min()), int(value.max())
        if low < 0 or high >= limit:
            raise FormatError(f"{name} lies in {low}..{high}", where=where, need=f"0..{limit - 1}")
    cell = (p.astype(np.int64) * height + y.astype(np.int64)) * width + x.astype(np.int64)
    return Events(t.astype(np.int64), cell)
