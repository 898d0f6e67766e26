"""Recordings: spikes over time with their labels, as a user brings them in an `.npz` file."""

from __future__ import annotations

import math
import tokenize
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import FormatError, ValueRangeError
from neurotrain_hw.events import EventStream

LIMIT_BYTES = 4 << 30
"""Larger arrays are refused before any room is made for them."""

_PIECE = 1 << 22
_AXES_LIMIT = 8
_INT32 = np.iinfo(np.int32)


@dataclass(frozen=True, eq=False)
class Recordings:
    """N recordings: `x` whole numbers (N, T, *shape), spikes or spike counts; `y` int64 (N,) class numbers or None.

    Read-only. Raises ValueRangeError where `x` and `y` do not go together.
    """

    x: npt.NDArray[np.integer[Any]]
    y: npt.NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.x.ndim < 3 or not self.x.size or not np.issubdtype(self.x.dtype, np.integer):
            raise ValueRangeError(
                f"x has shape {self.x.shape} and type {self.x.dtype}", where="Recordings",
                need="whole numbers (samples, steps, *shape), none of them 0 long",
            )  # fmt: skip
        if self.y is not None and self.y.shape != (len(self.x),):
            raise ValueRangeError(f"y has shape {self.y.shape}", where="Recordings", need=f"({len(self.x)},)")
        for array in (self.x, self.y):
            if array is not None:
                array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.x)

    @property
    def steps(self) -> int:
        """Steps T of each recording."""
        return int(self.x.shape[1])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one step."""
        return tuple(self.x.shape[2:])

    def first(self, count: int | None) -> Recordings:
        """The first `count` recordings; None: all."""
        return self if count is None else Recordings(self.x[:count], None if self.y is None else self.y[:count])

    def streams(self, *, dt_s: float = 1e-3) -> list[EventStream]:
        """One EventStream per recording, neurons of several axes in C order of their shape."""
        return [EventStream.from_dense(sample.reshape(self.steps, -1), dt_s=dt_s) for sample in self.x]


def read_recordings(path: Path, *, limit_bytes: int = LIMIT_BYTES) -> Recordings:
    """The arrays `x` (N, T, *shape) and, where there is one, `y` (N,) of an `.npz` file.

    `x` may have any type of numbers as long as all are whole; it becomes uint8 where the values allow, else int32.
    Shapes are compared with the sizes in the file, and with `limit_bytes`, before anything of that size is allocated;
    pickled objects are not read. Raises FormatError naming file, array and need.
    """
    found = read_arrays(path, ("x", "y"), limit_bytes)
    if "x" not in found:
        raise FormatError("it holds no array 'x'", where=str(path), need="x (samples, steps, *shape), and y (samples,)")
    x, y = _whole(found["x"], "x", str(path)), found.get("y")
    labels = None if y is None else _whole(y, "y", str(path)).astype(np.int64)
    try:
        return Recordings(x, labels)
    except ValueRangeError as error:
        raise FormatError(error.what, where=str(path), need=error.need) from None


def read_spikes(path: Path, *, limit_bytes: int = LIMIT_BYTES) -> dict[str, npt.NDArray[np.integer[Any]]]:
    """All arrays of an `.npz` file, each (samples, steps, *shape) whole numbers, as `read_recordings` reads them."""
    found = {name: _whole(array, name, str(path)) for name, array in read_arrays(path, None, limit_bytes).items()}
    for name, array in found.items():
        if array.ndim < 3:
            raise FormatError(
                f"array '{name}' has shape {array.shape}", where=str(path), need="(samples, steps, *shape)"
            )
    return found


def read_arrays(path: Path, names: tuple[str, ...] | None, limit: int = LIMIT_BYTES) -> dict[str, npt.NDArray[Any]]:
    """Arrays of numbers of an `.npz` file: those of the names that are there, or all; together within the limit.

    Raises FormatError as `read_recordings`.
    """
    found: dict[str, npt.NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                name = member.removesuffix(".npy")
                if name != member and (names is None or name in names):
                    found[name] = _array(archive, name, str(path), limit - sum(a.nbytes for a in found.values()))
    except FileNotFoundError:
        raise FormatError("there is no such file", where=str(path)) from None
    except IsADirectoryError:
        raise FormatError("this is a folder", where=str(path), need="an .npz file") from None
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, zlib.error) as error:
        raise FormatError(
            f"this is no readable .npz file: {error}", where=str(path), need="arrays, as numpy.savez writes them"
        ) from None
    return found


def _array(archive: zipfile.ZipFile, name: str, where: str, limit: int) -> npt.NDArray[Any]:
    held = archive.getinfo(f"{name}.npy").file_size
    with archive.open(f"{name}.npy") as member:
        shape, fortran, kind = npy_header(member)
        need = kind.itemsize * math.prod(shape)
        if kind.kind not in "biuf" or len(shape) > _AXES_LIMIT:
            raise FormatError(f"array '{name}' holds {kind} of shape {shape}", where=where, need="plain numbers")
        if need > limit:
            raise FormatError(
                f"array '{name}' is too large", where=where, need=f"{need:,} bytes", limit=f"{limit:,}",
                remedy="Keep fewer recordings in it, or smaller numbers (uint8).",
            )  # fmt: skip
        if need > held:
            raise FormatError(f"array '{name}' is shorter than its shape {shape} says", where=where, need=need)
        array = np.empty(shape[::-1] if fortran else shape, kind)
        flat, at = array.reshape(-1).view(np.uint8), 0
        while at < flat.size:
            piece = member.read(min(_PIECE, flat.size - at))
            if not piece:
                raise EOFError(f"array '{name}' ends before its data")
            flat[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
            at += len(piece)
    return np.ascontiguousarray(array.T) if fortran else array


def npy_header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the first axis varies fastest, and type of an .npy file; ValueError where it has no such head."""
    version = np.lib.format.read_magic(member)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an .npy member of version {version}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of heads as Python 2 wrote them
            shape, fortran, kind = read(member)
    except (SyntaxError, tokenize.TokenError, RecursionError) as error:  # of a damaged head that is parsed
        raise ValueError(f"an .npy member with a head that cannot be read: {error}") from None
    if any(size < 0 for size in shape):
        raise ValueError(f"an .npy member of shape {shape}")
    return shape, bool(fortran) and len(shape) > 1, kind


def _whole(array: npt.NDArray[Any], name: str, where: str) -> npt.NDArray[np.integer[Any]]:
    """The same whole numbers as uint8, or else int32; FormatError where there are others."""
    if not array.size:
        raise FormatError(f"array '{name}' is empty, of shape {array.shape}", where=where)
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    low, high = array.min(), array.max()
    # a NaN is neither: the comparison is false
    if not (low >= _INT32.min and high <= _INT32.max) or (array.dtype.kind == "f" and np.any(array != np.rint(array))):
        raise FormatError(
            f"array '{name}' does not hold whole numbers of 32 bits", where=where, need="spikes, or numbers of spikes",
            remedy="Encode the values as spikes first (neurotrain_hw.data.encode_rate).",
        )  # fmt: skip
    return array.astype(np.uint8 if low >= 0 and high <= 255 else np.int32)
