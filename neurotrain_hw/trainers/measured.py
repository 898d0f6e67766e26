"""What is measured of a finished run, as run.json holds it: accuracies, losses, activity, operations and memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from neurotrain_hw.data import Splits
from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.cells import Cell, cells_of
from neurotrain_hw.trainers.counts import Counts
from neurotrain_hw.trainers.evaluate import Evaluation, evaluate
from neurotrain_hw.trainers.memory_split import measure_split
from neurotrain_hw.trainers.metrics import layer_figures, neurobench
from neurotrain_hw.trainers.psi import pseudo_derivative
from neurotrain_hw.trainers.settings import RunSettings
from neurotrain_hw.trainers.shown import time_first


def measured(settings: RunSettings, splits: Splits, network: SpikingNetwork, device: torch.device) -> dict[str, Any]:
    """`accuracy` and `loss` by network and split, `layers` and `neurobench` on test samples, `memory` of a batch."""
    counts = Counts()
    quantised = _on_all(settings, splits, network, counts)
    rounded = any(layer.weight_bits is not None for layer in network.spec.layers)
    plain = _on_all(settings, splits, network.in_floats(), None) if rounded else quantised
    both = {"quantised": quantised, "float": plain}
    cells = _cells(network)
    return {
        "accuracy": {kind: {part: one.accuracy for part, one in found.items()} for kind, found in both.items()},
        "loss": {kind: {part: one.loss for part, one in found.items()} for kind, found in both.items()},
        "layers": layer_figures(network, cells, counts),
        "neurobench": neurobench(network, cells, counts, accuracy=quantised["test"].accuracy),
        "memory": _memory(settings, splits, device),
    }


def _on_all(
    settings: RunSettings, splits: Splits, network: SpikingNetwork, counts: Counts | None
) -> dict[str, Evaluation]:
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    return {
        part: evaluate(
            network, samples, settings.constants, steps=settings.model.steps, seed=settings.evaluation_seed,
            counts=counts if part == "test" else None,
        )
        for part, samples in parts.items()
    }  # fmt: skip


def _memory(settings: RunSettings, splits: Splits, device: torch.device) -> dict[str, Any]:
    chosen = np.arange(min(settings.constants.batch, len(splits.train)))
    spikes = splits.train.spikes(chosen, steps=settings.model.steps, seed=[settings.seed, 1, 0])
    shown = time_first(spikes, settings.model.input_shape, device)
    labels = torch.from_numpy(splits.train.y[chosen]).to(device)
    return measure_split(settings, shown, labels, device=device).as_dict()


def _cells(network: SpikingNetwork) -> list[Cell]:
    with torch.no_grad():
        return cells_of(network, [pseudo_derivative("box", 1.0, network.spec.surrogate)] * len(network.spec.layers))
