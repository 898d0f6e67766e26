"""Codes against their formulas, value by value, and against snnTorch where it has the same."""

import math
import warnings

import numpy as np
import pytest

from neurotrain_hw.data import ENCODINGS, Samples, encode_rate, load_dataset, make_encoding
from neurotrain_hw.data.codes import encode_delta, encode_latency, encode_log_latency, encode_population
from neurotrain_hw.data.encodings import Delta, Population
from neurotrain_hw.errors import UnknownNameError, UnsupportedError, ValueRangeError

VALUES = np.random.default_rng(5).random((7, 11))
VALUES[0, :4] = 0, 1, 0.01, 0.00999


def times(spikes: np.ndarray) -> list[list[list[int]]]:
    """Steps of the spikes of each input of each sample."""
    return [[np.flatnonzero(row).tolist() for row in sample.T] for sample in spikes]


def test_linear_latency_is_its_formula() -> None:
    expected = [[[round(19 * (1 - v))] if v >= 0.01 else [] for v in row] for row in VALUES]
    assert times(encode_latency(VALUES, steps=20)) == expected


def test_log_latency_is_its_formula() -> None:
    longest = math.log((0.01 + 1e-7) / (0.01 + 1e-7 - 0.01))

    def time(v: float) -> int:
        v = max(v, 0.01 + 1e-7)
        return round(19 * math.log(v / (v - 0.01)) / longest)

    assert times(encode_log_latency(VALUES, steps=20)) == [[[time(v)] if v >= 0.01 else [] for v in r] for r in VALUES]


@pytest.mark.parametrize(("encode", "linear"), [(encode_latency, True), (encode_log_latency, False)])
@pytest.mark.parametrize("steps", [1, 2, 9, 50])
def test_latency_is_that_of_snntorch(encode, linear: bool, steps: int) -> None:
    torch, spikegen = _spikegen()
    theirs = (
        spikegen.latency(torch.from_numpy(VALUES), num_steps=steps, normalize=True, linear=linear, clip=True)
        if steps > 1 or not linear
        else None
    )  # snnTorch refuses a time constant of 0
    if theirs is not None:
        assert np.array_equal(encode(VALUES, steps=steps), theirs.numpy().transpose(1, 0, 2))
    else:
        assert np.array_equal(encode(VALUES, steps=1)[:, 0], VALUES >= 0.01)


def test_delta_is_its_formula_and_that_of_snntorch() -> None:
    torch, spikegen = _spikegen()
    x = np.random.default_rng(1).random((3, 12, 5))
    spikes = encode_delta(x, threshold=0.25)
    for sample, signal in zip(spikes, x, strict=True):
        for t in range(12):
            for k in range(5):
                change = signal[t, k] - (signal[t - 1, k] if t else 0)
                assert sample[t, :, k].tolist() == [change >= 0.25, change <= -0.25]
    theirs = spikegen.delta(torch.from_numpy(x.transpose(1, 0, 2)), threshold=0.25, off_spike=True)
    signed = spikes[:, :, 0].astype(int) - spikes[:, :, 1]
    assert np.array_equal(signed, theirs.numpy().transpose(1, 0, 2))


def test_population_code_is_its_formula() -> None:
    spikes = encode_population(VALUES[:, :3], steps=30, cells=5, width=1.5)
    assert spikes.shape == (7, 30, 5, 3)
    for sample, row in zip(spikes, VALUES, strict=True):
        for k in range(3):
            for i in range(1, 6):
                centre, deviation = (2 * i - 3) / 2 / 3, 1 / (1.5 * 3)
                answer = math.exp(-((row[k] - centre) ** 2) / (2 * deviation**2))
                expected = [round(29 * (1 - answer))] if answer >= 0.1 else []
                assert np.flatnonzero(sample[:, i - 1, k]).tolist() == expected


def test_each_value_drives_a_cell_of_the_population() -> None:
    x = np.linspace(0, 1, 101, dtype=np.float32)[:, None]
    assert encode_population(x, steps=10, cells=8).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("name", sorted(ENCODINGS))
@pytest.mark.parametrize("shape", [(12,), (1, 3, 4)])
def test_samples_give_what_the_split_promises(name: str, shape: tuple[int, ...]) -> None:
    encoding = make_encoding(name)
    x = np.random.default_rng(0).random((6, 12)).astype(np.float32)
    samples = Samples(x, np.zeros(6, np.int64), shape, encoding)
    found = samples.spikes([4, 1], steps=9, seed=[1, 2, 3])
    assert found.shape == (2, 9, *encoding.shape(shape))
    assert found.dtype == (np.float32 if name == "direct" else np.uint8)
    assert found.flags.writeable
    assert np.array_equal(found, samples.spikes([4, 1], steps=9, seed=[1, 2, 3]))
    assert np.array_equal(found[:1], samples.spikes(np.array([4]), steps=9, seed=[1, 2, 3]))
    if name == "direct":
        assert np.array_equal(found.reshape(2, 9, 12), np.repeat(x[[4, 1], None], 9, axis=1))


def test_channels_of_encodings_that_widen() -> None:
    assert Delta().shape((1, 28, 28)) == (2, 28, 28)
    assert Delta(off=False).shape((3,)) == (3,)
    assert Population(cells=4).shape((3, 32, 32)) == (12, 32, 32)
    x = np.array([[0.2, 0.9]], np.float32)
    shown = Samples(x, np.zeros(1, np.int64), (2,), Delta(threshold=0.5)).spikes([0], steps=3, seed=0)
    assert shown[0].tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_rate_code_of_the_digits_has_the_bits_that_it_had() -> None:
    train = load_dataset("digits").train
    chosen = np.array([5, 0, 77])
    expected = encode_rate(train.x[chosen], steps=8, seed=[0, 1, 64])
    assert np.array_equal(train.spikes(chosen, steps=8, seed=[0, 1, 64]), expected)
    assert np.array_equal(train.spikes(slice(3), steps=8, seed=7), encode_rate(train.x[:3], steps=8, seed=7))


def test_shape_and_inputs_follow_the_encoding() -> None:
    assert load_dataset("digits").shape == (64,)
    assert load_dataset("digits", encoding=Population(cells=5)).inputs == 320


def test_what_does_not_fit_is_refused() -> None:
    moving = Samples(np.zeros((2, 4, 3), np.float32), np.zeros(2, np.int64), (3,), make_encoding("latency"))
    with pytest.raises(UnsupportedError, match="do not change in time"):
        moving.spikes([0], steps=4, seed=0)
    with pytest.raises(ValueRangeError, match="expected 4"):
        Samples(moving.x, moving.y, (3,), make_encoding("direct")).spikes([0], steps=5, seed=0)
    with pytest.raises(UnknownNameError, match="latency"):
        make_encoding("latancy")
    for bad in ([[1.5]], [[float("nan")]]):
        with pytest.raises(ValueRangeError):
            encode_latency(bad, steps=3)
    with pytest.raises(ValueRangeError, match="threshold"):
        encode_latency([[0.5]], steps=3, threshold=0)
    with pytest.raises(ValueRangeError, match="3 cells"):
        encode_population([[0.5]], steps=3, cells=2)


def _spikegen():
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from snntorch import spikegen
    return torch, spikegen
