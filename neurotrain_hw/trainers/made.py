"""The network of a run: built from a model's description, or a user's module that shares its parameters with it."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.networks import ModelSpec
from neurotrain_hw.networks.module_network import from_module
from neurotrain_hw.networks.network import SpikingNetwork, build
from neurotrain_hw.networks.user_modules import load_user_module
from neurotrain_hw.trainers.settings import RunSettings, UserModule


def network_of(settings: RunSettings) -> SpikingNetwork:
    """A new network with the weights that the seed gives."""
    if settings.module is None:
        return build(settings.model, seed=settings.seed)
    return module_network(settings.module, steps=settings.model.steps, seed=settings.seed)


def module_network(module: UserModule, *, steps: int, seed: int) -> SpikingNetwork:
    """A user's module as a network; runs the user's code, with torch's generator at `seed`.

    Raises UnsupportedError where the module is no chain of layers, and what `load_user_module` raises.
    """
    if not module.input_shape:
        raise ValueRangeError("a module does not say it", where="--input-shape", need="such as 1,28,28")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # what a file hands out may be the same object every time
        found = copy.deepcopy(load_user_module(module.reference))
    network: SpikingNetwork = from_module(found, module.input_shape, steps=steps)
    return network


def module_spec(module: UserModule, *, seed: int) -> ModelSpec:
    """The description of a user's module, named after the function or class."""
    spec = module_network(module, steps=module.steps, seed=seed).spec
    return replace(spec, name=module.reference.rpartition(":")[2])
