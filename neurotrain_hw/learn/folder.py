"""The folder of a course: one file for each finished lesson, checkpoints of those under way, learn.json at the end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurotrain_hw.errors import DataUnavailableError, FormatError, OutputError
from neurotrain_hw.files import output_folder, write_text
from neurotrain_hw.learn.settings import differing, lacking
from neurotrain_hw.program.file import SUFFIX

FORMAT = "learn-1"
LEARN = "learn.json"
_LESSONS, _SETTINGS = "lessons", "settings.json"
_OTHERS = ("run.json", "results.json", "checkpoint.npz")


def read_document(folder: Path) -> dict[str, Any]:
    """learn.json of a finished course; DataUnavailableError where there is none, FormatError where it is damaged."""
    path = folder / LEARN
    if not path.is_file():
        raise DataUnavailableError(
            "no finished course is here", where=str(path), remedy="Run `neurotrain-hw learn`, or let it go on."
        )
    document = _read(path)
    if document.get("format") != FORMAT:
        raise FormatError(f"format is {document.get('format')!r}", where=str(path), need=FORMAT)
    return document


class CourseFolder:
    """Where one course is kept; made with its settings, which a folder that is begun must agree with."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.path, self.settings = folder, json.loads(json.dumps(dict(settings)))
        self._lessons = folder / _LESSONS

    def finished(self) -> dict[str, Any] | None:
        """learn.json, if the course was held here to its end with all that is wanted; FormatError for another one."""
        if not (self.path / LEARN).is_file():
            return None
        document = read_document(self.path)
        found = document.get("settings")
        if not isinstance(found, dict):
            raise FormatError("it gives no settings", where=str(self.path / LEARN))
        self._check(found, self.path / LEARN)
        return None if lacking(found, self.settings) else document

    def begin(self) -> None:
        """Take the folder for this course; OutputError or FormatError where something else lies in it."""
        marker = self._lessons / _SETTINGS
        if marker.is_file():
            self._check(_read(marker), marker)
        elif found := self._foreign():
            raise OutputError(
                f"it holds {', '.join(found)}, which is not of this course", where=str(self.path),
                remedy="Choose another folder with --out.",
            )  # fmt: skip
        output_folder(self._lessons)
        write_text(marker, json.dumps(self.settings, indent=1) + "\n")

    def lesson(self, kind: str, seed: int) -> dict[str, Any] | None:
        """A finished lesson; None where it is not."""
        path = self._lessons / f"{kind}-seed{seed}.json"
        if not path.is_file() or (kind == "chip" and not self.program(seed).is_file()):
            return None
        return _read(path)

    def kept(self, kind: str, seed: int) -> dict[str, Any]:
        """A lesson that is finished; FormatError where its file has gone since."""
        found = self.lesson(kind, seed)
        if found is None:
            raise FormatError("a lesson has gone while the course was held", where=str(self._lessons))
        return found

    def keep(self, kind: str, seed: int, lesson: Mapping[str, Any]) -> None:
        """Write a finished lesson; its checkpoint goes."""
        write_text(self._lessons / f"{kind}-seed{seed}.json", json.dumps(dict(lesson)) + "\n")
        shutil.rmtree(self.checkpoint(kind, seed), ignore_errors=True)

    def checkpoint(self, kind: str, seed: int) -> Path:
        """Where a lesson under way is kept."""
        return self._lessons / f"{kind}-seed{seed}"

    def program(self, seed: int) -> Path:
        """The network that learned, as a program file."""
        return self.path / f"learned-seed{seed}{SUFFIX}"

    def finish(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Write learn.json, the last file of a course, and give it back as it is read."""
        write_text(self.path / LEARN, json.dumps({"format": FORMAT, **document}, indent=1) + "\n")
        return read_document(self.path)

    def _check(self, found: Mapping[str, Any], path: Path) -> None:
        if keys := differing(found, self.settings):
            said = ", ".join(_difference(key, found.get(key), self.settings.get(key)) for key in keys)
            raise FormatError(
                f"this folder holds a course with other settings: {said}", where=str(path),
                remedy="Choose another folder with --out, or delete this one.",
            )  # fmt: skip

    def _foreign(self) -> list[str]:
        names = [*(n for n in _OTHERS if (self.path / n).exists()), *(["lessons"] if self._lessons.exists() else [])]
        return names + sorted(p.name for p in self.path.glob(f"learned-seed*{SUFFIX}"))


def _difference(key: str, found: object, wanted: object) -> str:
    """`epochs 10, not 15`; what is long is only named."""
    return key if key.endswith("_file") else f"{key} {found}, not {wanted}"


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(f"cannot be read: {error}", where=str(path), remedy="Delete it to do it again.") from None
    if not isinstance(document, dict):
        raise FormatError("not an object", where=str(path), remedy="Delete it to do it again.")
    return document
