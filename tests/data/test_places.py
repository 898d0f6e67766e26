"""Where files are looked for, and downloads: in place only when they are whole and the official ones."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from dataset_files import cifar_records, idx_folder, tarred

from neurotrain_hw.data import load_dataset
from neurotrain_hw.data.catalogue import DATASETS
from neurotrain_hw.data.places import data_folder, find, offline
from neurotrain_hw.errors import DataUnavailableError, FormatError

LABELS = (np.arange(20) % 10).astype(np.uint8)
IMAGES = np.random.default_rng(0).integers(0, 256, (20, 3, 32, 32)).astype(np.uint8)
ARCHIVE = tarred(
    (f"cifar-10-batches-bin/{name}.bin", cifar_records(IMAGES, LABELS))
    for name in [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]
)


@pytest.fixture
def online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place in the file system stands for the network; CIFAR-10's archive is said to be there."""
    monkeypatch.delenv("NEUROTRAIN_HW_OFFLINE")
    monkeypatch.setenv("NEUROTRAIN_HW_DATA", str(tmp_path / "data"))
    there = tmp_path / "network.tar.gz"
    facts = DATASETS["cifar10"]
    archive = replace(facts.archives[0], url=there.as_uri(), md5=hashlib.md5(ARCHIVE).hexdigest())
    monkeypatch.setitem(DATASETS, "cifar10", replace(facts, archives=(archive,)))
    return there


def test_what_is_absent_is_downloaded_once(online: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    online.write_bytes(ARCHIVE)
    splits = load_dataset("cifar10", validation=0.2)
    assert (len(splits.train), len(splits.test)) == (80, 20)
    assert online.as_uri() in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "data/cifar10").iterdir()] == ["cifar-10-binary.tar.gz"]
    online.unlink()
    load_dataset("cifar10")
    assert capsys.readouterr().err == ""


def test_other_content_is_not_kept(online: Path, tmp_path: Path) -> None:
    online.write_bytes(b"<html>please log in</html>")
    with pytest.raises(FormatError, match="what came has the MD5"):
        load_dataset("cifar10")
    assert list((tmp_path / "data/cifar10").iterdir()) == []


def test_a_network_that_does_not_answer_says_what_to_do_by_hand(online: Path) -> None:
    with pytest.raises(
        DataUnavailableError, match=r"the download failed: .*Download cifar-10-binary\.tar\.gz from file:"
    ):
        load_dataset("cifar10")


def test_nothing_is_downloaded_offline(online: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    online.write_bytes(ARCHIVE)
    monkeypatch.setenv("NEUROTRAIN_HW_OFFLINE", "1")
    assert offline()
    with pytest.raises(DataUnavailableError, match="NEUROTRAIN_HW_OFFLINE forbids downloads"):
        load_dataset("cifar10")
    monkeypatch.setenv("NEUROTRAIN_HW_OFFLINE", "0")
    assert not offline()


@pytest.mark.parametrize("inside", ["", "mnist", "MNIST/raw"])
def test_folders_that_are_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str) -> None:
    grey = np.zeros((20, 28, 28), np.uint8)
    idx_folder(tmp_path / inside, {"train": (grey, LABELS), "t10k": (grey, LABELS)})
    facts = DATASETS["mnist"]
    assert find(facts, facts.archives[0], tmp_path) == tmp_path / inside / "train-images-idx3-ubyte.gz"
    monkeypatch.setenv("NEUROTRAIN_HW_DATA", str(tmp_path))
    assert find(facts, facts.archives[0]) is not None
    assert len(load_dataset("mnist").test) == 20


def test_the_users_data_folder_is_the_last_resort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *_, **__: str(tmp_path / "home"))
    monkeypatch.delenv("NEUROTRAIN_HW_DATA", raising=False)
    assert data_folder() == tmp_path / "home" / "datasets"
    assert data_folder(tmp_path) == tmp_path
