"""What synapses remember: the eligibilities of the local rules, one class each, with their memory per sample.

x_i, s_i: trace and spikes of the pre neuron; psi_j: pseudo-derivative of the post neuron, 1 for an output layer whose
loss reads the membrane; J_j: the post membrane's derivative by its own, a step before (`Cell.through_time`). Those with
words per pre and post neuron alone train convolutions, too; the others keep words per synapse.
"""

from __future__ import annotations

import torch

from neurotrain_hw.trainers.blocks import traced
from neurotrain_hw.trainers.cells import Cell, State, Way
from neurotrain_hw.trainers.constants import ResetGradient
from neurotrain_hw.trainers.online import Step
from neurotrain_hw.trainers.per_synapse import PerSynapse


class Leak:
    """x_i = decay * x_i + s_i, the derivative of a LIF neuron's membrane by its weights: one word per pre neuron.

    With a synaptic current p_i = alpha * p_i + s_i, x_i = decay * x_i + p_i, and for alpha neurons, without reset,
    x_i = tau * (p_i - q_i), q_i = decay * q_i + s_i: two words.
    """

    def __init__(self, cell: Cell, way: Way, samples: int, decay: float) -> None:
        self._cell, self._decay = cell, decay
        self.x = way.zeros(samples)
        self._p = None if cell.alpha is None else torch.zeros_like(self.x)
        self._q = torch.zeros_like(self.x) if cell.double else None

    def update(self, pre: torch.Tensor) -> torch.Tensor:
        """Take one step; x."""
        if self._p is None:
            return self.x.mul_(self._decay).add_(pre)
        self._p.mul_(self._cell.alpha).add_(pre)
        if self._q is None:
            return self.x.mul_(self._decay).add_(self._p)
        self._q.mul_(self._decay).add_(pre)
        self.x = self._cell.tau * (self._p - self._q)
        return self.x


class PreTrace:
    """e_ji = psi_j * x_i: one word per pre neuron, two with a synaptic current."""

    def __init__(self, cell: Cell, way: Way, samples: int, decay: float) -> None:
        self.way, self.decay, self._leak = way, decay, Leak(cell, way, samples, decay)

    @property
    def x(self) -> torch.Tensor:
        """The trace of the pre neurons."""
        return self._leak.x

    def update(self, pre: torch.Tensor, now: Step) -> None:
        self._leak.update(pre)

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        return self.way.gradient(signal * now.slope, self._leak.x, now)

    def over(self, signal: torch.Tensor, now: Step, *, first: bool, last: bool) -> torch.Tensor:
        """The gradient of a block of steps (`blocks.py`)."""
        return traced(self.x, self.decay, signal * now.slope, now, first=first, last=last)


class FilteredTrace:
    """ebar_ji = kappa * ebar_ji + psi_j * x_i: e-prop's filter by a leaky readout; one word per synapse."""

    def __init__(self, cell: Cell, way: Way, samples: int, decay: float, kappa: float) -> None:
        self._kappa = kappa
        self._leak = Leak(cell, way, samples, decay)
        self.filtered = PerSynapse(way, samples)

    def update(self, pre: torch.Tensor, now: Step) -> None:
        self.filtered.take(self._kappa, now.slope, self._leak.update(pre))

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        return self.filtered.sum_over_samples(signal)


class AdaptiveTrace:
    """Through the adapting threshold, too: two words per synapse, one without the filter (kappa = 0).

    e_ji = psi_j * (x_i - strength * eps_ji),  eps_ji = rho * eps_ji + e_ji,  ebar_ji = kappa * ebar_ji + e_ji
    (Bellec et al., Nature Communications 11:3625, 2020: eps <- psi * x + (rho - psi * strength) * eps).
    """

    def __init__(self, cell: Cell, way: Way, samples: int, decay: float, kappa: float) -> None:
        self.cell, self._map, self._kappa = cell, way.operator, kappa
        self._leak = Leak(cell, way, samples, decay)
        self.eps = way.weight.new_zeros(samples, *way.operator.weight_shape)
        self.filtered = torch.zeros_like(self.eps) if kappa else self.eps

    def update(self, pre: torch.Tensor, now: Step) -> None:
        moved = self._map.outer(torch.ones_like(now.slope), self._leak.update(pre)) - self.cell.strength * self.eps
        eligible = self._map.of_post(now.slope) * moved
        self.filtered = self.filtered.mul_(self._kappa).add_(eligible) if self._kappa else eligible
        # the threshold adapts to spikes, also where the loss reads the membrane
        self.eps = self.cell.rho * self.eps + self._map.of_post(now.psi) * moved

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        return self._map.contract(signal, self.filtered)


class SynapseTrace:
    """eps_ji = J_j * eps_ji + s_i,  e_ji = psi_j * eps_ji: OSTL without its term H; one word per synapse."""

    def __init__(self, cell: Cell, way: Way, samples: int, gradient: ResetGradient) -> None:
        self.cell, self.reset_gradient = cell, gradient
        self.eps = PerSynapse(way, samples)

    def update(self, pre: torch.Tensor, now: Step) -> None:
        through = self.cell.through_time(now.before, now.psi_before, self.reset_gradient)
        self.eps.take(through, 1.0, pre)

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        return self.eps.sum_over_samples(signal * now.slope)


