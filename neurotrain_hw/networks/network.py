"""Spiking networks in torch: snnTorch's neurons behind plain or Brevitas-quantised weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import nn

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.networks.chip_state import ChipState, chip_state
from neurotrain_hw.networks.neurons import neurons_of, rest
from neurotrain_hw.networks.operators import Convolution, Dense, Operator
from neurotrain_hw.networks.spec import LayerSpec, ModelSpec, Shape
from neurotrain_hw.networks.weights import LayerWeights, computed, draw, effective, exported, loop_of, synapses_of

__all__ = ["LayerParts", "LayerWeights", "SpikingNetwork", "build"]


@dataclass(frozen=True, eq=False)
class LayerParts:
    """One layer as a learning rule sees it, with the weights of this moment and the gradient path to the shadow.

    `operator` computes currents from spikes and `weight`; `recurrent` is (n, n) for all-to-all, (n,) for one-to-one;
    `bias` (n,) or (channels,). `beta` and `threshold`: (n,) or (channels, 1, 1); an integrator's threshold is None.
    `chip`: the number format of membrane and current, where the layer has one; `beta` and `threshold` are then its.
    """

    spec: LayerSpec
    operator: Operator
    weight: torch.Tensor
    recurrent: torch.Tensor | None
    bias: torch.Tensor | None
    beta: torch.Tensor
    threshold: torch.Tensor | None
    chip: ChipState | None = None


class SpikingNetwork(nn.Module):
    """A ModelSpec in torch; `synapses`, `loops` and `neurons` hold one module per layer.

    In one step a membrane decays, takes its input, spikes where it exceeds the threshold, and is then reset. A spike
    reaches the layer's own neurons, where they are recurrent, one step later.
    """

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        before = list(zip(spec.layers, spec.shapes, strict=False))
        self.synapses = nn.ModuleList(synapses_of(layer, shape) for layer, shape in before)
        self.loops = nn.ModuleList(loop_of(layer) for layer in spec.layers)
        self.neurons = nn.ModuleList(neurons_of(layer, layer.after(shape), spec.surrogate) for layer, shape in before)
        self._operators = [operator_of(layer, shape) for layer, shape in before]

    def parts(self) -> list[LayerParts]:
        """The layers with what they compute with now."""
        return [self._parts(position, weight) for position, weight in enumerate(self.weights())]

    def shadow(self) -> list[nn.Parameter]:
        """What the optimiser moves, in the order of the parts: per layer weight, recurrent weights, bias."""
        found: list[nn.Parameter] = []
        for layer, synapses, loop in zip(self.spec.layers, self.synapses, self.loops, strict=True):
            found.append(synapses.weight)
            if layer.recurrent != "none":
                found.append(loop.weight)
            if layer.bias:
                found.append(synapses.bias)
        return found

    def weights(self) -> list[torch.Tensor]:
        """Forward weights as the network computes with them, with the gradient path to the shadow."""
        return [effective(module, layer) for module, layer in zip(self.synapses, self.spec.layers, strict=True)]

    def forward(self, spikes: torch.Tensor) -> list[torch.Tensor]:
        """Spikes of every layer, each (T, N, *shape), for input spikes (T, N, *input_shape), from rest.

        Maps may come flattened. An integrator sends its membrane.
        """
        return self.run(spikes, self.weights())

    def run(self, spikes: torch.Tensor, weights: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The same with other forward weights, one tensor per layer.

        Raises ValueRangeError for inputs that are no whole numbers where the first layer counts in a chip's integers.
        """
        first = self.spec.layers[0]
        if first.state is not None and spikes.is_floating_point() and bool(torch.any(spikes != spikes.round())):
            raise ValueRangeError(
                "the input holds values that are no whole numbers", where=f"layer '{first.name}'",
                need=f"spikes, for a state as on {first.state}",
                remedy="Encode the input as spikes, or leave out state.",
            )  # fmt: skip
        layers: list[torch.Tensor] = []
        spikes = spikes.reshape(*spikes.shape[:2], *self.spec.input_shape)
        for position, weight in enumerate(weights):
            spikes = self._layer(position, self._parts(position, weight), spikes)
            layers.append(spikes)
        return layers

    def layer_weights(self) -> dict[str, LayerWeights]:
        """Weights per layer name, as NumPy arrays, quantised ones with their integers and scale."""
        found = {}
        for layer, synapses, loop in zip(self.spec.layers, self.synapses, self.loops, strict=True):
            recurrent = None if layer.recurrent == "none" else exported(loop, layer, recurrent=True)
            bias = synapses.bias.detach().cpu().numpy().copy() if layer.bias else None
            found[layer.name] = replace(exported(synapses, layer), recurrent=recurrent, bias=bias)
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """All that is learned, as `load_arrays` takes it, and what quantisation made of it.

        Per layer `<layer>/shadow`, `/effective`, and where weights are quantised `/integers`, `/scale`, `/bits`; the
        same under `<layer>/recurrent/` where it is recurrent; `<layer>/bias`, `/beta`, `/threshold` where learned.
        """
        found: dict[str, np.ndarray] = {}
        for name, weights in self.layer_weights().items():
            found |= _as_arrays(name, weights)
            if weights.recurrent is not None:
                found |= _as_arrays(f"{name}/recurrent", weights.recurrent)
        return found | {key: value.detach().cpu().numpy().copy() for key, value in self._others().items()}

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Put back what `arrays` gave; KeyError where something is missing, RuntimeError where a shape is another."""
        with torch.no_grad():
            for layer, synapses, loop in zip(self.spec.layers, self.synapses, self.loops, strict=True):
                synapses.weight.copy_(torch.from_numpy(arrays[f"{layer.name}/shadow"]))
                if layer.recurrent != "none":
                    loop.weight.copy_(torch.from_numpy(arrays[f"{layer.name}/recurrent/shadow"]))
            for key, parameter in self._others().items():
                parameter.copy_(torch.from_numpy(arrays[key]))

    def in_floats(self) -> SpikingNetwork:
        """A copy that computes with the shadow weights, unquantised, and with a state in floats."""
        other: SpikingNetwork = SpikingNetwork(self.spec.with_weight_bits(None))
        other.to(self.synapses[0].weight)
        other.load_arrays(self.arrays())
        return other

    def _others(self) -> dict[str, nn.Parameter]:
        """Learned parameters besides weights."""
        found = {}
        for layer, synapses, neurons in zip(self.spec.layers, self.synapses, self.neurons, strict=True):
            if layer.bias:
                found[f"{layer.name}/bias"] = synapses.bias
            found |= {f"{layer.name}/{key}": parameter for key, parameter in neurons.named_parameters()}
        return found

    def _parts(self, position: int, weight: torch.Tensor) -> LayerParts:
        layer, synapses, neurons = self.spec.layers[position], self.synapses[position], self.neurons[position]
        recurrent = None
        if layer.recurrent != "none":
            recurrent = effective(self.loops[position], layer, recurrent=True)
        bias, chip = synapses.bias if layer.bias else None, None
        threshold = getattr(neurons, "threshold", None)  # an integrator has none
        if layer.state is not None:
            chip = self._chip(position)
            after = self._operators[position].out_shape
            size = after if len(after) == 1 else (after[0], 1, 1)
            beta, threshold = weight.new_full(size, chip.beta), chip.threshold.expand(size)
        elif layer.neuron == "lapicque":  # snnTorch's has R and C instead
            beta = (1 - 1 / (neurons.R * neurons.C)).expand_as(neurons.threshold)
        else:
            beta = neurons.beta.clamp(0, 1)
        return LayerParts(layer, self._operators[position], weight, recurrent, bias, beta, threshold, chip)

    def _chip(self, position: int) -> ChipState:
        layer = self.spec.layers[position]
        found = [computed(self.synapses[position], layer)]
        if layer.recurrent != "none":
            found.append(computed(self.loops[position], layer, recurrent=True))
        return chip_state(layer, found)

    def _layer(self, position: int, parts: LayerParts, spikes: torch.Tensor) -> torch.Tensor:
        """What a layer sends in every step."""
        steps, samples = spikes.shape[:2]
        arriving = spikes.flatten(0, 1).to(parts.weight.dtype)
        currents = parts.operator.current(arriving, parts.weight, parts.bias).unflatten(0, (steps, samples))
        if parts.chip is not None:
            self.neurons[position].chip = parts.chip
        state, sent, out = rest(parts.spec, currents[0]), torch.zeros_like(currents[0]), []
        for current in currents:
            if parts.recurrent is not None:
                current = current + _returning(sent, parts.recurrent)
            sent, *state = self.neurons[position](current, *state)
            out.append(sent)
        return torch.stack(out)


def build(spec: ModelSpec, *, weight_bits: int | Literal["model"] | None = "model", seed: int) -> SpikingNetwork:
    """A network with random weights, drawn with `seed`: uniform within +-sqrt(6 / fan-in), recurrent ones less.

    `weight_bits`: width of all layers' weights; None for float; "model" as the spec says.
    Raises MissingExtraError without torch, snnTorch or (for quantised weights) Brevitas.
    """
    network = SpikingNetwork(spec if weight_bits == "model" else spec.with_weight_bits(weight_bits))
    generator = torch.Generator().manual_seed(seed)
    for layer, synapses, loop in zip(network.spec.layers, network.synapses, network.loops, strict=True):
        draw(synapses, layer, generator)
        if layer.recurrent != "none":
            draw(loop, layer, generator, recurrent=True)
    return network


def _as_arrays(name: str, weights: LayerWeights) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {f"{name}/shadow": weights.shadow, f"{name}/effective": weights.effective}
    if weights.integers is not None:
        found |= {f"{name}/integers": weights.integers, f"{name}/scale": np.asarray(weights.scale)}
        found[f"{name}/bits"] = np.asarray(weights.bits)
    return found


def operator_of(layer: LayerSpec, shape: Shape) -> Operator:
    if layer.kind == "dense":
        return Dense(shape, (layer.neurons,), layer.input_pool, layer.pooling)
    return Convolution.over(
        shape, layer.channels, kernel=layer.kernel, stride=layer.stride, padding=layer.padding,
        input_pool=layer.input_pool, pool=layer.pool, pooling=layer.pooling,
    )  # fmt: skip


def _returning(sent: torch.Tensor, recurrent: torch.Tensor) -> torch.Tensor:
    """Currents from a layer's own spikes of the step before."""
    if recurrent.dim() == 2:
        return nn.functional.linear(sent.to(recurrent.dtype), recurrent)
    return sent * recurrent.view(sent.shape[1:])
