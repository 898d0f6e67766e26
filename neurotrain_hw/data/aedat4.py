"""AEDAT 4.0 recordings of a DVS128 (tonic's copy of CIFAR10-DVS), decoded by the package aedat in a child process."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import numpy as np

from neurotrain_hw.data.event_files import CAMERA, Events, checked_events
from neurotrain_hw.errors import FormatError, MissingExtraError

MEMORY_BYTES = 2 << 30
SECONDS = 20

_CHILD = Path(__file__).with_name("aedat4_child.py")
_EVENT_BYTES = 8 + 2 + 2 + 1


class Aedat4Reader:
    """Reads recordings one after the other, with one child process for all of them; a context manager.

    A recording with which the decoder dies is named, and the next one starts another child. Of several streams of
    events the first counts. Raises MissingExtraError without the package aedat.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def read(self, content: bytes, where: str) -> Events:
        """The events of one recording; FormatError."""
        try:
            t, x, y, p = self._ask(content, where)
        except OSError:
            self.close()
            raise FormatError("the decoder did not survive reading it", where=where, need="an AEDAT 4.0 file") from None
        return checked_events(t, x, y, p, (CAMERA, CAMERA), where)

    def _ask(self, content: bytes, where: str) -> list[np.ndarray]:
        """Times, x, y and polarities; FormatError with what the decoder says, OSError where it died."""
        if self._child is None:
            if find_spec("aedat") is None:
                raise MissingExtraError("aedat", "train")
            command = [sys.executable, "-I", str(_CHILD), str(MEMORY_BYTES), str(SECONDS)]
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        source, sink = self._child.stdout, self._child.stdin
        if source is None or sink is None:
            raise OSError("no pipes")
        sink.write(len(content).to_bytes(8, "little") + content)
        sink.flush()
        line = source.readline(1 << 12)
        if not line.endswith(b"\n"):
            raise OSError("no answer")
        answer = json.loads(line)
        if "fault" in answer:
            raise FormatError(f"cannot be read: {answer['fault']}", where=where, need="an AEDAT 4.0 file")
        count = int(answer["events"])
        data = source.read(count * _EVENT_BYTES)
        if len(data) != count * _EVENT_BYTES:
            raise OSError("half an answer")
        kinds, found, at = ("<i8", "<u2", "<u2", "u1"), [], 0
        for kind in kinds:
            found.append(np.frombuffer(data, kind, count, at))
            at += count * np.dtype(kind).itemsize
        return found
