"""Decodings: from what the output layer did over a sample to a score per class; the class with most wins.

    rate            spikes                     membrane        mean membrane over the steps
    membrane-max    largest membrane           membrane-last   membrane of the last step
    first-spike     minus the steps before the first spike, T without one

With several neurons per class, the `population` of a class is averaged; neurons c * population and on are class c's.
Ties go to the lowest class.
"""

from __future__ import annotations

import torch

from neurotrain_hw.trainers.constants import Decoding


def scores(decoding: Decoding, v: torch.Tensor, fired: torch.Tensor, population: int = 1) -> torch.Tensor:
    """Scores (N, classes) of output membranes before the reset and spikes, (T, N, n) each."""
    if decoding == "rate":
        read = fired.sum(dim=0)
    elif decoding == "first-spike":
        read = -first_spike(fired)
    else:
        read = {"membrane": v.mean(dim=0), "membrane-max": v.amax(dim=0), "membrane-last": v[-1]}[decoding]
    return pooled(read, population)


def first_spike(fired: torch.Tensor) -> torch.Tensor:
    """Steps before the first spike of every neuron, (N, n), T for none: sum over t of prod_{u<=t} (1 - s_u).

    For autograd: the derivative by s_u is what a spike there changes, t(s_u = 1) - t(s_u = 0), so that a neuron that
    never spikes is told to, too.
    """
    return (1 - fired).cumprod(dim=0).sum(dim=0)


def pooled(x: torch.Tensor, population: int) -> torch.Tensor:
    """Means (..., classes) over the neurons (..., classes * population) of a class."""
    return x if population == 1 else x.unflatten(-1, (-1, population)).mean(dim=-1)
