"""From a rule's constants to the optimiser that applies its gradients, and its learning rate over the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch

from neurotrain_hw.trainers.constants import RuleSettings


def make_optimizer(parameters: list[torch.nn.Parameter], constants: RuleSettings) -> torch.optim.Optimizer:
    """What `constants.optimiser` names: torch's, with its own defaults but for what the constants say."""
    common = {"lr": constants.learning_rate, "weight_decay": constants.weight_decay}
    if constants.optimiser == "sgd":
        return torch.optim.SGD(parameters, momentum=constants.momentum, **common)
    if constants.optimiser == "adamax":
        return torch.optim.Adamax(parameters, **common)
    made = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    # one pass over the weights instead of one for every operation, on devices that have it
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)
    return made[constants.optimiser](parameters, fused=fused, **common)


def updater(optimizer: torch.optim.Optimizer, constants: RuleSettings) -> Callable[[], None]:
    """One step of the optimiser, on gradients of a bounded length where the constants ask for it."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]

    def update() -> None:
        if constants.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, constants.clip_norm)
        optimizer.step()

    return update


def set_rate(optimizer: torch.optim.Optimizer, constants: RuleSettings, done: float) -> None:
    """The learning rate when a share `done` of the run is over."""
    left = {
        "linear": 1 - done,
        "cosine": (1 + math.cos(math.pi * done)) / 2,
        "constant": 1.0,
    }[constants.schedule]
    for group in optimizer.param_groups:
        group["lr"] = constants.learning_rate * left


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Bytes that an optimiser keeps between updates."""
    return sum(tensor.numel() * tensor.element_size() for _, tensor in states(optimizer))


def states(optimizer: torch.optim.Optimizer) -> Iterable[tuple[str, torch.Tensor]]:
    """Its tensors, by name within a parameter's state."""
    for kept in optimizer.state.values():
        yield from ((name, value) for name, value in kept.items() if isinstance(value, torch.Tensor))
