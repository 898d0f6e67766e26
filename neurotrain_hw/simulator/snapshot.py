"""Snapshots: the state of a run in a file, from which it goes on with the same bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.archive import Kind, as_integer, as_list, pack, read_archive, write_archive
from neurotrain_hw.errors import FormatError
from neurotrain_hw.program import Program
from neurotrain_hw.program.file import program_digest

KIND = Kind("snapshot", 2, "Snapshots are read by the version that wrote them; run the program again.")

Parts = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A run after `step` steps: the parts of its state, its random streams, and how it was asked for."""

    parts: Parts
    streams: list[list[int]]
    step: int
    learn: bool
    record: list[str]


def write_snapshot(path: Path, program: Program, snapshot: Snapshot) -> None:
    """Write a snapshot in one step, with the digest of its program."""
    arrays: list[npt.NDArray[Any]] = []
    body = {
        "program": program_digest(program), "step": snapshot.step, "learn": snapshot.learn,
        "record": snapshot.record, "streams": snapshot.streams, "parts": pack(snapshot.parts, arrays),
    }  # fmt: skip
    write_archive(path, KIND, body, arrays, where=f"snapshot of '{program.name}'")


def read_snapshot(path: Path, program: Program) -> Snapshot:
    """The snapshot of a run of that program; FormatError where it is damaged, or another program's."""

    def build(body: Any, read: Callable[[Any], npt.NDArray[Any]]) -> Snapshot:
        if body["program"] != program_digest(program):
            raise FormatError(
                "the snapshot is of another program", where=str(path), need=f"program '{program.name}', bit for bit"
            )
        record, learn, step = as_list(body["record"]), body["learn"], as_integer(body["step"])
        if not isinstance(learn, bool) or not all(isinstance(name, str) for name in record) or step < 0:
            raise TypeError("step, learn and record are an integer, true or false, and names")
        streams = [[as_integer(value) for value in as_list(row)] for row in as_list(body["streams"])]
        parts = {str(name): np.array(read(ref)) for name, ref in body["parts"].items()}
        return Snapshot(parts, streams, step, learn, record)

    return read_archive(path, KIND, build)
