"""Untrusted HDF5 files, read in a child process that has limits on time, memory and size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import DataUnavailableError, FormatError

Value: TypeAlias = "npt.NDArray[Any] | str | list[Any] | dict[str, Value]"
Tree: TypeAlias = dict[str, Value]

_CHILD = Path(__file__).with_name("hdf5_child.py")
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SCALARS = frozenset(f"<{kind}{size}" for kind in "iuf" for size in (2, 4, 8)) | {"|i1", "|u1"}


@dataclass(frozen=True)
class Limits:
    """What reading one file may take: address space and data in bytes; CPU time in seconds, and four
    times that on the wall, since the machine may be busy.

    A file gets one second more for each 8 MiB that it is long.
    """

    memory_bytes: int = 3 << 30
    data_bytes: int = 1 << 30
    seconds: int = 5


def read_tree(path: Path, *, limits: Limits | None = None) -> Tree:
    """All groups, arrays and texts of an HDF5 file as nested dictionaries; arrays are read-only.

    Raises DataUnavailableError where there is no such file, FormatError for everything that is wrong with it:
    not HDF5, truncated, more than the limits, links out of the file, types that are neither numbers nor text.
    """
    limits = limits or Limits()
    _check_signature(path)
    seconds = limits.seconds + (path.stat().st_size >> 23)
    command = [sys.executable, "-I", str(_CHILD), str(path.resolve())]
    command += [str(limits.memory_bytes), str(seconds), str(limits.data_bytes)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "HDF5_USE_FILE_LOCKING": "FALSE"}
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=4 * seconds, check=False, env=environment,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise FormatError("reading it did not end", where=str(path), limit=f"{4 * seconds} s") from error
    if done.returncode not in (0, 3):
        raise FormatError(_death(done.returncode, done.stderr), where=str(path), remedy="The file is damaged.")
    return _tree(done.stdout, path)


def _check_signature(path: Path) -> None:
    """A clear word for what is not HDF5 at all, before a process is started."""
    if not path.is_file():
        raise DataUnavailableError("there is no such file", where=str(path))
    with path.open("rb") as file:
        size = path.stat().st_size
        head = file.read(8)
        offset = 512
        found = head == _SIGNATURE
        while not found and offset < min(size, 1 << 20):  # HDF5 allows a user block before the signature
            file.seek(offset)
            found = file.read(8) == _SIGNATURE
            offset *= 2
    if found:
        return
    if head.startswith(b"PK"):
        raise FormatError(
            "is a zip archive, perhaps a PyTorch checkpoint", where=str(path), need="an HDF5 file",
            remedy="Build the network in its framework and export it to NIR; checkpoints are never unpickled here.",
        )  # fmt: skip
    raise FormatError("is empty" if size == 0 else "is not an HDF5 file", where=str(path), need="an HDF5 file")


def _death(code: int, stderr: bytes) -> str:
    if code < 0:
        return f"the HDF5 library did not survive reading it (signal {-code})"
    lines = stderr.decode(errors="replace").strip().splitlines()
    return f"the HDF5 library failed on it: {lines[-1] if lines else f'exit code {code}'}"


def _tree(output: bytes, path: Path) -> Tree:
    tree: Tree = {}
    complete = False
    for record, data in _records(output):
        if "fault" in record:
            where = f"{path}: {record['where']}" if record["where"] else str(path)
            raise FormatError(str(record["fault"]), where=where)
        if record.get("end"):
            complete = True
            continue
        _place(tree, record, data)
    if not complete:
        raise FormatError("reading it ended half-way", where=str(path), remedy="The file is damaged.")
    return tree


def _records(output: bytes) -> Iterator[tuple[dict[str, Any], memoryview]]:
    view = memoryview(output)
    position = 0
    while position < len(output):
        end = output.find(b"\n", position)
        if end < 0:
            return
        record = json.loads(output[position:end])
        position = end + 1
        size = int(record.get("bytes", 0))
        yield record, view[position : position + size]
        position += size


def _place(tree: Tree, record: dict[str, Any], data: memoryview) -> None:
    if not record["path"]:
        return
    *parents, name = record["path"]
    node = tree
    for parent in parents:
        inner = node[parent]
        if not isinstance(inner, dict):
            raise FormatError("is both a group and a dataset", where="/".join(record["path"]))
        node = inner
    if record["kind"] == "group":
        node[name] = {}
    elif record["kind"] == "text":
        node[name] = record["value"]
    elif record["dtype"] in _SCALARS:
        node[name] = np.frombuffer(data, np.dtype(record["dtype"])).reshape(record["shape"])
    else:
        raise FormatError(f"has values of type {record['dtype']}", where="/".join(record["path"]))
