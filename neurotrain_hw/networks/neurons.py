"""The neurons of a layer, each a module `neurons(current, *state) -> (out, *state)`: snnTorch's, and two of our own.

In all of them the reset of a spike comes before the next step's input and has no derivative, and the membrane handed
out, the last of `state`, is the one before the reset.
"""

from __future__ import annotations

from collections.abc import Callable

import snntorch
import torch
from snntorch import surrogate as surrogates
from torch import nn

from neurotrain_hw.networks.chip_state import ChipState
from neurotrain_hw.networks.spec import LayerSpec, Reset, Shape, Surrogate

# how many tensors a neuron carries from step to step
STATES = {"lif": 1, "lapicque": 1, "synaptic": 2, "alpha": 3, "adaptive": 3, "integrator": 1}
SpikeFunction = Callable[[torch.Tensor], torch.Tensor]


def neurons_of(layer: LayerSpec, shape: Shape, surrogate: Surrogate) -> nn.Module:
    """The module for a layer's neurons, which have `shape`."""
    # one value per neuron, because NIR's parameters have the layer's shape; per channel where that is what is learned
    size = shape if len(shape) == 1 else (shape[0], 1, 1)
    beta, threshold = torch.full(size, layer.beta), torch.full(size, layer.threshold)
    if layer.state is not None:
        return ChipNeurons(layer, spike_function(surrogate))
    if layer.neuron == "integrator":
        return Integrator(beta, learn_beta=layer.learn_beta)
    spike = spike_function(surrogate)
    if layer.neuron == "adaptive":
        return Adaptive(layer, beta, threshold, spike)
    common = {
        "threshold": threshold,
        "spike_grad": spike,
        "reset_mechanism": "none" if layer.reset == "once" else layer.reset,
        "learn_threshold": layer.learn_threshold,
    }
    made: snntorch.SpikingNeuron
    if layer.neuron == "lapicque":
        made = Lapicque(R=1.0, C=1 / (1 - layer.beta), **common)
    elif layer.neuron == "alpha":
        made = snntorch.Alpha(alpha=torch.full(size, layer.alpha), beta=beta, **common)
    elif layer.neuron == "synaptic":
        made = Synaptic(alpha=torch.full(size, layer.alpha), beta=beta, learn_beta=layer.learn_beta, **common)
    else:
        # With "zero" the delay changes no spike: it only says whether the membrane handed out is the one before the
        # reset (True: what pseudo-derivatives and losses read) or after it.
        made = snntorch.Leaky(beta=beta, learn_beta=layer.learn_beta, reset_delay=True, **common)
    # snnTorch keeps every neuron ever made in a class list, which would hold the networks of a campaign in memory
    snntorch.SpikingNeuron.instances.remove(made)
    return Once(made) if layer.reset == "once" else made


