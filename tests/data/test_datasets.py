"""Datasets: documented splits, no sample in two of them, and errors that say what to put where."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from neurotrain_hw.data import dataset_names, load_dataset, load_digits_split, load_mnist_split
from neurotrain_hw.data.idx import IMAGES, LABELS
from neurotrain_hw.data.splits import stratified
from neurotrain_hw.errors import DataUnavailableError, FormatError, UnknownNameError, ValueRangeError


def test_digits_split_is_the_documented_one() -> None:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    splits = load_digits_split()
    x, y = load_digits(return_X_y=True)
    _, x_test, _, y_test = train_test_split(x, y, test_size=360, random_state=0, stratify=y)
    assert np.array_equal(splits.test.x * 16, x_test)
    assert np.array_equal(splits.test.y, y_test)
    assert len(splits.train) + len(splits.validation) == 1437
    assert len(splits.validation) == pytest.approx(0.15 * 1437, abs=5)
    assert (splits.train.x.dtype, splits.train.y.dtype) == (np.float32, np.int64)
    assert (splits.train.x.min(), splits.train.x.max()) == (0, 1)


def test_digits_splits_share_no_sample() -> None:
    splits = load_digits_split()
    rows = [{row.tobytes() for row in part.x} for part in (splits.train, splits.validation, splits.test)]
    assert not rows[0] & rows[1]
    assert not (rows[0] | rows[1]) & rows[2]


def test_stratified_holds_out_a_share_of_each_class() -> None:
    y = np.repeat([0, 1, 2], [100, 40, 20])
    kept, held = stratified(y, share=0.1, seed=0)
    assert np.bincount(y[held]).tolist() == [10, 4, 2]
    assert sorted([*kept, *held]) == list(range(160))
    with pytest.raises(ValueRangeError):
        stratified(y, share=1.0, seed=0)


def test_samples_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        load_digits_split().test.x[0, 0] = 1


def test_unknown_dataset() -> None:
    assert dataset_names()[:2] == ["digits", "mnist"]
    with pytest.raises(UnknownNameError, match="digits"):
        load_dataset("digit")


def test_mnist_absent_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEUROTRAIN_HW_DATA", raising=False)
    with pytest.raises(DataUnavailableError, match=f"{IMAGES}.*NEUROTRAIN_HW_DATA"):
        load_mnist_split()
    with pytest.raises(DataUnavailableError) as caught:
        load_dataset("mnist", folder=tmp_path)
    assert caught.value.where == str(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"not gzip", gzip.compress(b"\0\0\x08\x03" + bytes(12), mtime=0)],
    ids=["empty", "not gzip", "header only"],
)
def test_damaged_mnist_names_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / IMAGES).write_bytes(content)
    (tmp_path / LABELS).write_bytes(content)
    with pytest.raises(FormatError, match=IMAGES):
        load_mnist_split(folder=tmp_path)


def test_mnist_split(shared: Path) -> None:
    splits = load_dataset("mnist", folder=shared / "data")
    assert splits.train.x.shape[1] == splits.inputs == 784
    assert (len(splits.train) + len(splits.validation), len(splits.test)) == (8000, 2000)
    raw = gzip.decompress((shared / "data" / "mnist" / LABELS).read_bytes())[8:]
    assert splits.test.y.tolist() == list(raw[8000:])
    assert splits.test.x.max() == 1
