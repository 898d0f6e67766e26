"""What the demo has done so far: one JSON file per step, so that a second demo skips what is done."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurotrain_hw.files import write_text


@dataclass(frozen=True)
class Entry:
    """A finished step: its letter and title, one line with its figures, seconds, and its sections of the results."""

    step: str
    title: str
    text: str
    seconds: float
    sections: dict[str, Any]
    repeated: bool = False


class Notebook:
    """Runs steps in a folder; a step whose inputs are the same as last time is read back instead of run again."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder, self.say = folder, say
        self.entries: list[Entry] = []

    def step(
        self, letter: str, title: str, inputs: object, work: Callable[[], tuple[str, dict[str, Any]]]
    ) -> dict[str, Any]:
        """Do a step, or read it back. `work` returns its line of figures and its sections; `inputs` decide them."""
        path = self.folder / "steps" / f"{letter}.json"
        digest = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()
        entry = _read(path, digest)
        if entry is None:
            self.say(f"{letter}. {title} ...")
            start = time.perf_counter()
            text, sections = work()
            entry = Entry(letter, title, text, time.perf_counter() - start, sections)
            document = {"digest": digest, **{k: v for k, v in vars(entry).items() if k != "repeated"}}
            write_text(path, json.dumps(document, default=_plain))
            entry = _read(path, digest) or entry
            self.say(f"{letter}. {title}: {entry.text} [{entry.seconds:.1f} s]")
        else:
            self.say(f"{letter}. {title}: {entry.text} [done before]")
        self.entries.append(entry)
        return entry.sections


def _read(path: Path, digest: str) -> Entry | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.pop("digest") != digest:
            return None
        return Entry(**document, repeated=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # absent or damaged: the step is done again


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value)
