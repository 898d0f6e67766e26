"""FPTT: an update at several points of a sample, each from one step alone, with a pull towards the weights' mean.

    loss_t = (t/T) * l(out_t, y*) - sum theta * lambda + alpha/2 * |theta - mean|^2        graph cut at every update
    then   lambda <- lambda - alpha * (theta - mean)
           mean   <- (1 - beta) * mean + beta * theta - beta/alpha * lambda

(Kag and Saligrama, ICML 2021; Yin, Corradi and Bohte, Nature Machine Intelligence 2023; update as in sFPTT's code with
rho = 0.) The authors' neurons learn their time constants from the input; these are the network's own.
"""

from __future__ import annotations

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers import losses
from neurotrain_hw.trainers.cells import unroll
from neurotrain_hw.trainers.constants import FpttSettings
from neurotrain_hw.trainers.trainer import Batch, Trainer


def trainer(network: SpikingNetwork, constants: FpttSettings, seed: int) -> Trainer:
    """FPTT on a network."""
    return Fptt(network, constants)


class Fptt(Trainer):
    """Keeps two copies of every weight: `lambda` and the running mean, across samples."""

    def __init__(self, network: SpikingNetwork, constants: FpttSettings) -> None:
        super().__init__(network, constants)
        self._constants = constants
        for k, weight in enumerate(self.shadow()):
            self.kept[f"lambda{k}"] = torch.zeros_like(weight.data)
            self.kept[f"mean{k}"] = weight.data.clone()

    def learn(self, batch: Batch) -> float:
        loss, done = 0.0, 0
        states = [cell.rest(len(batch.labels)) for cell in self.cells()]
        parts = min(self._constants.parts or len(batch.spikes), len(batch.spikes))
        for part in self.shaped(batch.spikes).tensor_split(parts):
            self.network.zero_grad()
            cells = self.cells()
            layers, v, states = unroll(cells, states, part, self._constants.reset_gradient)
            done += len(part)
            constants = self._constants
            target = losses.one_hot(batch.labels, v.shape[2], constants.population).to(v.dtype)
            found = losses.over_steps(
                constants.loss, v[-1:], layers[-1][-1:], target, constants.gain, threshold=cells[-1].threshold,
                population=constants.population,
            ) / len(target)  # fmt: skip
            (found * (done / len(batch.spikes))).backward()
            loss += float(found.detach()) / parts
            self._pull()
            batch.update()
            self._follow()
            states = [state.detached() for state in states]
        return loss

    def _pull(self) -> None:
        """Add the derivative of the terms in the weights alone."""
        for k, weight in enumerate(self.shadow()):
            away = weight.data - self.kept[f"mean{k}"]
            weight.grad = self._constants.alpha * away - self.kept[f"lambda{k}"] + weight.grad

    def _follow(self) -> None:
        alpha, beta = self._constants.alpha, self._constants.beta
        for k, weight in enumerate(self.shadow()):
            pull, mean = self.kept[f"lambda{k}"], self.kept[f"mean{k}"]
            pull.sub_(alpha * (weight.data - mean))
            mean.mul_(1 - beta).add_(beta * weight.data - beta / alpha * pull)