def rest(layer: LayerSpec, current: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The state of neurons that have had no input, for currents (N, *shape)."""
    more = (layer.state is not None) + (layer.reset == "once")
    return tuple(torch.zeros_like(current) for _ in range(STATES[layer.neuron] + more))


def spike_function(surrogate: Surrogate) -> SpikeFunction:
    """snnTorch's surrogate gradient as a function of the membrane's distance from its threshold."""
    if surrogate.kind == "atan":
        return surrogates.atan(alpha=surrogate.slope)  # type: ignore[no-any-return]
    return surrogates.fast_sigmoid(slope=surrogate.slope)  # type: ignore[no-any-return]


class Synaptic(snntorch.Synaptic):
    """snnTorch's Synaptic, whose "zero" clears the membrane before it takes its input, as Leaky's does.

    snnTorch's own clears it after, and so loses the input of one step.
    """

    mem: torch.Tensor

    def _base_zero(self, current: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.mem = (1 - self.reset) * self.mem
        made: tuple[torch.Tensor, torch.Tensor] = self._base_state_function(current)
        return made


class Lapicque(snntorch.Lapicque):
    """snnTorch's Lapicque, v' = beta*v + (1 - beta)*I with R = 1, C = 1 / (1 - beta); "zero" as in Synaptic."""

    mem: torch.Tensor

    def _base_zero(self, current: torch.Tensor) -> torch.Tensor:
        self.mem = (1 - self.reset) * self.mem
        made: torch.Tensor = self._base_state_function(current)
        return made


class Once(nn.Module):
    """Neurons whose first spike is their only one; the state is (whether they have spiked, *theirs)."""

    def __init__(self, neurons: nn.Module) -> None:
        super().__init__()
        self.neurons = neurons

    @property
    def beta(self) -> torch.Tensor:
        """Decay of the membrane."""
        found: torch.Tensor = self.neurons.beta
        return found

    @property
    def threshold(self) -> torch.Tensor:
        """Where they spike."""
        found: torch.Tensor = self.neurons.threshold
        return found

    def forward(self, current: torch.Tensor, done: torch.Tensor, *state: torch.Tensor) -> tuple[torch.Tensor, ...]:
        above, *after = self.neurons(current, *state)
        fired = above * (1 - done)
        return (fired, done + fired.detach(), *after)


class Adaptive(nn.Module):
    """LIF neurons whose threshold grows with every spike; the state is (spikes, adaptation, membrane).

    v' = beta*v*(1 - s) + I (reset to zero), s' = 1 where v' > threshold + strength*a, a' = rho*a + s'.
    (ALIF of Bellec et al., Nature Communications 11:3625, 2020, with the reset that the layer asks for.)
    """

    def __init__(self, layer: LayerSpec, beta: torch.Tensor, threshold: torch.Tensor, spike: SpikeFunction) -> None:
        super().__init__()
        hold(self, "beta", beta, learned=layer.learn_beta)
        hold(self, "threshold", threshold, learned=layer.learn_threshold)
        self.strength, self.rho = layer.adaptation, layer.adaptation_decay
        self.reset: Reset = layer.reset
        self.spike_grad = spike

    def forward(
        self, current: torch.Tensor, fired: torch.Tensor, adaptation: torch.Tensor, membrane: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        before, beta = fired.detach(), self.beta.clamp(0, 1)
        if self.reset == "zero":
            membrane = beta * membrane * (1 - before) + current
        elif self.reset == "subtract":
            membrane = beta * membrane - self.threshold * before + current
        else:
            membrane = beta * membrane + current
        fired = self.spike_grad(membrane - (self.threshold + self.strength * adaptation))
        return fired, fired, self.rho * adaptation + fired, membrane


class Integrator(nn.Module):
    """Neurons that never spike and send their membrane, v' = beta*v + I."""

    def __init__(self, beta: torch.Tensor, *, learn_beta: bool) -> None:
        super().__init__()
        hold(self, "beta", beta, learned=learn_beta)

    def forward(self, current: torch.Tensor, membrane: torch.Tensor) -> tuple[torch.Tensor, ...]:
        membrane = self.beta.clamp(0, 1) * membrane + current
        return membrane, membrane


class ChipNeurons(nn.Module):
    """LIF neurons in the number format of a chip, with or without a synaptic current; `chip` is set for the weights of
    the moment. The state is (spikes, membrane), or (spikes, current, membrane).
    """

    def __init__(self, layer: LayerSpec, spike: SpikeFunction) -> None:
        super().__init__()
        self.current = layer.neuron == "synaptic"
        self.spike_grad = spike
        self.chip: ChipState

    def forward(self, arriving: torch.Tensor, *state: torch.Tensor) -> tuple[torch.Tensor, ...]:
        chip, fired, membrane = self.chip, state[0].detach(), state[-1]
        current = chip.current(chip.decayed_current(state[1]) if self.current else None, arriving)
        membrane = chip.membrane(chip.decayed(membrane) * (1 - fired), current)
        fired = self.spike_grad(membrane - chip.threshold)
        return (fired, fired, current, membrane) if self.current else (fired, fired, membrane)


def hold(module: nn.Module, name: str, value: torch.Tensor, *, learned: bool) -> None:
    """Keep a tensor as a parameter if it is learned, else as a buffer."""
    if learned:
        module.register_parameter(name, nn.Parameter(value))
    else:
        module.register_buffer(name, value)
