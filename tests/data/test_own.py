"""Datasets of one's own: recordings or values in an .npz file."""

from __future__ import annotations

import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from neurotrain_hw.data import load_dataset
from neurotrain_hw.errors import FormatError, UnknownNameError, ValueRangeError

RNG = np.random.default_rng(0)
COUNTS = RNG.integers(0, 3, (40, 12, 2, 3, 3)).astype(np.uint8)
Y = np.arange(40) % 4


def save(path: Path, **arrays: np.ndarray) -> str:
    """The name of a file with these arrays."""
    np.savez_compressed(path, **arrays)
    return str(path)


def test_recordings_with_a_split_of_their_own(tmp_path: Path) -> None:
    split = np.repeat([0, 1, 2], [32, 4, 4])
    name = save(tmp_path / "own.npz", x=COUNTS, y=Y, split=split)
    splits = load_dataset(name)
    assert (splits.name, splits.shape, splits.classes) == ("own", (2, 3, 3), 4)
    for part, samples in enumerate((splits.train, splits.validation, splits.test)):
        assert samples.y.tolist() == Y[split == part].tolist()
        shown = samples.spikes(slice(None), steps=12, seed=0)
        assert shown.dtype == np.uint8
        assert np.array_equal(shown, COUNTS[split == part] > 0)
    assert splits.as_dict() == {
        "name": "own", "train": 32, "validation": 4, "test": 4, "classes": 4, "shape": [2, 3, 3], "note": "",
    }  # fmt: skip
    counts = load_dataset(name, encoding="counts").test.spikes([1], steps=12, seed=0)
    assert np.array_equal(counts, COUNTS[37:38])


def test_fewer_steps_join_bins(tmp_path: Path) -> None:
    name = save(tmp_path / "own.npz", x=COUNTS, y=Y, split=np.repeat([0, 1, 2], [32, 4, 4]))
    shown = load_dataset(name, steps=5, encoding="counts").train.spikes([7], steps=5, seed=0)[0]
    edges = [0, 2, 4, 7, 9, 12]  # floor(12 k / 5)
    expected = [COUNTS[7, a:b].sum(axis=0) for a, b in pairwise(edges)]
    assert np.array_equal(shown, expected)
    with pytest.raises(ValueRangeError, match="1 to 12"):
        load_dataset(name, steps=13)


def test_without_a_split_classes_are_parted_by_seed(tmp_path: Path) -> None:
    splits = load_dataset(save(tmp_path / "own.npz", x=COUNTS, y=Y), validation=0.25)
    parts = (splits.train, splits.validation, splits.test)
    assert [np.bincount(part.y).tolist() for part in parts] == [[6] * 4, [2] * 4, [2] * 4]
    shown = np.concatenate([part.spikes(slice(None), steps=12, seed=0) for part in parts])
    assert sorted(row.tobytes() for row in shown) == sorted(row.tobytes() for row in (COUNTS > 0).astype(np.uint8))


def test_values_take_any_encoding(tmp_path: Path) -> None:
    x = RNG.random((40, 1, 4, 4)).astype(np.float32)
    name = save(tmp_path / "own.npz", x=x, y=Y)
    assert load_dataset(name).shape == (1, 4, 4)
    assert load_dataset(name, encoding="delta").shape == (2, 4, 4)
    assert load_dataset(name, encoding="latency").train.spikes([0], steps=6, seed=0).sum(axis=1).max() == 1


def test_values_that_change_in_time(tmp_path: Path) -> None:
    x = RNG.random((40, 6, 5))
    name = save(tmp_path / "own.npz", x=x, y=Y, split=np.repeat([0, 1, 2], [32, 4, 4]))
    direct = load_dataset(name, encoding="direct")
    assert direct.shape == (5,)
    assert np.array_equal(direct.test.spikes([3], steps=6, seed=0)[0], x[39].astype(np.float32))
    delta = load_dataset(name, encoding="delta").test.spikes([3], steps=6, seed=0)[0]
    change = np.diff(x[39], axis=0, prepend=0)
    assert np.array_equal(delta, np.concatenate([change >= 0.1, change <= -0.1], axis=1))


@pytest.mark.parametrize(
    ("arrays", "fault"),
    [
        ({"x": COUNTS}, "no array 'y'"),
        ({"x": COUNTS, "y": Y[:3]}, r"y \(3,\)"),
        ({"x": COUNTS, "y": Y - 1}, "class numbers"),
        ({"x": COUNTS, "y": Y, "split": Y}, "0, 1 and 2"),
        ({"x": COUNTS, "y": Y, "split": Y * 0}, "leaves a part empty"),
        ({"x": COUNTS.astype(int) - 1, "y": Y}, "numbers of spikes"),
        ({"x": RNG.random((40, 3)) * 2, "y": Y}, "outside 0..1"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, arrays: dict, fault: str) -> None:
    with pytest.raises(FormatError, match=rf"own\.npz: .*{fault}"):
        load_dataset(save(tmp_path / "own.npz", **arrays))


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such file"):
        load_dataset(str(tmp_path / "none.npz"))
    (tmp_path / "bad.npz").write_bytes(b"PK\3\4nonsense")
    with pytest.raises(FormatError, match=r"bad\.npz"):
        load_dataset(str(tmp_path / "bad.npz"))
    with pytest.raises(UnknownNameError, match="binary"):
        load_dataset(save(tmp_path / "own.npz", x=COUNTS, y=Y), encoding="rate")


def test_a_damaged_head_of_an_array_is_named(tmp_path: Path) -> None:
    """NumPy parses heads with Python's own parser, whose errors are of many kinds."""
    with zipfile.ZipFile(save(tmp_path / "own.npz", x=COUNTS, y=Y)) as archive:
        member = archive.read("x.npy")
    at = member.index(b"{'descr'")
    for head in (b"{'descr'(", b"{'descr'\n", b"((((((((("):
        with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
            archive.writestr("x.npy", member[:at] + head + member[at + len(head) :])
            archive.writestr("y.npy", member)
        with pytest.raises(FormatError, match=r"bad\.npz"):
            load_dataset(str(tmp_path / "bad.npz"))
