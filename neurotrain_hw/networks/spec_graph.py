"""A SpikingNetwork as an interchange graph: NIR nodes, and the meaning that NIR leaves unsaid."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import nir
import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.interchange import Graph, Meaning, NodeMeaning, Quantisation
from neurotrain_hw.interchange.meaning import Reset
from neurotrain_hw.networks.chip_state import ChipState
from neurotrain_hw.networks.layer_faults import pooled
from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.networks.spec import LayerSpec, Shape
from neurotrain_hw.networks.tracing.arrays import per_neuron
from neurotrain_hw.networks.tracing.neurons import Style, population
from neurotrain_hw.networks.tracing.terms import Chain
from neurotrain_hw.networks.weights import LayerWeights

FloatArray = npt.NDArray[np.float64]


def spec_graph(network: SpikingNetwork, dt_s: float) -> Graph:
    """The network as Input -> (pool, weights, pool, neurons) per layer -> Output.

    A layer `hidden` becomes the nodes `hidden_weights` (Linear, Affine with a bias, or Conv2d; float32) and `hidden`
    (LIF with tau = dt / (1 - beta), r = tau / dt, so that Euler integration gives v' = beta*v + W s; CubaLIF with a
    synaptic current; LI or I for an integrator), with `hidden_arriving` and `hidden_pool` where spikes or currents are
    pooled, `hidden_flat` where a dense layer takes maps, and `hidden_recurrent`, a loop. The meaning says: Euler, the
    reset, and bits and scale of quantised weights. Raises UnsupportedError for what a graph cannot hold.
    """
    spec, weights = network.spec, network.layer_weights()
    graph = _Chain(dt_s)
    graph.add("input", nir.Input({"input": np.array(spec.input_shape)}))
    for position, (layer, shape) in enumerate(zip(spec.layers, spec.shapes, strict=False)):
        found, arriving, after = weights[layer.name], pooled(shape, layer.input_pool), layer.after(shape)
        chip = network.parts()[position].chip
        if chip is not None:
            found = _in_chip_steps(found, chip, layer)
        if layer.input_pool > 1:
            graph.add(f"{layer.name}_arriving", _pool(layer, layer.input_pool, shape, arriving))
        if layer.kind == "dense" and len(arriving) > 1:
            flat = nir.Flatten({"input": np.array(arriving)}, start_dim=0, end_dim=-1)
            graph.add(f"{layer.name}_flat", flat)
        maps = (after[0], *(side for side in _maps(layer, arriving))) if layer.kind == "conv" else after
        node, more = _weights(layer, found, arriving, maps)
        graph.add(f"{layer.name}_weights", node, NodeMeaning(quantisation=_quantisation(found)), more)
        if layer.pool > 1:
            graph.add(f"{layer.name}_pool", _pool(layer, layer.pool, maps, after))
        if chip is None:
            _neurons(graph, layer, network, position, after)
        else:
            graph.add(layer.name, *_chip_neurons(layer, chip, after, dt_s))
        if found.recurrent is not None:
            _loop(graph, layer, found.recurrent, after)
    graph.add("output", nir.Output({"output": np.array(spec.shapes[-1])}))
    exact = any(layer.state is not None for layer in spec.layers)
    meaning = Meaning(dt_s, graph.meanings, "float64" if exact else "float32")
    return Graph(nir.NIRGraph(graph.nodes, graph.edges, type_check=False), meaning, tuple(graph.notes))


@dataclass
class _Chain:
    """Nodes one after the other."""

    dt_s: float
    nodes: dict[str, nir.NIRNode] = field(default_factory=dict)
    meanings: dict[str, NodeMeaning] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    last: str = ""

    def add(
        self, name: str, node: nir.NIRNode, meaning: NodeMeaning | None = None, notes: tuple[str, ...] = ()
    ) -> None:
        self.nodes[name] = node
        if meaning is not None:
            self.meanings[name] = meaning
        if self.last:
            self.edges.append((self.last, name))
        self.last = name
        self.notes += notes


def _maps(layer: LayerSpec, arriving: Shape) -> Shape:
    """Sides of a convolution's own output, before the pool behind."""
    return tuple((side + 2 * layer.padding - layer.kernel) // layer.stride + 1 for side in arriving[1:])


def _pool(layer: LayerSpec, pool: int, taken: Shape, sent: Shape) -> nir.NIRNode:
    if layer.pooling == "max":
        raise UnsupportedError(
            "a maximum over spikes or currents has no node in NIR, and no chip's synapses can form it",
            where=f"layer '{layer.name}'", need="pooling 'average'", remedy="Train it with pooling = \"average\".",
        )  # fmt: skip
    sides = np.array([pool, pool])
    return _shaped(nir.AvgPool2d(sides, sides.copy(), np.zeros(2, np.int64)), taken, sent)


def _weights(
    layer: LayerSpec, found: LayerWeights, arriving: Shape, maps: Shape
) -> tuple[nir.NIRNode, tuple[str, ...]]:
    notes = () if found.bits != 1 else (f"{layer.name}: weights of 1 bit, -1 and 1, need 2 bits in a signed number",)
    if layer.kind == "dense":
        if found.bias is None:
            return nir.Linear(weight=found.effective), notes
        return nir.Affine(weight=found.effective, bias=found.bias), notes
    bias = np.zeros(layer.channels, np.float32) if found.bias is None else found.bias
    node = nir.Conv2d(arriving[1:], found.effective, layer.stride, layer.padding, 1, 1, bias)
    return _shaped(node, arriving, maps), notes


def _neurons(graph: _Chain, layer: LayerSpec, network: SpikingNetwork, position: int, shape: Shape) -> None:
    module, dt_s, where = network.neurons[position], graph.dt_s, f"layer '{layer.name}'"
    if layer.neuron == "adaptive":
        raise UnsupportedError(
            "neurons with an adaptive threshold have no node in NIR", where=where, need="another kind of neuron"
        )
    if layer.neuron == "alpha":
        made = population(Chain("Alpha", module, layer.name), shape, Style(dt_s))
        if made.before is not None:
            graph.add(f"{layer.name}_delay", made.before.node, made.before.meaning)
        graph.add(layer.name, made.neurons.node, made.neurons.meaning, made.notes)
        return
    beta = per_neuron(module.beta.clamp(0, 1), shape, where=where) if layer.learn_beta else np.full(shape, layer.beta)
    zeros, ends = np.zeros(shape), {}
    if layer.spikes:
        learned = per_neuron(module.threshold, shape, where=where) if layer.learn_threshold else layer.threshold
        ends = {"v_threshold": np.broadcast_to(learned, shape).astype(float), "v_reset": zeros}
    # one step later is the same where nothing leaks in between
    late = layer.reset == "subtract" and not np.all(beta == 1)
    reset: Reset = "subtract_delayed" if late else layer.reset
    graph.add(layer.name, _node(layer, beta, zeros, ends, dt_s), NodeMeaning(reset=reset, integration="euler"))


def _node(
    layer: LayerSpec, beta: FloatArray, zeros: FloatArray, ends: dict[str, FloatArray], dt_s: float
) -> nir.NIRNode:
    if np.all(beta == 1) and layer.neuron != "synaptic":
        r = np.full(zeros.shape, 1 / dt_s)
        return nir.IF(r=r, **ends) if layer.spikes else nir.I(r)
    tau = dt_s / np.where(beta < 1, 1 - beta, 2.0**-60)  # 1 - dt / tau is 1 in float64
    # snnTorch's Lapicque takes (1 - beta) of its input
    r = tau / dt_s * ((1 - beta) if layer.neuron == "lapicque" else 1.0)
    if layer.neuron == "synaptic":
        tau_syn = np.full(zeros.shape, dt_s / (1 - layer.alpha))
        return nir.CubaLIF(tau_syn=tau_syn, tau_mem=tau, r=r, v_leak=zeros, w_in=tau_syn / dt_s, **ends)
    return nir.LIF(tau=tau, r=r, v_leak=zeros, **ends) if layer.spikes else nir.LI(tau=tau, r=r, v_leak=zeros)


def _in_chip_steps(weights: LayerWeights, chip: ChipState, layer: LayerSpec) -> LayerWeights:
    """The same integers with scales so that, behind a pool's mean, one step of the membrane counts 2^-12."""
    scale = chip.grid * 2.0 ** (chip.exp - 6)
    recurrent = weights.recurrent
    if recurrent is not None and recurrent.scale is not None and weights.scale is not None:
        octave = round(math.log2(float(recurrent.scale) / float(weights.scale)))  # type: ignore[arg-type]
        recurrent = _rescaled(recurrent, scale * 2.0**octave)
    return replace(_rescaled(weights, scale * layer.input_pool**2), recurrent=recurrent)


def _rescaled(weights: LayerWeights, scale: float) -> LayerWeights:
    if weights.integers is None:
        return weights
    return replace(weights, effective=(weights.integers * scale).astype(np.float32), scale=scale)


def _chip_neurons(layer: LayerSpec, chip: ChipState, shape: Shape, dt_s: float) -> tuple[nir.NIRNode, NodeMeaning]:
    """Neurons that count their membrane in steps of 2^-12, as the chip does: decays and threshold are multiples."""
    zeros, ones = np.zeros(shape), np.ones(shape)
    tau = dt_s / max(1 - chip.beta, 2.0**-60) * ones  # 1 - dt / tau is 1 in float64
    vth = np.broadcast_to(chip.vth.cpu().numpy(), shape) / 64.0
    ends = {"r": tau / dt_s, "v_leak": zeros, "v_threshold": vth, "v_reset": zeros}
    meaning = NodeMeaning(reset="zero", integration="truncated", drive="unit")
    if layer.neuron != "synaptic":
        return nir.LIF(tau=tau, **ends), meaning
    tau_syn = dt_s / (1 - chip.alpha) * ones
    return nir.CubaLIF(tau_syn=tau_syn, tau_mem=tau, w_in=tau_syn / dt_s, **ends), meaning


def _loop(graph: _Chain, layer: LayerSpec, found: LayerWeights, shape: Shape) -> None:
    """From a layer's neurons to themselves; one-to-one as a diagonal matrix, or a Scale for neurons on maps."""
    name, quantisation = f"{layer.name}_recurrent", _quantisation(found)
    # what drives the neurons: a delay in front of them where there is one
    target = f"{layer.name}_delay" if f"{layer.name}_delay" in graph.nodes else layer.name
    if layer.recurrent == "all-to-all":
        graph.nodes[name] = nir.Linear(weight=found.effective)
    elif len(shape) == 1:
        graph.nodes[name] = nir.Linear(weight=np.diag(found.effective))
    else:
        graph.nodes[name], quantisation = nir.Scale(found.effective.reshape(shape)), None
    if quantisation is not None:
        graph.meanings[name] = NodeMeaning(quantisation=quantisation)
    graph.edges += [(layer.name, name), (name, target)]


def _quantisation(weights: LayerWeights) -> Quantisation | None:
    if weights.bits is None or weights.scale is None:
        return None
    return Quantisation(max(weights.bits, 2), weights.scale)  # -1 and 1 are integers of two bits


def _shaped(node: nir.NIRNode, taken: Shape, sent: Shape) -> nir.NIRNode:
    # nir 1.0.8 works out wrong shapes for some convolutions, and for pools none
    node.input_type = {"input": np.array(taken, np.int64)}
    node.output_type = {"output": np.array(sent, np.int64)}
    return node
