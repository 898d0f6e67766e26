"""Losses on the output layer, for autograd over a sample and, step by step, for rules that never look back.

Of a sample with target y* (one-hot), output membranes v_t and spikes s_t over T steps:

    membrane-ce    1/T sum_t CE(softmax(gain * v_t), y*)          membrane-mse   1/(2T) sum_t |gain * v_t - y*|^2
    membrane-bce   1/T sum_t,k log(1 + exp(-z)) for the target, log(1 + exp(z)) for others, z = gain * (v_t - threshold)
    spike-mse      1/(2T) sum_t |s_t - y*|^2                      of the spikes of every step
    count-ce       CE(softmax(gain * sum_t s_t), y*)              count-mse      1/2 |sum_t s_t / T - y*|^2

The last two are known only at the end of a sample. membrane-ce leaves open where the membranes are as a whole, so that
many outputs may spike at the same step; membrane-bce asks that the target's neuron spikes at every step, and no other.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from neurotrain_hw.trainers.constants import Loss

PER_STEP: tuple[Loss, ...] = ("membrane-ce", "membrane-mse", "membrane-bce", "spike-mse")


def over_steps(
    kind: Loss, v: torch.Tensor, fired: torch.Tensor, target: torch.Tensor, gain: float, *, threshold: float = 1.0
) -> torch.Tensor:
    """The loss summed over samples, for `v` and `fired` (T, N, n) and `target` (N, n); per-step losses over steps, too.

    That is, a per-step loss is not divided by T, so that the windows of a sample add up.
    """
    if kind == "membrane-ce":
        return -(functional.log_softmax(gain * v, dim=-1) * target).sum()
    if kind == "membrane-mse":
        return (gain * v - target).square().sum() / 2
    if kind == "membrane-bce":
        return functional.binary_cross_entropy_with_logits(
            gain * (v - threshold), target.expand_as(v), reduction="sum"
        )  # fmt: skip
    if kind == "spike-mse":
        return (fired - target).square().sum() / 2
    counts = fired.sum(dim=0)
    if kind == "count-ce":
        return -(functional.log_softmax(gain * counts, dim=-1) * target).sum()
    return (counts / len(fired) - target).square().sum() / 2


def at_step(
    kind: Loss, v: torch.Tensor, fired: torch.Tensor, target: torch.Tensor, gain: float, *, threshold: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """A per-step loss summed over samples, and its derivative (N, n) by v, or by the spikes for spike-mse."""
    loss = per_sample(kind, v, fired, target, gain, threshold=threshold).sum()
    if kind == "membrane-ce":
        return loss, gain * (functional.softmax(gain * v, dim=1) - target)
    if kind == "membrane-bce":
        return loss, gain * (torch.sigmoid(gain * (v - threshold)) - target)
    return loss, fired - target if kind == "spike-mse" else gain * (gain * v - target)


def per_sample(
    kind: Loss, v: torch.Tensor, fired: torch.Tensor, target: torch.Tensor, gain: float, *, threshold: float = 1.0
) -> torch.Tensor:
    """A per-step loss of every sample, (N,)."""
    if kind == "membrane-ce":
        return -(functional.log_softmax(gain * v, dim=1) * target).sum(dim=1)
    if kind == "membrane-bce":
        logits = gain * (v - threshold)
        return functional.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(dim=1)
    difference = fired - target if kind == "spike-mse" else gain * v - target
    return difference.square().sum(dim=1) / 2
