"""Several steps of a sample at once, for local rules whose weights change only at its end: the same gradients.

A trace x[t] = decay * x[t-1] + s[t] is not formed at every step; what it is multiplied with goes back instead:

    sum_t a[t]^T x[t] = sum_t l[t]^T s[t] + (decay * l[0])^T x[-1],   l[t] = a[t] + decay * l[t+1]

within a block of at most `STEPS` steps, so that memory does not grow with T.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from neurotrain_hw.networks.operators import Dense
from neurotrain_hw.trainers import losses, neurons
from neurotrain_hw.trainers.cells import Cell, State

if TYPE_CHECKING:
    from neurotrain_hw.trainers.online import Local, Step

STEPS = 10


def possible(learner: Local) -> bool:
    """Whether all that the rule keeps can take blocks: dense layers of plain neurons, signals of single rows."""
    eligibilities = [group for groups in learner.eligibilities for group in groups]
    return (
        learner.rowwise
        and not learner.regime.activity.strength
        and all(hasattr(group, "over") for group in eligibilities)
        and all(_plain(cell) for cell in learner.cells)
    )


def go_through(learner: Local, spikes: torch.Tensor) -> None:
    """Learn from a sample's spikes (T, N, ...)."""
    for start in range(0, len(spikes), STEPS):
        part = spikes[start : start + STEPS]
        _learn(learner, part, last=start + len(part) == len(spikes))


def traced(x: torch.Tensor, decay: float, a: torch.Tensor, now: Step, *, first: bool, last: bool) -> torch.Tensor:
    """sum_t a[t]^T x[t] over a block, for a (K * N, n_post), which is changed; `x` (N, n_pre) goes on, too."""
    samples = len(x)
    back, pre = a.view(-1, samples, a.shape[1]), now.pre.view(-1, samples, x.shape[1])
    for t in range(len(back) - 2, -1, -1):
        back[t].add_(back[t + 1], alpha=decay)
    found = a.T @ now.pre if now.events is None else now.events.gradient(a)
    if not first:
        found.addmm_(back[0].T, x, alpha=decay)
    if not last:
        for arrived in pre:
            x.mul_(decay).add_(arrived)
    return found


def _plain(cell: Cell) -> bool:
    return isinstance(cell.way, Dense) and cell.way.input_pool == 1 and len(cell.ways) == 1 and neurons.compiles(
        cell, cell.weight
    )  # fmt: skip


def _learn(learner: Local, spikes: torch.Tensor, *, last: bool) -> None:
    length, samples = spikes.shape[:2]
    steps, pre, outputs = [], spikes.flatten(2).flatten(0, 1), len(learner.cells) - 1
    for k, cell in enumerate(learner.cells):
        events = cell.events(pre)
        pre = pre if events is not None else pre.to(cell.weight.dtype)
        start, psi_start = learner.states[k], learner.psi[k]
        v, fired = neurons.steps(cell, cell.drive(pre, events)[0].view(length, samples, -1), start)
        psi = neurons.psi(cell, v).flatten(0, 1)
        slope = torch.ones_like(psi) if k == outputs and learner.regime.loss != "spike-mse" else psi
        after = State(v.flatten(0, 1), fired.flatten(0, 1), start.a)
        steps.append(learner.new_step(pre, start, after, psi_start, psi, slope, events))
        learner.states[k] = State(v[-1].clone(), fired[-1].clone(), start.a)
        learner.psi[k] = psi[-samples:].clone()
        pre = after.fired
    regime, out = learner.regime, steps[-1].after
    loss, error = losses.at_step(
        regime.loss, out.v, out.fired, learner.target.repeat(length, 1), regime.gain,
        threshold=learner.cells[-1].threshold, population=regime.population,
    )  # fmt: skip
    learner.loss += loss
    before = learner.steps_done
    learner.steps_done += length
    heard = [learner.gate() and before + step >= regime.burn_in for step in range(length)]
    signals = learner.signals(learner.cells, steps, error)
    for signal, step, groups, gradients in zip(signals, steps, learner.eligibilities, learner.gradients, strict=True):
        if not all(heard):
            mask = signal.new_tensor(heard).repeat_interleave(samples)
            signal = signal * mask.unsqueeze(1)
        gradients[0] += groups[0].over(signal, step, first=not before, last=last)  # type: ignore[attr-defined]
