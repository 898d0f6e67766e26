"""Bytes kept in the user's cache folder, so that what is slow to load is loaded once on a machine."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import platformdirs

from neurotrain_hw.errors import OutputError
from neurotrain_hw.files import replacing

_CHECKSUM = hashlib.sha256


def read_kept(name: str, *, size: int) -> bytes | None:
    """The `size` bytes kept under a name; None where there are none, or other than were written."""
    whole = size + _CHECKSUM().digest_size
    place = _place(name)
    if place is None:
        return None
    try:
        with place.open("rb") as file:
            found = file.read(whole + 1)
    except OSError:
        return None
    content = found[:size]
    return content if len(found) == whole and _CHECKSUM(content).digest() == found[size:] else None


def keep(name: str, content: bytes) -> None:
    """Keep bytes under a name, their SHA-256 after them; does nothing where the folder cannot be written to."""
    place = _place(name)
    if place is None:
        return
    with suppress(OSError, OutputError), replacing(place) as beside:
        beside.write_bytes(content + _CHECKSUM(content).digest())


def _place(name: str) -> Path | None:
    """The file of a name; None where no home folder is known, as nothing is kept in the working folder."""
    folder = Path(platformdirs.user_cache_dir("neurotrain-hw", appauthor=False))
    return folder / name if folder.is_absolute() else None
