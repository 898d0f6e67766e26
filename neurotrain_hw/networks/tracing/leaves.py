"""Which modules and functions are taken as one operation, and as which."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import snntorch
from torch import nn

PASSING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
RESHAPING = (nn.Flatten, nn.Unflatten)
_KINDS = {
    nn.Linear: "Linear", nn.Conv1d: "Conv1d", nn.Conv2d: "Conv2d", nn.AvgPool2d: "AvgPool2d", nn.LPPool2d: "LPPool2d",
    nn.AdaptiveAvgPool2d: "AdaptiveAvgPool2d", nn.BatchNorm1d: "BatchNorm", nn.BatchNorm2d: "BatchNorm",
}  # fmt: skip
# What snnTorch's neurons take besides their input, in order; `spk` is what they sent one step before.
NEURONS = {
    snntorch.Leaky: ("mem",), snntorch.Lapicque: ("mem",), snntorch.Synaptic: ("syn", "mem"),
    snntorch.RLeaky: ("spk", "mem"), snntorch.RSynaptic: ("spk", "syn", "mem"),
    snntorch.Alpha: ("syn_exc", "syn_inh", "mem"),
}  # fmt: skip
_SPIKES_BOTH_WAYS = "a maximum over spikes has no node in NIR, and no chip's synapses can form it"
WHY: dict[str, tuple[str, str]] = {
    "max_pool": (_SPIKES_BOTH_WAYS, "Use AvgPool2d, SumPool (LPPool2d with norm_type=1) or a stride."),
    "activation": ("NIR has no node for this activation", "Use a spiking neuron instead."),
    "norm": ("NIR has no node for it, and it does not fold into weights", "Use BatchNorm, which does."),
    "random": (
        "what is drawn at random inside forward is not part of a graph",
        "Draw the spikes outside and give them as input.",
    ),
    "product": ("NIR has no node that multiplies two signals", "Let one of the two be a constant."),
    "index": ("NIR has no node that takes a part of a signal", "Give the parts as inputs of their own."),
    "cat": ("NIR has no node that concatenates signals", "Use a weight per part and add what they send."),
    "transpose": ("NIR has no node that changes the order of axes", "Order the axes of the input before."),
}  # fmt: skip
_ACTIVATIONS = (
    "ReLU",
    "Sigmoid",
    "Tanh",
    "GELU",
    "SiLU",
    "ELU",
    "Softmax",
    "LeakyReLU",
    "Hardtanh",
    "ReLU6",
    "Softplus",
)
_RANDOM = ("bernoulli", "rand", "randn", "rand_like", "randn_like", "multinomial", "poisson", "normal", "bernoulli_")
_FUNCTIONS = {
    "relu": "activation", "sigmoid": "activation", "tanh": "activation", "gelu": "activation", "softmax": "activation",
    "max_pool2d": "max_pool", "max_pool1d": "max_pool", "layer_norm": "norm", "group_norm": "norm", "cat": "cat",
    "matmul": "product", "bmm": "product", "mul": "product", "transpose": "transpose", "getitem": "index",
} | dict.fromkeys(_RANDOM, "random")  # fmt: skip


def layer_kind(module: nn.Module) -> str | None:
    """Linear, Conv2d, ... for a layer that is taken as one; None for another module."""
    if type(module).__module__.startswith("brevitas."):
        for base in (nn.Linear, nn.Conv1d, nn.Conv2d):
            if isinstance(module, base):
                return _KINDS[base]
        return "Brevitas"
    return _KINDS.get(type(module))


def is_leaf(module: nn.Module) -> bool:
    """Whether a module is one operation; others are looked into."""
    known = isinstance(module, (*PASSING, *RESHAPING, snntorch.SpikingNeuron)) or layer_kind(module) is not None
    ours = type(module).__module__.startswith("torch.nn.modules")
    return known or (ours and not any(True for _ in module.children()))


def why_not(name: str) -> tuple[str, str]:
    """Why a module class or a function cannot be exported, and what to do."""
    if name.startswith(("MaxPool", "max_pool", "AdaptiveMaxPool")):
        return WHY["max_pool"]
    if name in _ACTIVATIONS:
        return WHY["activation"]
    if name.endswith("Norm") or name.startswith(("InstanceNorm", "GroupNorm", "BatchNorm", "batch_norm")):
        return WHY["norm"]
    if name in _FUNCTIONS:
        return WHY[_FUNCTIONS[name]]
    return (f"'{name}' is not known to the export", "Use torch's Linear, Conv1d, Conv2d, pools and snnTorch's neurons.")


def functional(name: str, arguments: dict[str, Any]) -> tuple[str, Any] | None:
    """(kind, stand-in for the module) for a function such as torch.nn.functional.linear; None for others."""
    if name == "linear":
        return "Linear", SimpleNamespace(weight=arguments["weight"], bias=arguments.get("bias"))
    if name in ("conv1d", "conv2d"):
        one = (1,) if name == "conv1d" else (1, 1)
        given = {key: arguments.get(key, default) for key, default in (
            ("stride", one), ("padding", 0), ("dilation", one), ("groups", 1))}  # fmt: skip
        stand = SimpleNamespace(
            weight=arguments["weight"], bias=arguments.get("bias"), padding_mode="zeros", **given
        )  # fmt: skip
        return name.capitalize(), stand
    if name == "avg_pool2d":
        kernel = arguments["kernel_size"]
        return "AvgPool2d", SimpleNamespace(
            kernel_size=kernel, stride=arguments.get("stride") or kernel, padding=arguments.get("padding", 0),
            ceil_mode=arguments.get("ceil_mode", False), count_include_pad=arguments.get("count_include_pad", True),
            divisor_override=arguments.get("divisor_override"),
        )  # fmt: skip
    return None


# Positional names of those functions' arguments after the first, which is the input.
ARGUMENTS = {
    "linear": ("weight", "bias"),
    "conv1d": ("weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv2d": ("weight", "bias", "stride", "padding", "dilation", "groups"),
    "avg_pool2d": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
}  # fmt: skip
