"""Where the files of a dataset lie: in the folder that the user names or the user's data folder, else downloaded."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import platformdirs

from neurotrain_hw.data.catalogue import Archive, Facts
from neurotrain_hw.errors import DataUnavailableError, FormatError

FOLDER_VARIABLE = "NEUROTRAIN_HW_DATA"
OFFLINE_VARIABLE = "NEUROTRAIN_HW_OFFLINE"
CACHE_VARIABLE = "NEUROTRAIN_HW_CACHE"

_PIECE = 1 << 20


def data_folder(folder: Path | None = None) -> Path:
    """The folder of the datasets: the one named, else NEUROTRAIN_HW_DATA, else the user's data folder."""
    named = folder if folder is not None else os.environ.get(FOLDER_VARIABLE)
    if named is not None:
        return Path(named)
    return Path(platformdirs.user_data_dir("neurotrain-hw", appauthor=False)) / "datasets"


def cache_folder() -> Path:
    """Where frames are kept: NEUROTRAIN_HW_CACHE, else the user's cache folder."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_cache_dir("neurotrain-hw", appauthor=False))


def offline() -> bool:
    """Whether nothing may be downloaded: NEUROTRAIN_HW_OFFLINE is set to other than 0."""
    return os.environ.get(OFFLINE_VARIABLE, "0") not in ("", "0")


def find(facts: Facts, archive: Archive, folder: Path | None = None) -> Path | None:
    """The archive, or what it unpacks to, in the folder or in one in it of the dataset's name; None where it is not."""
    base = data_folder(folder)
    for place in (base, base / facts.name, *(base / name for name in facts.folders)):
        for name in (archive.name, archive.unpacked):
            if name and (place / name).exists():
                return place / name
    return None


def require(facts: Facts, archives: tuple[Archive, ...], folder: Path | None = None) -> list[Path]:
    """The place of each archive; what is missing is downloaded, unless nothing may be.

    Raises DataUnavailableError: what to download from where, and where to put it.
    """
    found = [find(facts, archive, folder) for archive in archives]
    missing = [archive for archive, path in zip(archives, found, strict=True) if path is None]
    if missing:
        fault = f"{_names(missing)} of {facts.title}: not there"
        if offline():
            raise unavailable(facts, missing, folder, f"{fault}, and {OFFLINE_VARIABLE} forbids downloads")
        from neurotrain_hw.data.download import download

        for archive in missing:
            try:
                download(archive, data_folder(folder) / facts.name)
            except OSError as error:
                raise unavailable(facts, missing, folder, f"{fault}, and the download failed: {error}") from None
        found = [find(facts, archive, folder) for archive in archives]
    return [path for path in found if path is not None]


def unavailable(facts: Facts, missing: list[Archive], folder: Path | None, fault: str) -> DataUnavailableError:
    """The error that says what to download from where, and where to put it."""
    place = data_folder(folder)
    urls = " ".join(archive.url for archive in missing[:4]) + (" ..." if len(missing) > 4 else "")
    return DataUnavailableError(
        fault, where=str(place),
        remedy=f"Download {_names(missing)} from {urls} into {place / facts.name}, or name the folder that has them "
        f"with --data or in {FOLDER_VARIABLE}.",
    )  # fmt: skip


def verify(archive: Archive, path: Path) -> None:
    """Compare an archive with its published MD5; what is unpacked has none. FormatError where it is another."""
    if path.name == archive.name and path.is_file() and (found := md5(path)) != archive.md5:
        raise FormatError(
            f"its MD5 is {found}", where=str(path), need=archive.md5,
            remedy=f"Download it again from {archive.url}. Files of your own go in unpacked, and are not compared.",
        )  # fmt: skip


def md5(path: Path) -> str:
    """MD5 of a file, in hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _names(archives: list[Archive]) -> str:
    return ", ".join(archive.name for archive in archives)
