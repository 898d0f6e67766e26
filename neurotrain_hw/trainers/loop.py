"""Training: a model, a rule and a dataset in, a run folder out; interrupted runs resume to the same bits."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from neurotrain_hw.data import EVALUATION_SEED, Samples, Splits, encode_rate, load_dataset
from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.files import output_folder
from neurotrain_hw.networks import ModelSpec, load_model
from neurotrain_hw.networks.network import SpikingNetwork, build
from neurotrain_hw.trainers import checkpoint, run_folder
from neurotrain_hw.trainers.constants import RuleSettings
from neurotrain_hw.trainers.declarations import check, default_settings
from neurotrain_hw.trainers.evaluate import accuracy, to_time_first
from neurotrain_hw.trainers.make import make_optimizer, make_trainer
from neurotrain_hw.trainers.run_folder import TrainedRun
from neurotrain_hw.trainers.settings import RunSettings
from neurotrain_hw.trainers.trainer import Batch, Trainer

_SHOWN = 256  # samples in a batch that a rule may ask for between epochs


@dataclass(frozen=True)
class Report:
    """What a run tells while it goes: epoch (from 1) of epochs, share of it done, loss so far in the epoch.

    `validation`: accuracy on the validation set, at the end of an epoch; else None.
    """

    epoch: int
    epochs: int
    share: float
    loss: float
    validation: float | None = None


def train(
    model: str | Path | ModelSpec,
    rule: str,
    *,
    dataset: str | None = None,
    weight_bits: int | Literal["model"] | None = "model",
    steps: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
    folder: Path,
    constants: RuleSettings | None = None,
    data_folder: Path | None = None,
    progress: Callable[[Report], None] | None = None,
) -> TrainedRun:
    """Train a network and write a run folder; what is left out comes from the model and the rule.

    `weight_bits`: None for float weights, "model" as the model says. Validation samples are shown after every epoch,
    for choices between runs; the test samples are looked at once, at the end. The weights are those of the last epoch,
    up to which the learning rate falls to 0: a best epoch, picked on few samples, would be picked for its luck. A
    finished run is not repeated; an interrupted one resumes after its last whole epoch and ends with the same bits.
    Arithmetic runs on one thread, so that the number of cores changes nothing.
    Raises UnknownNameError, ValueRangeError, MissingExtraError, DataUnavailableError, OutputError, and FormatError
    where `folder` holds a run with other settings.
    """
    settings = _settings(model, rule, dataset, weight_bits, steps, epochs, seed, constants)
    folder = Path(folder)
    if run_folder.is_finished(folder):
        found = run_folder.load_run(folder)
        checkpoint.check_settings(found.document["settings"], settings.as_dict(), where=str(folder))
        return found
    splits = load_dataset(settings.dataset, validation=settings.validation, folder=data_folder)
    _check_fit(settings.model, splits)
    output_folder(folder)
    with _one_thread():
        network, state = _fit(settings, splits, folder, progress or (lambda report: None))
        return _finish(settings, splits, folder, network, state)


def _fit(
    settings: RunSettings, splits: Splits, folder: Path, report: Callable[[Report], None]
) -> tuple[SpikingNetwork, checkpoint.Progress]:
    network = build(settings.model, seed=settings.seed)
    trainer = make_trainer(settings.rule, network, settings.constants, seed=settings.seed)
    parameters = dict(network.named_parameters()) | trainer.parameters
    optimizer = make_optimizer(list(parameters.values()), settings.constants)
    state, kept = checkpoint.Progress(), trainer.kept
    path = folder / run_folder.CHECKPOINT
    stored = {"settings": settings.as_dict(), "parameters": parameters, "optimizer": optimizer, "kept": kept}
    if path.is_file():
        state = checkpoint.load(path, **stored)
    while state.epochs_done < settings.epochs:
        started = time.perf_counter()
        loss = _epoch(settings, splits.train, trainer, optimizer, state.epochs_done + 1, report)
        trainer.after_epoch(_shown(settings, splits.train, state.epochs_done + 1))
        validation = accuracy(network, splits.validation, steps=settings.model.steps, seed=settings.evaluation_seed)
        state.history.append({"epoch": state.epochs_done + 1, "loss": loss, "validation": validation})
        state.seconds += time.perf_counter() - started
        checkpoint.save(path, progress=state, **stored)
        report(Report(state.epochs_done, settings.epochs, 1.0, loss, validation))
    return network, state


def _epoch(
    settings: RunSettings,
    samples: Samples,
    trainer: Trainer,
    optimizer: torch.optim.Optimizer,
    epoch: int,
    report: Callable[[Report], None],
) -> float:
    """One pass over the training samples in a new order and new spikes, both drawn from (seed, epoch); mean loss."""
    order = np.random.default_rng([settings.seed, epoch]).permutation(len(samples))
    batch, loss = settings.constants.batch, 0.0
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        spikes = encode_rate(samples.x[chosen], steps=settings.model.steps, seed=[settings.seed, epoch, start])
        for group in optimizer.param_groups:
            # falls linearly to 0 over the run
            group["lr"] = settings.constants.learning_rate * (1 - (epoch - 1 + start / len(order)) / settings.epochs)
        labels = torch.from_numpy(samples.y[chosen])
        key = (settings.seed, epoch, start)
        loss += len(chosen) * trainer.learn(Batch(to_time_first(spikes), labels, optimizer.step, key))
        report(Report(epoch, settings.epochs, (start + len(chosen)) / len(order), loss / (start + len(chosen))))
    return loss / len(order)


def _shown(settings: RunSettings, samples: Samples, epoch: int) -> Iterator[torch.Tensor]:
    """The training samples in their own order, in spikes that learning has not seen."""
    for start in range(0, len(samples), _SHOWN):
        x, seed = samples.x[start : start + _SHOWN], [settings.seed, epoch, start, 1]
        yield to_time_first(encode_rate(x, steps=settings.model.steps, seed=seed))


def _finish(
    settings: RunSettings, splits: Splits, folder: Path, network: SpikingNetwork, state: checkpoint.Progress
) -> TrainedRun:
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    figures = {
        kind: {
            part: accuracy(shown, samples, steps=settings.model.steps, seed=settings.evaluation_seed)
            for part, samples in parts.items()
        }
        for kind, shown in (("quantised", network), ("float", network.in_floats()))
    }
    run_folder.save_network(folder, network)
    document = {
        "settings": settings.as_dict(),
        "accuracy": figures,
        "history": state.history,
        "seconds": round(state.seconds, 3),
        "versions": _versions(),
    }
    run_folder.save_document(folder, document)
    (folder / run_folder.CHECKPOINT).unlink(missing_ok=True)
    return run_folder.load_run(folder)


def _settings(
    model: str | Path | ModelSpec,
    rule: str,
    dataset: str | None,
    weight_bits: int | Literal["model"] | None,
    steps: int | None,
    epochs: int | None,
    seed: int,
    constants: RuleSettings | None,
) -> RunSettings:
    spec = model if isinstance(model, ModelSpec) else load_model(model)
    if weight_bits != "model":
        spec = spec.with_weight_bits(weight_bits)
    if not dataset and not spec.dataset:
        raise ValueRangeError("the model names no dataset", where=spec.name, remedy="Name one, such as digits.")
    if steps is not None:
        if steps < 1:
            raise ValueRangeError(f"got {steps}", where="steps", need="at least 1")
        spec = replace(spec, steps=steps)
    constants = constants or default_settings(rule)
    check(rule, spec, constants)
    return RunSettings(
        spec, rule, constants, dataset or spec.dataset, constants.epochs if epochs is None else epochs, seed,
        validation=0.15, evaluation_seed=EVALUATION_SEED,
    )  # fmt: skip


def _check_fit(spec: ModelSpec, splits: Splits) -> None:
    for what, found, wanted in (("inputs", spec.inputs, splits.inputs), ("outputs", spec.sizes[-1], splits.classes)):
        if found != wanted:
            raise ValueRangeError(
                f"the model has {found} {what}, the dataset '{splits.name}' needs {wanted}", where=spec.name,
                remedy="Choose another dataset or model: `neurotrain-hw models list`.",
            )  # fmt: skip


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _versions() -> dict[str, Any]:
    names = ("neurotrain-hw", "torch", "snntorch", "brevitas", "numpy", "scikit-learn", "nir")
    found = {name: metadata.version(name) for name in names if _installed(name)}
    return {"python": platform.python_version(), **found}


def _installed(name: str) -> bool:
    return any(True for _ in metadata.distributions(name=name))