class LayerTrace:
    """OSTL with its term H: the membranes' derivatives by every synapse of the layer; n_post words per synapse.

    E_k,ji = J_k * E_k,ji + sum_m R_km * psi_m[t-1] * E_m,ji + [k = j] * s_i
    """

    def __init__(self, cell: Cell, way: Way, samples: int, gradient: ResetGradient) -> None:
        self.cell, self._map, self.reset_gradient = cell, way.operator, gradient
        self.full = way.weight.new_zeros(samples, cell.neurons, *way.operator.weight_shape)
        self._own = torch.arange(cell.neurons, device=way.weight.device)

    def update(self, pre: torch.Tensor, now: Step) -> None:
        through = torch.diag_embed(self.cell.through_time(now.before, now.psi_before, self.reset_gradient))
        recurrent = self.cell.recurrent
        if recurrent is not None:
            matrix = torch.diag(recurrent) if recurrent.dim() == 1 else recurrent
            through = through + matrix * now.psi_before.unsqueeze(1)
        self.full = torch.einsum("nkm,nm...->nk...", through, self.full)
        self.full[:, self._own, self._own] += pre.unsqueeze(1) if self.full.dim() == 4 else pre

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        return torch.einsum("nk,nk...->...", signal * now.slope, self.full)


class SmoothedTrace:
    """ES-D-RTRL's product of two smoothed factors: one word per pre and one per post neuron.

    x_i = alpha * x_i + s_i,  f_j = alpha * J_j * f_j + (1 - alpha) * dv_j/dI_j,  e_ji = psi_j * f_j * x_i

    dv_j/dI_j, by the input current, is 1 in these neurons; psi belongs to the signal of this step alone.
    """

    def __init__(self, cell: Cell, way: Way, samples: int, alpha: float, gradient: ResetGradient) -> None:
        self.cell, self.way, self.alpha, self.reset_gradient = cell, way, alpha, gradient
        self.x = way.zeros(samples)
        self.f = way.weight.new_zeros(samples, *cell.way.out_shape)

    def update(self, pre: torch.Tensor, now: Step) -> None:
        through = self.cell.through_time(now.before, now.psi_before, self.reset_gradient)
        self.x.mul_(self.alpha).add_(pre)
        self.f.mul_(self.alpha * through).add_(1 - self.alpha)

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        return self.way.gradient(signal * now.slope * self.f, self.x, now)

    def over(self, signal: torch.Tensor, now: Step, *, first: bool, last: bool) -> torch.Tensor:
        """The gradient of a block of steps (`blocks.py`)."""
        told = signal * now.slope
        samples, before, psi = len(self.x), now.before, now.psi_before
        for start in range(0, len(told), samples):
            rows = slice(start, start + samples)
            through = self.cell.through_time(before, psi, self.reset_gradient)
            self.f.mul_(self.alpha * through).add_(1 - self.alpha)
            told[rows].mul_(self.f)
            before, psi = State(now.after.v[rows], now.after.fired[rows], before.a), now.psi[rows]
        return traced(self.x, self.alpha, told, now, first=first, last=last)


class TwoSidedTrace:
    """S-TLLR's causal and non-causal terms: one word per pre and one per post neuron.

    x_i = lambda_pre * x_i + s_i,  q_j = lambda_post * q_j + psi_j,
    e_ji = alpha_pre * psi_j * x_i + alpha_post * q_j * s_i
    """

    def __init__(
        self, cell: Cell, way: Way, samples: int, decays: tuple[float, float], factors: tuple[float, float]
    ) -> None:
        self.way = way
        self.lambda_post, self.lambda_pre = decays
        self.alpha_post, self.alpha_pre = factors
        self.x = way.zeros(samples)
        self.pre = self.x
        self.q = way.weight.new_zeros(samples, *cell.way.out_shape)

    def update(self, pre: torch.Tensor, now: Step) -> None:
        self.x.mul_(self.lambda_pre).add_(pre)
        self.q.mul_(self.lambda_post).add_(now.slope)
        self.pre = pre

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        causal = self.way.gradient(signal * now.slope, self.x, now)
        return self.alpha_pre * causal + self.alpha_post * self.way.gradient(signal * self.q, self.pre, now)


class Coincidence:
    """e_ji = s_j * s_i, of an output layer s_i alone: nothing is remembered (STSF)."""

    def __init__(self, way: Way, *, output: bool) -> None:
        self.way, self.output = way, output

    def update(self, pre: torch.Tensor, now: Step) -> None:
        self.pre = pre

    def gradient(self, signal: torch.Tensor, now: Step) -> torch.Tensor:
        return self.way.gradient(signal if self.output else signal * now.after.fired, self.pre, now)

    def over(self, signal: torch.Tensor, now: Step, *, first: bool, last: bool) -> torch.Tensor:
        """The gradient of a block of steps (`blocks.py`)."""
        self.pre = now.pre
        return self.gradient(signal, now)
