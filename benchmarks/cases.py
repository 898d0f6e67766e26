"""Programs and inputs that the benchmarks run: random integers of realistic sizes, drawn from fixed seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurotrain_hw import Connection, EventStream, Population, Program, load_chip, load_rule
from neurotrain_hw.data import load_digits_split
from neurotrain_hw.onchip import OnChipNetwork, build_program, lessons, target_levels
from neurotrain_hw.program import Timing
from neurotrain_hw.program.synapses import Convolution

NEURON = {"du": 4095, "dv": 410, "bias_mant": 0, "bias_exp": 0}
Inputs = dict[str, EventStream]

PILOTNET = (
    # channels, stride, padding of layers with 3x3 kernels, and the threshold that makes some 8 % of neurons spike
    (24, (2, 2), (0, 0), 120),
    (36, (2, 2), (0, 0), 300),
    (48, (2, 2), (0, 0), 400),
    (64, (1, 2), (0, 1), 560),
    (64, (1, 1), (0, 0), 760),
)
"""The convolutions of PilotNet as lava-dl trained it for Loihi (tutorials/lava/lib/dl/netx/pilotnet_snn)."""
PILOTNET_DENSE = ((100, 6500), (50, 950), (10, 640), (1, 300))
"""Its dense layers: neurons and threshold."""


def feed_forward(sizes: Sequence[int], *, vth: int, steps: int = 32, seed: int = 0) -> Program:
    """Dense layers of LIF neurons with even 8-bit weights (mixed signs), reset every `steps` steps as for samples."""
    rng = np.random.default_rng(seed)
    names = ["in", *(f"hidden{k}" for k in range(1, len(sizes) - 1)), "out"]
    layers = [
        Population(
            name, "lif_reset", (n,), {**NEURON, "vth": vth, "reset_interval": steps, "reset_offset": depth + 1}
        )
        for depth, (name, n) in enumerate(zip(names[1:], sizes[1:], strict=True), start=1)
    ]  # fmt: skip
    connections = [
        Connection(
            f"{pre}-{post}", "dense", pre, post,
            (2 * rng.integers(-100, 121, (n_post, n_pre))).astype(np.int16), 1, sign_mode="mixed",
        )
        for pre, post, n_pre, n_post in zip(names, names[1:], sizes, sizes[1:], strict=False)
    ]  # fmt: skip
    timing = Timing(steps, {layer.name: depth for depth, layer in enumerate(layers, start=1)})
    return Program(
        "x".join(map(str, sizes)), (Population("in", "input", (sizes[0],)), *layers), tuple(connections), ("out",),
        "loihi2", timing=timing,
    )  # fmt: skip


def pilotnet(*, seed: int = 0) -> tuple[Program, Inputs]:
    """A network of PilotNet's sizes with random even 8-bit weights, and 64 steps of spikes at 5 % of an image's values.

    Inputs (200, 66, 3), five convolutions, four dense layers of LIF neurons that are reset every 16 steps.
    """
    rng = np.random.default_rng(seed)
    populations, connections = [Population("in", "input", (200, 66, 3))], []

    def add(connection: Connection, shape: tuple[int, ...], vth: int) -> None:
        reset = {"reset_interval": 16, "reset_offset": len(populations) + 1}
        populations.append(Population(connection.post, "lif_reset", shape, {**NEURON, "vth": vth, **reset}))
        connections.append(connection)

    for k, (channels, stride, padding, vth) in enumerate(PILOTNET, start=1):
        pre, conv = populations[-1], Convolution(stride, padding)
        weights = (2 * rng.integers(-50, 51, (channels, 3, 3, pre.shape[2]))).astype(np.int16)
        name, shape = f"conv{k}", conv.output_shape(pre.shape, weights.shape)
        add(Connection(f"{pre.name}-{name}", "conv", pre.name, name, weights, conv=conv), shape, vth)
    for k, (n, vth) in enumerate(PILOTNET_DENSE, start=1):
        pre, name = populations[-1], f"dense{k}"
        weights = (2 * rng.integers(-100, 101, (n, pre.n))).astype(np.int16)
        add(Connection(f"{pre.name}-{name}", "dense", pre.name, name, weights, 1, sign_mode="mixed"), (n,), vth)
    program = Program(
        "PilotNet's sizes", tuple(populations), tuple(connections), (populations[-1].name,), "loihi2",
        timing=Timing(16, {p.name: depth for depth, p in enumerate(populations[1:], start=1)}),
    )  # fmt: skip
    return program, {"in": noise(populations[0].n, steps=64, rate=0.05, seed=seed + 1)}


def noise(n: int, *, steps: int, rate: float, seed: int = 1) -> EventStream:
    """Independent spikes of that probability per neuron and step."""
    return EventStream.from_dense(np.random.default_rng(seed).random((steps, n), np.float32) < rate)


def pair_stdp(n_pre: int, n_post: int, *, vth: int = 8000, seed: int = 2) -> Program:
    """One dense connection that learns by the library's pair STDP.

    At 5 % input, 3.5 % of 128 post neurons spike per step behind 256 with a `vth` of 8000, and 4.8 % of 256 behind 784
    with one of 22000 (2,000 steps).
    """
    weights = (2 * np.random.default_rng(seed).integers(0, 61, (n_post, n_pre))).astype(np.int16)
    learning = load_rule("pair-stdp").plasticity(rng_seed=3)
    return Program(
        f"pair STDP {n_pre} to {n_post}",
        (Population("in", "input", (n_pre,)), Population("out", "lif", (n_post,), {**NEURON, "vth": vth})),
        (Connection("in-out", "dense", "in", "out", weights, 0, sign_mode="mixed", plasticity=learning),),
        ("out",), "loihi2",
    )  # fmt: skip


def learning_digits(*, seed: int = 0) -> tuple[Program, Inputs]:
    """The 64-128-10 program that learns in the demo, and its first epoch of digits as input and target streams."""
    network, readout = OnChipNetwork(64, 128, 10), load_rule("delta")
    program = build_program(network, load_rule("eprop-random"), readout, load_chip("loihi2"), seed=seed)
    if program.timing is None:
        raise ValueError("a learning program has a timing")
    levels = target_levels(network, readout)
    stream = next(lessons(program.timing, levels, load_digits_split().train, epochs=1, seed=seed))
    return program, stream.inputs()
