"""Evaluation: the outputs are read as a decoding says, the class with the highest score wins, ties to the lowest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from neurotrain_hw.data import EVALUATION_SEED, Samples
from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import losses
from neurotrain_hw.trainers.cells import cells_of
from neurotrain_hw.trainers.common_checks import decoding_of
from neurotrain_hw.trainers.constants import RuleSettings
from neurotrain_hw.trainers.counts import Counts, run
from neurotrain_hw.trainers.decodings import scores
from neurotrain_hw.trainers.psi import pseudo_derivative
from neurotrain_hw.trainers.shown import SHOWN, batches, time_first


@dataclass(frozen=True)
class Evaluation:
    """Share of samples classified rightly, and the loss per sample (and step, where it is one of every step)."""

    accuracy: float
    loss: float


def evaluate(
    network: SpikingNetwork,
    samples: Samples,
    constants: RuleSettings,
    *,
    steps: int,
    seed: int = EVALUATION_SEED,
    counts: Counts | None = None,
) -> Evaluation:
    """Accuracy and loss on samples, encoded with `seed`, as the constants say; `counts` takes what the layers do."""
    cells = cells_of(network, [pseudo_derivative("box", 1.0, network.spec.surrogate)] * len(network.spec.layers))
    decoding, right, loss = decoding_of(network.spec, constants), 0, 0.0
    device = cells[0].weight.device
    with torch.no_grad():
        for spikes, labels in batches(samples, steps=steps, seed=seed, shape=network.spec.input_shape, device=device):
            v, fired = (each.flatten(2) for each in run(cells, spikes, counts))
            found = scores(decoding, v, fired, constants.population).cpu().numpy()
            right += int((found.argmax(axis=1) == labels).sum())
            target = losses.one_hot(torch.from_numpy(labels).to(device), v.shape[2], constants.population).to(v.dtype)
            summed = losses.over_steps(
                constants.loss, v, fired, target, constants.gain, threshold=cells[-1].threshold,
                population=constants.population,
            )  # fmt: skip
            loss += float(summed) / (steps if constants.loss in losses.PER_STEP else 1)
    return Evaluation(right / len(samples), loss / len(samples))


def accuracy(
    network: SpikingNetwork,
    samples: Samples,
    *,
    steps: int,
    seed: int = EVALUATION_SEED,
    weights: Sequence[torch.Tensor] | None = None,
) -> float:
    """Share of samples classified rightly by their output spikes, encoded with `seed`; `weights` as below."""
    right = 0
    with torch.no_grad():
        used = network.weights() if weights is None else weights
        for spikes, labels in batches(samples, steps=steps, seed=seed):
            counts = network.run(spikes.float(), used)[-1].sum(dim=0)
            right += int((counts.numpy().argmax(axis=1) == labels).sum())
    return right / len(samples)


def spike_counts(
    network: SpikingNetwork, spikes: npt.NDArray[np.uint8], *, weights: Sequence[torch.Tensor] | None = None
) -> npt.NDArray[np.int64]:
    """Output spikes per sample and class, int64 (N, classes), for input spikes (N, T, ...).

    `weights` (n_post, n_pre) per layer: others than the network's own.
    """
    with torch.no_grad():
        used = network.weights() if weights is None else weights
        found = [
            network.run(time_first(spikes[k : k + SHOWN]).float(), used)[-1].sum(dim=0)
            for k in range(0, len(spikes), SHOWN)
        ]
    predicted: npt.NDArray[np.int64] = torch.cat(found).numpy().astype(np.int64)
    return predicted
