"""Downloads of official files: bounded, compared with their checksum, and in place only when they are whole."""

from __future__ import annotations

import hashlib
import sys
import urllib.request
from pathlib import Path

from neurotrain_hw.data.catalogue import Archive
from neurotrain_hw.errors import FormatError
from neurotrain_hw.files import replacing

LIMIT_BYTES = 16 << 30
_PIECE = 1 << 20
_TIMEOUT_S = 30


def download(archive: Archive, folder: Path) -> Path:
    """Fetch one archive into a folder; the file is there when its MD5 is that which was published.

    Tells on standard error what it fetches. Raises OSError where the network does not answer, FormatError for other
    content, OutputError where the folder cannot be written.
    """
    path = folder / archive.name
    print(f"downloading {archive.url} to {path}", file=sys.stderr)
    digest, size = hashlib.md5(usedforsecurity=False), 0
    request = urllib.request.Request(archive.url, headers={"User-Agent": "neurotrain-hw"})
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer, replacing(path) as beside:
        with beside.open("wb") as file:
            while piece := answer.read(_PIECE):
                size += len(piece)
                if size > LIMIT_BYTES:
                    raise FormatError("the download does not end", where=archive.url, limit=f"{LIMIT_BYTES:,} bytes")
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != archive.md5:
            raise FormatError(
                f"what came has the MD5 {digest.hexdigest()}", where=archive.url, need=archive.md5,
                remedy=f"Fetch {archive.name} by other means.",
            )  # fmt: skip
    return path
