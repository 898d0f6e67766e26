"""Difference target propagation: every layer is told what it should have done, through feedback nets that learn to
undo the layers.

    h_l = kappa * h_l + (1 - kappa) * s_l           rates; of the output layer L, too
    t_L = h_L - step * error,    t_l = h_l + G_l(t_{l+1}) - G_l(h_{l+1})       the difference corrects what G_l misses
    hidden: g_ji += psi_j * (h_j - t_j) * x_i       the derivative of |h_l - t_l|^2 / 2 by this step's spikes
    G_l(h) = sigmoid(V_l h + c_l)                   learns |G_l(h_{l+1} + noise * xi) - h_l|^2 / 2, as a denoising code

x_i is the trace of the inputs; the output layer learns from its own error. No weights are read backward. (Lee et al.,
ECML 2015, and Bengio, arXiv:1407.7906; form as in scalingDTP's vanilla_dtp.py. Both are about networks without time:
that rates are running means, that targets are set at every step, and that noise is added to the rates above and not to
the rates below, is this reconstruction.)
"""

from __future__ import annotations

from itertools import pairwise

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.constants import TargetPropagationSettings
from neurotrain_hw.trainers.online import Local, Step
from neurotrain_hw.trainers.ottt import pre_trace
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: TargetPropagationSettings, seed: int) -> OnlineTrainer:
    """Difference target propagation on a network."""
    return TargetPropagation(network, constants, seed)


class TargetPropagation(OnlineTrainer):
    """Learns V (n_l, n_{l+1}) and c (n_l,) per hidden layer, too."""

    def __init__(self, network: SpikingNetwork, constants: TargetPropagationSettings, seed: int) -> None:
        super().__init__(network, constants, lambda setting: Targets(setting, constants, self.parameters))
        generator, like = torch.Generator().manual_seed(seed), network.synapses[0].weight
        sizes = network.spec.sizes[1:]
        for k, (n, above) in enumerate(pairwise(sizes)):
            scale = above**-0.5 if constants.feedback_scale is None else constants.feedback_scale
            drawn = scale * torch.randn(n, above, generator=generator, dtype=torch.float64)
            self.parameters[f"feedback{k}"] = torch.nn.Parameter(drawn.to(like))
            self.parameters[f"offset{k}"] = torch.nn.Parameter(like.new_zeros(n))


class Targets(Local):
    """Rates (N, n) of all layers, between two steps of a batch."""

    def __init__(
        self, setting: Setting, constants: TargetPropagationSettings, parameters: dict[str, torch.nn.Parameter]
    ) -> None:
        super().__init__(*setting.common, eligibility=pre_trace(constants), signals=lambda *_: self._told)
        self._constants, self._parameters, self._generator = constants, parameters, setting.generator
        self._rates = [torch.zeros_like(state.v).flatten(1) for state in self.states]
        self._told: list[torch.Tensor] = []
        self.own = {name: torch.zeros_like(parameter.data) for name, parameter in parameters.items()}

    def _learn(self, steps: list[Step], error: torch.Tensor, *, learning: bool) -> None:
        kappa = self._constants.rate_decay
        for rate, step in zip(self._rates, steps, strict=True):
            rate.mul_(kappa).add_(step.after.fired.flatten(1), alpha=1 - kappa)
        target, self._told = self._rates[-1] - self._constants.target_step * error, [error]
        for k in range(len(steps) - 2, -1, -1):
            here, above = self._rates[k], self._rates[k + 1]
            target = here + self._undo(k, target) - self._undo(k, above)
            self._told.insert(0, (here - target).view_as(steps[k].psi))
            # drawn at every step, so that a burn-in changes no other number
            noise = torch.randn(above.shape, generator=self._generator, dtype=above.dtype).to(above.device)
            if learning:
                self._learn_to_undo(k, above + self._constants.noise * noise, here)
        super()._learn(steps, error, learning=learning)

    def _undo(self, k: int, above: torch.Tensor) -> torch.Tensor:
        feedback, offset = self._parameters[f"feedback{k}"], self._parameters[f"offset{k}"]
        return torch.sigmoid(above @ feedback.T + offset)

    def _learn_to_undo(self, k: int, above: torch.Tensor, wanted: torch.Tensor) -> None:
        found = self._undo(k, above)
        wrong = (found - wanted) * found * (1 - found)
        self.own[f"feedback{k}"] += wrong.T @ above
        self.own[f"offset{k}"] += wrong.sum(dim=0)
