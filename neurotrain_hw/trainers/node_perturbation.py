"""Node perturbation: noise on every neuron's input current, and the change of the loss that it made, told to all alike.

    E_ji += xi_j[t] * s_i[t],   g_ji += (l_t(xi) - l_t(0)) / sigma^2 * E_ji        s_i: of the disturbed run

with a loss of every step, which noise up to that step has changed. On average the gradient of the disturbed network's
expected loss, exactly. (Fiete and Seung, Physical Review Letters 97, 2006; from memory. One word per synapse.)
"""

from __future__ import annotations

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import losses
from neurotrain_hw.trainers.cells import State
from neurotrain_hw.trainers.constants import PerturbationSettings
from neurotrain_hw.trainers.online import Online, Step
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: PerturbationSettings, seed: int) -> OnlineTrainer:
    """Node perturbation on a network."""
    return OnlineTrainer(network, constants, lambda setting: Disturbed(setting, constants.sigma))


class Disturbed(Online):
    """The network and its disturbed double, between two steps of a batch."""

    def __init__(self, setting: Setting, sigma: float) -> None:
        super().__init__(*setting.common)
        self._sigma, self._generator = sigma, setting.generator
        self._doubles = list(self.states)
        samples = len(setting.labels)
        self._noisy = [cell.weight.new_zeros(samples, *cell.weight.shape) for cell in self.cells]

    def _learn(self, steps: list[Step], error: torch.Tensor, *, learning: bool) -> None:
        pre = steps[0].pre
        for k, cell in enumerate(self.cells):
            before = self._doubles[k]
            # on a membrane that has decayed, noise is noise on the current
            calm = cell.step(before, pre)
            noise = self._sigma * torch.randn(calm.v.shape, generator=self._generator, dtype=calm.v.dtype).to(calm.v)
            v = calm.v + noise
            self._doubles[k] = State(v, (cell.distance(v, before.a) > 0).to(v.dtype), before.a)
            self._noisy[k] += noise.unsqueeze(2) * pre.unsqueeze(1)
            pre = self._doubles[k].fired
        if learning:
            worse = self._loss(self._doubles[-1]) - self._loss(steps[-1].after)
            for gradients, noisy in zip(self.gradients, self._noisy, strict=True):
                gradients[0] += torch.einsum("n,nji->ji", worse / self._sigma**2, noisy)

    def _loss(self, out: State) -> torch.Tensor:
        regime = self.regime
        return losses.per_sample(
            regime.loss, out.v, out.fired, self.target, regime.gain, threshold=self.cells[-1].threshold,
            population=regime.population,
        )  # fmt: skip
