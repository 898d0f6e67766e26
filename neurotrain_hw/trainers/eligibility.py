"""What synapses remember: the eligibilities of the local rules, one class each, with their memory per sample.

x_i, s_i: trace and spikes of the pre neuron; psi_j: pseudo-derivative of the post neuron, 1 for an output layer whose
loss reads the membrane; J_j: the post membrane's derivative by its own, a step before (`Cell.through_time`).
"""

from __future__ import annotations

import torch

from neurotrain_hw.trainers.cells import Cell
from neurotrain_hw.trainers.constants import ResetGradient
from neurotrain_hw.trainers.online import Step


class PreTrace:
    """x_i = decay * x_i + s_i,  e_ji = psi_j * x_i: one word per pre neuron."""

    def __init__(self, cell: Cell, n_pre: int, samples: int, decay: float) -> None:
        self.decay = decay
        self.x = cell.weight.new_zeros(samples, n_pre)

    def update(self, pre: torch.Tensor, now: Step) -> None:
        self.x.mul_(self.decay).add_(pre)

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        return (signal * now.slope).T @ self.x


class FilteredTrace:
    """ebar_ji = kappa * ebar_ji + psi_j * x_i: e-prop's filter by a leaky readout; one word per synapse."""

    def __init__(self, cell: Cell, n_pre: int, samples: int, decay: float, kappa: float) -> None:
        self.decay, self.kappa = decay, kappa
        self.x = cell.weight.new_zeros(samples, n_pre)
        self.filtered = cell.weight.new_zeros(samples, len(cell.weight), n_pre)

    def update(self, pre: torch.Tensor, now: Step) -> None:
        self.x.mul_(self.decay).add_(pre)
        self.filtered.mul_(self.kappa).add_(now.slope.unsqueeze(2) * self.x.unsqueeze(1))

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        return _over_samples(signal, self.filtered)


class AdaptiveTrace:
    """Through the adapting threshold, too: two words per synapse, one without the filter (kappa = 0).

    e_ji = psi_j * (x_i - strength * eps_ji),  eps_ji = rho * eps_ji + e_ji,  ebar_ji = kappa * ebar_ji + e_ji
    (Bellec et al., Nature Communications 11:3625, 2020: eps <- psi * x + (rho - psi * strength) * eps).
    """

    def __init__(self, cell: Cell, n_pre: int, samples: int, decay: float, kappa: float) -> None:
        self.cell, self.decay, self.kappa = cell, decay, kappa
        self.x = cell.weight.new_zeros(samples, n_pre)
        self.eps = cell.weight.new_zeros(samples, len(cell.weight), n_pre)
        self.filtered = torch.zeros_like(self.eps) if kappa else self.eps

    def update(self, pre: torch.Tensor, now: Step) -> None:
        self.x.mul_(self.decay).add_(pre)
        moved = self.x.unsqueeze(1) - self.cell.strength * self.eps
        eligible = now.slope.unsqueeze(2) * moved
        self.filtered = self.filtered.mul_(self.kappa).add_(eligible) if self.kappa else eligible
        # the threshold adapts to spikes, also where the loss reads the membrane
        self.eps = self.cell.rho * self.eps + now.psi.unsqueeze(2) * moved

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        return _over_samples(signal, self.filtered)


class SynapseTrace:
    """eps_ji = J_j * eps_ji + s_i,  e_ji = psi_j * eps_ji: OSTL without its term H; one word per synapse."""

    def __init__(self, cell: Cell, n_pre: int, samples: int, gradient: ResetGradient) -> None:
        self.cell, self.reset_gradient = cell, gradient
        self.eps = cell.weight.new_zeros(samples, len(cell.weight), n_pre)

    def update(self, pre: torch.Tensor, now: Step) -> None:
        through = self.cell.through_time(now.before, now.psi_before, self.reset_gradient)
        self.eps.mul_(through.unsqueeze(2)).add_(pre.unsqueeze(1))

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        return _over_samples(signal * now.slope, self.eps)


