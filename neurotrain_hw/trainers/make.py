"""From a rule's name to its trainer on a network."""

from __future__ import annotations

from importlib import import_module

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.constants import RuleSettings
from neurotrain_hw.trainers.declarations import check, declaration
from neurotrain_hw.trainers.optimisers import make_optimizer
from neurotrain_hw.trainers.trainer import Trainer

__all__ = ["make_optimizer", "make_trainer"]


def make_trainer(rule: str, network: SpikingNetwork, constants: RuleSettings, *, seed: int) -> Trainer:
    """A rule at work on a network; fixed random matrices are drawn with `seed`.

    Raises UnknownNameError, UnsupportedError where the rule cannot train this network, ValueRangeError.
    """
    check(rule, network.spec, constants)
    module, function = declaration(rule).home
    made: Trainer = getattr(import_module(f"neurotrain_hw.trainers.{module}"), function)(network, constants, seed)
    return made
