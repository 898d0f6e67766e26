"""What a network is shown: samples of a split as input over time, in batches on a device."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from neurotrain_hw.data import Samples
from neurotrain_hw.networks.spec import Shape

# samples encoded at once where no batch size is asked for
SHOWN = 256


def batches(
    samples: Samples, *, steps: int, seed: int, shape: Shape = (), device: torch.device | str = "cpu"
) -> Iterator[tuple[torch.Tensor, npt.NDArray[np.int64]]]:
    """All samples in their own order: input (T, N, *shape) and labels.

    Random encodings draw from one generator throughout, so that the size of the batches changes nothing.
    """
    generator = np.random.default_rng(seed)
    for start in range(0, len(samples), SHOWN):
        chosen = np.arange(start, min(start + SHOWN, len(samples)))
        spikes = samples.spikes(chosen, steps=steps, seed=generator)
        yield time_first(spikes, shape, device), samples.y[chosen]


def time_first(spikes: npt.NDArray[np.generic], shape: Shape = (), device: torch.device | str = "cpu") -> torch.Tensor:
    """Input (N, T, ...) as a tensor (T, N, *shape) of the same type; `shape` () leaves it as it is."""
    moved = np.ascontiguousarray(np.moveaxis(spikes, 1, 0))
    return torch.from_numpy(moved.reshape(*moved.shape[:2], *(shape or moved.shape[2:]))).to(device)
