"""Event files, written byte by byte, come back as the events that went in; damaged ones name what is wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from dataset_files import aedat2, aedat4, aedat31, gesture_npy, nmnist_bin, some_events

from neurotrain_hw.data.aedat4 import Aedat4Reader
from neurotrain_hw.data.event_files import Events, read_aedat2, read_gesture, read_nmnist
from neurotrain_hw.data.gesture_ibm import read_aedat31
from neurotrain_hw.errors import FormatError

READER = Aedat4Reader()


@pytest.fixture(scope="module", autouse=True)
def one_reader() -> Iterator[None]:
    """The child of the decoder ends with the tests."""
    yield
    READER.close()


FORMATS = {
    "nmnist": (nmnist_bin, read_nmnist, 34, 310_000),
    "gesture": (gesture_npy, read_gesture, 128, 6_000_000),
    "aedat2": (aedat2, read_aedat2, 128, 1_300_000),
    "aedat31": (aedat31, read_aedat31, 128, 6_000_000),
    "aedat4": (aedat4, READER.read, 128, 1_300_000),
}


@pytest.mark.parametrize("name", FORMATS)
def test_what_was_written_is_read(name: str) -> None:
    write, read, size, last = FORMATS[name]
    for seed in range(3):
        events = some_events(np.random.default_rng(seed), 173, size, last)
        if name == "gesture":  # holds milliseconds
            events = [(x, y, p, t // 1000 * 1000) for x, y, p, t in events]
        found = read(write(events), "here")
        assert found.t.tolist() == [t for *_, t in events]
        assert found.cell.tolist() == [(p * size + y) * size + x for x, y, p, _ in events]


@pytest.mark.parametrize("kind", ["<f8", "<i4", "<f4", "<i2"])
def test_gestures_of_other_types_of_numbers(kind: str) -> None:
    events = [(1, 2, 1, 5000), (127, 0, 0, 32_000_000)]  # 32,000 ms: times 1,000 it leaves int16 and float32's digits
    found = read_gesture(gesture_npy(events, kind), "here")
    assert found.t.tolist() == [5000, 32_000_000]


def test_an_overflow_of_n_mnist_moves_the_times_after_it() -> None:
    content = nmnist_bin([(1, 2, 0, 8000), (0, 240, 0, 0), (3, 4, 1, 100), (0, 240, 0, 0), (5, 6, 1, 7)])
    assert read_nmnist(content, "here").t.tolist() == [8000, 8192 + 100, 2 * 8192 + 7]


@pytest.mark.parametrize("name", FORMATS)
def test_an_event_off_the_sensor_is_refused(name: str) -> None:
    write, read, size, _ = FORMATS[name]
    if name == "aedat2":
        return  # 7 bits cannot say it
    with pytest.raises(FormatError, match=rf"here: x lies in 1\.\.{size}"):
        read(write([(1, 2, 0, 5), (size, 3, 1, 9)]), "here")


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_refused_by_name_or_read_as_events(name: str) -> None:
    write, read, size, _ = FORMATS[name]
    rng = np.random.default_rng(9)
    whole = write(some_events(rng, 60, size, 300_000))
    refused = 0
    for _ in range(40):
        content = bytearray(whole[: rng.integers(len(whole))] if rng.random() < 0.4 else whole)
        for _ in range(rng.integers(1, 6)):
            if content:
                content[rng.integers(min(len(content), 200))] = rng.integers(256)
        try:
            found = read(bytes(content), "the file")
        except FormatError as error:
            assert str(error).startswith("the file: ")
            refused += 1
        else:
            assert isinstance(found, Events) and found.cell.min() >= 0 and found.cell.max() < 2 * size * size
    assert refused > 10


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_no_recording(name: str) -> None:
    with pytest.raises(FormatError, match="the file"):
        FORMATS[name][1](b"", "the file")


def test_a_gesture_that_says_it_is_huge_takes_no_memory() -> None:
    content = gesture_npy([(1, 2, 1, 5000)]).replace(b"(1, 4), }        ", b"(99999999, 4), } ")
    assert b"99999999" in content
    with pytest.raises(FormatError, match=r"32 bytes of data.*expected 3,199,999,968"):
        read_gesture(content, "here")


def test_pickles_are_not_read() -> None:
    with pytest.raises(FormatError, match="holds object"):
        read_gesture(gesture_npy([(1, 2, 1, 5000)]).replace(b"'<i8'", b"'|O' "), "here")
