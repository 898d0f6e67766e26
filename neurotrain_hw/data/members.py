"""The files of a folder or an archive, read one by one under limits; nothing is ever unpacked onto the disk."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from neurotrain_hw.errors import FormatError

LIMIT_BYTES = 256 << 20
"""Larger members are refused."""

LIMIT_MEMBERS = 400_000


def members(path: Path, suffixes: tuple[str, ...], *, limit_bytes: int = LIMIT_BYTES) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file with such a suffix: of a folder, sorted; of a .zip or .tar archive, as stored.

    Names have / between their parts, and begin with the folder's own name. Raises FormatError for what is damaged, too
    large or too much.
    """
    with readable(path):
        for count, (name, size, read) in enumerate(_entries(path)):
            if count >= LIMIT_MEMBERS:
                raise FormatError("holds too many files", where=str(path), limit=f"{LIMIT_MEMBERS:,}")
            if not name.endswith(suffixes):
                continue
            if size > limit_bytes:
                raise FormatError("is too large", where=f"{path}: {name}", need=f"{size:,}", limit=f"{limit_bytes:,}")
            with read() as file:
                content = file.read(limit_bytes + 1)
            if len(content) != size:
                raise FormatError("is not as long as it should be", where=f"{path}: {name}", need=f"{size:,} bytes")
            yield name, content


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what the readers of archives say into a FormatError that names the file."""
    try:
        yield
    except (
        zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, NotImplementedError, RuntimeError, zlib.error,
        lzma.LZMAError,
    ) as error:  # fmt: skip
        raise FormatError(
            f"cannot be read: {error}", where=str(path), remedy="It is damaged or of another kind: download it again."
        ) from None


def _entries(path: Path) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
    """Name, size and how to open each file."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield file.relative_to(path.parent).as_posix(), file.stat().st_size, partial(_of_folder, file)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                yield from _of_zip(archive, info)
    else:
        with tarfile.open(path, "r|*") as stream:
            for entry in stream:
                if entry.isreg():
                    yield entry.name, entry.size, partial(_of_tar, stream, entry)


def _of_folder(file: Path) -> IO[bytes]:
    return file.open("rb")


def _of_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
    """One file of a zip archive, or those of a zip archive in it."""
    if not info.filename.endswith(".zip"):
        yield info.filename, info.file_size, partial(archive.open, info)
        return
    with archive.open(info) as file, zipfile.ZipFile(file) as inner:
        for part in inner.infolist():
            yield part.filename, part.file_size, partial(inner.open, part)


def _of_tar(stream: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    file = stream.extractfile(entry)
    if file is None:
        raise tarfile.TarError(f"{entry.name} is no regular file")
    return file