class LayerTrace:
    """OSTL with its term H: the membranes' derivatives by every synapse of the layer; n_post words per synapse.

    E_k,ji = J_k * E_k,ji + sum_m R_km * psi_m[t-1] * E_m,ji + [k = j] * s_i
    """

    def __init__(self, cell: Cell, n_pre: int, samples: int, gradient: ResetGradient) -> None:
        self.cell, self.reset_gradient = cell, gradient
        n_post = len(cell.weight)
        self.full = cell.weight.new_zeros(samples, n_post, n_post, n_pre)
        self._own = torch.arange(n_post)

    def update(self, pre: torch.Tensor, now: Step) -> None:
        through = self.cell.through_time(now.before, now.psi_before, self.reset_gradient)
        through = torch.diag_embed(through)
        if self.cell.recurrent is not None:
            through = through + self.cell.recurrent * now.psi_before.unsqueeze(1)
        self.full = torch.einsum("nkm,nmji->nkji", through, self.full)
        self.full[:, self._own, self._own] += pre.unsqueeze(1)

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        return torch.einsum("nk,nkji->ji", signal * now.slope, self.full)


class SmoothedTrace:
    """ES-D-RTRL's product of two smoothed factors: one word per pre and one per post neuron.

    x_i = alpha * x_i + s_i,  f_j = alpha * J_j * f_j + (1 - alpha) * dv_j/dI_j,  e_ji = psi_j * f_j * x_i

    dv_j/dI_j, by the input current, is 1 in these neurons; psi belongs to the signal of this step alone.
    """

    def __init__(self, cell: Cell, n_pre: int, samples: int, alpha: float, gradient: ResetGradient) -> None:
        self.cell, self.alpha, self.reset_gradient = cell, alpha, gradient
        self.x = cell.weight.new_zeros(samples, n_pre)
        self.f = cell.weight.new_zeros(samples, len(cell.weight))

    def update(self, pre: torch.Tensor, now: Step) -> None:
        through = self.cell.through_time(now.before, now.psi_before, self.reset_gradient)
        self.x.mul_(self.alpha).add_(pre)
        self.f.mul_(self.alpha * through).add_(1 - self.alpha)

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        return (signal * now.slope * self.f).T @ self.x


class TwoSidedTrace:
    """S-TLLR's causal and non-causal terms: one word per pre and one per post neuron.

    x_i = lambda_pre * x_i + s_i,  q_j = lambda_post * q_j + psi_j,
    e_ji = alpha_pre * psi_j * x_i + alpha_post * q_j * s_i
    """

    def __init__(self, cell: Cell, n_pre: int, samples: int, decays: tuple[float, float], factors: tuple[float, float]):
        self.lambda_post, self.lambda_pre = decays
        self.alpha_post, self.alpha_pre = factors
        self.x = cell.weight.new_zeros(samples, n_pre)
        self.pre = self.x
        self.q = cell.weight.new_zeros(samples, len(cell.weight))

    def update(self, pre: torch.Tensor, now: Step) -> None:
        self.x.mul_(self.lambda_pre).add_(pre)
        self.q.mul_(self.lambda_post).add_(now.slope)
        self.pre = pre

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        causal = (signal * now.slope).T @ self.x
        return self.alpha_pre * causal + self.alpha_post * (signal * self.q).T @ self.pre


class Coincidence:
    """e_ji = s_j * s_i, of an output layer s_i alone: nothing is remembered (STSF)."""

    def __init__(self, *, output: bool) -> None:
        self.output = output

    def update(self, pre: torch.Tensor, now: Step) -> None:
        self.pre = pre

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        return (signal if self.output else signal * now.after.fired).T @ self.pre


def _over_samples(signal: torch.Tensor, eligible: torch.Tensor) -> torch.Tensor:
    return torch.einsum("nj,nji->ji", signal, eligible)
