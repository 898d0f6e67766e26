"""A trained torch network as an interchange graph: NIR nodes, and the meaning that NIR leaves unsaid."""

from __future__ import annotations

import itertools

import nir
import numpy as np

from neurotrain_hw.interchange import Graph, Meaning, NodeMeaning, Quantisation
from neurotrain_hw.networks.network import LayerWeights, SpikingNetwork
from neurotrain_hw.networks.spec import LayerSpec


def to_graph(module: SpikingNetwork, *, dt_s: float | None = None) -> Graph:
    """The network as Input -> (Linear -> LIF) per layer -> Output; `dt_s` seconds per step, by default the spec's.

    A layer `hidden` becomes the nodes `hidden_weights` (float32 weights (n_post, n_pre)) and `hidden` (LIF with
    tau = dt / (1 - beta), r = tau / dt, so that Euler integration gives v' = beta*v + W s; v_leak = v_reset = 0).
    The meaning says: Euler, reset to zero in the step of the spike, and bits and scale of quantised weights.
    """
    dt_s = module.spec.dt_s if dt_s is None else dt_s
    weights = module.layer_weights()
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": np.array([module.spec.inputs])})}
    meanings: dict[str, NodeMeaning] = {}
    for layer in module.spec.layers:
        found = weights[layer.name]
        nodes[f"{layer.name}_weights"] = nir.Linear(weight=found.effective)
        nodes[layer.name] = _lif(layer, dt_s)
        meanings[f"{layer.name}_weights"] = NodeMeaning(quantisation=_quantisation(found))
        meanings[layer.name] = NodeMeaning(reset="zero", integration="euler")
    nodes["output"] = nir.Output({"output": np.array([module.spec.sizes[-1]])})
    edges = list(itertools.pairwise(["input", *meanings, "output"]))
    return Graph(nir.NIRGraph(nodes, edges), Meaning(dt_s, meanings))


def _lif(layer: LayerSpec, dt_s: float) -> nir.LIF:
    tau_s = dt_s / (1.0 - layer.beta)

    def full(value: float) -> np.ndarray:
        return np.full(layer.neurons, value)

    return nir.LIF(
        tau=full(tau_s), r=full(tau_s / dt_s), v_leak=full(0.0), v_threshold=full(layer.threshold), v_reset=full(0.0)
    )


def _quantisation(weights: LayerWeights) -> Quantisation | None:
    if weights.bits is None or weights.scale is None:
        return None
    return Quantisation(weights.bits, weights.scale)
