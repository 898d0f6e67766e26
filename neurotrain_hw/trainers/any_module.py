"""BPTT on any torch module: what no chain of layers can say (branches, loops, layers of one's own) is left to autograd.

A module computes one step, (N, *shape) to (N, classes), and keeps its state (snnTorch's `init_hidden=True`); or all
steps, (T, N, *shape) to (T, N, classes). It returns spikes, or spikes and membranes. Its state starts anew with every
sample: by its own `reset()` where it has one, by snnTorch's otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from snntorch import SpikingNeuron
from torch import nn

from neurotrain_hw.data import EVALUATION_SEED, Samples, Splits
from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.trainers import losses
from neurotrain_hw.trainers.constants import BpttSettings, Decoding
from neurotrain_hw.trainers.decodings import scores
from neurotrain_hw.trainers.devices import one_thread
from neurotrain_hw.trainers.optimisers import make_optimizer, set_rate, updater
from neurotrain_hw.trainers.shown import batches, time_first


@dataclass(frozen=True)
class ModuleRun:
    """What training a module gave: accuracy by part (train, validation, test), and per epoch loss and validation."""

    accuracy: dict[str, float]
    history: list[dict[str, float]] = field(default_factory=list)


def fit_module(
    module: nn.Module,
    splits: Splits,
    *,
    steps: int,
    constants: BpttSettings | None = None,
    decoding: Decoding = "rate",
    epochs: int | None = None,
    seed: int = 0,
    over_time: bool = False,
    progress: Callable[[int, float, float], None] | None = None,
) -> ModuleRun:
    """Train a module in place by surrogate gradients through whole samples of `steps` steps.

    `over_time`: the module takes all steps at once. `constants`: as of the rule bptt; the derivatives of spikes and
    resets are the module's own, so that psi, reset and activity constants must be left as they are. `progress` hears
    epoch, loss and validation accuracy. Samples are shuffled and encoded with `seed`; a choice between runs belongs to
    the validation figures. Raises UnsupportedError for a module that returns something else, ValueRangeError.
    """
    constants = _checked(constants or BpttSettings())
    epochs = constants.epochs if epochs is None else epochs
    device = next(module.parameters()).device
    optimizer = make_optimizer([p for p in module.parameters() if p.requires_grad], constants)
    update, run = updater(optimizer, constants), ModuleRun({})
    with one_thread():
        for epoch in range(1, epochs + 1):
            loss = 0.0
            order = np.random.default_rng([seed, epoch]).permutation(len(splits.train))
            for start in range(0, len(order), constants.batch):
                chosen = order[start : start + constants.batch]
                spikes = splits.train.spikes(chosen, steps=steps, seed=[seed, epoch, start])
                labels = torch.from_numpy(splits.train.y[chosen]).to(device)
                set_rate(optimizer, constants, (epoch - 1 + start / len(order)) / epochs)
                optimizer.zero_grad()
                found = _loss(module, time_first(spikes, splits.shape, device), labels, constants, over_time)
                found.backward()
                update()
                loss += len(chosen) * float(found.detach())
            validation = _accuracy(module, splits.validation, splits, decoding, steps, over_time)
            run.history.append({"epoch": epoch, "loss": loss / len(order), "validation": validation})
            if progress is not None:
                progress(epoch, loss / len(order), validation)
        parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
        for part, samples in parts.items():
            run.accuracy[part] = _accuracy(module, samples, splits, decoding, steps, over_time)
    return run


def run_module(
    module: nn.Module, spikes: torch.Tensor, *, over_time: bool = False
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Output spikes (T, N, n), and membranes where the module returns them, for input (T, N, *shape), from rest."""
    _reset(module)
    spikes = spikes.to(next(module.parameters()).dtype)
    if over_time:
        fired, v = _pair(module(spikes), module)
    else:
        found = [_pair(module(now), module) for now in spikes]
        fired = torch.stack([one for one, _ in found])
        membranes = [v for _, v in found if v is not None]
        v = torch.stack(membranes) if membranes else None
    if fired.dim() != 3 or fired.shape[:2] != spikes.shape[:2]:
        raise UnsupportedError(
            f"gave {tuple(fired.shape)} for input {tuple(spikes.shape)}", where=type(module).__name__,
            need="(steps, samples, outputs)", remedy="Say whether it takes all steps at once: over_time.",
        )  # fmt: skip
    return fired, v


def _loss(
    module: nn.Module, spikes: torch.Tensor, labels: torch.Tensor, constants: BpttSettings, over_time: bool
) -> torch.Tensor:
    fired, v = run_module(module, spikes, over_time=over_time)
    if v is None and "membrane" in constants.loss:
        raise UnsupportedError(
            f"returns spikes alone, and the loss '{constants.loss}' reads membranes", where=type(module).__name__,
            need="(spikes, membranes)", remedy="Return both, or take count-ce.",
        )  # fmt: skip
    target = losses.one_hot(labels, fired.shape[2], constants.population).to(fired.dtype)
    read = fired if v is None else v
    summed = losses.over_steps(
        constants.loss, read, fired, target, constants.gain, population=constants.population
    )  # fmt: skip
    return summed / (len(labels) * (len(spikes) if constants.loss in losses.PER_STEP else 1))


def _accuracy(
    module: nn.Module, samples: Samples, splits: Splits, decoding: Decoding, steps: int, over_time: bool
) -> float:
    right, device = 0, next(module.parameters()).device
    with torch.no_grad(), _evaluating(module):
        for spikes, labels in batches(samples, steps=steps, seed=EVALUATION_SEED, shape=splits.shape, device=device):
            fired, v = run_module(module, spikes, over_time=over_time)
            found = scores(decoding, fired if v is None else v, fired).cpu().numpy()
            right += int((found.argmax(axis=1) == labels).sum())
    return right / len(samples)


def _checked(constants: BpttSettings) -> BpttSettings:
    plain = BpttSettings()
    for name in ("psi", "psi_width", "reset_gradient", "rate_strength"):
        if getattr(constants, name) != getattr(plain, name):
            raise ValueRangeError("is the module's own", where=f"bptt: {name}", remedy="Leave it out.")
    return constants


def _pair(returned: object, module: nn.Module) -> tuple[torch.Tensor, torch.Tensor | None]:
    if isinstance(returned, torch.Tensor):
        return returned, None
    if isinstance(returned, tuple | list) and returned and all(isinstance(one, torch.Tensor) for one in returned):
        return returned[0], returned[-1] if len(returned) > 1 else None
    raise UnsupportedError(
        f"returns a {type(returned).__name__}", where=type(module).__name__, need="spikes, or (spikes, membranes)"
    )


def _reset(module: nn.Module) -> None:
    own = getattr(module, "reset", None)
    if callable(own):
        own()
        return
    # snnTorch's own reset looks at a module's direct children alone
    for child in module.modules():
        if isinstance(child, SpikingNeuron):
            child.reset_mem()


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
