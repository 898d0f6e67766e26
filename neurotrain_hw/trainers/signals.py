"""What neurons are told: the learning signals of the online rules, one function each.

Each gives L (N, *neurons) per layer from the layers' weights, what they did in this step, and the output error
(N, classes): dloss/ds of hidden neurons or what stands for it; of the output layer the error itself. B_l is
(n_l, classes).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from neurotrain_hw.trainers.cells import Cell
from neurotrain_hw.trainers.online import Signals, Step


def through_layers(cells: Sequence[Cell], steps: Sequence[Step], error: torch.Tensor) -> list[torch.Tensor]:
    """Back through the layers of this step alone: L_l = (L_{l+1} * psi_{l+1}) W_{l+1}."""
    signals = [error]
    for k in range(len(cells) - 1, 0, -1):
        signals.insert(0, cells[k].way.back(signals[0] * steps[k].slope, cells[k].weight, steps[k].routes))
    return signals


def broadcast(feedback: Sequence[torch.Tensor], *, signs: bool = False) -> Signals:
    """The output error, or its signs, through a matrix per hidden layer: L_l = B_l e."""

    def signals(cells: Sequence[Cell], steps: Sequence[Step], error: torch.Tensor) -> list[torch.Tensor]:
        sent = error.sign() if signs else error
        hidden = zip(feedback, steps[:-1], strict=True)
        return [*((sent @ matrix.T).view_as(step.psi) for matrix, step in hidden), error]

    return signals


def from_target(feedback: Sequence[torch.Tensor], target: torch.Tensor, *, sign: float) -> Signals:
    """The label through a matrix per hidden layer, the error at the output alone: L_l = sign * B_l y*."""
    projected = [sign * target @ matrix.T for matrix in feedback]

    def signals(cells: Sequence[Cell], steps: Sequence[Step], error: torch.Tensor) -> list[torch.Tensor]:
        return [*(_for_all(each, step.psi) for each, step in zip(projected, steps[:-1], strict=True)), error]

    return signals


def from_local_readouts(readouts: Sequence[torch.Tensor], target: torch.Tensor) -> Signals:
    """Every hidden layer's error at a readout of its own, y = G s: L_l = G_l^T (G_l s_l - y*), G_l (classes, n_l)."""

    def signals(cells: Sequence[Cell], steps: Sequence[Step], error: torch.Tensor) -> list[torch.Tensor]:
        found = zip(readouts, (step.after.fired for step in steps[:-1]), strict=True)
        return [*(((fired.flatten(1) @ g.T - _rows(target, fired)) @ g).view_as(fired) for g, fired in found), error]

    return signals


def random_feedback(
    sizes: Sequence[int], classes: int, *, scale: float | None, seed: int, like: torch.Tensor
) -> list[torch.Tensor]:
    """Fixed matrices (n, classes) per hidden layer, normal with standard deviation `scale`, None for 1 / sqrt(n)."""
    generator = torch.Generator().manual_seed(seed)
    return [
        # drawn on the CPU, so that every device has the same
        (torch.randn(n, classes, generator=generator, dtype=torch.float64) * (n**-0.5 if scale is None else scale)).to(
            like
        )
        for n in sizes
    ]


def _for_all(each: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """What samples are told, again for every step whose rows `like` has, in its shape."""
    return _rows(each, like).view_as(like)


def _rows(each: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return each if len(each) == len(like) else each.repeat(len(like) // len(each), 1)
