"""Results of lessons in a folder: a lesson that was taught already, in the same way, is not taught again."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from neurotrain_hw.files import write_text
from neurotrain_hw.onchip import Lesson, RewardLesson, TwinLesson, WinnerLesson

AnyLesson = Lesson | TwinLesson | WinnerLesson | RewardLesson


class Shelf:
    """Results by name in a folder, None for nowhere; a result that was reached otherwise is no result."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, name: str, how: Mapping[str, object], learn: Callable[[], AnyLesson]) -> float:
        """The test accuracy of that name, learned now where it is not kept yet."""
        path = None if self.folder is None else self.folder / f"{name}.json"
        if path is not None and path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["how"] == dict(how):
                return float(kept["test"])
        lesson = learn()
        row = {"how": dict(how), "test": lesson.test, "best": lesson.best, "validation": lesson.validation}
        if path is not None:
            write_text(path, json.dumps(row, indent=1) + "\n")
        print(f"{name}: validation {lesson.validation[lesson.best]:.2%}, test {lesson.test:.2%}", file=sys.stderr)
        return lesson.test

    def place(self, name: str) -> Path | None:
        """Where a lesson's checkpoint lies."""
        return None if self.folder is None else self.folder / "checkpoints" / name


def digest(*parts: object) -> str:
    """A short text that tells one lesson from another."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
