"""The image datasets, from small files in their true formats, and from damaged ones."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dataset_files import cifar_records, idx, idx_folder, mat5, tarred

from neurotrain_hw.data import load_dataset
from neurotrain_hw.data.catalogue import DATASETS
from neurotrain_hw.data.colour import read_svhn
from neurotrain_hw.data.idx import read_idx
from neurotrain_hw.data.mat5 import read_mat5
from neurotrain_hw.errors import DataUnavailableError, FormatError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (40, 28, 28)).astype(np.uint8)
COLOUR = RNG.integers(0, 256, (60, 3, 32, 32)).astype(np.uint8)
LABELS = (np.arange(60) % 10).astype(np.uint8)
BATCHES = [f"data_batch_{k}.bin" for k in range(1, 6)]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No data folder but the one that a test names."""
    monkeypatch.delenv("NEUROTRAIN_HW_DATA", raising=False)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_idx_sets(tmp_path: Path, name: str) -> None:
    idx_folder(tmp_path / name, {"train": (GREY, LABELS[:40]), "t10k": (GREY[::-1], LABELS[:40][::-1])})
    splits = load_dataset(name, folder=tmp_path, validation=0.25)
    assert (splits.shape, splits.classes, splits.note) == ((1, 28, 28), 10, "")
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (30, 10, 40)
    assert np.array_equal(splits.test.x, (GREY[::-1].reshape(40, 784) / 255).astype(np.float32))
    assert splits.test.y.tolist() == LABELS[:40][::-1].tolist()
    shown = splits.train.spikes([3], steps=2, seed=0)
    assert shown.shape == (1, 2, 1, 28, 28)


def test_unpacked_idx_files_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(idx(GREY))
    (tmp_path / "b.gz").write_bytes(gzip.compress(idx(GREY)))
    assert np.array_equal(read_idx(tmp_path / "a", shape=(28, 28)), GREY)
    assert np.array_equal(read_idx(tmp_path / "b.gz", shape=(28, 28)), GREY)


def test_mnists_test_images_alone_are_cut_in_two(tmp_path: Path) -> None:
    idx_folder(tmp_path, {"t10k": (GREY, LABELS[:40])})
    splits = load_dataset("mnist", folder=tmp_path)
    assert (len(splits.train) + len(splits.validation), len(splits.test)) == (32, 8)
    assert "the first 32 train and validate" in splits.note
    with pytest.raises(DataUnavailableError, match="train-images"):
        load_dataset("fashion-mnist", folder=tmp_path)


@pytest.mark.parametrize("archive", [False, True])
def test_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: bool) -> None:
    parts = [(name, slice(10 * k, 10 * k + 10)) for k, name in enumerate([*BATCHES, "test_batch.bin"])]
    files = [(f"cifar-10-batches-bin/{name}", cifar_records(COLOUR[at], LABELS[at])) for name, at in parts]
    if archive:
        content = tarred([*reversed(files), ("cifar-10-batches-bin/readme.html", b"<html>")])
        (tmp_path / "cifar-10-binary.tar.gz").write_bytes(content)
        facts = DATASETS["cifar10"]
        official = replace(facts.archives[0], md5=hashlib.md5(content).hexdigest())
        monkeypatch.setitem(DATASETS, "cifar10", replace(facts, archives=(official,)))
    else:
        (tmp_path / "cifar-10-batches-bin").mkdir()
        for name, content in files:
            (tmp_path / name).write_bytes(content)
    _check_colour(load_dataset("cifar10", folder=tmp_path, validation=0.2))


