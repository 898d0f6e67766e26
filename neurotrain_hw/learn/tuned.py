"""Constants with which rules of the library are taught, chosen on digits' validation samples, seed 0.

The library states a rule as its source does; at which rate it learns in integers, and from how strong a signal, is a
matter of the network. A rule that is not here, and a rule file of the user's, is taught as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from neurotrain_hw.rules import Rule, load_rule, rule_names
from neurotrain_hw.rules.language import parse_sum
from neurotrain_hw.rules.rule import Trace


@dataclass(frozen=True)
class Tuning:
    """What replaces the library's `dw`, pre trace and constants; `without`: traces that the rule then reads no more.

    `network`: constants of the neurons (fields of `OnChipNetwork`), for digits alone.
    """

    dw: str
    trace: Trace
    without: tuple[str, ...] = ()
    constants: Mapping[str, float] = field(default_factory=dict)
    network: Mapping[str, float] = field(default_factory=dict)


_EVERY = "2^-7*u0*x1*y1 - 2^-7*u0*x1*y2"
_FED_BACK = {"psi_halfwidth_of_threshold": 1.0, "signal_shift": 7, "feedback_weight_max": 64}
TUNINGS: Mapping[str, Tuning] = {
    "eprop": Tuning(_EVERY, Trace(1, 6), constants=_FED_BACK | {"signal_shift": 8}),
    "ottt": Tuning(_EVERY, Trace(4, 1.4427), constants=_FED_BACK | {"signal_shift": 8}),
    "decolle": Tuning(
        _EVERY, Trace(1, 6), ("x2",),
        _FED_BACK | {"feedback_weight_max": 128, "local_vth": 2816, "local_weight_exp": 1},
    ),
    "drtp": Tuning(
        "2^-7*u5*x1*y1 - 2^-7*u5*x1*y2", Trace(1, 6), constants=_FED_BACK,
        network={"dv": 205, "output_vth": 4096, "hidden_spread": 96.0},
    ),
}  # fmt: skip


AS_THEY_STAND = ("eprop-random", "dfa")
"""Rules whose constants in the library were chosen on digits' validation samples."""


def load_tuned(name_or_path: str) -> Rule:
    """A rule as it is taught: one of the library with its constants here, one from a file as it stands."""
    rule, tuning = load_rule(name_or_path), tuning_of(name_or_path)
    if tuning is None:
        return rule
    return replace(
        rule, dw=parse_sum(tuning.dw),
        traces={k: v for k, v in rule.traces.items() if k not in tuning.without} | {"x1": tuning.trace},
        sampling={k: v for k, v in rule.sampling.items() if k not in tuning.without},
        defaults={**rule.defaults, **tuning.constants},
    )  # fmt: skip


def is_untuned(name_or_path: str) -> bool:
    """Whether it is a rule of the library whose constants were chosen for no network."""
    return name_or_path in rule_names() and name_or_path not in (*TUNINGS, *AS_THEY_STAND)


def tuning_of(name_or_path: str) -> Tuning | None:
    """What is tuned of a rule; None for one that is taught as it stands."""
    return TUNINGS.get(name_or_path) if name_or_path in rule_names() else None
