"""Training: a model, a rule and a dataset in, a run folder out; interrupted runs resume to the same bits."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from neurotrain_hw.data import EVALUATION_SEED, Samples, Splits, load_dataset
from neurotrain_hw.data.catalogue import dataset_facts, dataset_names
from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.files import output_folder
from neurotrain_hw.networks import ModelSpec, load_model
from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import checkpoint, run_folder
from neurotrain_hw.trainers.constants import RuleSettings
from neurotrain_hw.trainers.declarations import check, declaration, default_settings
from neurotrain_hw.trainers.devices import device_of, one_thread
from neurotrain_hw.trainers.evaluate import evaluate
from neurotrain_hw.trainers.made import module_spec, network_of
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.measured import measured
from neurotrain_hw.trainers.optimisers import make_optimizer, set_rate, updater
from neurotrain_hw.trainers.run_folder import TrainedRun
from neurotrain_hw.trainers.settings import RunSettings, UserModule
from neurotrain_hw.trainers.shown import SHOWN, time_first
from neurotrain_hw.trainers.trainer import Batch, Trainer


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
    model: str | Path | ModelSpec | UserModule,
    rule: str,
    *,
    dataset: str | None = None,
    encoding: str | None = None,
    weight_bits: int | Literal["model"] | None = "model",
    steps: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
    folder: Path,
    constants: RuleSettings | None = None,
    data_folder: Path | None = None,
    device: str = "cpu",
    progress: Callable[[Report], None] | None = None,
) -> TrainedRun:
    """Train a network and write a run folder; what is left out comes from the model, the dataset and the rule.

    `model`: a name, a file, a description, or a user's torch module that is a chain of layers (`UserModule`).
    `weight_bits`: None for float weights, "model" as the model says. Validation samples are shown after every epoch,
    for choices between runs; the test samples are looked at once, at the end. The weights are those of the last epoch,
    up to which the learning rate falls to 0: a best epoch, picked on few samples, would be picked for its luck. A
    finished run is not repeated; an interrupted one resumes after its last whole epoch and ends with the same bits.
    Arithmetic on the CPU runs on one thread, so that the number of cores changes nothing; on `device` "cuda" spikes
    and initial weights are the same, but not the order of sums.
    Raises UnknownNameError, ValueRangeError, UnsupportedError, MissingExtraError, DataUnavailableError, OutputError,
    and FormatError where `folder` holds a run with other settings.
    """
    settings = _settings(model, rule, dataset, encoding, weight_bits, steps, epochs, seed, constants)
    encoding = settings.encoding
    folder, place = Path(folder), device_of(device)
    if run_folder.is_finished(folder):
        found = run_folder.load_run(folder)
        earlier = found.document["settings"]
        checkpoint.check_settings(earlier, settings.as_dict(), where=str(folder), defaults=settings.defaults())
        return found
    splits = load_dataset(
        settings.dataset, validation=settings.validation, folder=data_folder, encoding=encoding,
        steps=settings.model.steps,
    )  # fmt: skip
    _check_fit(settings, splits)
    output_folder(folder)
    with one_thread():
        network, state = _fit(settings, splits, folder, place, progress or (lambda report: None))
        return _finish(settings, splits, folder, network, state)


def _fit(
    settings: RunSettings, splits: Splits, folder: Path, device: torch.device, report: Callable[[Report], None]
) -> tuple[SpikingNetwork, checkpoint.Progress]:
    network = network_of(settings).to(device)
    trainer = make_trainer(settings.rule, network, settings.constants, seed=settings.seed)
    parameters = dict(network.named_parameters()) | trainer.parameters
    optimizer = make_optimizer(list(parameters.values()), settings.constants)
    state, kept = checkpoint.Progress(), trainer.kept
    path = folder / run_folder.CHECKPOINT
    stored = {"settings": settings.as_dict(), "parameters": parameters, "optimizer": optimizer, "kept": kept}
    if path.is_file():
        state = checkpoint.load(path, **stored, defaults=settings.defaults())
    while state.epochs_done < settings.epochs:
        started = time.perf_counter()
        epoch = state.epochs_done + 1
        loss = _epoch(settings, splits.train, trainer, optimizer, epoch, report)
        trainer.after_epoch(_shown(settings, splits.train, epoch, device))
        learned = time.perf_counter()
        found = evaluate(
            network, splits.validation, settings.constants, steps=settings.model.steps, seed=settings.evaluation_seed
        )
        state.history.append(
            {"epoch": epoch, "loss": loss, "validation": found.accuracy, "validation_loss": found.loss}
        )  # fmt: skip
        state.epoch_seconds.append(learned - started)
        state.seconds += time.perf_counter() - started
        checkpoint.save(path, progress=state, **stored)
        report(Report(state.epochs_done, settings.epochs, 1.0, loss, found.accuracy))
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
    constants, loss, update = settings.constants, 0.0, updater(optimizer, settings.constants)
    device = next(trainer.network.parameters()).device
    for start in range(0, len(order), constants.batch):
        chosen = order[start : start + constants.batch]
        spikes = samples.spikes(chosen, steps=settings.model.steps, seed=[settings.seed, epoch, start])
        set_rate(optimizer, constants, (epoch - 1 + start / len(order)) / settings.epochs)
        labels = torch.from_numpy(samples.y[chosen]).to(device)
        shown = time_first(spikes, settings.model.input_shape, device)
        loss += len(chosen) * trainer.learn(Batch(shown, labels, update, (settings.seed, epoch, start)))
        report(Report(epoch, settings.epochs, (start + len(chosen)) / len(order), loss / (start + len(chosen))))
    return loss / len(order)


def _shown(settings: RunSettings, samples: Samples, epoch: int, device: torch.device) -> Iterator[torch.Tensor]:
    """The training samples in their own order, in spikes that learning has not seen."""
    for start in range(0, len(samples), SHOWN):
        chosen, seed = np.arange(start, min(start + SHOWN, len(samples))), [settings.seed, epoch, start, 1]
        spikes = samples.spikes(chosen, steps=settings.model.steps, seed=seed)
        yield time_first(spikes, settings.model.input_shape, device)


def _finish(
    settings: RunSettings, splits: Splits, folder: Path, network: SpikingNetwork, state: checkpoint.Progress
) -> TrainedRun:
    device = next(network.parameters()).device
    found = measured(settings, splits, network, device)
    graph = run_folder.save_network(folder, network.cpu())
    seconds = sorted(state.epoch_seconds)
    document = {
        "settings": settings.as_dict(),
        "data": splits.as_dict(),
        **found,
        "history": state.history,
        "graph": graph,
        "seconds": round(state.seconds, 3),
        "timing": {
            "device": str(device),
            "epoch_seconds": [round(each, 4) for each in state.epoch_seconds],
            "samples_per_second": round(len(splits.train) / seconds[len(seconds) // 2], 1),
        },
        "versions": _versions(),
    }
    run_folder.save_document(folder, document)
    (folder / run_folder.CHECKPOINT).unlink(missing_ok=True)
    return run_folder.load_run(folder)


def _settings(
    model: str | Path | ModelSpec | UserModule,
    rule: str,
    dataset: str | None,
    encoding: str | None,
    weight_bits: int | Literal["model"] | None,
    steps: int | None,
    epochs: int | None,
    seed: int,
    constants: RuleSettings | None,
) -> RunSettings:
    module = model if isinstance(model, UserModule) else None
    if isinstance(model, UserModule):
        spec = module_spec(model, seed=seed)
    else:
        spec = model if isinstance(model, ModelSpec) else load_model(model)
    if module is not None and weight_bits != "model":
        raise ValueRangeError(
            "a module's weights are as it makes them", where="weight_bits", remedy="Use Brevitas layers in the module."
        )
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
    dataset = dataset or spec.dataset
    if encoding is None and dataset in dataset_names() and dataset_facts(dataset).kind == "images":
        encoding = declaration(rule).encoding
    return RunSettings(
        spec, rule, constants, dataset, constants.epochs if epochs is None else epochs, seed,
        validation=0.15, evaluation_seed=EVALUATION_SEED, encoding=encoding, module=module,
    )  # fmt: skip


def _check_fit(settings: RunSettings, splits: Splits) -> None:
    spec, classes = settings.model, splits.classes * settings.constants.population
    rows: list[tuple[str, Any, Any]] = [("inputs", spec.inputs, splits.inputs), ("outputs", spec.sizes[-1], classes)]
    if spec.layers[0].kind == "conv":
        rows.append(("maps", "x".join(map(str, spec.input_shape)), "x".join(map(str, splits.shape))))
    for what, found, wanted in rows:
        if found != wanted:
            raise ValueRangeError(
                f"the model has {found} {what}, the dataset '{splits.name}' needs {wanted}", where=spec.name,
                remedy="Choose another dataset or model: `neurotrain-hw models list`.",
            )  # fmt: skip


def _versions() -> dict[str, Any]:
    names = ("neurotrain-hw", "torch", "snntorch", "brevitas", "numpy", "scikit-learn", "nir", "tonic")
    found = {name: metadata.version(name) for name in names if _installed(name)}
    return {"python": platform.python_version(), **found}


def _installed(name: str) -> bool:
    return any(True for _ in metadata.distributions(name=name))
