"""Every kind of connection in Lava, with weights in every form, against sums written out in Python's integers.

A `sigma` population behind each connection adds up what arrives, so its steps show each sum, exactly.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurotrain_hw import lava
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Connection, Population, Program
from neurotrain_hw.program.synapses import Convolution, PackedWeights, SparseWeights

pytestmark = pytest.mark.usefixtures("quick_lava")

STEPS = 20
SIGNS = {
    "mixed": ((-300, 300), (1, 2, 3, 6, 8)),
    "excitatory": ((0, 300), (3, 8)),
    "inhibitory": ((-300, 1), (2, 5)),
}
"""Per sign mode: the weights' range, beyond the chip's, and the numbers of weight bits to try."""
IMAGE = (7, 6, 4)
GEOMETRIES = {
    "plain": Convolution(),
    "strided": Convolution(stride=(2, 1), padding=(1, 2)),
    "wide": Convolution(padding=(3, 0), dilation=(2, 3)),
    "grouped": Convolution(stride=(1, 3), padding=(0, 1), groups=2),
}


@pytest.fixture(scope="module")
def matrices(lava_python: Path) -> Any:
    """Connections with matrices of every kind, form, sign and width: (program, inputs, what arrived by connection)."""
    return _run(*_matrices(np.random.default_rng(31)), lava_python)


@pytest.fixture(scope="module")
def convolutions(lava_python: Path) -> Any:
    """Convolutions of every geometry, of spikes and of graded values."""
    return _run(*_convolutions(np.random.default_rng(32)), lava_python)


def test_every_matrix_delivers_its_sums(matrices: Any) -> None:
    """acc = sum over j of w * s, shifted by weight_exp, one step and its delay later.

    The sum is one of 32 bits, except where delay_dense: Lava's DelayDense wraps products only, and shifts a wider sum.
    """
    program, inputs, arrived = matrices
    forms = {type(c.weights) for c in program.connections}
    assert forms == {np.ndarray, PackedWeights, SparseWeights}
    for c in program.connections:
        np.testing.assert_array_equal(arrived[c.post], _matrix_sums(c, inputs[c.pre]), err_msg=c.name)
        assert np.any(arrived[c.post]) == np.any(c.matrix())


def test_every_convolution_delivers_its_sums(convolutions: Any) -> None:
    """The flipped kernel over the padded image, wrapped into 24 bits, one step later."""
    program, inputs, arrived = convolutions
    for c in program.connections:
        if c.post != "junction" and c.pre in inputs:
            shape = (STEPS, *program.population(c.post).shape)
            expected = _conv_sums(c, inputs[c.pre].reshape(STEPS, *IMAGE), shape)
            np.testing.assert_array_equal(arrived[c.post].reshape(shape), expected, err_msg=c.name)
            assert np.any(expected)
    assert np.abs(arrived["after wraps"]).max() > 2**22


def test_a_convolution_and_a_matrix_meet_at_one_port(convolutions: Any) -> None:
    """What both deliver is added, and a convolution also reads a population that is no input."""
    program, inputs, arrived = convolutions
    first, second = program.connection("junction conv"), program.connection("junction dense")
    expected = _conv_sums(first, inputs[first.pre].reshape(STEPS, *IMAGE), (STEPS, 3, 3, 2)).reshape(STEPS, -1)
    np.testing.assert_array_equal(arrived["junction"], expected + _matrix_sums(second, inputs[second.pre]))
    loop = program.connection("from a neuron")
    sent = np.cumsum(arrived["junction"], axis=0).reshape(STEPS, 3, 3, 2)
    np.testing.assert_array_equal(arrived[loop.post].reshape(STEPS, 2, 2, 1), _conv_sums(loop, sent, (STEPS, 2, 2, 1)))


def _run(program: Program, inputs: dict[str, np.ndarray[Any, Any]], python: Path) -> Any:
    names = [p.name for p in program.populations if p.kind == "sigma"]
    streams = {name: EventStream.from_dense(values) for name, values in inputs.items()}
    run = lava.simulate(program, streams, steps=STEPS, record=[f"{name}.sigma" for name in names], python=python)
    sums = {name: np.diff(run.states[f"{name}.sigma"].astype(np.int64), axis=0, prepend=0) for name in names}
    return program, inputs, {name: _wrap(rows, 32) for name, rows in sums.items()}


def _matrices(rng: np.random.Generator) -> tuple[Program, dict[str, np.ndarray[Any, Any]]]:
    n_pre, n_post = 11, 6
    connections: list[Connection] = []

    def add(name: str, kind: Any, weights: Any, **options: Any) -> None:
        pre = "graded" if options.get("num_message_bits") else "spikes"
        connections.append(Connection(name, kind, pre, f"after {name}", weights, **options))

    for sign, ends, bits in [(sign, ends, bits) for sign, (ends, widths) in SIGNS.items() for bits in widths]:
        weights = rng.integers(*ends, (n_post, n_pre)).astype(np.int16)
        holes = weights * (rng.random(weights.shape) < 0.4)
        delays = rng.integers(0, 9, weights.shape).astype(np.int32)
        common = {"num_weight_bits": bits, "sign_mode": sign, "weight_exp": int(rng.integers(-4, 4))}
        common["num_message_bits"] = int(rng.choice([0, 16]))
        add(f"dense {sign} {bits}", "dense", weights, **common)
        connections[-1] = connections[-1].packed()
        kind = "sparse" if bits % 2 else "delay_sparse"
        add(f"{kind} {sign} {bits}", kind, holes, delays=delays if bits % 2 == 0 else None, **common)
        if bits != 3:
            connections[-1] = connections[-1].packed()
    for name, exponent in (("left", 9), ("right", -9)):  # sums that wrap in 32 bits
        weights = rng.integers(-256, 256, (n_post, n_pre)).astype(np.int16)
        delays = rng.integers(0, 3, weights.shape).astype(np.int32)
        options = {"weight_exp": exponent, "num_message_bits": 32}
        add(f"dense {name}", "dense", weights, **options)
        add(f"sparse {name}", "sparse", weights, **options)
        for kind in ("delay_sparse", "delay_dense"):
            add(f"{kind} {name}", kind, weights, delays=delays, max_delay=12, **options)
    nothing = np.zeros((n_post, n_pre), np.int16)
    add("derived", "sparse", np.minimum(rng.integers(-99, 20, nothing.shape), 0).astype(np.int16))
    add("wide", "dense", rng.integers(-(2**40), 2**40, nothing.shape))
    add("no synapse", "sparse", nothing)
    add("no row", "delay_sparse", nothing, delays=nothing.astype(np.int32))
    connections[-1] = connections[-1].packed()
    add("truncated away", "sparse", nothing + 3, num_weight_bits=2, sign_mode="excitatory")
    add("truncated away late", "delay_sparse", nothing + 3, num_weight_bits=2, delays=nothing.astype(np.int32) + 2)
    add("no delay", "delay_sparse", nothing + 7, delays=nothing.astype(np.int32))
    targets = tuple(Population(c.post, "sigma", (n_post,)) for c in connections)
    shape = (STEPS, n_pre)
    inputs = {"spikes": (rng.random(shape) < 0.4) * rng.integers(1, 9, shape)}
    inputs["graded"] = (rng.random(shape) < 0.6) * (rng.integers(-(2**31), 2**31, shape) >> rng.integers(0, 30, shape))
    pre = tuple(Population(name, "input", (n_pre,)) for name in inputs)
    return Program("matrices", (*pre, *targets), tuple(connections)), inputs


def _convolutions(rng: np.random.Generator) -> tuple[Program, dict[str, np.ndarray[Any, Any]]]:
    populations = [Population("spikes", "input", IMAGE), Population("graded", "input", IMAGE)]
    connections = []

    def add(name: str, pre: str, kernel: np.ndarray[Any, Any], geometry: Convolution, bits: int) -> None:
        shape = geometry.output_shape(IMAGE, kernel.shape)
        populations.append(Population(f"after {name}", "sigma", shape))
        connections.append(Connection(
            name, "conv", pre, f"after {name}", kernel, num_message_bits=bits, conv=geometry
        ))  # fmt: skip

    for (name, geometry), bits in product(GEOMETRIES.items(), (0, 8)):
        kernel = rng.integers(-300, 300, (6, 3, 2, IMAGE[2] // geometry.groups)).astype(np.int32)
        add(f"{name} {bits}", "graded" if bits else "spikes", kernel, geometry, bits)
    add("wraps", "graded", rng.integers(-(2**15), 2**15, (2, 3, 3, IMAGE[2])).astype(np.int32), Convolution(), 24)
    shape = (STEPS, *IMAGE)
    inputs = {"spikes": (rng.random(shape) < 0.3) * rng.integers(1, 9, shape)}
    inputs["graded"] = (rng.random(shape) < 0.4) * rng.integers(-500, 500, shape)
    flat = {name: values.reshape(STEPS, -1) for name, values in inputs.items()}
    populations += [Population("junction", "sigma", (3, 3, 2)), Population("after a neuron", "sigma", (2, 2, 1))]
    kernel = rng.integers(-99, 99, (2, 5, 4, IMAGE[2])).astype(np.int32)
    weights = rng.integers(-99, 99, (18, int(np.prod(IMAGE)))).astype(np.int16)
    small = rng.integers(-99, 99, (1, 2, 2, 2)).astype(np.int32)
    connections += [
        Connection("junction conv", "conv", "spikes", "junction", kernel, conv=Convolution()),
        Connection("junction dense", "dense", "graded", "junction", weights, num_message_bits=16),
        Connection("from a neuron", "conv", "junction", "after a neuron", small, num_message_bits=24,
                   conv=Convolution()),
    ]  # fmt: skip
    return Program("convolutions", tuple(populations), tuple(connections)), flat


def _wrap(x: Any, bits: int) -> Any:
    return (x + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


def _matrix_sums(c: Connection, sent: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What arrives at each step, with weights clipped and truncated one by one."""
    given = c.weights if isinstance(c.weights, np.ndarray) else c.weights.matrix()
    sign = c.sign_mode or ("excitatory" if given.min() >= 0 else "inhibitory" if given.max() <= 0 else "mixed")
    delays = c.weights.delays() if isinstance(c.weights, SparseWeights) else c.delays
    out = np.zeros((STEPS, given.shape[0]), object)
    for t, late, i in product(range(STEPS), range(10), range(given.shape[0])):
        if t + 1 + late < STEPS:
            at = [j for j in range(given.shape[1]) if (0 if delays is None else delays[i, j]) == late]
            weights = [_chip_weight(int(given[i, j]), sign, c.num_weight_bits) for j in at]
            values = [int(sent[t, j]) if c.num_message_bits else int(sent[t, j] != 0) for j in at]
            acc = sum(_wrap(w * value, 32) for w, value in zip(weights, values, strict=True))
            acc = acc if c.kind == "delay_dense" else _wrap(acc, 32)  # Lava adds these up in 64 bits
            out[t + 1 + late, i] += acc << c.weight_exp if c.weight_exp > 0 else acc >> -c.weight_exp
    return _wrap(out, 32).astype(np.int64)


