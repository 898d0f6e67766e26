"""Recordings from .npz files: whole numbers in, typed errors for everything else."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from neurotrain_hw.data import Recordings, read_recordings
from neurotrain_hw.errors import FormatError, ValueRangeError


def test_any_order_in_memory_comes_back_as_the_same_array(tmp_path):
    x = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.savez(tmp_path / "x.npz", x=np.asfortranarray(x))
    assert np.array_equal(read_recordings(tmp_path / "x.npz").x, x)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float32, np.dtype(">i4")])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_was_written_is_read(tmp_path, kind, save):
    x = np.random.default_rng(0).integers(0, 2, (3, 5, 2, 4, 4)).astype(kind)
    save(tmp_path / "x.npz", x=x, y=np.array([2, 0, 1], np.int16))
    found = read_recordings(tmp_path / "x.npz")
    assert found.x.dtype == np.uint8 and np.array_equal(found.x, x) and found.y.tolist() == [2, 0, 1]
    assert (len(found), found.steps, found.shape) == (3, 5, (2, 4, 4))
    assert np.array_equal(found.streams()[1].dense(), x[1].reshape(5, 32))
    assert len(found.first(2)) == 2 and found.first(2).y.tolist() == [2, 0]
    with pytest.raises(ValueError, match="read-only"):
        found.x[0] = 1


def test_larger_numbers_keep_32_bits_and_labels_are_not_needed(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.array([[[300, -2]]]))
    found = read_recordings(tmp_path / "x.npz")
    assert found.x.dtype == np.int32 and found.x.tolist() == [[[300, -2]]] and found.y is None


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"z": np.ones((1, 1, 1))}, "no array 'x'"),
        ({"x": np.full((1, 2, 3), 0.5)}, "whole numbers"),
        ({"x": np.full((1, 2, 3), np.nan)}, "whole numbers"),
        ({"x": np.full((1, 2, 3), 2**40)}, "whole numbers"),
        ({"x": np.full((1, 2, 3), 2**63, np.uint64)}, "whole numbers"),
        ({"x": np.ones((1, 2), int)}, "shape (1, 2)"),
        ({"x": np.ones((0, 2, 3), int)}, "empty"),
        ({"x": np.ones((2, 2, 3), int), "y": np.ones(3, int)}, "y has shape (3,)"),
        ({"x": np.array([[["a"]]])}, "plain numbers"),
        ({"x": np.array([[[None]]])}, "plain numbers"),
    ],
)
def test_anything_else_is_named(tmp_path, arrays, words):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(FormatError) as error:
        read_recordings(tmp_path / "x.npz")
    assert words in str(error.value) and "x.npz" in str(error.value)


def test_a_shape_that_the_file_does_not_hold_allocates_nothing(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 2, 3)})
    for limit, words in ((1 << 62, "shorter than its shape"), (1 << 32, "too large")):
        with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
            archive.writestr("x.npy", header.getvalue())
        with pytest.raises(FormatError, match=words):
            read_recordings(tmp_path / "x.npz", limit_bytes=limit)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x80\x04K\x01."])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(FormatError, match="no readable"):
        read_recordings(tmp_path / "x.npz")
    with pytest.raises(FormatError, match="no such file"):
        read_recordings(tmp_path / "y.npz")
    with pytest.raises(FormatError, match="folder"):
        read_recordings(tmp_path)


def test_damage_anywhere_is_a_typed_error(tmp_path):
    whole = io.BytesIO()
    np.savez_compressed(whole, x=np.ones((2, 3, 4), np.uint8), y=np.zeros(2, int))
    rng = np.random.default_rng(1)
    for _ in range(200):
        content = bytearray(whole.getvalue())
        content[rng.integers(len(content))] = rng.integers(256)
        (tmp_path / "x.npz").write_bytes(content)
        try:
            read_recordings(tmp_path / "x.npz")
        except FormatError as error:
            assert "x.npz" in str(error)


def test_recordings_in_code_are_held_to_the_same():
    with pytest.raises(ValueRangeError, match="whole numbers"):
        Recordings(np.ones((2, 3, 4)))
    with pytest.raises(ValueRangeError, match="y has shape"):
        Recordings(np.ones((2, 3, 4), int), np.ones(4, np.int64))
