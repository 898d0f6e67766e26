"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurotrain_hw import files


def test_a_file_is_there_only_after_the_block(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "a.txt"
    with files.replacing(path) as beside:
        beside.write_text("new")
        assert beside.parent == path.parent
        assert not path.exists()
    assert path.read_text() == "new"
    assert _names(path.parent) == ["a.txt"]


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("write", [True, False])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, fault: type[BaseException], write: bool
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(fault), files.replacing(path) as beside:
        if write:
            beside.write_text("half of the n")
        raise fault
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["a.txt"]


def test_a_failure_leaves_no_new_file(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), files.replacing(tmp_path / "a.txt") as beside:
        beside.write_text("half of the n")
        raise KeyboardInterrupt
    assert _names(tmp_path) == []


def test_a_block_that_writes_nothing_is_an_error_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), files.replacing(path):
        pass
    assert path.read_text() == "old"


def test_text_is_utf8(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a.txt", "ψ_j ≤ θ\n")
    assert (tmp_path / "a.txt").read_bytes() == "ψ_j ≤ θ\n".encode()
    assert _names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("folder", ["targets", "models"])
def test_shipped_folders_are_found(folder: str) -> None:
    assert files.shipped(folder).is_dir()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
