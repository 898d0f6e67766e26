"""e-prop with symmetric feedback: three factors per synapse, forward in time only, memory constant in T.

Per step, for layer l with pre spikes s_i, membrane v_j before the reset, and pseudo-derivative psi:

    x_i  <- beta * x_i + s_i                              pre trace (one per pre neuron)
    L_k   = softmax(gain * v_k) - target_k                output layer: error of its membranes
    M_j   = psi(v_j - threshold) * sum_k W_kj * M_k       hidden layers: the layer above's signal, through its weights
    g_ji += M_j * x_i                                     (output layer: M_k = gain * L_k)

This is e-prop (Bellec et al., Nature Communications 11:3625, 2020) without the filter of the eligibility trace by the
readout; with the reset's derivative left out, x_i is the exact derivative of v_j by w_ji.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch.nn import functional

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.psi import pseudo_derivative
from neurotrain_hw.trainers.settings import EpropSettings


def accumulate(network: SpikingNetwork, spikes: torch.Tensor, labels: torch.Tensor, settings: EpropSettings) -> float:
    """Set every weight's gradient for one batch and return the loss (cross-entropy, mean over steps and samples).

    `spikes` uint8 (T, N, inputs), read one step at a time; `labels` int64 (N,). The gradient is that of the weights
    the network computes with; it is applied to the shadow weights (straight-through).
    """
    with torch.no_grad():
        learner = Eprop(network, network.weights(), labels, settings)
        learner.advance(spikes)
        for module, gradient in zip(network.synapses, learner.gradients, strict=True):
            module.weight.grad = gradient.div_(len(spikes) * len(labels))
        return float(learner.loss) / (len(spikes) * len(labels))


class Eprop:
    """The state of e-prop between two steps of a batch: all that it ever keeps.

    `membranes` (N, n_post) and `traces` (N, n_pre) per layer; `gradients` (n_post, n_pre) per layer and `loss`, both
    summed over samples and steps so far.
    """

    def __init__(
        self, network: SpikingNetwork, weights: Sequence[torch.Tensor], labels: torch.Tensor, settings: EpropSettings
    ) -> None:
        self._network, self._weights, self._gain = network, list(weights), settings.gain
        self._psi = pseudo_derivative(settings, network.spec.surrogate)
        beta = [layer.beta for layer in network.spec.layers]
        self._decays = beta if settings.trace_decay is None else [settings.trace_decay] * len(beta)
        first = self._weights[0]
        self._target = functional.one_hot(labels, network.spec.sizes[-1]).to(first.dtype)
        self.membranes = [first.new_zeros(len(labels), len(w)) for w in self._weights]
        self.traces = [first.new_zeros(len(labels), w.shape[1]) for w in self._weights]
        self.gradients = [torch.zeros_like(w) for w in self._weights]
        self.loss = first.new_zeros(())

    def advance(self, spikes: Iterable[torch.Tensor]) -> None:
        """Go through the given steps, each (N, inputs)."""
        with torch.no_grad():
            for now in spikes:
                self._step(now)

    def _step(self, fired: torch.Tensor) -> None:
        for k, (weight, neurons) in enumerate(zip(self._weights, self._network.neurons, strict=True)):
            fired = fired.to(weight.dtype)
            self.traces[k].mul_(self._decays[k]).add_(fired)
            fired, self.membranes[k] = neurons(functional.linear(fired, weight), self.membranes[k])
        logits = self._gain * self.membranes[-1]
        log_share = functional.log_softmax(logits, dim=1)
        self.loss -= (log_share * self._target).sum()
        signal = self._gain * (log_share.exp() - self._target)
        self.gradients[-1].addmm_(signal.T, self.traces[-1])
        for k in range(len(self._weights) - 2, -1, -1):
            distance = self.membranes[k] - self._network.neurons[k].threshold
            signal = (signal @ self._weights[k + 1]).mul_(self._psi(distance))
            self.gradients[k].addmm_(signal.T, self.traces[k])
