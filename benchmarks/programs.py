"""Programs and inputs that the benchmarks run: random integers of realistic sizes, drawn from fixed seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurotrain_hw import Connection, EventStream, Population, Program, load_chip, load_rule
from neurotrain_hw.data import load_digits_split
from neurotrain_hw.onchip import OnChipNetwork, build_program, lessons, target_levels
from neurotrain_hw.program import Timing

NEURON = {"du": 4095, "dv": 410, "bias_mant": 0, "bias_exp": 0}
Inputs = dict[str, EventStream]


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


def noise(n: int, *, steps: int, rate: float, seed: int = 1) -> EventStream:
    """Independent spikes of that probability per neuron and step."""
    return EventStream.from_dense(np.random.default_rng(seed).random((steps, n), np.float32) < rate)


def pair_stdp(n_pre: int, n_post: int, *, seed: int = 2) -> Program:
    """One dense connection that learns by the library's pair STDP."""
    weights = (2 * np.random.default_rng(seed).integers(0, 61, (n_post, n_pre))).astype(np.int16)
    learning = load_rule("pair-stdp").plasticity(rng_seed=3)
    return Program(
        f"pair STDP {n_pre} to {n_post}",
        (Population("in", "input", (n_pre,)), Population("out", "lif", (n_post,), {**NEURON, "vth": 8000})),
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
