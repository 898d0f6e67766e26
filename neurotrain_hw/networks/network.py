"""Spiking networks in torch: snnTorch's Leaky neurons behind plain or Brevitas-quantised weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import snntorch
import torch
from snntorch import surrogate as surrogates
from torch import nn

from neurotrain_hw.errors import MissingExtraError
from neurotrain_hw.networks.spec import LayerSpec, ModelSpec, Surrogate


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """Weights of one layer as they leave training.

    `shadow` float32 (n_post, n_pre): what the optimiser moves. `effective` float32 (n_post, n_pre): what the network
    computes with, equal to `shadow` where weights are float. `integers` int32 (n_post, n_pre) and `scale`: for
    quantised weights `effective == float32(scale * integers)`, and `round(effective / scale) == integers`.
    """

    shadow: npt.NDArray[np.float32]
    effective: npt.NDArray[np.float32]
    bits: int | None = None
    integers: npt.NDArray[np.int32] | None = None
    scale: float | None = None


class SpikingNetwork(nn.Module):
    """A ModelSpec in torch; `synapses` and `neurons` hold one module per layer.

    Neurons are snnTorch's Leaky with reset_mechanism "zero": in one step the membrane decays, takes its input, spikes
    where it exceeds the threshold, and is then set to 0.
    """

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        self.synapses = nn.ModuleList(
            _synapses(n_pre, layer) for n_pre, layer in zip(spec.sizes[:-1], spec.layers, strict=True)
        )
        self.neurons = nn.ModuleList(_leaky(layer, spec.surrogate) for layer in spec.layers)

    def weights(self) -> list[torch.Tensor]:
        """Weights as the network computes with them, (n_post, n_pre) each, with the gradient path to the shadow."""
        return [_effective(module) for module in self.synapses]

    def forward(self, spikes: torch.Tensor) -> list[torch.Tensor]:
        """Spikes of every layer, each (T, N, n), for input spikes (T, N, inputs); every call starts from rest."""
        return self.run(spikes, self.weights())

    def run(self, spikes: torch.Tensor, weights: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The same with other weights, one (n_post, n_pre) per layer."""
        layers: list[torch.Tensor] = []
        for weight, neurons in zip(weights, self.neurons, strict=True):
            current = nn.functional.linear(spikes.to(weight.dtype), weight)
            membrane = torch.zeros_like(current[0])
            steps = []
            for now in current:
                fired, membrane = neurons(now, membrane)
                steps.append(fired)
            spikes = torch.stack(steps)
            layers.append(spikes)
        return layers

    def layer_weights(self) -> dict[str, LayerWeights]:
        """Weights per layer name, as NumPy arrays, quantised ones with their integers and scale."""
        names = [layer.name for layer in self.spec.layers]
        with torch.no_grad():
            return {name: _export(module) for name, module in zip(names, self.synapses, strict=True)}


def build(spec: ModelSpec, *, weight_bits: int | Literal["model"] | None = "model", seed: int) -> SpikingNetwork:
    """A network with random weights: uniform within +-sqrt(6 / n_pre), drawn with `seed`.

    `weight_bits`: width of all layers' weights; None for float; "model" as the spec says.
    Raises MissingExtraError without torch, snnTorch or (for quantised weights) Brevitas.
    """
    network = SpikingNetwork(spec if weight_bits == "model" else spec.with_weight_bits(weight_bits))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.synapses:
            bound = (6.0 / module.in_features) ** 0.5
            module.weight.uniform_(-bound, bound, generator=generator)
    return network


def _synapses(n_pre: int, layer: LayerSpec) -> nn.Module:
    if layer.weight_bits is None:
        return nn.Linear(n_pre, layer.neurons, bias=False)
    try:
        from brevitas.nn import QuantLinear
        from brevitas.quant import Int8WeightPerTensorFloat
    except ImportError:
        raise MissingExtraError("brevitas", "train") from None
    # signed, narrow range (-127..127 at 8 bits), zero point 0, scale = max|w| / 127
    return QuantLinear(
        n_pre, layer.neurons, bias=False, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=layer.weight_bits
    )


def _leaky(layer: LayerSpec, surrogate: Surrogate) -> snntorch.Leaky:
    gradients = {
        "fast_sigmoid": lambda: surrogates.fast_sigmoid(slope=surrogate.slope),
        "atan": lambda: surrogates.atan(alpha=surrogate.slope),
    }
    neuron = snntorch.Leaky(
        # vectors, because NIR's parameters have the layer's shape
        beta=torch.full((layer.neurons,), layer.beta),
        threshold=torch.full((layer.neurons,), layer.threshold),
        spike_grad=gradients[surrogate.kind](),
        reset_mechanism="zero",
        # With "zero" this changes no spike: it only says whether the membrane handed out is the one before the reset
        # (True: what pseudo-derivatives and losses read; the reset is then applied, without a gradient of its own,
        # before the next decay) or after it.
        reset_delay=True,
    )
    # snnTorch keeps every neuron ever made in a class list, which would hold the networks of a campaign in memory
    snntorch.SpikingNeuron.instances.remove(neuron)
    return neuron


def _effective(module: nn.Module) -> torch.Tensor:
    return module.quant_weight().value if hasattr(module, "quant_weight") else module.weight


def _export(module: nn.Module) -> LayerWeights:
    shadow = module.weight.detach().numpy().astype(np.float32)
    if not hasattr(module, "quant_weight"):
        return LayerWeights(shadow, shadow.copy())
    quantised = module.quant_weight()
    integers = quantised.int(float_datatype=True).numpy().astype(np.int32)
    return LayerWeights(
        shadow, quantised.value.numpy().copy(), int(quantised.bit_width), integers, float(quantised.scale)
    )
