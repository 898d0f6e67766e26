"""The words that rules are described in: each a closed list, most with its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Training = Literal["direct", "conversion", "evolutionary"]
Learning = Literal["supervised", "unsupervised", "reinforcement"]
Temporal = Literal["local", "window", "non-local"]
Spatial = Literal["local", "three-factor", "layer-local", "non-local"]
Psi = Literal["none", "box", "step", "triangle", "surrogate"]
Signal = Literal[
    "none", "injected", "reward", "activity", "error", "error-symmetric", "error-random", "error-adaptive",
    "error-sign", "error-triggered", "target-projection", "layer-local", "goodness", "perturbation", "backpropagated",
]  # fmt: skip
Beside = Literal["nothing", "trace", "psi", "psi_alone", "noise"]
Computer = Literal["nobody", "neuron", "network", "processor", "host"]
Formed = Literal["nothing", "modulator", "given"]
RunsOn = Literal["engine", "processor", "host"]
Changes = Literal["epoch", "pre-spike", "post-spike", "either-spike", "sample-end"]
Rounding = Literal["stochastic", "nearest", "none"]
Engine = Literal["trainer", "simulator", "lava"]
History = Literal["spikes", "membranes"]

SAMPLED: Mapping[str, str] = MappingProxyType(
    {
        "after-spike": "in the step of the event, with the impulse of that step's spike already added",
        "before-spike": "in the step of the event, without the impulse of that step's spike",
        "epoch-end": "at the end of the learning epoch, with the spikes of its last step",
        "before-reset": "in the same step, after integration and before the reset",
        "after-reset": "in the same step, after the reset",
        "before-update": "as it stands before this epoch's changes",
        "same-step": "the value of the same step",
        "previous-step": "the value sent in the previous step",
        "per-sample": "one value per sample",
    }
)
"""At which moment a factor is read: the words that `Rule.sampling` uses."""

LEARNING_SIGNALS: Mapping[Signal, str] = MappingProxyType(
    {
        "none": "no third factor",
        "injected": "an error or a teacher, as current into the neuron: its synapses see spikes alone",
        "reward": "one scalar for all neurons, from outside",
        "activity": "the post neuron's own state: nothing comes from outside",
        "error": "the output neuron's own error, target minus output",
        "error-symmetric": "the output errors, through the transpose of the readout weights",
        "error-random": "the output errors, through fixed random feedback weights",
        "error-adaptive": "the output errors, through feedback weights that learn beside the readout",
        "error-sign": "the signs of the output errors, through fixed random feedback weights",
        "error-triggered": "the output neuron's own error, in whole multiples of a threshold",
        "target-projection": "the label, through fixed random weights",
        "layer-local": "the error of a fixed random readout of the layer itself",
        "goodness": "how far the layer's summed squared activity is from where this pass wants it",
        "perturbation": "one scalar for all neurons, times the neuron's own random perturbation",
        "backpropagated": "the exact gradient, backward through layers and time",
    }
)
"""What the learning signal L of a rule is made of."""

COMPUTERS: Mapping[Computer, str] = MappingProxyType(
    {
        "nobody": "there is none to compute",
        "neuron": "the program (microcode) of the post neuron",
        "network": "further neurons on the chip, and the program of the post neuron",
        "processor": "a processor on the chip",
        "host": "a host beside the chip",
    }
)
"""Who computes the learning signal and the third factor."""

BESIDE: Mapping[Beside, str] = MappingProxyType(
    {
        "nothing": "y1 and y2 are the halves of M",
        "trace": "y1 is the neuron's own spikes filtered, y2 and y3 are the halves of M",
        "psi": "y1 is psi, y2 and y3 are the halves of M",
        "psi_alone": "y1 is psi, y2 and y3 are the halves of L, which psi does not multiply",
        "noise": "y1 is 64 and the noise added to the membrane, y2 and y3 are the halves of M",
    }
)
"""What a modulator sends as y1 beside the third factor (`program.Modulator`)."""

FORMED: Mapping[Formed, str] = MappingProxyType(
    {
        "nothing": "there is nothing to form",
        "modulator": "a Modulator of the program forms it",
        "given": "it must be given from outside (`third_factors` of simulate)",
    }
)
"""How the third factor comes about in this version."""

RUNS_ON: Mapping[RunsOn, str] = MappingProxyType(
    {
        "engine": "a learning engine of sums of products",
        "processor": "a processor on the chip, which visits every synapse in software",
        "host": "a host: no chip keeps what it needs",
    }
)
"""The least that can change the weights."""


def choices(alias: object) -> tuple[str, ...]:
    """The texts that a Literal type allows."""
    return get_args(alias)
