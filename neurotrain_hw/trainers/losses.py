"""Losses on the output layer, for autograd over a sample and, step by step, for rules that never look back.

Of a sample with target y* (one-hot), output membranes v_t and spikes s_t over T steps, and what a decoding reads of
them (`decodings.py`):

    membrane-ce        1/T sum_t CE(softmax(gain * v_t), y*)     membrane-mse       1/(2T) sum_t |gain * v_t - y*|^2
    membrane-bce       1/T sum_t,k log(1 + exp(-z)) for the target, log(1 + exp(z)) for others,
                       z = gain * (v_t - threshold)
    spike-mse          1/(2T) sum_t |s_t - y*|^2                 of the spikes of every step
    count-ce           CE(softmax(gain * sum_t s_t), y*)         count-mse          1/2 |sum_t s_t / T - y*|^2
    mean-membrane-ce   CE(softmax(gain * mean_t v_t), y*)        mean-membrane-mse  1/2 |gain * mean_t v_t - y*|^2
    max-membrane-ce, last-membrane-ce, -mse                      the same of the largest membrane, and of the last
    first-spike-ce     CE(softmax(-gain * t), y*)                first-spike-mse    1/2 |t / T - (1 - y*)|^2

t: steps before a neuron's first spike, T without one. All but the first four are known only at the end of a sample.
membrane-ce leaves open where the membranes are as a whole, so that many outputs may spike at the same step;
membrane-bce asks that the target's neuron spikes at every step, and no other. Several neurons per class (`population`)
are averaged first.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from neurotrain_hw.trainers.constants import PER_STEP, Loss
from neurotrain_hw.trainers.decodings import first_spike, pooled

__all__ = ["PER_STEP", "at_step", "one_hot", "over_steps", "per_sample"]


def one_hot(labels: torch.Tensor, outputs: int, population: int = 1) -> torch.Tensor:
    """y* (N, outputs): 1 for the neurons of the sample's class, of which there are `population`, one after another."""
    return functional.one_hot(labels, outputs // population).repeat_interleave(population, dim=1)


def over_steps(
    kind: Loss,
    v: torch.Tensor,
    fired: torch.Tensor,
    target: torch.Tensor,
    gain: float,
    *,
    threshold: float | torch.Tensor = 1.0,
    population: int = 1,
) -> torch.Tensor:
    """The loss summed over samples, for `v` and `fired` (T, N, n) and `target` (N, n); per-step losses over steps, too.

    That is, a per-step loss is not divided by T, so that the windows of a sample add up.
    """
    if kind in PER_STEP:
        return per_sample(kind, v, fired, target, gain, threshold=threshold, population=population).sum()
    target = pooled(target, population)
    what, _, form = kind.rpartition("-")
    if what == "count":
        counts = pooled(fired.sum(dim=0), population)
        return _cross_entropy(gain * counts, target) if form == "ce" else _squares(counts / len(fired) - target)
    if what == "first-spike":
        times = pooled(first_spike(fired), population)
        return _cross_entropy(-gain * times, target) if form == "ce" else _squares(times / len(fired) - (1 - target))
    read = {"mean-membrane": v.mean(dim=0), "max-membrane": v.amax(dim=0), "last-membrane": v[-1]}[what]
    read = gain * pooled(read, population)
    return _cross_entropy(read, target) if form == "ce" else _squares(read - target)


def at_step(
    kind: Loss,
    v: torch.Tensor,
    fired: torch.Tensor,
    target: torch.Tensor,
    gain: float,
    *,
    threshold: float | torch.Tensor = 1.0,
    population: int = 1,
) -> tuple[torch.Tensor, torch.Tensor]:
    """A per-step loss summed over samples, and its derivative (N, n) by v, or by the spikes for spike-mse."""
    v, fired, target, threshold = _pooled(v, fired, target, threshold, population)
    loss = per_sample(kind, v, fired, target, gain, threshold=threshold).sum()
    if kind == "membrane-ce":
        error = gain * (functional.softmax(gain * v, dim=1) - target)
    elif kind == "membrane-bce":
        error = gain * (torch.sigmoid(gain * (v - threshold)) - target)
    else:
        error = fired - target if kind == "spike-mse" else gain * (gain * v - target)
    return loss, error if population == 1 else (error / population).repeat_interleave(population, dim=1)


def per_sample(
    kind: Loss,
    v: torch.Tensor,
    fired: torch.Tensor,
    target: torch.Tensor,
    gain: float,
    *,
    threshold: float | torch.Tensor = 1.0,
    population: int = 1,
) -> torch.Tensor:
    """A per-step loss of every sample, (N,), or (T, N) for membranes and spikes (T, N, n)."""
    v, fired, target, threshold = _pooled(v, fired, target, threshold, population)
    if kind == "membrane-ce":
        return -(functional.log_softmax(gain * v, dim=-1) * target).sum(dim=-1)
    if kind == "membrane-bce":
        logits = gain * (v - threshold)
        wanted = target.expand_as(v)
        return functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(dim=-1)
    difference = fired - target if kind == "spike-mse" else gain * v - target
    return difference.square().sum(dim=-1) / 2


def _pooled(
    v: torch.Tensor, fired: torch.Tensor, target: torch.Tensor, threshold: float | torch.Tensor, population: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float | torch.Tensor]:
    if isinstance(threshold, float) and threshold == math.inf:
        threshold = 0.0  # an integrator's: its membrane alone counts
    elif population > 1 and isinstance(threshold, torch.Tensor) and threshold.dim():
        threshold = pooled(threshold, population)
    return pooled(v, population), pooled(fired, population), pooled(target, population), threshold


def _cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return -(functional.log_softmax(logits, dim=-1) * target).sum()


def _squares(difference: torch.Tensor) -> torch.Tensor:
    return difference.square().sum() / 2
