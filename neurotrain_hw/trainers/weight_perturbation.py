"""Weight perturbation and evolution strategies: forward runs with other weights, and the losses they had.

    weight perturbation, one draw:    gradient = (l(theta + sigma e) - l(theta)) / sigma * e
    evolution strategies, n draws:    gradient = sum_k (l(theta + sigma e_k) - l(theta - sigma e_k)) e_k / (2 n sigma)

e is normal with variance 1, l the loss of whole samples. (Salimans et al., arXiv:1703.03864; from memory.)
"""

from __future__ import annotations

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import losses
from neurotrain_hw.trainers.constants import PerturbationSettings
from neurotrain_hw.trainers.trainer import Batch, Trainer


def trainer(network: SpikingNetwork, constants: PerturbationSettings, seed: int) -> Trainer:
    """Weight perturbation on a network."""
    return Perturbed(network, constants, paired=False)


def evolution(network: SpikingNetwork, constants: PerturbationSettings, seed: int) -> Trainer:
    """Evolution strategies on a network."""
    return Perturbed(network, constants, paired=True)


class Perturbed(Trainer):
    """`paired`: every draw is tried forward and backward, `draws` times; else once, against the weights themselves."""

    def __init__(self, network: SpikingNetwork, constants: PerturbationSettings, *, paired: bool) -> None:
        super().__init__(network, constants)
        self._constants, self._paired = constants, paired

    def learn(self, batch: Batch) -> float:
        with torch.no_grad():
            generator, sigma = batch.generator(), self._constants.sigma
            rest = [weight.data.clone() for weight in self.shadow()]
            total = [torch.zeros_like(weight) for weight in rest]
            loss = self._loss(batch)
            draws = self._constants.draws if self._paired else 1
            for _ in range(draws):
                noise = [torch.randn(w.shape, generator=generator, dtype=w.dtype).to(w) for w in rest]
                higher = self._at(rest, noise, sigma, batch)
                slope = (higher - self._at(rest, noise, -sigma, batch)) / 2 if self._paired else higher - loss
                for one, direction in zip(total, noise, strict=True):
                    one += slope / (sigma * draws) * direction
            self._place(rest)
            for weight, gradient in zip(self.shadow(), total, strict=True):
                weight.grad = gradient
        batch.update()
        return loss

    def _at(self, rest: list[torch.Tensor], noise: list[torch.Tensor], sigma: float, batch: Batch) -> float:
        self._place([weight + sigma * direction for weight, direction in zip(rest, noise, strict=True)])
        return self._loss(batch)

    def _place(self, weights: list[torch.Tensor]) -> None:
        for parameter, weight in zip(self.shadow(), weights, strict=True):
            parameter.data.copy_(weight)

    def _loss(self, batch: Batch) -> float:
        """The mean loss over samples and steps, step by step."""
        cells, constants = self.cells(), self._constants
        states = [cell.rest(len(batch.labels)) for cell in cells]
        target = losses.one_hot(batch.labels, cells[-1].neurons, constants.population).to(cells[-1].weight.dtype)
        total = 0.0
        for now in self.shaped(batch.spikes):
            pre = now.to(target.dtype)
            for k, cell in enumerate(cells):
                states[k] = cell.step(states[k], pre)
                pre = states[k].fired
            out = states[-1]
            found = losses.per_sample(
                constants.loss, out.v, out.fired, target, constants.gain, threshold=cells[-1].threshold,
                population=constants.population,
            )  # fmt: skip
            total += float(found.sum())
        return total / (len(batch.spikes) * len(batch.labels))
