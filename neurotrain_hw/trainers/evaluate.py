"""Evaluation: output spikes are counted, the class with most wins, ties go to the lowest number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from neurotrain_hw.data import EVALUATION_SEED, Samples, encode_rate
from neurotrain_hw.networks.network import SpikingNetwork

_BATCH = 256


def spike_counts(
    network: SpikingNetwork, spikes: npt.NDArray[np.uint8], *, weights: Sequence[torch.Tensor] | None = None
) -> npt.NDArray[np.int64]:
    """Output spikes per sample and class, int64 (N, classes), for input spikes (N, T, inputs).

    `weights` (n_post, n_pre) per layer: others than the network's own.
    """
    with torch.no_grad():
        used = network.weights() if weights is None else weights
        found = [
            network.run(to_time_first(spikes[k : k + _BATCH]).float(), used)[-1].sum(dim=0)
            for k in range(0, len(spikes), _BATCH)
        ]
    predicted: npt.NDArray[np.int64] = torch.cat(found).numpy().astype(np.int64)
    return predicted


def accuracy(
    network: SpikingNetwork,
    samples: Samples,
    *,
    steps: int,
    seed: int = EVALUATION_SEED,
    weights: Sequence[torch.Tensor] | None = None,
) -> float:
    """Share of samples classified rightly, shown in the rate code drawn with `seed`."""
    counts = spike_counts(network, encode_rate(samples.x, steps=steps, seed=seed), weights=weights)
    return float((counts.argmax(axis=1) == samples.y).mean())


def to_time_first(spikes: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Spikes (N, T, n) as a tensor (T, N, n) of the same type."""
    return torch.from_numpy(np.ascontiguousarray(spikes.transpose(1, 0, 2)))
