"""The program file: a program as one document and its arrays (`archive.py`)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.archive import Kind, pack, read_archive, write_archive
from neurotrain_hw.program import Program
from neurotrain_hw.program.document import DocumentReader

KIND = Kind("program", 5, "Compile the program again with this version of neurotrain-hw.")
SUFFIX = ".nhw"


def save_program(program: Program, path: Path) -> None:
    """Write a program file in one step; equal programs give equal bytes.

    FormatError for arrays of other types than the format has, and for more parts than its document may hold.
    """
    arrays: list[npt.NDArray[Any]] = []
    write_archive(path, KIND, pack(program, arrays), arrays, where=f"program '{program.name}'")


def load_program(path: Path) -> Program:
    """Read a program file; FormatError names the file, the key and what was expected."""
    return read_archive(path, KIND, lambda body, read: DocumentReader(read, str(path)).program(body))


def program_digest(program: Program) -> str:
    """A text of 64 characters that two programs share where their files are equal."""
    arrays: list[npt.NDArray[Any]] = []
    found = hashlib.sha256(json.dumps(pack(program, arrays)).encode())
    for array in arrays:
        found.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)
    return found.hexdigest()
