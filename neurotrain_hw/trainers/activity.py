"""Activity regularisation: what pulls the spikes per step of hidden neurons, f_j, to a target or into bounds.

    E = strength / 2 * sum_j d(f_j)^2             rate_level neuron
    E = strength / 2 * n * d(mean_j f_j)^2        rate_level layer: of a layer's mean over its n neurons, per sample
    d(f) = f - target; with bounds: min(f - lower, 0) + max(f - upper, 0)

Online rules have f of the steps so far, and dE/df_j as one more signal to every hidden neuron (Bellec et al., Nature
Communications 11:3625, 2020); BPTT has f of the whole sample, and E in its loss. A lower bound per neuron and an upper
bound per layer are those of Zenke and Vogels, Neural Computation 33(4), 2021, there on spike counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from neurotrain_hw.trainers.constants import RuleSettings


@dataclass(frozen=True)
class Activity:
    """`strength` 0 for none; rates are spikes per neuron and step; `lower` and `upper` go before `target`."""

    strength: float = 0.0
    target: float = 0.1
    lower: float | None = None
    upper: float | None = None
    per_layer: bool = False

    @classmethod
    def of(cls, constants: RuleSettings) -> Activity:
        """What a rule's constants say of it."""
        return cls(
            constants.rate_strength, constants.rate_target, constants.rate_lower, constants.rate_upper,
            constants.rate_level == "layer",
        )  # fmt: skip

    def penalty(self, rates: torch.Tensor) -> torch.Tensor:
        """E summed over samples, for rates (N, ...)."""
        away, alike = self._away(rates)
        return self.strength / 2 * alike * away.square().sum()

    def signal(self, rates: torch.Tensor) -> torch.Tensor:
        """dE/df, of the shape of the rates."""
        return (self.strength * self._away(rates)[0]).expand_as(rates)

    def _away(self, rates: torch.Tensor) -> tuple[torch.Tensor, int]:
        """d, and how many neurons share one."""
        alike = rates[0].numel() if self.per_layer else 1
        if self.per_layer:
            rates = rates.mean(dim=tuple(range(1, rates.dim())), keepdim=True)
        if self.lower is None and self.upper is None:
            return rates - self.target, alike
        away = torch.zeros_like(rates)
        if self.lower is not None:
            away = away + (rates - self.lower).clamp(max=0)
        if self.upper is not None:
            away = away + (rates - self.upper).clamp(min=0)
        return away, alike


NONE = Activity()
