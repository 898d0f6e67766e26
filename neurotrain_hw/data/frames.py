"""Frames: events in bins of time, kept on disk in bits and read from there when they are wanted."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.data.encodings import Encoding, Seed, Shape
from neurotrain_hw.data.event_files import Events
from neurotrain_hw.data.places import cache_folder
from neurotrain_hw.errors import FormatError, UnknownNameError, ValueRangeError
from neurotrain_hw.files import output_folder

Recordings = Iterator[tuple[str, int, Events]]
"""Name, label and events, one recording after the other."""

KINDS = ("binary", "counts")
_FORMAT = 1


@dataclass(frozen=True)
class Frames(Encoding):
    """Frames as they were kept: whether there was an event (`binary`), or how many, up to 255 (`counts`)."""

    name = "frames"
    kind: str = "binary"

    def encode(self, x: npt.NDArray[Any], shape: Shape, *, steps: int, seed: Seed) -> npt.NDArray[Any]:
        """uint8 (N, T, *shape) from rows (N, T, bytes); ValueRangeError for other steps than they were binned to."""
        if x.shape[1] != steps:
            raise ValueRangeError(
                f"got {steps} steps", where="frames", need=x.shape[1],
                remedy="Load the dataset with as many steps as the network runs.",
            )  # fmt: skip
        cells = math.prod(shape)
        found = np.unpackbits(x, axis=2, count=cells) if self.kind == "binary" else np.array(x)
        return found.reshape(len(x), steps, *shape)

    def _encode(self, x: npt.NDArray[Any], steps: int, seed: Seed) -> npt.NDArray[Any]:
        raise NotImplementedError("frames are not made of values")  # `encode` does not come here


@dataclass(frozen=True, eq=False)
class Part:
    """Recordings of one part, in the order of their names: `x` (N, T, bytes) on disk, `y`, and its `rows` in `x`."""

    x: npt.NDArray[np.uint8]
    y: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]


def bin_events(events: Events, *, steps: int, cells: int) -> npt.NDArray[np.uint8]:
    """Numbers of events (T, cells), at most 255, in T bins of equal length from the first event to the last.

    An event at time t is in bin floor(T (t - first) / (last - first + 1)), times in microseconds.
    """
    first, last = int(events.t.min()), int(events.t.max())
    step = (events.t - first) * steps // (last - first + 1)
    counts = np.bincount(step * cells + events.cell, minlength=steps * cells)
    return np.minimum(counts, 255).astype(np.uint8).reshape(steps, cells)


def frame_kind(encoding: str | Encoding | None) -> str:
    """`binary` or `counts`; UnknownNameError for an encoding of values."""
    if isinstance(encoding, Frames):
        return encoding.kind
    name = encoding.name if isinstance(encoding, Encoding) else encoding
    if name is not None and name not in KINDS:
        raise UnknownNameError("encoding of event recordings", name, KINDS)
    return name or "binary"


def kept_frames(
    key: Mapping[str, object], parts: Mapping[str, Recordings], *, steps: int, shape: Shape, kind: str
) -> dict[str, Part]:
    """The frames of each part: from the cache where they are there under this key, else made and put there.

    `key` names all that they depend on but the arguments here. Raises what reading the recordings raises, OutputError.
    """
    whole = {**key, "format": _FORMAT, "steps": steps, "shape": list(shape), "kind": kind}
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:20]
    place = cache_folder() / "frames" / f"{key['name']}-{digest}"
    row = (steps, -(-math.prod(shape) // 8) if kind == "binary" else math.prod(shape))
    found = _read(place, tuple(parts), row)
    if found is None:
        _write(place, parts, steps=steps, cells=math.prod(shape), kind=kind, key=whole)
        found = _read(place, tuple(parts), row)
    if found is None:
        raise FormatError("the frames kept there cannot be read", where=str(place), remedy="Remove this folder.")
    return found


def _write(
    place: Path, parts: Mapping[str, Recordings], *, steps: int, cells: int, kind: str, key: Mapping[str, object]
) -> None:
    """Make all frames in a folder beside, which takes its place when it is whole."""
    output_folder(place.parent)
    print(f"making frames of {key['name']}, once, in {place}", file=sys.stderr)
    beside = place.with_name(f".{place.name}.{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        found = {}
        for part, recordings in parts.items():
            names, labels = [], []
            with (beside / f"{part}.bin").open("wb") as file:
                for name, label, events in recordings:
                    frames = bin_events(events, steps=steps, cells=cells)
                    file.write((np.packbits(frames != 0, axis=1) if kind == "binary" else frames).tobytes())
                    names.append(name)
                    labels.append(label)
            found[part] = {"labels": labels, "order": sorted(range(len(names)), key=names.__getitem__)}
        (beside / "parts.json").write_text(json.dumps({"key": key, "parts": found}))
        shutil.rmtree(place, ignore_errors=True)
        with suppress(OSError):  # another process may have put the same there in the meantime
            beside.replace(place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _read(place: Path, names: tuple[str, ...], row: tuple[int, int]) -> dict[str, Part] | None:
    """What is kept; None where it is not there, or other than was written."""
    try:
        parts = json.loads((place / "parts.json").read_text())["parts"]
        found = {}
        for name in names:
            labels = np.array(parts[name]["labels"], np.int64)
            order = np.array(parts[name]["order"], np.int64)
            x = np.memmap(place / f"{name}.bin", np.uint8, "r", shape=(len(labels), *row))
            if x.size != (place / f"{name}.bin").stat().st_size or sorted(order) != list(range(len(labels))):
                return None
            found[name] = Part(x, labels[order], order)
        return found
    except (OSError, ValueError, KeyError, TypeError):
        return None
