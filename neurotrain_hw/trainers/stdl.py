"""STDL-style: subnetworks, each taught through an auxiliary network made of later layers, at every step anew.

The network is cut into subnetworks. Behind each but the last stands an auxiliary network: copies of later layers, with
weights of their own, and a linear head y = H s (which layers: `trainers/auxiliary.py`). Within a step

    loss of a subnetwork = CE(softmax(y), y*),   of the last the loss on the network's own outputs
    L_l = (L_{l+1} * psi_{l+1}) W_{l+1} back through the subnetwork and its auxiliary network
    g_ji += psi_j * L_j * x_i

and nothing passes from one subnetwork to the one below. Temporal dependencies are dropped: membranes of the step before
are constants, and x_i is the spike of this step alone (`trace_decay` 0, as SLTT); another decay makes it a trace, as
OTTT has. Auxiliary networks run beside the network in learning alone, in floats.

Reconstructed from the abstract of arXiv:2506.01117 (partition, auxiliary networks of the largest subset of subsequent
layers under a memory constraint, online learning without temporal dependencies); no text or code of it was at hand. The
spacing of the copies is AugLocal's; the gradient of a step, the loss and the count of bytes are ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from neurotrain_hw.networks.network import SpikingNetwork, operator_of
from neurotrain_hw.trainers.auxiliary import Subnetwork, subnetworks
from neurotrain_hw.trainers.cells import Cell
from neurotrain_hw.trainers.constants import StdlSettings
from neurotrain_hw.trainers.online import Eligibility, Online, Step
from neurotrain_hw.trainers.ottt import pre_trace
from neurotrain_hw.trainers.trainer import OnlineTrainer, Setting


def trainer(network: SpikingNetwork, constants: StdlSettings, seed: int) -> OnlineTrainer:
    """STDL-style learning on a network."""
    return Stdl(network, constants, seed)


class Stdl(OnlineTrainer):
    """Learns the auxiliary networks, too: `aux<subnetwork>.<layer>`, its `.bias`, and `head<subnetwork>`.

    Copies start uniform within +-sqrt(6 / n_pre), as layers do, biases at 0, heads normal with 1 / sqrt(n).
    """

    def __init__(self, network: SpikingNetwork, constants: StdlSettings, seed: int) -> None:
        super().__init__(
            network, constants, lambda setting: Cut(setting, constants, self.subnetworks, self._auxiliaries(setting))
        )
        self.subnetworks, spec = subnetworks(network.spec, constants), network.spec
        self._classes = spec.sizes[-1] // constants.population
        generator, like = torch.Generator().manual_seed(seed), network.synapses[0].weight
        self._copies: list[list[Cell]] = []
        cells = self.cells()
        for g, part in enumerate(self.subnetworks[:-1]):
            shape, copies = spec.shapes[part.layers[-1] + 1], []
            for k in part.copied:
                operator = operator_of(spec.layers[k], shape)
                bound = (6.0 / spec.layers[k].fan_in(shape)) ** 0.5
                drawn = torch.empty(operator.weight_shape, dtype=like.dtype).uniform_(
                    -bound, bound, generator=generator
                )
                weight = drawn.to(like.device)
                self.parameters[f"aux{g}.{k}"] = torch.nn.Parameter(weight)
                bias = cells[k].bias
                if bias is not None:
                    self.parameters[f"aux{g}.{k}.bias"] = torch.nn.Parameter(torch.zeros_like(bias))
                copies.append(replace(cells[k], weight=weight, operator=operator, bias=None))
                shape = operator.out_shape
            self._copies.append(copies)
            n = math.prod(shape)
            head = n**-0.5 * torch.randn(self._classes, n, generator=generator, dtype=torch.float64)
            self.parameters[f"head{g}"] = torch.nn.Parameter(head.to(like))

    def _auxiliaries(self, setting: Setting) -> list[Auxiliary]:
        """The auxiliary networks with the weights of this moment, before the first step."""
        found = []
        for g, (part, copies) in enumerate(zip(self.subnetworks, self._copies, strict=False)):
            names = [[f"aux{g}.{k}", f"aux{g}.{k}.bias"] for k in part.copied]
            cells = [
                replace(cell, weight=self.parameters[weight].data, bias=_data(self.parameters.get(bias)))
                for cell, (weight, bias) in zip(copies, names, strict=True)
            ]
            found.append(Auxiliary(cells, [[n for n in pair if n in self.parameters] for pair in names], f"head{g}",
                                   self.parameters[f"head{g}"].data, len(setting.labels)))  # fmt: skip
        return found


class Auxiliary:
    """Copies of layers and a head, between two steps of a batch; `names` and `head_name`: of their parameters."""

    def __init__(
        self, cells: list[Cell], names: list[list[str]], head_name: str, head: torch.Tensor, samples: int
    ) -> None:
        self.cells, self.names, self.head_name, self.head = cells, names, head_name, head
        self.states = [cell.rest(samples) for cell in cells]

    def run(self, pre: torch.Tensor) -> list[Step]:
        """What the copies do in a step."""
        steps = []
        for k, cell in enumerate(self.cells):
            before = self.states[k]
            x, into = cell.way.arrive(pre)
            after, out = cell.step_with(before, x)
            psi = cell.psi(cell.distance(after.v, before.a))
            steps.append(Step(x, before, after, psi, psi, psi, (into, out)))
            self.states[k] = after
            pre = after.fired
        return steps


@dataclass(frozen=True, eq=False)
class Chain:
    """Layers of one subnetwork or its auxiliary network in a step, with what their synapses remember."""

    cells: Sequence[Cell]
    steps: Sequence[Step]
    traces: Sequence[Sequence[Eligibility]]
    gradients: Sequence[Sequence[torch.Tensor]]

    def back(self, signal: torch.Tensor, *, below: bool) -> torch.Tensor:
        """Add the gradients of a signal (N, *neurons) at the last layer; the signal at the first, or `below` it."""
        for k in range(len(self.cells) - 1, -1, -1):
            cell, step = self.cells[k], self.steps[k]
            for trace, gradient in zip(self.traces[k], self.gradients[k], strict=True):
                gradient += trace.gradient(signal, step)
            if k or below:
                signal = cell.way.back(signal * step.slope, cell.weight, step.routes)
        return signal


class Cut(Online):
    """The network and its auxiliary networks between two steps of a batch."""

    def __init__(
        self, setting: Setting, constants: StdlSettings, parts: Sequence[Subnetwork], auxiliaries: list[Auxiliary]
    ) -> None:
        super().__init__(*setting.common)
        trace, samples = pre_trace(constants), len(setting.labels)
        self._parts, self._auxiliaries = parts, auxiliaries
        self._traces = [[trace(cell, False, way, samples) for way in cell.ways] for cell in self.cells]
        self._copied = [
            [[trace(cell, False, way, samples) for way in cell.ways] for cell in one.cells] for one in auxiliaries
        ]
        for one in auxiliaries:
            for cell, names in zip(one.cells, one.names, strict=True):
                self.own |= {name: torch.zeros_like(m) for name, m in zip(names, cell.matrices, strict=True)}
            self.own[one.head_name] = torch.zeros_like(one.head)

    def _learn(self, steps: list[Step], error: torch.Tensor, *, learning: bool) -> None:
        _remember(self.cells, steps, self._traces)
        for part, one, traces in zip(self._parts, self._auxiliaries, self._copied, strict=False):
            after = steps[part.layers[-1]].after.fired
            ran = one.run(after)
            _remember(one.cells, ran, traces)
            if not learning:
                continue
            seen = (ran[-1].after.fired if ran else after).flatten(1)
            wrong = torch.softmax(seen @ one.head.T, dim=1) - self._wanted
            self.own[one.head_name] += wrong.T @ seen
            gradients = [[self.own[name] for name in names] for names in one.names]
            signal = (wrong @ one.head).view_as(ran[-1].psi if ran else after)
            signal = Chain(one.cells, ran, traces, gradients).back(signal, below=True)
            self._chain(part, steps).back(signal, below=False)
        if learning:
            self._chain(self._parts[-1], steps).back(error, below=False)

    @property
    def _wanted(self) -> torch.Tensor:
        """y* by class."""
        return self.target[:, :: self.regime.population]

    def _chain(self, part: Subnetwork, steps: list[Step]) -> Chain:
        layers = slice(part.layers[0], part.layers[-1] + 1)
        return Chain(self.cells[layers], steps[layers], self._traces[layers], self.gradients[layers])


def _remember(cells: Sequence[Cell], steps: Sequence[Step], traces: Sequence[Sequence[Eligibility]]) -> None:
    for cell, step, group in zip(cells, steps, traces, strict=True):
        for way, trace in zip(cell.ways, group, strict=True):
            trace.update(way.spikes(step), step)


def _data(parameter: torch.nn.Parameter | None) -> torch.Tensor | None:
    return None if parameter is None else parameter.data
