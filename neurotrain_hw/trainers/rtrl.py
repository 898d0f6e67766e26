"""Real-time recurrent learning: the exact gradient of the whole network, forward in time; for small networks.

Per step, with D = d v_l / d theta over all weights theta of the network (N, n_l, P) and a_l the adaptation:

    ds_l  = psi_l * (dv_l - strength * da_l)
    dv_l' = J_l * dv_l + W_l ds_{l-1}' + R_l ds_l + (direct: the pre spike, for a neuron's own weights)
    da_l' = rho * da_l + ds_l'
    gradient += sum_k dloss/dv_k' * dv_k'

(Williams and Zipser, Neural Computation 1, 1989.) It equals BPTT, also over many layers and recurrence, and keeps
P * (neurons) words, whatever the number of steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.cells import Cell
from neurotrain_hw.trainers.constants import ResetGradient, RtrlSettings
from neurotrain_hw.trainers.online import Online, Regime, Step
from neurotrain_hw.trainers.trainer import OnlineTrainer


def trainer(network: SpikingNetwork, constants: RtrlSettings, seed: int) -> OnlineTrainer:
    """RTRL on a network."""
    return OnlineTrainer(
        network, constants, lambda setting: Rtrl(*setting.common, reset_gradient=constants.reset_gradient)
    )


class Rtrl(Online):
    """RTRL between two steps of a batch."""

    def __init__(
        self, cells: Sequence[Cell], labels: torch.Tensor, regime: Regime, *, reset_gradient: ResetGradient
    ) -> None:
        super().__init__(cells, labels, regime)
        self._reset_gradient = reset_gradient
        size = sum(matrix.numel() for cell in cells for matrix in cell.matrices)
        self._dv = [state.v.new_zeros(*state.v.shape, size) for state in self.states]
        self._ds = [torch.zeros_like(dv) for dv in self._dv]
        self._da = [torch.zeros_like(dv) if cell.strength else None for cell, dv in zip(cells, self._dv, strict=True)]

    def _learn(self, steps: list[Step], error: torch.Tensor, *, learning: bool) -> None:
        offset = 0
        below: torch.Tensor | None = None
        for k, (cell, step) in enumerate(zip(self.cells, steps, strict=True)):
            dv = self._decayed(cell, step, k)
            if below is not None:
                dv += torch.einsum("ji,nip->njp", cell.weight, below)
            if cell.recurrent is not None:
                matrix = torch.diag(cell.recurrent) if cell.recurrent.dim() == 1 else cell.recurrent
                dv += torch.einsum("ji,nip->njp", matrix, self._ds[k])
            for way in cell.ways:
                pre, size = way.spikes(step), way.weight.numel()
                # (N, neurons, *weights): a neuron's own weights have the pre spike for a derivative
                own = dv[:, :, offset : offset + size].view(len(dv), cell.neurons, *way.weight.shape)
                own.diagonal(dim1=1, dim2=2).add_(pre.unsqueeze(2) if own.dim() == 4 else pre)
                offset += size
            moved = self._da[k]
            ds = step.psi.unsqueeze(2) * (dv if moved is None else dv - cell.strength * moved)
            if moved is not None:
                self._da[k] = cell.rho * moved + ds
            self._dv[k], self._ds[k], below = dv, ds, ds
        if learning:
            reached = self._ds[-1] if self.regime.loss == "spike-mse" else self._dv[-1]
            self._add(torch.einsum("nk,nkp->p", error, reached))
            for extra, ds in zip(self._rate_signals(), self._ds, strict=False):
                self._add(torch.einsum("nk,nkp->p", extra, ds))

    def _decayed(self, cell: Cell, step: Step, k: int) -> torch.Tensor:
        """What decay and reset leave of dv."""
        gradient = "gate" if self._reset_gradient == "full" else self._reset_gradient
        left = cell.through_time(step.before, step.psi_before, gradient).unsqueeze(2) * self._dv[k]
        if self._reset_gradient == "full":
            # ds and not psi * dv: an adapting threshold has a part in it
            # without a reset, nothing
            lost = {"zero": cell.beta * step.before.v, "subtract": cell.threshold * torch.ones_like(step.before.v)}
            if cell.reset in lost:
                left -= lost[cell.reset].unsqueeze(2) * self._ds[k]
        return left

    def _add(self, flat: torch.Tensor) -> None:
        offset = 0
        for gradients in self.gradients:
            for gradient in gradients:
                gradient += flat[offset : offset + gradient.numel()].view_as(gradient)
                offset += gradient.numel()
