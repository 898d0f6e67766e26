"""How a rule's learning signal reaches the hidden layer: the populations, connections and modulator that form it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.program import Arithmetic, Connection, Modulator, Plasticity, Population
from neurotrain_hw.rules import Rule
from neurotrain_hw.rules.signals import PSI_FORMS, modulator_of
from neurotrain_hw.rules.terms import Signal


@dataclass(frozen=True, eq=False)
class Place:
    """Where a signal goes to and what it may be made of.

    `feedback`: fixed random weights int32 (n_hidden, n_out), on the grid of mixed 8-bit weights. `theta`: threshold of
    the hidden neurons in membrane units. `steps`: T steps per sample. `error`: the modulator of the output neurons.
    `readout`: how a second readout would learn, which only adaptive feedback has.
    """

    rule: Rule
    feedback: npt.NDArray[np.int32]
    theta: float
    steps: int
    dv: int
    error: Modulator
    arithmetic: Arithmetic
    readout: Plasticity


@dataclass(frozen=True, eq=False)
class SignalPath:
    """The modulator of the hidden neurons, and what the program needs beside it.

    `error`: the modulator of the output neurons, where it is not as it was.
    """

    modulator: Modulator | None
    populations: tuple[Population, ...] = ()
    connections: tuple[Connection, ...] = ()
    error: Modulator | None = None


def signal_path(place: Place) -> SignalPath:
    """What forms the rule's learning signal on the chip; UnsupportedError for a signal that no program here forms."""
    signal = place.rule.modulation.signal
    if signal not in _PATHS:
        raise UnsupportedError(
            f"no network here forms its learning signal '{signal}'", where=f"rule '{place.rule.name}'",
            need=" or ".join(f"'{name}'" for name in _PATHS), remedy="Take a rule with one of these signals.",
        )  # fmt: skip
    return _PATHS[signal](place)


def signals() -> tuple[Signal, ...]:
    """The learning signals that `signal_path` can form."""
    return tuple(_PATHS)


def rule_number(rule: Rule, key: str) -> float:
    """A number of a rule's [defaults]; UnsupportedError where there is none."""
    value = rule.defaults.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise UnsupportedError(
            f"it gives no number '{key}' in [defaults], which learning on the chip needs", where=f"rule '{rule.name}'",
            remedy="Take the rules eprop-random and delta, or add the key.",
        )  # fmt: skip
    return float(value)


def error_modulator(rule: Rule) -> Modulator:
    """Target minus filtered spikes of the neuron itself, with the constants of a readout rule."""
    return Modulator(
        "error", target="target", trace_decay=int(rule_number(rule, "trace_decay")),
        trace_impulse=int(rule_number(rule, "trace_impulse")), trace_shift=int(rule_number(rule, "trace_shift")),
    )  # fmt: skip


def _output_error(place: Place) -> SignalPath:
    """The errors of the output neurons, through fixed random weights of the hidden layer's own."""
    return SignalPath(_gated(place), connections=(_to_hidden("out", place.feedback, "error"),))


def _error_signs(place: Place) -> SignalPath:
    """The signs of the output neurons' errors, through fixed random weights: sums alone."""
    feedback = _to_hidden("out", place.feedback, "error")
    return SignalPath(_gated(place), connections=(feedback,), error=replace(place.error, error_sent="sign"))


def _learned_backward(place: Place) -> SignalPath:
    """The errors of the output neurons, through a second readout read backward.

    It delivers nothing, starts from random weights where the readout starts from 0, and learns by the same rule from
    the same errors, so that the two come to differ by what is left of the start.
    """
    mirror = Connection(
        "mirror", "dense", "hidden", "out", place.feedback.T.astype(np.int16), sign_mode="mixed", port="none",
        plasticity=place.readout,
    )  # fmt: skip
    feedback = replace(_to_hidden("out", np.zeros_like(place.feedback), "error"), transpose_of="mirror")
    return SignalPath(_gated(place), connections=(mirror, feedback))


def _readout_backward(place: Place) -> SignalPath:
    """The errors of the output neurons, through the readout's own weights as they stand, read backward."""
    feedback = replace(_to_hidden("out", np.zeros_like(place.feedback), "error"), transpose_of="hidden-out")
    return SignalPath(_gated(place), connections=(feedback,))


def _target(place: Place) -> SignalPath:
    """The targets themselves, through fixed random weights: no error comes back.

    The weights of a hidden neuron sum to 0 over the classes, to within the grid: a class is as often wanted as any
    other, and a neuron whose signals did not balance would drift until it always fired, or never.
    """
    centred = place.feedback - place.feedback.mean(axis=1, keepdims=True)
    weights = 2 * np.rint(centred / 2).astype(np.int32)
    return SignalPath(_gated(place), connections=(_to_hidden("target", weights, "spikes"),))


def _local_readout(place: Place) -> SignalPath:
    """The errors of a readout of the hidden layer itself, of fixed random weights, through their transpose."""
    n = place.feedback.shape[1]
    parameters: Mapping[str, int] = {
        "du": 4095, "dv": place.dv, "vth": int(rule_number(place.rule, "local_vth")), "bias_mant": 0, "bias_exp": 0,
        "reset_interval": place.steps, "reset_offset": 3,
    }  # fmt: skip
    local = Population("local", "lif_reset", (n,), parameters, place.error, place.arithmetic)
    readout = Connection(
        "hidden-local", "dense", "hidden", "local", place.feedback.T.astype(np.int16),
        int(rule_number(place.rule, "local_weight_exp")), sign_mode="mixed",
    )  # fmt: skip
    return SignalPath(_gated(place), (local,), (readout, _to_hidden("local", place.feedback, "error")))


_PATHS: Mapping[Signal, Callable[[Place], SignalPath]] = {
    "error-random": _output_error,
    "error-sign": _error_signs,
    "error-symmetric": _readout_backward,
    "error-adaptive": _learned_backward,
    "target-projection": _target,
    "layer-local": _local_readout,
}


def _gated(place: Place) -> Modulator:
    """The hidden neurons' modulator, with the rule's own psi and what it wants beside; its constants must be given."""
    psi = place.rule.modulation.psi
    if psi not in PSI_FORMS:
        raise UnsupportedError(
            f"no neuron here forms its pseudo-derivative '{psi}'", where=f"rule '{place.rule.name}'",
            need=" or ".join(f"'{name}'" for name in PSI_FORMS),
        )  # fmt: skip
    for key in ("signal_shift", *(("psi_halfwidth_of_threshold",) if psi != "none" else ())):
        rule_number(place.rule, key)
    made = modulator_of(place.rule, theta=place.theta)
    if made is None or made.signal != "feedback":
        raise UnsupportedError("its signal is not fed back", where=f"rule '{place.rule.name}'")
    return made


def _to_hidden(pre: str, weights: npt.NDArray[np.int32], port: str) -> Connection:
    return Connection(
        "feedback", "dense", pre, "hidden", weights.astype(np.int16), sign_mode="mixed", num_message_bits=8,
        port="signal", pre_port="error" if port == "error" else "spikes",
    )  # fmt: skip
