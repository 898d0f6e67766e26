"""Networks before rounding, for the tests of quantisation: written down directly, not read by the compiler."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np

from neurotrain_hw.compiler.ideal import ConvGeometry, IdealInput, IdealLayer, IdealNetwork, IdealSynapses
from neurotrain_hw.interchange import Quantisation


def ideal_layer(n: int, *, name: str = "l", shape: tuple[int, ...] | None = None, **values: Any) -> IdealLayer:
    """n integrators with a threshold of 1, or what `values` say; numbers are broadcast."""
    numbers = {"current_decay": 0.0, "decay": 1.0, "threshold": 1.0, "bias": 0.0, "current_bias": 0.0, "gain": 1.0}
    words = {key: values.pop(key) for key in ("reset", "reached", "departures") if key in values}
    arrays = {key: np.broadcast_to(np.asarray(value, float), (n,)).copy() for key, value in (numbers | values).items()}
    return IdealLayer(name, shape or (n,), **arrays, **words)


def ideal_synapses(
    weight: Any,
    *,
    name: str = "w",
    pre: str = "input",
    post: str = "l",
    row_scale: Any = 1.0,
    quantisation: Quantisation | None = None,
    conv: ConvGeometry | None = None,
    latency: int = 0,
) -> IdealSynapses:
    """A connection with these weights."""
    weight = np.asarray(weight, float)
    rows = np.broadcast_to(np.asarray(row_scale, float), (weight.shape[0],)).copy()
    return IdealSynapses(name, pre, post, weight, rows, conv, quantisation, latency)


def braille(shared: Path, kind: str) -> tuple[IdealNetwork, np.ndarray, np.ndarray]:
    """A Braille network of the NIR paper, its 1,158 recordings (N, 256, 12) and their labels; `kind` zero | subtract.

    The rule that reproduces snnTorch's recordings: I' = (1 - dt/tau_syn) I + (dt/tau_syn) w_in x, v' = (1 - dt/tau_mem)
    v + (dt/tau_mem) r I', a spike above the threshold, recurrent spikes one step late, recurrent biases from step 0.
    """
    name = {"zero": "noDelay_bias_zero", "subtract": "noDelay_noBias_subtract"}[kind]
    graph = nir.read(shared / "data" / "nir" / f"braille_{kind}" / f"braille_{name}.nir")
    nodes, dt = graph.nodes, 1e-4
    layers = []
    for short, key in (("lif1", "lif1.lif"), ("lif2", "lif2")):
        node = nodes[key]
        syn, mem = dt / np.asarray(node.tau_syn, float), dt / np.asarray(node.tau_mem, float)
        gain = mem * node.r * syn * node.w_in
        weights = ("fc1", "lif1.w_rec") if short == "lif1" else ("fc2",)
        bias = sum(getattr(nodes[w], "bias", np.zeros(syn.shape)) for w in weights)
        layers.append(
            IdealLayer(
                short,
                node.tau_mem.shape,
                1 - syn,
                1 - mem,
                node.v_threshold / gain,
                np.zeros(syn.shape),
                np.asarray(bias, float),
                gain,
                "zero" if kind == "zero" else "subtract",
            )
        )
    synapses = (
        ideal_synapses(nodes["fc1"].weight, name="fc1", post="lif1"),
        ideal_synapses(nodes["lif1.w_rec"].weight, name="w_rec", pre="lif1", post="lif1", latency=1),
        ideal_synapses(nodes["fc2"].weight, name="fc2", pre="lif1", post="lif2"),
    )
    archive = np.load(shared / "data" / "nir" / "braille_data" / "trainval_union1158.npz", allow_pickle=False)
    bits = np.unpackbits(archive["X_packed"], axis=-1)[..., :12]
    return IdealNetwork((IdealInput("input", (12,)),), tuple(layers), synapses, ("lif2",), dt), bits, archive["Y"]


def with_constant_current(network: IdealNetwork) -> IdealNetwork:
    """The same network with constant currents from a population `one` that always sends: a coarse and a fine weight."""
    more = []
    for layer in network.layers:
        if layer.current_bias.any():
            more.append(ideal_synapses(layer.current_bias[:, None], name=f"{layer.name}_c", pre="one", post=layer.name))
            more.append(ideal_synapses(np.zeros((layer.n, 1)), name=f"{layer.name}_f", pre="one", post=layer.name))
    layers = tuple(replace(layer, current_bias=np.zeros(layer.n)) for layer in network.layers)
    return IdealNetwork(network.inputs, layers, (*network.synapses, *more), network.outputs, network.dt_s)
