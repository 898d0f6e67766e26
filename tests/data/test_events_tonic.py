"""Tonic's event arrays in and out of EventStream."""

import numpy as np
import pytest

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.events import EventStream

DTYPE = [("x", "<i2"), ("y", "<i2"), ("t", "<i8"), ("p", "<i2")]


def test_events_land_in_the_neuron_and_step_they_belong_to() -> None:
    events = np.array([(1, 0, 0, 0), (1, 0, 900, 0), (2, 1, 1000, 1), (0, 1, 2999, 1)], dtype=DTYPE)
    stream = EventStream.from_tonic(events, sensor_size=(3, 2, 2), dt_s=1e-3)
    # neuron = (p * height + y) * width + x; the two events of one neuron in step 0 become one spike
    expected = np.zeros((3, 12), np.int32)
    expected[0, 1] = expected[1, 11] = expected[2, 9] = 1
    assert np.array_equal(stream.dense(), expected)


def test_round_trip_through_tonic_events() -> None:
    rng = np.random.default_rng(0)
    stream = EventStream.from_dense((rng.random((20, 24)) < 0.2).astype(np.uint8), dt_s=5e-4)
    events = stream.to_tonic(sensor_size=(4, 3, 2))
    assert EventStream.from_tonic(events, sensor_size=(4, 3, 2), dt_s=5e-4, steps=20) == stream


def test_tonics_own_frames_agree() -> None:
    transforms = pytest.importorskip("tonic.transforms")
    rng = np.random.default_rng(1)
    events = np.zeros(400, dtype=DTYPE)
    events["x"], events["y"], events["p"] = rng.integers(0, 5, 400), rng.integers(0, 4, 400), rng.integers(0, 2, 400)
    events["t"] = np.sort(rng.integers(0, 10_000, 400))
    events["t"][0], events["t"][-1] = 0, 10_000
    frames = transforms.ToFrame(sensor_size=(5, 4, 2), time_window=1000)(events)
    stream = EventStream.from_tonic(events, sensor_size=(5, 4, 2), dt_s=1e-3, steps=10)
    assert frames.shape == (10, 2, 4, 5)
    assert np.array_equal(frames.clip(max=1), stream.dense().reshape(10, 2, 4, 5))


def test_an_event_off_the_sensor_is_refused() -> None:
    with pytest.raises(ValueRangeError, match="x outside"):
        EventStream.from_tonic(np.array([(7, 0, 0, 0)], dtype=DTYPE), sensor_size=(3, 2, 2), dt_s=1e-3)
