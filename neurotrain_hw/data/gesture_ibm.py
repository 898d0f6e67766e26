"""DVS128 Gesture as IBM published it: AEDAT 3.1 recordings, with tables of when each gesture begins and ends."""

from __future__ import annotations

import csv
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neurotrain_hw.data.event_files import CAMERA, Events, checked_events
from neurotrain_hw.data.members import members
from neurotrain_hw.errors import FormatError

LISTS = {"train": "trials_to_train.txt", "test": "trials_to_test.txt"}
CLASSES = 11

_HEAD = struct.Struct("<hhiiiiii")
_POLARITY, _EVENT_BYTES = 1, 8

Trials = dict[str, list[tuple[int, int, int]]]
"""Of each recording's file: class from 0, first and last microsecond of each gesture."""


def read_trials(path: Path, part: str) -> Trials:
    """The recordings of `train` or `test` with their gestures, from the lists and tables in the archive or folder.

    Raises FormatError.
    """
    texts = {name.rsplit("/", 1)[-1]: (name, content) for name, content in members(path, (".txt", ".csv"))}
    if LISTS[part] not in texts:
        raise FormatError(f"holds no {LISTS[part]}", where=str(path), need="the layout of DvsGesture.tar.gz")
    names = texts[LISTS[part]][1].decode("utf-8", "replace").split()
    found: Trials = {}
    for name in names:
        table = name.removesuffix(".aedat") + "_labels.csv"
        if table not in texts:
            raise FormatError(f"holds no {table}", where=str(path))
        found[name] = _gestures(texts[table][1], f"{path}: {texts[table][0]}")
    return found


def read_gestures(path: Path, trials: Trials) -> Iterator[tuple[str, int, Events]]:
    """Name, class and events of each gesture of some recordings; FormatError where one is damaged or not there."""
    left = set(trials)
    for name, content in members(path, (".aedat",)):
        file = name.rsplit("/", 1)[-1]
        if file not in left:
            continue
        left.remove(file)
        where = f"{path}: {name}"
        events = read_aedat31(content, where)
        for k, (label, begin, end) in enumerate(trials[file]):
            inside = (events.t >= begin) & (events.t < end)
            if not inside.any():
                raise FormatError(f"has no event between {begin} and {end} us", where=where)
            yield f"{file}/{k:02d}", label, Events(events.t[inside], events.cell[inside])
    if left:
        raise FormatError(f"holds no {', '.join(sorted(left)[:3])}", where=str(path))


def read_aedat31(content: bytes, where: str) -> Events:
    """The valid polarity events of AEDAT 3.1: lines of comment, then packets with heads of 28 bytes.

    An event is 32 bits of address (bit 0: valid, bit 1: polarity, bits 2 to 16: y, bits 17 to 31: x) and 32 bits of
    microseconds, to which the head's overflow adds multiples of 2^31. Raises FormatError.
    """
    if not content.startswith(b"#!AER-DAT3.1"):
        raise FormatError("does not begin as AEDAT 3.1 does", where=where, need="#!AER-DAT3.1")
    at, addresses, times = _after_comments(content), [], []
    while at < len(content):
        if at + _HEAD.size > len(content):
            raise FormatError("ends in the head of a packet", where=where)
        kind, _, size, _, overflow, capacity, number, _ = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        if size <= 0 or not 0 <= number <= capacity or at + size * capacity > len(content):
            raise FormatError(f"a packet of {capacity} events of {size} bytes ends after the file", where=where)
        if kind == _POLARITY:
            if size != _EVENT_BYTES or overflow < 0:
                raise FormatError(f"polarity events of {size} bytes", where=where, need=f"{_EVENT_BYTES} bytes")
            words = np.frombuffer(content, "<u4", 2 * number, at).astype(np.int64)
            valid = words[::2] & 1 == 1
            addresses.append(words[::2][valid])
            times.append((words[1::2] + (overflow << 31))[valid])
        at += size * capacity
    if not addresses:
        raise FormatError("holds no polarity events", where=where)
    a = np.concatenate(addresses)
    return checked_events(np.concatenate(times), a >> 17, a >> 2 & 0x7FFF, a >> 1 & 1, (CAMERA, CAMERA), where)


def _after_comments(content: bytes) -> int:
    at = 0
    while content[at : at + 1] == b"#":
        end = content.find(b"\n", at)
        if end < 0:
            return len(content)
        line, at = content[at:end], end + 1
        if line.startswith(b"#!END-HEADER"):
            break
    return at


def _gestures(content: bytes, where: str) -> list[tuple[int, int, int]]:
    """Rows of class (from 1 in the file), begin and end, under their names."""
    rows = list(csv.reader(content.decode("utf-8", "replace").splitlines()))
    try:
        found = [(int(label) - 1, int(begin), int(end)) for label, begin, end in (row for row in rows[1:] if row)]
    except ValueError:
        raise FormatError("holds a row that is not class, begin, end", where=where) from None
    if not found or any(not 0 <= label < CLASSES or begin >= end for label, begin, end in found):
        raise FormatError("names no gesture, or one that is none", where=where, need=f"classes 1 to {CLASSES}")
    return found
