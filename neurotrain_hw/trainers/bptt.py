"""Backpropagation through time with a surrogate gradient: the reference that online rules are held against."""

from __future__ import annotations

import torch
from torch.nn import functional

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.settings import BpttSettings


def accumulate(network: SpikingNetwork, spikes: torch.Tensor, labels: torch.Tensor, settings: BpttSettings) -> float:
    """Set every weight's gradient for one batch and return the loss.

    `spikes` uint8 (T, N, inputs), `labels` int64 (N,). Loss: cross-entropy of gain * (output spikes over T steps).
    The derivative of a spike is the model's surrogate (Neftci, Mostafa and Zenke 2019), that of the reset is left out,
    that of the quantiser is 1 (straight-through). Memory grows with T.
    """
    network.zero_grad()
    counts = network(spikes.float())[-1].sum(dim=0)
    loss = functional.cross_entropy(settings.gain * counts, labels)
    loss.backward()
    return float(loss.detach())
