"""A million neurons with 128 million synapses: compiled for several Loihi 2, saved, loaded and run."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neurotrain_hw import EventStream, load_chip, load_program, save_program
from neurotrain_hw.compiler import place, pool_rows
from neurotrain_hw.program import Program
from neurotrain_hw.program.random_network import random_sparse
from neurotrain_hw.program.synapses import SparseWeights
from neurotrain_hw.simulator import Session

CORE_BITS = 192 * 1024 * 8


def trip(folder: Path, *, neurons: int, fan_out: int, steps: int = 20) -> None:
    """The whole way of a network; what was loaded has the bits that were saved, and fires."""
    program = place(random_sparse(neurons=neurons, fan_out=fan_out, seed=1), load_chip("loihi2"), chips=None)
    _check_placement(program)
    save_program(program, folder / "big.nhw")
    loaded = load_program(folder / "big.nhw")
    assert loaded.placement == program.placement and loaded.memory == program.memory
    for ours, theirs in zip(program.connections, loaded.connections, strict=True):
        assert isinstance(ours.weights, SparseWeights) and isinstance(theirs.weights, SparseWeights)
        for key in ("pointer", "post", "mantissa"):
            assert np.array_equal(getattr(ours.weights, key), getattr(theirs.weights, key))
    inputs = np.random.default_rng(2).random((steps, loaded.population("in").n), np.float32) < 0.1
    run = Session(loaded, record=("n.spikes",)).run({"in": EventStream.from_dense(inputs)}, steps=steps)
    spikes = run.spikes["n"].count
    assert 0.001 < spikes / steps / neurons < 0.1
    assert run.counters.connections["recurrent"].spike_events == fan_out * spikes
    assert run.counters.connections["drive"].spike_events == fan_out * int(inputs.sum())
    counts = run.counters.populations["n"]
    assert counts.updates_active + counts.updates_idle == steps * neurons


def _check_placement(program: Program) -> None:
    """Every neuron on one core, no core overfull, and cores as full as the bits that are needed let them be."""
    ends = [(part.first, part.last) for part in program.placement if part.population == "n"]
    assert [first for first, _ in ends] == [0, *(last for _, last in ends[:-1])]
    assert ends[-1][1] == program.population("n").n
    pools = pool_rows(program.memory)
    assert all(pool.need_bits <= CORE_BITS for pool in pools)
    assert len(pools) <= 1 + 1.01 * sum(pool.need_bits for pool in pools) / CORE_BITS
    assert {part.chip for part in program.placement} == set(range(-(-len(pools) // 128)))


def test_a_network_of_a_million_synapses_goes_all_the_way(tmp_path: Path) -> None:
    trip(tmp_path, neurons=10_000, fan_out=100)


@pytest.mark.slow
def test_a_network_of_128_million_synapses_takes_little_more_than_its_bytes(tmp_path: Path) -> None:
    """In a process of its own: what was made and what was loaded, 1.3 GB together, and at most half as much again."""
    code = (
        f"import sys; from pathlib import Path; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_big_network as test\n"
        f"test.trip(Path({str(tmp_path)!r}), neurons=1_000_000, fan_out=128)\n"
        "print(test.peak())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    assert int(done.stdout.splitlines()[-1]) < 1.5 * 2 * 656_000_000


def peak() -> int:
    """Bytes that this process held at most (Linux)."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
