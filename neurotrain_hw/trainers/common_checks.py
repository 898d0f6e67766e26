"""What is checked of the constants that every rule has, against each other and against the network (no torch)."""

from __future__ import annotations

from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.networks.spec import ModelSpec
from neurotrain_hw.trainers.constants import Decoding, RuleSettings

_OF_SPIKES = ("spike-mse", "count-ce", "count-mse", "first-spike-ce", "first-spike-mse")


def decoding_of(spec: ModelSpec, constants: RuleSettings) -> Decoding:
    """How the outputs are read: as the constants say, else by spikes where the last layer has any."""
    return constants.decoding or ("rate" if _spikes(spec) else "membrane")


def check_common(rule: str, spec: ModelSpec, constants: RuleSettings) -> None:
    """Raise ValueRangeError where constants do not fit each other, UnsupportedError where they do not fit the model."""
    outputs = spec.sizes[-1]
    for name, low in (("learning_rate", 0.0), ("momentum", 0.0), ("weight_decay", 0.0), ("rate_strength", 0.0)):
        if not getattr(constants, name) >= low:
            raise ValueRangeError(f"got {getattr(constants, name)}", where=f"{rule}: {name}", need=f"at least {low:g}")
    if constants.clip_norm is not None and not constants.clip_norm > 0:
        raise ValueRangeError(f"got {constants.clip_norm}", where=f"{rule}: clip_norm", need="more than 0, or none")
    if constants.momentum and constants.optimiser != "sgd":
        raise ValueRangeError(
            f"the optimiser is {constants.optimiser}, which has moments of its own", where=f"{rule}: momentum",
            need="optimiser sgd", remedy="Leave it out, or set optimiser=sgd.",
        )  # fmt: skip
    if constants.population < 1 or outputs % constants.population:
        raise ValueRangeError(
            f"the model's {outputs} outputs are no whole number of classes of {constants.population} neurons",
            where=f"{rule}: population", need="a divisor of the outputs",
        )  # fmt: skip
    lower, upper = constants.rate_lower, constants.rate_upper
    if lower is not None and upper is not None and lower > upper:
        raise ValueRangeError(
            f"got {lower} and {upper}", where=f"{rule}: rate_lower, rate_upper", need="lower <= upper"
        )
    if not _spikes(spec):
        for name, value, of_spikes in (
            ("loss", constants.loss, constants.loss in _OF_SPIKES),
            ("decoding", constants.decoding, constants.decoding in ("rate", "first-spike")),
        ):
            if of_spikes:
                raise UnsupportedError(
                    f"'{value}' reads spikes, and the outputs are integrators, which never spike",
                    where=f"{rule} on {spec.name}: {name}",
                    remedy=f"Take a {name} of membranes: --set {name}=membrane{'-ce' if name == 'loss' else ''}.",
                )  # fmt: skip


def _spikes(spec: ModelSpec) -> bool:
    return getattr(spec.layers[-1], "neuron", "lif") != "integrator"
