"""The generator of sparse random networks: seeded, in the chip's form, as its docstring says."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from neurotrain_hw import EventStream, simulate
from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.program import Program
from neurotrain_hw.program.random_network import random_sparse
from neurotrain_hw.program.synapses import SparseWeights


def rows(program: Program, name: str) -> SparseWeights:
    weights = program.connection(name).weights
    assert isinstance(weights, SparseWeights)
    return weights


@pytest.mark.parametrize(("neurons", "fan_out"), [(500, 3), (500, 60), (40, 40), (7, 0), (1, 1)])
def test_every_neuron_has_its_fan_out_onto_distinct_neurons(neurons: int, fan_out: int) -> None:
    program = random_sparse(neurons=neurons, fan_out=fan_out, seed=3, inputs=5, input_fan_out=min(2, neurons))
    matrix = program.connection("recurrent").matrix()
    assert (np.count_nonzero(matrix, axis=0) == fan_out).all()
    assert program.population("in").n == 5
    assert (np.count_nonzero(program.connection("drive").matrix(), axis=0) == min(2, neurons)).all()


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    one, same, other = (random_sparse(neurons=300, fan_out=9, seed=s) for s in (1, 1, 2))
    for name in ("drive", "recurrent"):
        np.testing.assert_array_equal(rows(one, name).post, rows(same, name).post)
        np.testing.assert_array_equal(rows(one, name).mantissa, rows(same, name).mantissa)
        assert (rows(one, name).post != rows(other, name).post).any()


def test_neurons_excite_or_inhibit_and_the_parts_balance() -> None:
    program = random_sparse(neurons=4000, fan_out=50, seed=4)
    matrix = program.connection("recurrent").matrix()
    inhibits = (matrix < 0).any(axis=0)
    assert not (matrix[:, inhibits] > 0).any()
    assert abs(inhibits.mean() - 0.2) < 0.03
    assert (program.connection("drive").matrix() >= 0).all()
    assert matrix.max() == 2 * 21 and matrix.min() == -2 * 126


def test_targets_are_uniform() -> None:
    """Chi-square of the in-degrees of 200,000 synapses over 100 neurons, both ways of drawing them: mean 99, sd 14."""
    for fan_out, inputs in ((5, 40_000), (20, 10_000)):
        program = random_sparse(neurons=100, fan_out=1, seed=5, inputs=inputs, input_fan_out=fan_out)
        counts, expected = np.bincount(rows(program, "drive").post, minlength=100), 2000
        spread = ((counts - expected) ** 2 / expected).sum() / (1 - fan_out / 100)
        assert 50 < spread < 160


def test_it_fires_at_a_modest_rate_that_follows_its_input() -> None:
    program = random_sparse(neurons=3000, fan_out=60, seed=6, input_fan_out=128)
    rng, rates = np.random.default_rng(7), []
    for drive in (0.0, 0.05, 0.1, 0.2):
        inputs = EventStream.from_dense(rng.random((100, program.population("in").n)) < drive)
        run = simulate(program, {"in": inputs}, steps=100, record=["n.spikes"])
        rates.append(run.spikes["n"].count / 3000 / 100)
    assert rates[0] == 0 and sorted(rates) == rates and 0.001 < rates[2] < 0.1


def test_memory_on_top_of_the_result_is_bounded() -> None:
    tracemalloc.start()
    program = random_sparse(neurons=200_000, fan_out=50, seed=8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows(program, "recurrent").nnz == 10_000_000
    assert peak < 5 * 10_100_000 + 200_000_000


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fan_out": 11}, "fan_out is 11.*0 to 10"),
        ({"fan_out": -1}, "fan_out is -1"),
        ({"input_fan_out": 11}, "input_fan_out is 11"),
        ({"inputs": 0}, "0 inputs"),
        ({"neurons": 0, "fan_out": 0}, "0 neurons"),
        ({"inhibitory": 1.5}, "1.5"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changes: dict[str, float], says: str) -> None:
    arguments = {"neurons": 10, "fan_out": 2, "seed": 0} | changes
    with pytest.raises(ValueRangeError, match=f"random_sparse: {says}|{says}"):
        random_sparse(**arguments)  # type: ignore[arg-type]
