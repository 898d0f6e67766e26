"""Trainer: a rule at work on a network, batch by batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.activity import Activity
from neurotrain_hw.trainers.cells import Cell, cells_of
from neurotrain_hw.trainers.constants import OnlineSettings, RuleSettings
from neurotrain_hw.trainers.losses import one_hot
from neurotrain_hw.trainers.online import Online, Regime
from neurotrain_hw.trainers.psi import pseudo_derivative
from neurotrain_hw.trainers.signals import random_feedback


@dataclass(frozen=True, eq=False)
class Batch:
    """Spikes uint8 (T, N, inputs), labels int64 (N,), and what is needed to learn from them.

    `update` makes the optimiser apply the gradients that stand in the parameters. `key`: what random numbers of this
    batch are drawn from, so that a resumed run draws the same.
    """

    spikes: torch.Tensor
    labels: torch.Tensor
    update: Callable[[], None]
    key: tuple[int, ...] = (0,)

    def generator(self) -> torch.Generator:
        """Random numbers of this batch, the same at every call."""
        return torch.Generator().manual_seed(int(np.random.SeedSequence(self.key).generate_state(1)[0]))


class Trainer(ABC):
    """What a rule keeps from batch to batch, and how it learns from one.

    `parameters`: what it learns besides the network's weights. `kept`: tensors that it changes in place; a checkpoint
    holds both.
    """

    def __init__(self, network: SpikingNetwork, constants: RuleSettings) -> None:
        self.network = network
        self.parameters: dict[str, torch.nn.Parameter] = {}
        self.kept: dict[str, torch.Tensor] = {}
        spec = network.spec
        # psi is a function of each layer's own threshold
        self._psi = [
            pseudo_derivative(constants.psi, constants.psi_width * layer.threshold, spec.surrogate)
            for layer in spec.layers
        ]

    @abstractmethod
    def learn(self, batch: Batch) -> float:
        """Learn from one batch; the loss per sample (and step, where the loss is one of every step)."""

    def after_epoch(self, shown: Iterable[torch.Tensor]) -> None:  # noqa: B027
        """What a rule does between an epoch and its validation; most do nothing.

        `shown`: training samples, each batch (T, N, inputs) made as it is asked for.
        """

    def cells(self) -> list[Cell]:
        """The layers with the weights of this moment."""
        return cells_of(self.network, self._psi)

    def shadow(self) -> list[torch.nn.Parameter]:
        """The network's parameters in the order of the cells' matrices."""
        return self.network.shadow()

    def shaped(self, spikes: torch.Tensor) -> torch.Tensor:
        """Input spikes (T, N, ...) in the shape that the first layer takes."""
        return spikes.reshape(*spikes.shape[:2], *self.network.spec.input_shape)


@dataclass(frozen=True, eq=False)
class Setting:
    """What an online learner is made from for a batch."""

    cells: list[Cell]
    labels: torch.Tensor
    regime: Regime
    generator: torch.Generator

    @property
    def target(self) -> torch.Tensor:
        """y*, one-hot (N, classes)."""
        last = self.cells[-1]
        return one_hot(self.labels, last.neurons, self.regime.population).to(last.weight.dtype)

    @property
    def common(self) -> tuple[list[Cell], torch.Tensor, Regime]:
        """The arguments of every learner."""
        return self.cells, self.labels, self.regime


class OnlineTrainer(Trainer):
    """A rule that goes through a sample once, step by step, and updates after the batch or after every step.

    The gradient is that of the weights the network computes with, given to the shadow weights (straight-through), and
    through what else lies between: the standardisation of weights, the gain of Lapicque's neurons.
    """

    def __init__(
        self, network: SpikingNetwork, constants: OnlineSettings, learner: Callable[[Setting], Online]
    ) -> None:
        super().__init__(network, constants)
        self._constants, self._learner = constants, learner

    def learn(self, batch: Batch) -> float:
        with torch.no_grad():
            learner = self.start(batch)
            shown = batch.spikes.shape[0] * batch.spikes.shape[1]
            spikes = self.shaped(batch.spikes)
            if self._constants.update == "sample":
                learner.go_through(spikes)
                self._apply(learner, shown, batch)
            else:
                for now in spikes:
                    learner.advance([now])
                    self._apply(learner, shown, batch)
                    learner.go_on_with(self.cells())
            return float(learner.loss.item() / shown)

    def start(self, batch: Batch) -> Online:
        """The state of the rule before the first step of a batch."""
        return self._learner(self.setting(batch))

    def setting(self, batch: Batch) -> Setting:
        """What that state is made from."""
        constants = self._constants
        regime = Regime(constants.loss, constants.gain, constants.burn_in, constants.population, Activity.of(constants))
        return Setting(self.cells(), batch.labels, regime, batch.generator())

    def random_feedback(self, seed: int, *, scale: float | None = None) -> list[torch.Tensor]:
        """Fixed random matrices (n, classes) per hidden layer; the constants' scale goes before `scale`."""
        sizes, weight = self.network.spec.sizes, self.network.synapses[0].weight
        if self._constants.feedback_scale is not None:
            scale = self._constants.feedback_scale
        return random_feedback(sizes[1:-1], sizes[-1], scale=scale, seed=seed, like=weight)

    def spread(self, gradients: list[torch.Tensor]) -> None:
        """Give parameters of the rule's own gradients made from those of the network."""

    def _apply(self, learner: Online, shown: int, batch: Batch) -> None:
        gradients = [gradient / shown for layer in learner.gradients for gradient in layer]
        for parameter, gradient in zip(self.shadow(), self._through(gradients), strict=True):
            parameter.grad = gradient
        for name, own in learner.own.items():
            self.parameters[name].grad = own / shown
        self.spread(gradients)
        batch.update()

    def _through(self, gradients: list[torch.Tensor]) -> list[torch.Tensor]:
        """Gradients by the shadow from those by the weights that the network computes with."""
        layers = self.network.spec.layers
        if not any(layer.weight_standardised or layer.neuron == "lapicque" for layer in layers):
            return gradients
        with torch.enable_grad():
            matrices = [matrix for cell in self.cells() for matrix in cell.matrices]
        return list(torch.autograd.grad(matrices, self.shadow(), gradients))
