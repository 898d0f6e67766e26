"""Sparse random networks of any size, made row by row: what big systems are measured with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.program import Connection, Population, Program
from neurotrain_hw.program.synapses import I32, SparseWeights

_SHIFT = 1  # of mixed 8-bit weights, which are even
_CHUNK = 1 << 22
_LARGEST = 127
_BALANCE = 6  # an inhibitory weight is 6 times an excitatory one on average: a fifth of the neurons hold the rest


def random_sparse(
    *,
    neurons: int,
    fan_out: int,
    seed: int,
    inputs: int | None = None,
    input_fan_out: int | None = None,
    inhibitory: float = 0.2,
    vth: int = 400,
    dv: int = 410,
    name: str = "",
) -> Program:
    """Recurrent LIF neurons `n`, driven by an input population `in`, with 8-bit synapses; the same seed, the same bits.

    Every neuron has `fan_out` synapses onto distinct neurons, chosen uniformly, itself among them; every input has
    `input_fan_out` (default: `fan_out`) excitatory ones, and there is one input to 100 neurons unless `inputs` says
    otherwise. The part `inhibitory` of the neurons sends negative weights only, the others positive ones; mantissas
    are uniform in 1..21, 6 times that where inhibitory and for inputs, so that the network fires in a few percent of
    its steps where its inputs do in a tenth of theirs. `vth`, `dv`: as of the kind lif; u has no memory. Memory on
    top of the result, of 5 bytes per synapse, stays below 200 MB. Raises ValueRangeError for sizes that cannot be.
    """
    inputs = max(1, neurons // 100) if inputs is None else inputs
    input_fan_out = fan_out if input_fan_out is None else input_fan_out
    for what, value in (("fan_out", fan_out), ("input_fan_out", input_fan_out)):
        if not 0 <= value <= neurons:
            raise ValueRangeError(f"{what} is {value}", where="random_sparse", need=f"0 to {neurons} distinct targets")
    if neurons < 1 or inputs < 1 or not 0 <= inhibitory <= 1:
        raise ValueRangeError(
            f"{neurons} neurons, {inputs} inputs, {inhibitory} of them inhibitory", where="random_sparse",
            need="at least 1 neuron and input, and a part from 0 to 1",
        )  # fmt: skip
    seeds = np.random.SeedSequence(seed).spawn(3)
    sign = np.ones(neurons, np.int8)
    sign[np.random.default_rng(seeds[0]).random(neurons) < inhibitory] = -_BALANCE
    parameters = {"du": 4095, "dv": dv, "vth": vth, "bias_mant": 0, "bias_exp": 0}
    return Program(
        name or f"random {neurons} x {fan_out}",
        (Population("in", "input", (inputs,)), Population("n", "lif", (neurons,), parameters)),
        (
            _connection("drive", "in", _rows(seeds[1], np.full(inputs, _BALANCE, np.int8), input_fan_out, neurons)),
            _connection("recurrent", "n", _rows(seeds[2], sign, fan_out, neurons)),
        ),
        ("n",),
    )  # fmt: skip


def _connection(name: str, pre: str, weights: SparseWeights) -> Connection:
    return Connection(name, "sparse", pre, "n", weights, sign_mode="mixed")


def _rows(seed: np.random.SeedSequence, factor: npt.NDArray[np.int8], fan_out: int, n_post: int) -> SparseWeights:
    """Rows of `fan_out` synapses each, mantissas `factor` (n_pre,) times 1..21."""
    rng, n_pre = np.random.default_rng(seed), factor.size
    post = np.empty((n_pre, fan_out), np.int32)
    mantissa = np.empty((n_pre, fan_out), np.int8)
    step = max(1, _CHUNK // max(fan_out, 1))
    for first in range(0, n_pre, step):
        rows = slice(first, min(first + step, n_pre))
        post[rows] = _distinct(rng, rows.stop - first, fan_out, n_post)
        mantissa[rows] = rng.integers(1, _LARGEST // _BALANCE + 1, post[rows].shape, np.int8) * factor[rows, None]
    pointer = np.arange(n_pre + 1, dtype=np.int64) * fan_out
    return SparseWeights(pointer, post.reshape(-1), mantissa.reshape(-1), n_post, _SHIFT)


def _distinct(rng: np.random.Generator, rows: int, k: int, n: int) -> I32:
    """k distinct numbers below n in each row, uniform among all such sets, in order, int32 (rows, k)."""
    if k * k <= 4 * n:  # a row is free of collisions in one try of eight at least: draw the others anew
        found = np.sort(rng.integers(0, n, (rows, k), np.int32), axis=1)
        while (again := np.flatnonzero((found[:, 1:] == found[:, :-1]).any(axis=1))).size:
            found[again] = np.sort(rng.integers(0, n, (again.size, k), np.int32), axis=1)
        return found
    found = np.empty((rows, k), np.int32)
    step = max(1, _CHUNK // n)
    for first in range(0, rows, step):
        keys = rng.random((min(step, rows - first), n), np.float32)
        found[first : first + step] = np.sort(np.argpartition(keys, k - 1, axis=1)[:, :k], axis=1) if k else 0
    return found
