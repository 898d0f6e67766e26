"""Event streams against plain NumPy arrays of shape (steps, neurons)."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.events import EventStream

DENSE = arrays(
    np.int32,
    array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12),
    elements=st.one_of(st.just(0), st.just(1), st.integers(-(2**31), 2**31 - 1)),
)
QUICK = settings(max_examples=100, deadline=None)


@QUICK
@given(DENSE)
def test_every_view_of_a_stream_agrees_with_the_array(dense: np.ndarray) -> None:
    stream = EventStream.from_dense(dense)
    steps, neurons = np.nonzero(dense)
    assert (stream.steps, stream.n, stream.count) == (*dense.shape, len(steps))
    np.testing.assert_array_equal(stream.dense(), dense)
    np.testing.assert_array_equal(stream.rows(), steps)
    np.testing.assert_array_equal(stream.index, neurons)
    np.testing.assert_array_equal(stream.values(), dense[steps, neurons])
    np.testing.assert_array_equal(stream.counts(), np.count_nonzero(dense, axis=0))
    assert (stream.payload is None) == bool(np.isin(dense, (0, 1)).all())


@QUICK
@given(DENSE, st.integers(0, 15), st.integers(0, 15))
def test_a_window_is_a_slice_followed_by_silence(dense: np.ndarray, start: int, length: int) -> None:
    window = EventStream.from_dense(dense).window(start, start + length)
    expected = np.zeros((length, dense.shape[1]), np.int32)
    part = dense[start : start + length]
    expected[: len(part)] = part
    np.testing.assert_array_equal(window.dense(), expected)


@QUICK
@given(DENSE, st.lists(st.integers(0, 12), max_size=4))
def test_pieces_joined_again_are_the_whole(dense: np.ndarray, cuts: list[int]) -> None:
    stream = EventStream.from_dense(dense)
    bounds = [0, *sorted(min(c, len(dense)) for c in cuts), len(dense)]
    pieces = [stream.window(a, b) for a, b in pairwise(bounds)]
    assert EventStream.concatenate(pieces) == stream


@QUICK
@given(DENSE, DENSE)
def test_streams_are_equal_where_their_arrays_are(one: np.ndarray, other: np.ndarray) -> None:
    assert (EventStream.from_dense(one) == EventStream.from_dense(other)) == np.array_equal(one, other)


def test_a_payload_of_ones_equals_no_payload() -> None:
    spikes = EventStream([0, 2], [0, 2], 3)
    assert spikes == EventStream([0, 2], [0, 2], 3, [1, 1])
    assert spikes != EventStream([0, 2], [0, 2], 3, [1, 2])
    assert spikes != EventStream([0, 2], [0, 2], 4)
    assert spikes != "a stream"


def test_graded_values_survive_beside_plain_spikes() -> None:
    joined = EventStream.concatenate([EventStream([0, 1], [1], 2), EventStream([0, 2], [0, 1], 2, [-7, 1])])
    assert joined.payload is not None
    np.testing.assert_array_equal(joined.dense(), [[0, 1], [-7, 1]])


def test_booleans_and_bytes_are_spikes() -> None:
    for kind in (bool, np.uint8, np.int64):
        assert EventStream.from_dense(np.eye(3, dtype=kind)).payload is None


def test_the_arrays_are_read_only_and_nobody_elses() -> None:
    index, base = np.array([0, 2], np.int32), np.array([0, 2], np.int32)
    view = base[:]
    view.flags.writeable = False
    for given_index in (index, view):
        stream = EventStream(np.array([0, 2]), given_index, 3)
        index[0] = base[0] = 1
        np.testing.assert_array_equal(stream.index, [0, 2])
        index[0] = base[0] = 0
        for array in (stream.index, stream.indptr):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 5
    assert index.flags.writeable


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("number of neurons cannot be negative", ([0], [], -1)),
        ("seconds per step must be positive", ([0], [], 1, None, 0.0)),
        ("seconds per step must be positive", ([0], [], 1, None, float("nan"))),
        ("seconds per step must be positive", ([0], [], 1, None, float("inf"))),
        ("start with 0", ([], [], 1)),
        ("start with 0", ([1, 1], [0], 1)),
        ("one-dimensional", ([[0, 1]], [0], 1)),
        ("index must be one-dimensional", ([0, 2], [[0, 1]], 2)),
        ("ascend to the number of events, 1", ([0, 2], [0], 1)),
        ("ascend to the number of events", ([0, 2, 1], [0], 1)),
        ("payload has shape", ([0, 1], [0], 1, [1, 2])),
        ("outside 0..2", ([0, 1], [3], 3)),
        ("outside 0..2", ([0, 1], [-1], 3)),
        ("outside 0..-1", ([0, 1], [0], 0)),
        ("at most once", ([0, 2], [1, 1], 3)),
        ("must ascend within a step", ([0, 0, 2, 2], [1, 0], 3)),
        ("index is of type float64", ([0, 1], [0.5], 1)),
        ("index does not fit into 32 bits", ([0, 1], np.array([2**32]), 1)),
        ("payload does not fit into 32 bits", ([0, 1], [0], 1, np.array([-(2**31) - 1]))),
    ],
)
def test_arrays_that_contradict_each_other_are_refused(message: str, arguments: tuple) -> None:
    with pytest.raises(ValueRangeError, match=message):
        EventStream(*arguments)


def test_the_order_starts_anew_with_every_step() -> None:
    stream = EventStream([0, 0, 2, 2, 4, 4], [1, 2, 0, 2], 3)
    np.testing.assert_array_equal(stream.rows(), [1, 1, 3, 3])


@pytest.mark.parametrize(
    "values", [np.zeros(3, int), np.zeros((1, 2, 3), int), np.zeros((2, 2)), np.array([["a"]])]
)  # fmt: skip
def test_only_tables_of_integers_become_streams(values: np.ndarray) -> None:
    with pytest.raises(ValueRangeError, match="integers or booleans of shape"):
        EventStream.from_dense(values)


def test_a_value_beyond_32_bits_is_refused_not_wrapped() -> None:
    with pytest.raises(ValueRangeError, match="payload does not fit into 32 bits"):
        EventStream.from_dense(np.array([[2**32 + 1]]))


@pytest.mark.parametrize("bounds", [(2, 1), (-1, 1)])
def test_a_window_runs_forward_from_a_step_that_exists(bounds: tuple[int, int]) -> None:
    with pytest.raises(ValueRangeError, match="0 <= start <= stop"):
        EventStream.empty(3, 2).window(*bounds)


def test_only_streams_of_one_kind_are_joined() -> None:
    for streams in (
        [],
        [EventStream.empty(1, 2), EventStream.empty(1, 3)],
        [EventStream.empty(1, 2), EventStream.empty(1, 2, dt_s=0.5)],
    ):
        with pytest.raises(ValueRangeError, match="cannot be joined"):
            EventStream.concatenate(streams)


@QUICK
@given(st.integers(1, 100_000), st.lists(st.integers(0, 10**7), max_size=20))
def test_an_event_belongs_to_the_step_that_its_microsecond_lies_in(dt_us: int, times: list[int]) -> None:
    """Step k covers the microseconds k * dt to (k + 1) * dt - 1, exactly, in Python's integers."""
    times = [*times, *(k * dt_us for k in range(8)), *(k * dt_us - 1 for k in range(1, 8))]
    events = np.zeros(len(times), [("x", "<i2"), ("t", "<i8")])
    events["t"] = times
    stream = EventStream.from_tonic(events, sensor_size=(1, 1, 1), dt_s=dt_us / 1e6)
    assert stream.rows().tolist() == sorted({t // dt_us for t in times})
    assert stream.steps == max(times) // dt_us + 1


def test_events_before_the_start_and_after_the_end_are_dropped() -> None:
    events = np.array([(0, -1), (0, 0), (0, 2999), (0, 3000)], [("x", "<i2"), ("t", "<i8")])
    stream = EventStream.from_tonic(events, sensor_size=(1, 1, 1), dt_s=1e-3, steps=3)
    assert stream.rows().tolist() == [0, 2]
    assert EventStream.from_tonic(events[:1], sensor_size=(1, 1, 1), dt_s=1e-3).steps == 0
    assert EventStream.from_tonic(events[:0], sensor_size=(1, 1, 1), dt_s=1e-3).steps == 0


@QUICK
@given(arrays(np.bool_, (7, 12)), st.sampled_from([1e-3, 5e-4, 1e-4, 0.02]))
def test_spikes_come_back_from_tonics_events(spikes: np.ndarray, dt_s: float) -> None:
    stream = EventStream.from_dense(spikes, dt_s=dt_s)
    events = stream.to_tonic(sensor_size=(3, 2, 2))
    assert EventStream.from_tonic(events, sensor_size=(3, 2, 2), dt_s=dt_s, steps=7) == stream


def test_faults_of_tonics_events_are_named() -> None:
    events = np.zeros(1, [("x", "<i2"), ("t", "<i8")])
    with pytest.raises(ValueRangeError, match="at least x and t"):
        EventStream.from_tonic(np.zeros(1, [("x", "<i2")]), sensor_size=(1, 1, 1), dt_s=1e-3)
    with pytest.raises(ValueRangeError, match="dt_s is 0"):
        EventStream.from_tonic(events, sensor_size=(1, 1, 1), dt_s=0.0)
    with pytest.raises(ValueRangeError, match=r"holds 4 neurons.*expected 3 neurons"):
        EventStream.empty(1, 3).to_tonic(sensor_size=(2, 2, 1))
    with pytest.raises(ValueRangeError, match=r"2\^15"):
        EventStream.empty(1, 40_000).to_tonic(sensor_size=(40_000, 1, 1))
