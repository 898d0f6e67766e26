"""Files: written beside and renamed into place, so that an interrupted run leaves no half-written file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path` in one step, on any failure it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step (UTF-8)."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def shipped(folder: str) -> Path:
    """The folder `targets` or `models`: inside the installed package, or at the top of a checkout."""
    package = Path(str(resources.files("neurotrain_hw")))
    inside = package / folder
    return inside if inside.is_dir() else package.parent / folder
