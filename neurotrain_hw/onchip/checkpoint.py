"""A lesson on disk: the run, the best weights so far and the curve, after every epoch, to go on with the same bits."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.data import Splits
from neurotrain_hw.errors import FormatError
from neurotrain_hw.files import output_folder, write_text
from neurotrain_hw.program import Program
from neurotrain_hw.simulator import Session

SCHEMA = 1
_NAME = "lesson.json"


@dataclass(eq=False)
class Progressed:
    """How far a lesson has come: the run, a frozen session of its best epoch, accuracies from before learning on."""

    session: Session
    kept: Session
    validation: list[float]

    @property
    def epoch(self) -> int:
        """Epochs learned so far."""
        return len(self.validation) - 1


class Checkpoint:
    """A folder that holds one lesson; `lesson` is the digest of what it is taught."""

    def __init__(self, folder: Path, lesson: str) -> None:
        self._folder, self._lesson = folder, lesson

    def save(self, state: Progressed) -> None:
        """Write the lesson as it stands; an interrupted write leaves the one before."""
        output_folder(self._folder)
        best = int(np.argmax(state.validation))
        run, kept = f"run-{state.epoch}.nhw", f"best-{best}.nhw"
        state.session.save(self._folder / run)
        if not (self._folder / kept).exists() or best == state.epoch:
            state.kept.save(self._folder / kept)
        body = {"schema": SCHEMA, "lesson": self._lesson, "validation": state.validation, "run": run, "best": kept}
        write_text(self._folder / _NAME, json.dumps(body, indent=1) + "\n")
        for old in [*self._folder.glob("run-*.nhw"), *self._folder.glob("best-*.nhw")]:
            if old.name not in (run, kept):
                old.unlink()

    def load(self, program: Program) -> Progressed | None:
        """The lesson as it was saved, None where there is none yet; FormatError for another lesson or program."""
        path = self._folder / _NAME
        if not path.exists():
            return None
        body = _read(path)
        if body.get("schema") != SCHEMA or body.get("lesson") != self._lesson:
            raise FormatError(
                "the folder holds another lesson", where=str(path), need="the same data, targets and seed",
                remedy="Give each lesson a folder of its own, or empty this one.",
            )  # fmt: skip
        validation, names = body.get("validation"), (body.get("run"), body.get("best"))
        if not isinstance(validation, list) or not validation or not all(isinstance(v, float) for v in validation):
            raise FormatError("it gives no accuracies", where=str(path))
        if not all(isinstance(name, str) and Path(name).name == name for name in names):
            raise FormatError("it names no snapshots of its own folder", where=str(path))
        run, kept = (Session.resume(program, self._folder / str(name)) for name in names)
        return Progressed(run, kept, [float(v) for v in validation])


def lesson_digest(levels: npt.NDArray[np.int32], data: Splits, seed: int) -> str:
    """SHA-256 of what a lesson is made of beside its program: seed, targets, training and validation samples."""
    digest = hashlib.sha256(f"{seed} {levels.tolist()}".encode())
    for samples in (data.train, data.validation):
        for array in samples:
            digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(f"no checkpoint: {error}", where=str(path)) from None
    if not isinstance(body, dict):
        raise FormatError("no checkpoint: not a table", where=str(path))
    return body
