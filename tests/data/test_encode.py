"""Encodings: rates, seeds, exact spike counts, and conversion between arrays, streams and tensors."""

import numpy as np
import pytest

from neurotrain_hw.data import encode_rate, encode_regular, from_tensor, to_streams, to_tensor
from neurotrain_hw.errors import ValueRangeError


def test_rate_code_has_the_rate_and_never_or_always_spikes_at_the_ends() -> None:
    x = np.tile(np.float32([0.0, 0.25, 1.0]), (20, 1))
    spikes = encode_rate(x, steps=500, seed=1)
    assert spikes.dtype == np.uint8
    assert spikes.shape == (20, 500, 3)
    assert spikes[..., 0].sum() == 0
    assert spikes[..., 2].all()
    # 10,000 draws: standard deviation 0.0043
    assert spikes[..., 1].mean() == pytest.approx(0.25, abs=0.02)
    assert set(np.unique(spikes)) <= {0, 1}


def test_rate_code_is_seeded_and_independent_of_the_number_of_samples() -> None:
    x = np.random.default_rng(0).random((6, 5)).astype(np.float32)
    assert np.array_equal(encode_rate(x, steps=9, seed=3), encode_rate(x, steps=9, seed=3))
    assert not np.array_equal(encode_rate(x, steps=9, seed=3), encode_rate(x, steps=9, seed=4))
    assert np.array_equal(encode_rate(x, steps=9, seed=3)[:2], encode_rate(x[:2], steps=9, seed=3))


def test_regular_code_counts_exactly_and_spreads() -> None:
    x = np.arange(9, dtype=np.float32)[None] / 8
    spikes = encode_regular(x, steps=8)[0]
    assert spikes.sum(axis=0).tolist() == list(range(9))
    assert spikes.max() == 1
    assert np.flatnonzero(spikes[:, 2]).tolist() == [3, 7]


@pytest.mark.parametrize("bad", [[[1.5]], [[-0.1]], [[float("nan")]], [0.5]])
def test_values_outside_the_range_are_refused(bad: list) -> None:
    with pytest.raises(ValueRangeError):
        encode_rate(bad, steps=3, seed=0)


def test_no_steps_are_refused() -> None:
    with pytest.raises(ValueRangeError, match="at least 1"):
        encode_regular([[0.5]], steps=0)


def test_streams_and_tensors_hold_the_same_spikes() -> None:
    spikes = encode_rate(np.full((3, 4), 0.4, np.float32), steps=7, seed=2)
    streams = to_streams(spikes, dt_s=2e-3)
    assert [s.dt_s for s in streams] == [2e-3] * 3
    for sample, stream in zip(spikes, streams, strict=True):
        assert np.array_equal(stream.dense(), sample)
    tensor = to_tensor(streams)
    assert tuple(tensor.shape) == (7, 3, 4)
    assert np.array_equal(tensor.numpy().transpose(1, 0, 2), spikes)
    assert from_tensor(tensor) == streams
    with pytest.raises(ValueRangeError, match="equal shapes"):
        to_tensor([streams[0], streams[1].window(0, 3)])
