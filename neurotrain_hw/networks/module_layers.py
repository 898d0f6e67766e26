"""Torch's, Brevitas's and snnTorch's modules as fields of a LayerSpec, and the parameters that they share with ours."""

from __future__ import annotations

from typing import Any

import snntorch
import torch
from torch import nn

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.interchange.primitives import pair
from neurotrain_hw.networks.chain import Leaf
from neurotrain_hw.networks.network import SpikingNetwork

_NEURONS = {
    snntorch.Leaky: "lif", snntorch.RLeaky: "lif", snntorch.Synaptic: "synaptic", snntorch.RSynaptic: "synaptic",
    snntorch.Lapicque: "lapicque", snntorch.Alpha: "alpha",
}  # fmt: skip


def weights_of(leaf: Leaf) -> dict[str, Any]:
    """Fields of a Linear or Conv2d; UnsupportedError for options that layers do not have."""
    module = leaf.module
    found: dict[str, Any] = {"bias": module.bias is not None} | _bits(leaf)
    if leaf.kind == "Linear":
        return found | {"neurons": module.out_features}
    sizes: dict[str, Any] = {"kernel": pair(module.kernel_size, 2), "stride": pair(module.stride, 2)}
    padding = module.padding
    if isinstance(padding, str):
        padding = 0 if padding == "valid" else tuple((side - 1) / 2 for side in sizes["kernel"])
    sizes["padding"] = pair(padding, 2)
    plain = module.groups == 1 and pair(module.dilation, 2) == (1, 1) and module.padding_mode == "zeros"
    if not plain or any(a != b or a != int(a) for a, b in sizes.values()):
        raise UnsupportedError(
            "a convolution with groups, dilation, or other than square kernels", where=leaf.where,
            need="square kernels, strides and zero padding",
        )  # fmt: skip
    return found | {"kind": "conv", "channels": module.out_channels} | {k: int(v[0]) for k, v in sizes.items()}


def pool_of(leaf: Leaf) -> tuple[int, str]:
    """Side of its squares, and "average" or "max"; UnsupportedError for other pools."""
    module, (height, width) = leaf.module, leaf.taken[1:]
    if leaf.kind == "AdaptiveAvgPool2d":
        side, rest = divmod(height, leaf.sent[1])
        good = not rest and leaf.sent[2] * side == width
    else:
        kernel = pair(module.kernel_size, 2)
        stride = kernel if module.stride is None else pair(module.stride, 2)
        side = kernel[0]
        good = kernel == stride == (side, side) and not module.ceil_mode and not any(pair(module.padding, 2))
        good = good and getattr(module, "divisor_override", None) is None
        good = good and pair(getattr(module, "dilation", 1), 2) == (1, 1)
    if not good:
        raise UnsupportedError("pools other than in squares side by side", where=leaf.where, need="stride = kernel")
    return side, "max" if leaf.kind == "MaxPool2d" else "average"


def population_of(leaf: Leaf) -> dict[str, Any]:
    """Fields of snnTorch's neurons; UnsupportedError, with the reason, for what no layer does."""
    module = leaf.module
    neuron = _NEURONS.get(type(module))
    if neuron is None:
        raise UnsupportedError(
            "these neurons are not known", where=leaf.where, need=", ".join(kind.__name__ for kind in _NEURONS)
        )
    if module.state_quant or module.inhibition or bool(torch.any(module.graded_spikes_factor != 1)):
        raise UnsupportedError(
            "has graded spikes, inhibition or a quantised state", where=leaf.where, need="none of them"
        )
    reset = module.reset_mechanism
    recurrent = isinstance(module, snntorch.RLeaky | snntorch.RSynaptic)
    _check_reset(leaf, neuron, reset, recurrent)
    found: dict[str, Any] = {"neuron": neuron, "reset": reset, "threshold": _one(leaf, "threshold")}
    found["learn_threshold"] = isinstance(module.threshold, nn.Parameter)
    if neuron == "lapicque":
        decay = 1 - module.time_step / (module.R * module.C)
        if float(module.R) != 1 or float(module.time_step) != 1:
            raise UnsupportedError("has R or time_step other than 1", where=leaf.where, need="R = 1 and time_step = 1")
        return found | {"beta": float(decay)}
    found |= {"beta": _one(leaf, "beta"), "learn_beta": isinstance(module.beta, nn.Parameter)}
    if neuron in ("synaptic", "alpha"):
        if isinstance(module.alpha, nn.Parameter):
            raise UnsupportedError("learns the decay of its current", where=leaf.where, need="learn_alpha=False")
        found["alpha"] = _one(leaf, "alpha")
    return found | ({"recurrent": _recurrence(leaf)} if recurrent else {})


