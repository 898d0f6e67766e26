"""Spoken datasets (SHD, SSC): HDF5 files of spike times and units, read in a child process with limits."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from neurotrain_hw.data.event_files import Events
from neurotrain_hw.data.members import readable
from neurotrain_hw.errors import FormatError

CHANNELS = 700
MEMORY_BYTES = 4 << 30
FILE_BYTES = 8 << 30

_CHILD = Path(__file__).with_name("spoken_child.py")
_PIECE = 1 << 22


def read_spoken(path: Path, *, classes: int) -> Iterator[tuple[str, int, Events]]:
    """Number, label and events of each recording of an .h5 file or the .zip that holds it.

    Times are seconds in the file, as float16, so about 1 ms apart after the first second. Raises FormatError.
    """
    with _unzipped(path) as file, _child(file, path) as output:
        count = 0
        for count, (label, t, unit) in enumerate(_recordings(output, path), start=1):
            where = f"{path}: recording {count - 1}"
            if not 0 <= label < classes:
                raise FormatError(f"its label is {label}", where=where, need=f"0..{classes - 1}")
            if not t.size or not np.all((t >= 0) & (t < 1000)):
                raise FormatError("holds no spikes, or times that are none", where=where, need="seconds, 0 to 1,000")
            if unit.min() < 0 or unit.max() >= CHANNELS:
                raise FormatError(f"a unit is {unit.max()}", where=where, need=f"0..{CHANNELS - 1}")
            yield f"{count - 1:06d}", label, Events(np.rint(t * 1e6).astype(np.int64), unit.astype(np.int64))
        if not count:
            raise FormatError("holds no recordings", where=str(path))


def _recordings(output: IO[bytes], path: Path) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """What the child writes: a line of JSON for each recording, its times (float64) and its units (int32)."""
    while line := output.readline(1 << 12):
        record = json.loads(line)
        if "fault" in record:
            raise FormatError(str(record["fault"]), where=str(path), remedy="The file is damaged: download it again.")
        if record.get("end"):
            return
        size = int(record["events"])
        t, unit = output.read(8 * size), output.read(4 * size)
        if len(unit) != 4 * size:
            break
        yield int(record["label"]), np.frombuffer(t, np.float64), np.frombuffer(unit, np.int32)
    raise FormatError("the HDF5 library did not survive reading it", where=str(path), remedy="The file is damaged.")


@contextmanager
def _child(file: Path, path: Path) -> Iterator[IO[bytes]]:
    seconds = 60 + (file.stat().st_size >> 20)
    command = [sys.executable, "-I", str(_CHILD), str(file.resolve()), str(MEMORY_BYTES), str(seconds)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None  # a pipe was asked for
        try:
            yield process.stdout
        finally:
            process.kill()


@contextmanager
def _unzipped(path: Path) -> Iterator[Path]:
    """The .h5 file itself, or a copy of the one in a zip archive, for as long as it is needed."""
    with path.open("rb") as file:
        head = file.read(8)
    if not head.startswith(b"PK"):
        if head != b"\x89HDF\r\n\x1a\n":
            raise FormatError("is no HDF5 file", where=str(path), remedy="It is damaged: download it again.")
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "recordings.h5"
        with readable(path), zipfile.ZipFile(path) as archive:
            names = [info for info in archive.infolist() if info.filename.endswith(".h5")]
            if len(names) != 1 or names[0].file_size > FILE_BYTES:
                raise FormatError("does not hold one .h5 file of a likely size", where=str(path))
            with archive.open(names[0]) as source, copy.open("wb") as target:
                while piece := source.read(_PIECE):
                    target.write(piece)
        yield copy
