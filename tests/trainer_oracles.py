"""What the trainers are held against: autograd over the unrolled equations, and small random networks in float64.

Written from the equations alone: nothing here comes from `neurotrain_hw.trainers` but the constants of a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch.nn import functional

from neurotrain_hw.trainers.cells import Cell
from neurotrain_hw.trainers.declarations import declaration

Psi = Callable[[torch.Tensor], torch.Tensor]
INPUTS, SAMPLES, STEPS = 6, 4, 15


def triangle(u: torch.Tensor) -> torch.Tensor:
    return 0.6 * (1 - u.abs() / 1.2).clamp(min=0)


def fitting(rule: str) -> dict[str, object]:
    """Keys of layers whose neurons are those that a rule needs."""
    synaptic = {"neuron": "synaptic", "alpha": 0.75, "beta": 0.75, "reset": "once"}
    return {
        "digits-if": {"beta": 1.0, "reset": "subtract"},
        "digits-once": {"beta": 1.0, "reset": "once"},
        "digits-once-synaptic": synaptic,
    }.get(declaration(rule).model, {})


def small_cells(
    sizes: Sequence[int] = (5, 4, 3), *, seed: int = 1, recurrent: bool = False, adaptive: bool = False,
    reset: str = "zero", psi: Psi = triangle,
) -> list[Cell]:  # fmt: skip
    """Layers with random weights; `recurrent` and `adaptive` for all but the last."""
    rng = np.random.default_rng(seed)
    cells, n_pre = [], INPUTS
    for k, n in enumerate(sizes):
        hidden = k < len(sizes) - 1 or len(sizes) == 1
        cells.append(
            Cell(
                torch.from_numpy(rng.normal(0.25, 0.8, (n, n_pre))),
                beta=(0.8, 0.7, 0.9)[k],
                threshold=(1.0, 1.25, 0.75)[k],
                psi=psi,
                recurrent=torch.from_numpy(rng.normal(0, 0.5, (n, n))) if recurrent and hidden else None,
                reset=reset,
                rho=0.85 if adaptive and hidden else 0.0,
                strength=0.4 if adaptive and hidden else 0.0,
            )
        )
        n_pre = n
    return cells


def batch(sizes: Sequence[int], *, steps: int = STEPS, seed: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Spikes uint8 (T, N, inputs) and labels (N,)."""
    rng = np.random.default_rng(seed)
    spikes = torch.from_numpy((rng.random((steps, SAMPLES, INPUTS)) < 0.4).astype(np.uint8))
    return spikes, torch.from_numpy(rng.integers(0, sizes[-1], SAMPLES))


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u, psi):
        ctx.save_for_backward(psi(u))
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.saved_tensors[0], None


def autograd(
    cells: Sequence[Cell], spikes: torch.Tensor, labels: torch.Tensor, *, reset_gradient: str,
    loss: str = "membrane-ce", gain: float = 1.0, recurrent_spikes: bool = True, below: bool = True,
) -> list[list[torch.Tensor]]:  # fmt: skip
    """Gradients of the loss summed over samples and steps, per layer, per matrix; in float64.

    `recurrent_spikes`: whether errors go back through recurrent synapses into the spikes of the step before. `below`:
    whether errors of a step reach the spikes of hidden layers at all.
    """
    free = [[m.detach().clone().requires_grad_() for m in cell.matrices] for cell in cells]
    v = [torch.zeros(len(labels), len(cell.weight), dtype=torch.float64) for cell in cells]
    fired, a = [torch.zeros_like(x) for x in v], [torch.zeros_like(x) for x in v]
    target = functional.one_hot(labels, len(cells[-1].weight)).double()
    total, trains = torch.zeros((), dtype=torch.float64), []
    for now in spikes.double():
        for k, cell in enumerate(cells):
            threshold = cell.threshold + cell.strength * a[k]
            taken = cell.beta * v[k] * fired[k] if cell.reset == "zero" else cell.threshold * fired[k]
            if reset_gradient == "constant":
                taken = taken.detach()
            elif reset_gradient == "gate":
                s = fired[k].detach()
                taken = cell.beta * v[k] * s if cell.reset == "zero" else cell.threshold * s
            current = now @ free[k][0].T
            if len(free[k]) > 1:
                past = fired[k] if recurrent_spikes else fired[k].detach()
                current = current + past @ free[k][1].T
            v[k] = cell.beta * v[k] - taken + current
            fired[k] = Spike.apply(v[k] - threshold, cell.psi)
            a[k] = cell.rho * a[k] + fired[k]
            now = fired[k] if below else fired[k].detach()
        if loss == "membrane-ce":
            total = total + functional.cross_entropy(gain * v[-1], labels, reduction="sum")
        elif loss == "membrane-mse":
            total = total + ((gain * v[-1] - target) ** 2).sum() / 2
        elif loss == "membrane-bce":
            z = gain * (v[-1] - cells[-1].threshold)
            total = total + functional.softplus(torch.where(target > 0, -z, z)).sum()
        elif loss == "spike-mse":
            total = total + ((fired[-1] - target) ** 2).sum() / 2
        trains.append(fired[-1])
    if loss == "count-ce":
        total = functional.cross_entropy(gain * torch.stack(trains).sum(0), labels, reduction="sum")
    elif loss == "count-mse":
        total = ((torch.stack(trains).mean(0) - target) ** 2).sum() / 2
    flat = [m for layer in free for m in layer]
    found = iter(torch.autograd.grad(total, flat))
    return [[next(found) for _ in layer] for layer in free]


def assert_equal_gradients(
    found: Sequence[Sequence[torch.Tensor]], wanted: Sequence[Sequence[torch.Tensor]], *, least: float = 1e-3
) -> None:
    """Equal to 1e-9, and large enough to be worth a comparison."""
    for one, other in zip(found, wanted, strict=True):
        for x, y in zip(one, other, strict=True):
            assert float(y.abs().max()) > least
            torch.testing.assert_close(x, y, rtol=1e-9, atol=1e-11)