def share(leaf: Leaf, network: SpikingNetwork, position: int) -> None:
    """Let the neurons and the recurrence of a layer have the user's parameters."""
    ours, theirs = network.neurons[position], leaf.module
    for name in ("beta", "threshold"):
        value = getattr(theirs, name)
        if isinstance(value, nn.Parameter):
            setattr(ours, name, value)
    ours.spike_grad = theirs.spike_grad
    recurrence = network.spec.layers[position].recurrent
    if recurrence == "all-to-all":
        network.loops[position] = theirs.recurrent
    elif recurrence == "one-to-one":
        network.loops[position].weight = theirs.recurrent.V


def _bits(leaf: Leaf) -> dict[str, Any]:
    """Bits and kind of scale of Brevitas's weights."""
    module = leaf.module
    if not hasattr(module, "quant_weight"):
        return {}
    for side in ("input_quant", "output_quant", "bias_quant"):
        if getattr(getattr(module, side, None), "is_quant_enabled", False):
            raise UnsupportedError(f"quantises more than weights ({side})", where=leaf.where, need=f"no {side}")
    with torch.no_grad():
        found = module.quant_weight()
    if not hasattr(found, "bit_width"):
        return {}
    scale = "channel" if found.scale.numel() > 1 else "tensor"
    return {"weight_bits": int(found.bit_width), "weight_scale": scale}


def _check_reset(leaf: Leaf, neuron: str, reset: str, recurrent: bool) -> None:
    """Ours clears a membrane before it takes its input, or takes the threshold off after it has decayed."""
    delay = getattr(leaf.module, "reset_delay", True)
    if reset == "subtract" and (not delay or neuron == "alpha"):
        raise UnsupportedError(
            "subtracts its threshold at once, and again where it stays above" if neuron != "alpha" else
            "takes its threshold from a current", where=leaf.where, need="reset_delay=True, or reset_mechanism='none'",
        )  # fmt: skip
    held = neuron in ("synaptic", "lapicque") or recurrent
    if reset == "zero" and delay and held and neuron != "alpha":
        raise UnsupportedError(
            "loses what arrives in the step after a spike", where=leaf.where,
            need="reset_delay=False, or reset_mechanism='subtract'",
        )  # fmt: skip


def _recurrence(leaf: Leaf) -> str:
    recurrent = leaf.module.recurrent
    if isinstance(recurrent, nn.Linear):
        if recurrent.bias is not None:
            raise UnsupportedError(
                "its recurrent weights have a bias of their own", where=leaf.where, need="recurrence without a bias",
                remedy="Set .recurrent = nn.Linear(n, n, bias=False); the layer's own weights may have one.",
            )  # fmt: skip
        return "all-to-all"
    strength = getattr(recurrent, "V", None)
    if not isinstance(strength, nn.Parameter) or tuple(strength.shape) != (leaf.sent[0],):
        raise UnsupportedError(
            f"its recurrence is a {type(recurrent).__name__}", where=leaf.where,
            need="all_to_all=True with linear_features, or V with one learned weight per neuron",
        )  # fmt: skip
    return "one-to-one"


def _one(leaf: Leaf, name: str) -> float:
    """The one value of a parameter that is learned, or the same for all neurons."""
    value = getattr(leaf.module, name).detach().double()
    if value.numel() > 1 and bool(torch.any(value != value.flatten()[0])):
        if isinstance(getattr(leaf.module, name), nn.Parameter):
            return float(value.mean())
        raise UnsupportedError(
            f"has neurons of different {name}, not learned", where=leaf.where, need=f"one {name}, or learn_{name}=True"
        )
    return float(value.flatten()[0])
