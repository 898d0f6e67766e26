"""Files: written beside and renamed into place, so that an interrupted run leaves no half-written file."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path

from neurotrain_hw.errors import OutputError

_ELSEWHERE = "Choose another place, or change its permissions."
_REMEDY = {
    errno.ENOSPC: "Free some space, or choose a place on another disk.",
    errno.EDQUOT: "Free some space, or choose a place on another disk.",
}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path` in one step, on any failure it is removed.

    A link is followed. OutputError where the file cannot be written: no permission, no space, a folder of that name.
    """
    check_output(path)
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with _writing(path):
            target.parent.mkdir(parents=True, exist_ok=True)
            yield beside
        if not beside.exists():
            raise FileNotFoundError(f"nothing was written to {beside}")  # a fault of the caller
        with _writing(path):
            beside.replace(target)
    finally:
        with suppress(OSError):  # where the folder itself is at fault, that error is the one to show
            beside.unlink(missing_ok=True)


def check_output(path: Path) -> None:
    """Raise OutputError where a folder or a device lies at `path`, which a write would have to replace."""
    if path.is_dir():
        raise OutputError("this is a folder", where=str(path), need="the name of a file to write")
    if path.exists() and not path.is_file():
        raise OutputError("this is no regular file", where=str(path), need="the name of a file to write")


def output_folder(path: Path) -> Path:
    """Make a folder for output where there is none; OutputError where nothing can be written into it."""
    with _writing(path):
        path.mkdir(parents=True, exist_ok=True)
    if not os.access(path, os.W_OK | os.X_OK):
        raise OutputError("this folder cannot be written to", where=str(path), remedy=_ELSEWHERE)
    return path


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step (UTF-8); OutputError as from `replacing`."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def shipped(folder: str) -> Path:
    """The folder `targets` or `models`: inside the installed package, or at the top of a checkout."""
    package = Path(str(resources.files("neurotrain_hw")))
    inside = package / folder
    return inside if inside.is_dir() else package.parent / folder


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn what the operating system says about writing into an OutputError."""
    try:
        yield
    except OSError as error:
        words, name = error.strerror or str(error), str(error.filename or "")
        if name and not name.endswith(".part") and name != str(path):
            words = f"{name}: {words}"  # a folder on the way there
        remedy = _REMEDY.get(error.errno or 0, _ELSEWHERE)
        raise OutputError(f"cannot be written: {words}", where=str(path), remedy=remedy) from error
