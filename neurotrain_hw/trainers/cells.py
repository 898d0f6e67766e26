"""One layer of spiking neurons as the trainers see it: its equations, one step, and its derivative through time.

    v' = beta * v * (1 - s) + I                  reset to zero, in the step after the spike
    v' = beta * v - threshold * s + I            reset by subtraction
    v' = beta * v + I                            no reset, or "once": a neuron that has spiked does not spike again
    A' = threshold + strength * a,   s' = 1 where v' > A', else 0,   a' = rho * a + s'

I, the current: what arrives, c = W x + R s + b; with a synaptic current I' = alpha * I + c; of alpha neurons
v' = tau * (e' - h') with e' = alpha * e + c and h' = beta * h + c, tau = ln(alpha) / ln(beta/alpha) + 1; a reset to
zero clears e and h.

x: spikes of the layer below in this step; s: the layer's own of the step before; v is the membrane before the reset.

What of the reset has a derivative (`ResetGradient`): `constant`, nothing, what it takes away counts as a constant;
`gate`, a neuron that spiked forgets (factor 1 - s), but s is a constant; `full`, s has its pseudo-derivative, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import torch

from neurotrain_hw.networks.chip_state import ChipState
from neurotrain_hw.networks.network import LayerParts, SpikingNetwork
from neurotrain_hw.networks.operators import Bias, Dense, OneToOne, Operator
from neurotrain_hw.trainers import in_time, neurons
from neurotrain_hw.trainers.constants import Layer, ResetGradient
from neurotrain_hw.trainers.events import Columns, Events
from neurotrain_hw.trainers.psi import NEVER, PseudoDerivative

if TYPE_CHECKING:
    from neurotrain_hw.trainers.online import Step

Reset = Literal["zero", "subtract", "none", "once"]
Currents = tuple[torch.Tensor, ...]


@dataclass(frozen=True, eq=False)
class Way:
    """One set of synapses into a layer: its linear map, its weights, and where its spikes come from."""

    operator: Operator
    weight: torch.Tensor
    source: Literal["below", "itself", "constant"]

    def zeros(self, samples: int) -> torch.Tensor:
        """Room for one word per sample and pre neuron, as they arrive: in rows or in maps."""
        shape = self.operator.in_shape
        if self.source == "below":
            shape = self.operator.arrive(self.weight.new_zeros(1, *shape))[0].shape[1:]
        return self.weight.new_zeros(samples, *shape)

    def spikes(self, now: Step) -> torch.Tensor:
        """What arrives in this step."""
        if self.source == "below":
            return now.pre
        return now.before.fired if self.source == "itself" else now.before.v.new_ones(len(now.before.v), 1)

    def gradient(self, signal: torch.Tensor, x: torch.Tensor, now: Step) -> torch.Tensor:
        """Sum over samples of the signal (N, *neurons) times `x`, of the shape of the weights."""
        if now.events is not None and x is now.pre:
            return now.events.gradient(signal)
        return self.operator.weight_gradient(signal, x, now.routes[1] if self.source == "below" else None)


@dataclass(frozen=True, eq=False)
class Cell:
    """Weights, (n_post, n_pre) or as `operator` says, and the neurons' constants.

    `recurrent` (n, n), (n,) from each neuron to itself, or None; `bias` (n,) or (channels,), or None. `strength` and
    `rho`: growth of the threshold per spike, and the share of it that is left a step later. `alpha`: decay of a
    synaptic current, None for none; `double`: alpha neurons. `chip`: the number format of membrane and current, with
    the derivatives of floats. `learned`: decay or threshold are parameters.
    """

    weight: torch.Tensor
    beta: float | torch.Tensor
    threshold: float | torch.Tensor
    psi: PseudoDerivative
    recurrent: torch.Tensor | None = None
    reset: Reset = "zero"
    rho: float = 0.0
    strength: float = 0.0
    operator: Operator | None = None
    bias: torch.Tensor | None = None
    alpha: float | torch.Tensor | None = None
    double: bool = False
    chip: ChipState | None = None
    learned: bool = False

    @cached_property
    def way(self) -> Operator:
        """The linear map from the layer below."""
        return self.operator or Dense((self.weight.shape[1],), (self.weight.shape[0],))

    @cached_property
    def ways(self) -> list[Way]:
        """All its synapses: input, then recurrent, then bias."""
        shape = self.way.out_shape
        found = [Way(self.way, self.weight, "below")]
        if self.recurrent is not None:
            one_to_one = self.recurrent.dim() == 1
            found.append(Way((OneToOne if one_to_one else Dense)(shape, shape), self.recurrent, "itself"))
        if self.bias is not None:
            found.append(Way(Bias((1,), shape), self.bias, "constant"))
        return found

    @cached_property
    def _columns(self) -> Columns:
        """The weights by pre neuron, for lists of spikes."""
        return Columns()

    @property
    def matrices(self) -> list[torch.Tensor]:
        """Its weights, in the order of `ways`."""
        return [way.weight for way in self.ways]

    @property
    def neurons(self) -> int:
        """How many there are."""
        return math.prod(self.way.out_shape)

    @property
    def kinds(self) -> list[Layer]:
        """What a rule must be able to train."""
        found: list[Layer] = ["dense" if isinstance(self.way, Dense) else "conv"]
        if self.recurrent is not None:
            found.append("recurrent")
        if self.strength:
            found.append("adaptive")
        if self.bias is not None:
            found.append("bias")
        if self.reset == "once":
            found.append("once")
        if self.alpha is not None:
            found.append("alpha" if self.double else "synaptic")
        if self.learned:
            found.append("learned")
        if any(isinstance(each, torch.Tensor) and each.numel() > 1 for each in (self.beta, self.alpha)):
            found.append("heterogeneous")
        return found

    def rest(self, samples: int) -> State:
        """Neurons that have never spiked."""
        zero = self.weight.new_zeros(samples, *self.way.out_shape)
        return State(zero, zero, zero, (zero,) * (0 if self.alpha is None else 2 if self.double else 1))

    def step(self, before: State, pre: torch.Tensor) -> State:
        """The state after one step with input spikes `pre` (N, *below); nothing has a derivative."""
        return self.step_with(before, self.way.arrive(pre)[0])[0]

    def events(self, x: torch.Tensor) -> Events | None:
        """What has arrived, as a list of spikes where that pays."""
        return Events.of(x) if isinstance(self.way, Dense) and Events.pays(self.weight) else None

    def step_with(
        self, before: State, x: torch.Tensor, events: Events | None = None
    ) -> tuple[State, torch.Tensor | None]:
        """The same from what has arrived (`events`: as a list), and what a maximum pool behind has let through."""
        current, out = self.drive(x, events)
        if self.recurrent is not None:
            current += self.ways[1].operator.drive(before.fired, self.recurrent)[0]
        if neurons.compiles(self, current):
            v, fired = neurons.step(self, current, before)
            return State(v, fired, before.a), out
        v, currents = self.integrate(before.v, before.fired, before.currents, current, "gate")
        fired, a = self.fire((self.distance(v, before.a) > 0).to(v.dtype), before.a)
        return State(v, fired, a, currents), out

    def fire(self, above: torch.Tensor, a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Spikes and adaptation of neurons that are `above` their threshold."""
        if self.reset == "once":
            fired = above * (1 - a)
            return fired, a + fired.detach()
        return above, self.rho * a + above if self.strength else a

    def drive(self, x: torch.Tensor, events: Events | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Currents of what has arrived from below, and what a maximum pool behind has let through."""
        if events is None:
            return self.way.drive(x, self.weight, self.bias)
        current = events.currents(self.weight, self._columns)
        return current if self.bias is None else current + self.bias, None

    def integrate(
        self, v: torch.Tensor, fired: torch.Tensor, currents: Currents, arriving: torch.Tensor, gradient: ResetGradient
    ) -> tuple[torch.Tensor, Currents]:
        """Membranes and currents after `arriving`, for autograd; `gradient` as above."""
        if self.alpha is None:
            return self._driven(self._kept(v, fired, gradient), self._current(None, arriving)), currents
        first = self._current(currents[0], arriving)
        if not self.double:
            return self._driven(self._kept(v, fired, gradient), first), (first,)
        second = self.beta * currents[1] + arriving
        if self.reset == "zero":
            # as snnTorch's, which clears all a step after the spike, and loses what arrives in it
            left = 1 - fired.detach()
            first, second = first * left, second * left
        return self.tau * (first - second), (first, second)

    def distance(self, v: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        """From the threshold, which `a` has raised, to the membrane."""
        return v - (self.threshold + self.strength * a if self.strength else self.threshold)

    def through_time(self, before: State, slope: torch.Tensor, gradient: ResetGradient) -> torch.Tensor:
        """dv'/dv (N, n_post) of a neuron's own membrane, recurrent synapses left out; `slope` is psi at `before`."""
        if self.reset == "zero":
            if gradient == "constant":
                return torch.full_like(before.v, float(self.beta))
            kept = self.beta * (1 - before.fired)
            return kept if gradient == "gate" else kept - self.beta * before.v * slope
        kept = torch.full_like(before.v, float(self.beta))
        return kept if gradient != "full" or self.reset == "none" else kept - self.threshold * slope

    def _kept(self, v: torch.Tensor, fired: torch.Tensor, gradient: ResetGradient) -> torch.Tensor:
        """What decay and reset leave of the membranes."""
        fired = fired if gradient == "full" else fired.detach()
        decayed = self.beta * v if self.chip is None else self.chip.decayed(v)
        if self.reset in ("none", "once"):
            return decayed
        if self.reset == "subtract":
            return decayed - self.threshold * fired
        return decayed - (decayed * fired).detach() if gradient == "constant" else decayed * (1 - fired)

    def _current(self, before: torch.Tensor | None, arriving: torch.Tensor) -> torch.Tensor:
        """The current, from that of the step before where it has a memory."""
        if self.chip is None:
            return arriving if before is None else self.alpha * before + arriving
        return self.chip.current(None if before is None else self.chip.decayed_current(before), arriving)

    def _driven(self, kept: torch.Tensor, current: torch.Tensor) -> torch.Tensor:
        return kept + current if self.chip is None else self.chip.membrane(kept, current)

    @cached_property
    def tau(self) -> torch.Tensor:
        """Gain of alpha neurons."""
        alpha, beta = (torch.as_tensor(each, dtype=torch.float64) for each in (self.alpha, self.beta))
        return torch.log(alpha) / (torch.log(beta) - torch.log(alpha)) + 1


@dataclass(frozen=True, eq=False)
class State:
    """Membranes before the reset, spikes, adaptation (with the reset "once": spikes so far) and synaptic currents.

    (N, *neurons) each.
    """

    v: torch.Tensor
    fired: torch.Tensor
    a: torch.Tensor
    currents: Currents = ()

    def detached(self) -> State:
        """The same without a way back."""
        currents = tuple(current.detach() for current in self.currents)
        return State(self.v.detach(), self.fired.detach(), self.a.detach(), currents)


def cells_of(network: SpikingNetwork, psi: Sequence[PseudoDerivative]) -> list[Cell]:
    """The layers of a network with the weights that it computes with now, and the gradient path to the shadow."""
    return [_cell(parts, slope) for parts, slope in zip(network.parts(), psi, strict=True)]


def _cell(parts: LayerParts, psi: PseudoDerivative) -> Cell:
    layer = parts.spec
    synapses = [parts.weight, parts.recurrent, parts.bias]
    if layer.neuron == "lapicque":  # v' = beta * v + (1 - beta) * I
        synapses = [None if each is None else (1 - layer.beta) * each for each in synapses]
    weight, recurrent, bias = synapses
    threshold = parts.threshold if layer.learn_threshold and parts.threshold is not None else layer.threshold
    chip = parts.chip
    alpha = layer.alpha if layer.neuron in ("synaptic", "alpha") else None
    return Cell(
        parts.weight if weight is None else weight,
        chip.beta if chip is not None else parts.beta if layer.learn_beta else layer.beta,
        chip.threshold if chip is not None else threshold if layer.spikes else math.inf,
        psi if layer.spikes else NEVER,
        recurrent,
        layer.reset,
        layer.adaptation_decay,
        layer.adaptation,
        parts.operator,
        bias,
        alpha if chip is None or alpha is None else chip.alpha,
        double=layer.neuron == "alpha",
        chip=chip,
        learned=layer.learn_beta or layer.learn_threshold,
    )


def unroll(
    cells: Sequence[Cell], states: Sequence[State], spikes: torch.Tensor, gradient: ResetGradient
) -> tuple[list[torch.Tensor], torch.Tensor, list[State]]:
    """Spikes (T, N, *neurons) of every layer, membranes of the last, and the states at the end, for autograd.

    `spikes` (T, N, *inputs). Layer by layer, so that the currents of all steps are one product.
    """
    layers, ends = [], []
    for cell, start in zip(cells, states, strict=True):
        v, fired, a, currents = start.v, start.fired, start.a, start.currents
        arriving = in_time.currents(cell, spikes)
        if in_time.plain(cell, start):
            spikes, whole = in_time.Neurons.apply(arriving, start, cell, gradient)
            layers.append(spikes)
            ends.append(State(whole[-1], spikes[-1], a))
            continue
        membranes, train = [], []
        for current in arriving:
            if cell.recurrent is not None:
                current = current + cell.ways[1].operator.current(fired, cell.recurrent)
            v, currents = cell.integrate(v, fired, currents, current, gradient)
            fired, a = cell.fire(_Spike.apply(cell.distance(v, a), cell.psi), a)
            membranes.append(v)
            train.append(fired)
        ends.append(State(v, fired, a, currents))
        spikes, whole = torch.stack(train), torch.stack(membranes)
        layers.append(spikes)
    return layers, whole, ends


class _Spike(torch.autograd.Function):
    """1 where u > 0, with psi(u) for a derivative."""

    @staticmethod
    def forward(ctx: Any, u: torch.Tensor, psi: PseudoDerivative) -> torch.Tensor:
        ctx.psi = psi
        ctx.save_for_backward(u)
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        (u,) = ctx.saved_tensors
        return gradients[0] * ctx.psi(u), None
