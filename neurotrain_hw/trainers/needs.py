"""What some rules need of a model's neurons and pools beyond the kinds of its layers (no torch)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.networks.spec import LayerSpec, ModelSpec

Need = Literal["one spike", "no leak", "slope", "rate", "plain weights", "sums"]


@dataclass(frozen=True)
class _Fit:
    fits: Callable[[LayerSpec], bool]
    why: str
    need: str
    remedy: str


_FITS: Mapping[Need, _Fit] = {
    "one spike": _Fit(
        lambda layer: layer.reset == "once",
        "its neurons may spike again, and the rule knows of first spikes alone",
        "reset 'once'",
        "Set it in the model file, or take the model digits-once.",
    ),
    "no leak": _Fit(
        lambda layer: layer.beta == 1 and layer.neuron == "lif",
        "its membrane forgets, and the rule counts every spike that came in time alike",
        "neuron 'lif' with beta 1",
        "Set it in the model file, or take the model digits-once.",
    ),
    "slope": _Fit(
        lambda layer: layer.neuron == "synaptic" and 0 < layer.alpha < 1 and 0 < layer.beta < 1,
        "its membrane jumps with a spike that arrives, and has no slope at its threshold for errors to be divided by",
        "neuron 'synaptic' with alpha and beta between 0 and 1",
        "Set it in the model file, or take the model digits-once-synaptic.",
    ),
    "rate": _Fit(
        lambda layer: layer.beta == 1 and (layer.neuron, layer.reset) in (("lif", "subtract"), ("integrator", "none")),
        "its rate is not proportional to what arrives: a membrane that leaks, or is reset to zero, loses a share of it "
        "that depends on when it arrives, which no balance of weights makes good",
        "neuron 'lif' with beta 1 and reset 'subtract' (or an integrator with beta 1 as the last layer)",
        "Set it in the model file, or take the model digits-if; for others train with bptt.",
    ),
    "plain weights": _Fit(
        lambda layer: not layer.weight_standardised,
        "standardised weights have the same size whatever they are multiplied with",
        "weight_standardised = false",
        "Set it in the model file.",
    ),
    "sums": _Fit(
        lambda layer: layer.pooling == "average" or layer.pool == layer.input_pool == 1,
        "of the spikes that reach a maximum pool in different steps all pass, and none stands for the maximum",
        "pooling 'average'",
        "Set it in the model file.",
    ),
}


def check_needs(rule: str, spec: ModelSpec, needs: Sequence[Need]) -> None:
    """Raise UnsupportedError for the first layer that has not what a rule needs, with the reason."""
    for layer in spec.layers:
        for need in needs:
            fit = _FITS[need]
            if not fit.fits(layer):
                raise UnsupportedError(
                    fit.why, where=f"{rule} on {spec.name}: layer '{layer.name}'", need=fit.need, remedy=fit.remedy
                )
