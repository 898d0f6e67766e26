"""The event datasets: N-MNIST, DVS Gesture, CIFAR10-DVS, SHD and SSC, binned to frames."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neurotrain_hw.data import event_files, frames, members
from neurotrain_hw.data.aedat4 import Aedat4Reader
from neurotrain_hw.data.catalogue import CIFAR_CLASSES, IBM_GESTURE, TONIC_DVS, Archive, Facts, dataset_facts
from neurotrain_hw.data.encodings import Encoding
from neurotrain_hw.data.event_files import read_aedat2, read_gesture, read_nmnist
from neurotrain_hw.data.frames import Frames, Part, Recordings, frame_kind, kept_frames
from neurotrain_hw.data.gesture_ibm import read_gestures, read_trials
from neurotrain_hw.data.members import members as files_of
from neurotrain_hw.data.places import find, require, verify
from neurotrain_hw.data.splits import Samples, Splits, stratified
from neurotrain_hw.data.spoken import read_spoken
from neurotrain_hw.errors import FormatError, ValueRangeError

_READERS = ("spoken", "spoken_child", "aedat4", "aedat4_child", "gesture_ibm")

TEST_SHARE = 0.1
"""Of CIFAR10-DVS, which has no test part of its own."""

_CIFAR = rf"(?:^|/)({'|'.join(CIFAR_CLASSES)})/[^/]+$"

Sources = dict[str, list[tuple[Archive, Path]]]
"""Archives, and where they lie, of each part."""


def load_events(
    name: str,
    *,
    validation: float = 0.15,
    folder: Path | None = None,
    encoding: str | Encoding | None = None,
    steps: int | None = None,
) -> Splits:
    """An event dataset in frames: each recording in `steps` bins of equal length, kept in the user's cache folder.

    `encoding`: `binary` (None) or `counts`. Raises DataUnavailableError, FormatError, MissingExtraError, OutputError.
    """
    facts, kind = dataset_facts(name), frame_kind(encoding)
    steps = facts.steps if steps is None else steps
    if steps < 1:
        raise ValueRangeError(f"got {steps}", where="steps", need="at least 1")
    sources = _sources(facts, folder)
    key = {"name": name, "files": [_state(path) for part in sources.values() for _, path in part], "code": _code()}
    parts = {part: _recordings(facts, part, pairs) for part, pairs in sources.items()}
    found = kept_frames(key, parts, steps=steps, shape=facts.shape, kind=kind)
    return _split(facts, found, validation, Frames(kind))


def _sources(facts: Facts, folder: Path | None) -> Sources:
    """The files of each part: train and test; of SSC valid, too; of CIFAR10-DVS all."""
    if facts.name == "cifar10dvs":
        whole = find(facts, TONIC_DVS, folder)
        archives = (TONIC_DVS,) if whole is not None and whole.is_file() else facts.archives
        return {"all": list(zip(archives, require(facts, archives, folder), strict=True))}
    if facts.name == "dvsgesture" and not all(find(facts, archive, folder) for archive in facts.archives):
        whole = find(facts, IBM_GESTURE, folder)
        if whole is not None:
            return {part: [(IBM_GESTURE, whole)] for part in ("train", "test")}
    names = ("train", "valid", "test") if len(facts.archives) == 3 else ("train", "test")
    places = require(facts, facts.archives, folder)
    return {part: [pair] for part, pair in zip(names, zip(facts.archives, places, strict=True), strict=True)}


def _recordings(facts: Facts, part: str, pairs: list[tuple[Archive, Path]]) -> Recordings:
    """Every recording of a part, of some archives, each of which is compared with its checksum before it is read."""
    for archive, path in pairs:
        verify(archive, path)
        if archive is IBM_GESTURE:
            yield from read_gestures(path, read_trials(path, part))
        elif facts.name in ("shd", "ssc"):
            yield from read_spoken(path, classes=facts.classes)
        else:
            yield from _of_folders(facts, path)


def _of_folders(facts: Facts, path: Path) -> Recordings:
    suffixes = {"nmnist": (".bin",), "dvsgesture": (".npy",), "cifar10dvs": (".aedat4", ".aedat")}[facts.name]
    empty = True
    with Aedat4Reader() as aedat4:
        for name, content in files_of(path, suffixes):
            empty, where = False, f"{path}: {name}"
            if facts.name == "nmnist":
                yield name, int(_label(name, r"(?:^|/)(\d)/[^/]+$", where)), read_nmnist(content, where)
            elif facts.name == "dvsgesture":
                yield name, int(_label(name, r"(?:^|/)(\d|10)\.npy$", where)), read_gesture(content, where)
            else:
                read = aedat4.read if name.endswith("4") else read_aedat2
                yield name, CIFAR_CLASSES.index(_label(name, _CIFAR, where)), read(content, where)
    if empty:
        raise FormatError(f"holds no file that ends in {' or '.join(suffixes)}", where=str(path))


def _label(name: str, pattern: str, where: str) -> str:
    """The class that a file's path tells."""
    found = re.search(pattern, name)
    if found is None:
        raise FormatError("its place tells no class", where=where, need="the layout of the official archive")
    return found[1]


def _split(facts: Facts, found: dict[str, Part], share: float, encoding: Frames) -> Splits:
    whole = found["all"] if "all" in found else found["train"]
    every = np.arange(len(whole.y))
    if "all" in found:
        rest, test = stratified(whole.y, share=TEST_SHARE, seed=0)
        tested = _samples(whole, test, facts, encoding)
    else:
        rest, tested = every, _samples(found["test"], slice(None), facts, encoding)
    if "valid" in found:
        validated = _samples(found["valid"], slice(None), facts, encoding)
    else:
        kept, held = stratified(whole.y[rest], share=share, seed=0)
        rest, validated = rest[kept], _samples(whole, rest[held], facts, encoding)
    trained = _samples(whole, rest, facts, encoding)
    return Splits(facts.name, trained, validated, tested, facts.classes, note=f"Split: {facts.split}.")


def _samples(part: Part, chosen: event_files.IntArray | slice, facts: Facts, encoding: Frames) -> Samples:
    return Samples(part.x, part.y[chosen], facts.shape, encoding, rows=part.rows[chosen])


def _state(path: Path) -> list[object]:
    """What changes when a file does, without reading it: names, sizes and times of change."""
    inside = sorted(path.rglob("*")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in inside:
        if file.is_file():
            stat = file.stat()
            digest.update(f"{file.relative_to(path.parent).as_posix()} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return [str(path.resolve()), digest.hexdigest()]


def _code() -> str:
    """What changes when the code that reads and bins does."""
    digest = hashlib.sha256()
    for module in _modules():
        digest.update(Path(module).read_bytes())
    return digest.hexdigest()


def _modules() -> Iterator[str]:
    here = Path(__file__)
    yield from (event_files.__file__, frames.__file__, members.__file__, str(here))
    yield from (str(here.with_name(f"{name}.py")) for name in _READERS)
