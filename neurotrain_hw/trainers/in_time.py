"""Whole layers over time, for autograd: one node forward and one back instead of several for every step.

    forward    v[t+1] = what decay and reset leave of v[t] + I[t+1],   s[t] = 1 where v[t] > threshold
    back       d[t] = gv[t] + psi(v[t] - threshold) * gs[t] + J[t] * d[t+1],   dloss/dI = d

with J the membrane's derivative by its own of the step before, reset included (`Cell.through_time`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from neurotrain_hw.networks.operators import Dense
from neurotrain_hw.trainers import neurons
from neurotrain_hw.trainers.constants import ResetGradient
from neurotrain_hw.trainers.events import Events

if TYPE_CHECKING:
    from neurotrain_hw.trainers.cells import Cell, State


def plain(cell: Cell, start: State) -> bool:
    """Whether `Neurons` has all that these neurons do."""
    return (
        cell.recurrent is None
        and neurons.compiles(cell, start.v)
        and not (start.v.requires_grad or start.fired.requires_grad)
    )


def currents(cell: Cell, spikes: torch.Tensor) -> torch.Tensor:
    """Currents (T, N, *neurons) of spikes (T, N, *below), all steps in one product."""
    way = cell.way
    if isinstance(way, Dense) and way.input_pool == 1 and Events.pays(cell.weight) and not spikes.requires_grad:
        events = Events.of(spikes.flatten(2).flatten(0, 1))
        if events is not None:
            current = _Product.apply(cell.weight, events)
            current = current if cell.bias is None else current + cell.bias
            return current.view(*spikes.shape[:2], *way.out_shape)
    current = way.current(spikes.to(cell.weight.dtype).flatten(0, 1), cell.weight, cell.bias)
    return current.view(*spikes.shape[:2], *way.out_shape)


class _Product(torch.autograd.Function):
    """X W^T (M, n_post) for a list of spikes."""

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, events: Events) -> torch.Tensor:
        ctx.events = events
        return events.currents(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.events.gradient(gradients[0]), None


class Neurons(torch.autograd.Function):
    """Spikes and membranes (T, N, *neurons) of plain neurons for `arriving` currents of the same shape."""

    @staticmethod
    def forward(
        ctx: Any, arriving: torch.Tensor, start: State, cell: Cell, gradient: ResetGradient
    ) -> tuple[torch.Tensor, torch.Tensor]:
        v, fired = neurons.steps(cell, arriving, start)
        ctx.cell, ctx.gradient = cell, gradient
        ctx.save_for_backward(v, fired)
        ctx.set_materialize_grads(False)
        return fired, v

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor | None) -> tuple[torch.Tensor | None, None, None, None]:
        by_fired, by_v = gradients
        v, fired = ctx.saved_tensors
        d = torch.zeros_like(v) if by_v is None else by_v.clone(memory_format=torch.contiguous_format)
        return neurons.back(ctx.cell, v, fired, by_fired, d, ctx.gradient), None, None, None
