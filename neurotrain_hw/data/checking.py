"""Whether the files of a dataset are there and are the official ones, and whether they can be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neurotrain_hw.data.catalogue import IBM_GESTURE, TONIC_DVS, Archive, Facts
from neurotrain_hw.data.places import find, md5

OFFICIAL, OTHER, UNPACKED, ABSENT = "official", "another checksum", "unpacked, not compared", "absent"


@dataclass(frozen=True)
class FileState:
    """One official file: where it lies, if it does, and what is known of it (`state`, one of the constants here)."""

    archive: Archive
    path: Path | None
    state: str


def files_of(facts: Facts, folder: Path | None = None) -> tuple[Archive, ...]:
    """The archives that the dataset is read from, where those of another publisher are there in place of its own."""
    other = {"cifar10dvs": TONIC_DVS, "dvsgesture": IBM_GESTURE}.get(facts.name)
    if other is not None and find(facts, other, folder) is not None:
        return (other,)
    return facts.archives


def presence(facts: Facts, folder: Path | None = None) -> str:
    """`yes`, `no` or `part`: whether the files of a dataset lie where they are looked for; nothing is read."""
    found = [find(facts, archive, folder) is not None for archive in files_of(facts, folder)]
    return "yes" if all(found) else "part" if any(found) else "no"


def file_states(facts: Facts, folder: Path | None = None) -> list[FileState]:
    """What there is of each file; archives are read whole for their checksums."""
    return [_state(facts, archive, folder) for archive in files_of(facts, folder)]


def _state(facts: Facts, archive: Archive, folder: Path | None) -> FileState:
    path = find(facts, archive, folder)
    if path is None:
        return FileState(archive, None, ABSENT)
    if path.name != archive.name or path.is_dir():
        return FileState(archive, path, UNPACKED)
    return FileState(archive, path, OFFICIAL if md5(path) == archive.md5 else OTHER)
