"""Weights of a layer: plain or behind Brevitas's quantisers, drawn from a seed, and as arrays when training is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from neurotrain_hw.errors import MissingExtraError
from neurotrain_hw.networks.spec import LayerSpec, Shape

_EPS = 1e-8


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """Weights of one layer as they leave training.

    `shadow` float32 (n_post, n_pre), or (channels, channels_in, kernel, kernel): what the optimiser moves. `effective`
    float32: what the network computes with, equal to `shadow` where weights are float. `integers` int32 and `scale`,
    one or one per output channel: for quantised weights `effective == float32(scale * integers)`, and
    `round(effective / scale) == integers`. `recurrent`: the same of the synapses among the layer's own neurons,
    (n, n) or (n,). `bias` float32 (n_post,) or (channels,).
    """

    shadow: npt.NDArray[np.float32]
    effective: npt.NDArray[np.float32]
    bits: int | None = None
    integers: npt.NDArray[np.int32] | None = None
    scale: float | tuple[float, ...] | None = None
    recurrent: LayerWeights | None = None
    bias: npt.NDArray[np.float32] | None = None


def synapses_of(layer: LayerSpec, shape: Shape) -> nn.Module:
    """What holds the forward weights and the bias of a layer, for inputs of `shape`."""
    fan_in = layer.fan_in(shape)
    quantiser = _quantiser(layer, layer.weight_scale == "channel")
    if layer.kind == "dense":
        if not quantiser:
            return nn.Linear(fan_in, layer.neurons, bias=layer.bias)
        from brevitas.nn import QuantLinear

        return QuantLinear(fan_in, layer.neurons, bias=layer.bias, **quantiser)
    if not quantiser:
        return nn.Conv2d(shape[0], layer.channels, layer.kernel, layer.stride, layer.padding, bias=layer.bias)
    from brevitas.nn import QuantConv2d

    return QuantConv2d(
        shape[0], layer.channels, layer.kernel, layer.stride, layer.padding, bias=layer.bias, **quantiser
    )


def loop_of(layer: LayerSpec) -> nn.Module:
    """What holds the recurrent weights of a layer: (n, n), or (n,) with one scale where they are quantised."""
    if layer.recurrent == "none":
        return nn.Identity()
    quantiser = _quantiser(layer, layer.weight_scale == "channel" and layer.recurrent == "all-to-all")
    if layer.recurrent == "one-to-one":
        if not quantiser:
            return OneToOne(layer.neurons)
        from brevitas.nn import QuantScaleBias

        return QuantScaleBias(layer.neurons, bias=False, **quantiser)
    if not quantiser:
        return nn.Linear(layer.neurons, layer.neurons, bias=False)
    from brevitas.nn import QuantLinear

    return QuantLinear(layer.neurons, layer.neurons, bias=False, **quantiser)


class OneToOne(nn.Module):
    """One weight per neuron."""

    def __init__(self, neurons: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(neurons))


def draw(module: nn.Module, layer: LayerSpec, generator: torch.Generator, *, recurrent: bool = False) -> None:
    """Random weights: uniform within +-sqrt(6 / fan-in), recurrent ones within +-1 / (2 sqrt(fan-in)); biases 0."""
    weight = module.weight
    if recurrent:
        bound = 0.5 / (weight[0].numel() if weight.dim() > 1 else 1) ** 0.5
    else:
        bound = (6.0 / weight[0].numel()) ** 0.5
    with torch.no_grad():
        weight.uniform_(-bound, bound, generator=generator)
        if getattr(module, "bias", None) is not None:
            module.bias.zero_()


def effective(module: nn.Module, layer: LayerSpec, *, recurrent: bool = False) -> torch.Tensor:
    """Weights as the network computes with them, with the gradient path to the shadow."""
    found = computed(module, layer, recurrent=recurrent)
    weight: torch.Tensor = found.value if hasattr(found, "value") else found
    return weight


def exported(module: nn.Module, layer: LayerSpec, *, recurrent: bool = False) -> LayerWeights:
    """Weights as arrays on the CPU, quantised ones with their integers and scale."""
    with torch.no_grad():
        shadow, found = _floats(module.weight), computed(module, layer, recurrent=recurrent)
    if not hasattr(found, "bit_width"):
        return LayerWeights(shadow, _floats(found).copy())
    integers = found.int(float_datatype=True).cpu().numpy().astype(np.int32)
    scales = tuple(map(float, found.scale.detach().reshape(-1)))
    scale = scales[0] if len(scales) == 1 else scales
    return LayerWeights(shadow, _floats(found.value), int(found.bit_width), integers, scale)


def standardised(weight: torch.Tensor, gain: float) -> torch.Tensor:
    """gain * (w - mean) / sqrt(fan-in * variance), per output channel (Brock et al., arXiv:2101.08692; from memory)."""
    flat = weight.flatten(1)
    mean, variance = flat.mean(dim=1, keepdim=True), flat.var(dim=1, unbiased=False, keepdim=True)
    return (gain * (flat - mean) / torch.sqrt(variance * flat.shape[1] + _EPS)).view_as(weight)


def computed(module: nn.Module, layer: LayerSpec, *, recurrent: bool = False) -> Any:
    """Brevitas's quantised tensor, or a plain one."""
    weight = module.weight
    if layer.weight_standardised and not recurrent:
        weight = standardised(weight, layer.gain)
    return module.weight_quant(weight) if hasattr(module, "weight_quant") else weight


def _floats(tensor: torch.Tensor) -> npt.NDArray[np.float32]:
    found: npt.NDArray[np.float32] = tensor.detach().cpu().numpy().astype(np.float32)
    return found


def _quantiser(layer: LayerSpec, per_channel: bool) -> dict[str, Any]:
    """Arguments that make a Brevitas layer quantise its weights as the spec says; none for float weights."""
    if layer.weight_bits is None:
        return {}
    try:
        from brevitas.core.function_wrapper import CeilSte
        from brevitas.inject.enum import RestrictValueType
        from brevitas.quant import Int8WeightPerTensorFloat

        from neurotrain_hw.networks.binary import SignedBinaryWeightMean
    except ImportError:
        raise MissingExtraError("brevitas", "train") from None
    # Signed, narrow range (-127..127 at 8 bits), zero point 0, scale = max|w| / 127; one bit: -1 or 1 times mean|w|.
    kind = SignedBinaryWeightMean if layer.weight_bits == 1 else Int8WeightPerTensorFloat
    arguments = {"weight_quant": kind, "weight_bit_width": layer.weight_bits}
    if per_channel:
        arguments["weight_scaling_per_output_channel"] = True
    if layer.power_of_two:
        # upwards, so that no weight saturates
        arguments["weight_restrict_scaling_type"] = RestrictValueType.POWER_OF_TWO
        arguments["weight_restrict_value_float_to_int_impl"] = CeilSte
    return arguments