def test_svhn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its class 10 is the digit 0; its axes are rows, columns, colours, images."""
    digits = np.where(LABELS == 0, 10, LABELS)
    sums = []
    for part, at in (("train", slice(0, 50)), ("test", slice(50, 60))):
        x = COLOUR[at].transpose(2, 3, 1, 0)
        content = mat5({"X": x, "y": digits[at, None].astype("f8" if part == "test" else "u1")})
        (tmp_path / f"{part}_32x32.mat").write_bytes(content)
        sums.append(hashlib.md5(content).hexdigest())
    facts = DATASETS["svhn"]
    archives = tuple(replace(a, md5=md5) for a, md5 in zip(facts.archives, sums, strict=True))
    monkeypatch.setitem(DATASETS, "svhn", replace(facts, archives=archives))
    _check_colour(load_dataset("svhn", folder=tmp_path, validation=0.2))


def _check_colour(splits) -> None:
    assert (splits.shape, splits.inputs) == ((3, 32, 32), 3072)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (40, 10, 10)
    assert np.array_equal(splits.test.x, (COLOUR[50:].reshape(10, 3072) / 255).astype(np.float32))
    assert splits.test.y.tolist() == LABELS[50:].tolist()
    rows = {
        row.tobytes(): label for part in (splits.train, splits.validation) for row, label in zip(*part, strict=True)
    }
    expected = (COLOUR[:50].reshape(50, 3072) / 255).astype(np.float32)
    assert rows == {row.tobytes(): label for row, label in zip(expected, LABELS[:50], strict=True)}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "not the expected"), (idx(GREY)[:-1], "not as long"), (idx(GREY) + b"0", "not as long"),
        (idx(GREY[:, :27]), "not the expected"), (b"\0\0\x08\x03\xff\xff\xff\xff" + bytes(8), "not the expected"),
        (idx(GREY[:0]), "not the expected"),
    ],
    ids=["empty", "short", "long", "other shape", "huge", "none"],
)  # fmt: skip
def test_damaged_idx_files_are_named(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(FormatError, match=f"images: .*{fault}"):
        read_idx(tmp_path / "images", shape=(28, 28))


def test_labels_that_do_not_fit_are_named(tmp_path: Path) -> None:
    for labels in (LABELS[:39], np.full(40, 10, np.uint8)):
        idx_folder(tmp_path, {"train": (GREY, labels), "t10k": (GREY, LABELS[:40])})
        with pytest.raises(FormatError, match="train-labels"):
            load_dataset("mnist", folder=tmp_path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda files: files.pop("data_batch_3.bin"), "holds no data_batch_3.bin"),
        (lambda files: files.update({"test_batch.bin": b"123"}), "test_batch.bin: 3 bytes"),
        (lambda files: files.update({"test_batch.bin": bytes([10]) + bytes(3072)}), "a label is 10"),
    ],
    ids=["missing", "short", "label"],
)
def test_damaged_cifar_is_named(tmp_path: Path, change, fault: str) -> None:
    files = {name: cifar_records(COLOUR[:10], LABELS[:10]) for name in [*BATCHES, "test_batch.bin"]}
    change(files)
    (tmp_path / "cifar-10-batches-bin").mkdir()
    for name, content in files.items():
        (tmp_path / "cifar-10-batches-bin" / name).write_bytes(content)
    with pytest.raises(FormatError, match=fault):
        load_dataset("cifar10", folder=tmp_path)


@pytest.mark.parametrize("compress", [False, True])
def test_matlab_arrays_are_those_that_scipy_reads(tmp_path: Path, compress: bool) -> None:
    io = pytest.importorskip("scipy.io")
    arrays = {"X": COLOUR[:6].transpose(2, 3, 1, 0), "y": np.arange(6.0)[:, None], "n": np.array([[7]], np.int16)}
    io.savemat(tmp_path / "theirs.mat", {**arrays, "text": "left out"}, do_compression=compress)
    ours = {name: array for name, array in arrays.items() if name != "n"}
    (tmp_path / "ours.mat").write_bytes(mat5(ours, compress=compress))
    for name, expected in (("theirs.mat", arrays), ("ours.mat", ours)):
        found, theirs = read_mat5(tmp_path / name), io.loadmat(tmp_path / name)
        assert set(found) == set(expected)
        assert all(np.array_equal(found[key], theirs[key]) for key in expected)


def test_damaged_matlab_files_are_named(tmp_path: Path) -> None:
    arrays = {"X": COLOUR[:6].transpose(2, 3, 1, 0), "y": np.full((6, 1), 3, np.uint8)}
    path = tmp_path / "test_32x32.mat"
    rng = np.random.default_rng(3)
    for compress in (False, True):
        whole = mat5(arrays, compress=compress)
        path.write_bytes(whole)
        assert len(read_svhn(path)) == 6
        for _ in range(150):
            content = bytearray(whole[: rng.integers(len(whole))] if rng.random() < 0.3 else whole)
            for _ in range(3):
                if content:
                    content[rng.integers(min(len(content), 240))] = rng.integers(256)
            path.write_bytes(content)
            try:
                assert read_svhn(path).shape[1] == 3073
            except FormatError as error:
                assert "test_32x32.mat" in str(error)
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + bytes(600))
    with pytest.raises(FormatError, match="version 5"):
        read_svhn(path)


def test_a_matlab_file_that_says_it_is_huge_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mat").write_bytes(mat5({"X": np.zeros((1 << 20, 1), np.uint8)}))
    monkeypatch.setattr("neurotrain_hw.data.mat5.LIMIT_BYTES", 1 << 16)
    with pytest.raises(FormatError, match="longer than 65,536 bytes"):
        read_mat5(tmp_path / "a.mat")
