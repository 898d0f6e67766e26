"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurotrain_hw import files
from neurotrain_hw.errors import OutputError


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


def test_a_folder_or_device_is_not_replaced(tmp_path: Path) -> None:
    for path, word in ((tmp_path, "a folder"), (Path("/dev/null"), "no regular file")):
        with pytest.raises(OutputError, match=word), files.replacing(path):
            pytest.fail("the block must not run")
    assert Path("/dev/null").is_char_device()


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    for write in (lambda: files.write_text(tmp_path / "a" / "b.txt", ""), lambda: files.output_folder(tmp_path / "a")):
        with pytest.raises(OutputError, match=r"/a.*cannot be written"):
            write()
    assert _names(tmp_path) == ["a"]


def test_a_full_disk_is_named_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(OutputError, match=r"a\.txt: cannot be written: No space left.*Free some space"):  # noqa: SIM117
        with files.replacing(path) as beside:
            beside.write_text("half of the n")
            with Path("/dev/full").open("w") as full:
                full.write("x")
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["a.txt"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("old")
    (tmp_path / "link").symlink_to("there")
    files.write_text(tmp_path / "link", "new")
    assert (tmp_path / "there").read_text() == "new"
    assert (tmp_path / "link").is_symlink()


def test_text_is_utf8(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a.txt", "ψ_j ≤ θ\n")
    assert (tmp_path / "a.txt").read_bytes() == "ψ_j ≤ θ\n".encode()
    assert _names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("folder", ["targets", "models"])
def test_shipped_folders_are_found(folder: str) -> None:
    assert files.shipped(folder).is_dir()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
