"""What was chosen on validation samples, seed 0, for the networks in which rules of the library are taught."""

from __future__ import annotations

from collections.abc import Mapping

from neurotrain_hw.rules import rule_names

_STILL: Mapping[str, float] = {"dv": 205, "output_vth": 4096, "hidden_spread": 96.0}
_RULES: Mapping[str, Mapping[str, float]] = {
    "dfa": {}, "eprop-random": {}, "eprop": {}, "eprop-adaptive": {}, "sign-dfa": {}, "decolle": {}, "ottt": {},
    "drtp": _STILL, "etlp": _STILL,
}  # fmt: skip
"""Rules whose constants in the library were chosen on digits, and what their networks have of their own there."""

NETWORKS: Mapping[str, Mapping[str, float]] = {"digits": {}, "mnist": {"weight_exp": 1, "hidden_spread": 56.0}}
"""Constants of neurons and weights: 784 inputs bring about five times the spikes of 64."""

CONTROLS: Mapping[str, Mapping[str, float]] = {
    "digits": _STILL,
    "mnist": {"dv": 205, "hidden_spread": 42.0, "output_vth": 4096},
}
"""What suits random hidden weights that stay best: each control at its own best."""


def network_constants(rule: str, dataset: str) -> dict[str, float]:
    """Fields of `OnChipNetwork` for a rule (name or file) on a dataset."""
    own = _RULES.get(rule, {}) if dataset == "digits" and rule in rule_names() else {}
    return {**NETWORKS[dataset], **own}


def is_untuned(rule: str) -> bool:
    """Whether it is a rule of the library whose constants were chosen for no network."""
    return rule in rule_names() and rule not in _RULES