def _chip_weight(w: int, sign: str, bits: int) -> int:
    drop = 8 - bits + (sign == "mixed")
    w = max(-256 if sign == "mixed" else 0, min(255, -w if sign == "inhibitory" else w))
    w = (w >> drop) << drop
    return -w if sign == "inhibitory" else w


def _conv_sums(c: Connection, sent: np.ndarray[Any, Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The sum over taps (i, j) and channels of w[o, -1-i, -1-j] * in[x * stride + i * dilation - padding, ...]."""
    g, kernel = c.conv or Convolution(), c.matrix().astype(np.int64)
    values = (sent if c.num_message_bits else (sent != 0)).astype(np.int64)
    out = np.zeros(shape, np.int64)
    outputs, k_x, k_y, width = kernel.shape
    for x, y, o, i, j in product(*map(range, shape[1:]), range(k_x), range(k_y)):
        at_x = x * g.stride[0] + i * g.dilation[0] - g.padding[0]
        at_y = y * g.stride[1] + j * g.dilation[1] - g.padding[1]
        if 0 <= at_x < sent.shape[1] and 0 <= at_y < sent.shape[2]:
            first = o // (outputs // g.groups) * width
            row = values[:-1, at_x, at_y, first : first + width]
            out[1:, x, y, o] += (row * kernel[o, k_x - 1 - i, k_y - 1 - j]).sum(axis=1)
    return np.asarray(_wrap(out, 24))
