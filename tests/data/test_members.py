"""Files in folders and archives: all of them read, none unpacked, damage named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset_files import tarred, zipped

from neurotrain_hw.data.members import members
from neurotrain_hw.errors import FormatError

FILES = [(f"part/{k}.bin", bytes([k]) * 300) for k in range(5)]
ARCHIVES = {
    "zip": zipped([*FILES, ("part/readme.txt", b"")]),
    "zip in a zip": zipped([("inner.zip", zipped(FILES))]),
    "tar.gz": tarred([*FILES, ("part/readme.txt", b"")]),
}


@pytest.mark.parametrize("name", [*ARCHIVES, "folder"])
def test_every_file_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / "part"
    if name == "folder":
        path.mkdir()
        for member, content in FILES:
            (tmp_path / member).write_bytes(content)
    else:
        path.write_bytes(ARCHIVES[name])
    assert list(members(path, (".bin",))) == FILES


@pytest.mark.parametrize("name", ARCHIVES)
def test_damage_anywhere_is_a_typed_error_or_harmless(tmp_path: Path, name: str) -> None:
    rng, whole = np.random.default_rng(1), ARCHIVES[name]
    path = tmp_path / "archive"
    refused = 0
    for _ in range(150):
        content = bytearray(whole[: rng.integers(len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(3):
            if content:
                content[rng.integers(len(content))] = rng.integers(256)
        path.write_bytes(content)
        try:
            assert all(name.endswith(".bin") for name, _ in members(path, (".bin",)))
        except FormatError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 30


@pytest.mark.parametrize("name", ARCHIVES)
def test_too_large_files_are_refused_before_they_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "archive").write_bytes(ARCHIVES[name])
    with pytest.raises(FormatError, match="is too large"):
        list(members(tmp_path / "archive", (".bin",), limit_bytes=299))


def test_an_absent_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"none\.zip"):
        list(members(tmp_path / "none.zip", (".bin",)))
