"""Networks of lava-dl's layers, one of each kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurotrain_hw.interchange.netx_file import NetxLayer, NetxNeuron

FORGETS = NetxNeuron("CUBA", {"iDecay": 4096, "vDecay": 4096, "vThMant": 100, "refDelay": 1})
"""Neurons whose membrane is what arrived in this step, shifted left by 6."""


def dense(weights: np.ndarray, **more) -> NetxLayer:
    return NetxLayer("dense", (len(weights),), {"weight": weights.astype(np.int64)}, neuron=FORGETS, **more)


def convolutional() -> tuple[NetxLayer, ...]:
    """(2, 5, 7) to (4, 3, 3) by strides, padding and dilation that differ along the axes, flattened, to 4."""
    rng = np.random.default_rng(0)
    geometry = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}
    return (
        NetxLayer("input", (2, 5, 7)),
        NetxLayer("conv", (4, 3, 3), {"weight": rng.integers(-60, 101, (4, 2, 3, 3))}, rng.integers(-20, 20, 4),
                  geometry=geometry, neuron=FORGETS),
        NetxLayer("flatten"),
        dense(2 * rng.integers(-100, 101, (4, 36))),
    )  # fmt: skip


def recurrent() -> tuple[NetxLayer, ...]:
    rng = np.random.default_rng(1)
    cuba = NetxNeuron("CUBA", {"iDecay": 1024, "vDecay": 128, "vThMant": 80, "refDelay": 1})
    weights = {"weight": 2 * rng.integers(-50, 51, (5, 6)), "weight_rec": 2 * rng.integers(-50, 51, (5, 5))}
    return (
        NetxLayer("dense_rec", (5,), weights, rng.integers(0, 9, 5), neuron=cuba),
        NetxLayer("dense", (3,), {"weight": 2 * rng.integers(-50, 51, (3, 5))}, delay=np.array([0, 7, 80]),
                  neuron=cuba),
    )  # fmt: skip


def resonating() -> tuple[NetxLayer, ...]:
    rng = np.random.default_rng(2)
    resonator = NetxNeuron("RF_PHASE", {"sinDecay": 1200, "cosDecay": 3700, "vThMant": 60})
    weights = {part: 2 * rng.integers(-50, 51, (5, 6)) for part in ("real", "imag")}
    return (NetxLayer("dense_comp", (5,), weights, neuron=resonator),)


def sigma_delta() -> tuple[NetxLayer, ...]:
    rng = np.random.default_rng(4)
    neuron = NetxNeuron("SDNN", {"vThMant": 3}, "relu")
    last = replace(neuron, sigma_output=True)
    return (
        NetxLayer("input", (6,), neuron=neuron),
        NetxLayer("dense", (5,), {"weight": 2 * rng.integers(-50, 51, (5, 6))}, rng.integers(-9, 9, 5), neuron=neuron),
        NetxLayer("dense", (2,), {"weight": 2 * rng.integers(-50, 51, (2, 5))}, neuron=last),
    )  # fmt: skip


EVERY_KIND = (convolutional, recurrent, resonating, sigma_delta)
