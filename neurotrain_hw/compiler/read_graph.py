"""A NIR graph, with its meaning, as the network that a Loihi-class chip is to run: `IdealNetwork`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.ideal import FloatArray, IdealInput, IdealLayer, IdealNetwork, IdealSynapses
from neurotrain_hw.compiler.neurons import layer_of, sends_late
from neurotrain_hw.compiler.schedule import scheduled
from neurotrain_hw.compiler.ways import Way, constant, follow, start
from neurotrain_hw.errors import CapacityError, UnsupportedError
from neurotrain_hw.interchange import Graph, Quantisation
from neurotrain_hw.interchange.primitives import NEURONS, SPIKING
from neurotrain_hw.reference.order import find_order

_STATE = (*NEURONS, "Threshold")
_SENDS = (*SPIKING, "Threshold")
_MOST_WAYS = 1000


def read_graph(graph: Graph, chip: Chip, *, nearest: bool = False) -> IdealNetwork:
    """The network of a graph in the chip's equations, its layers in time: depths and delays set.

    What lies between layers of neurons is multiplied out (`ways.py`). Raises UnsupportedError, with node, reason and
    remedy, for what the chip cannot do exactly; with `nearest` a neuron that it lacks (another reset, a floor) becomes
    the nearest that it has, and `IdealLayer.departures` says so.
    """
    reader = _Reader(graph, chip, nearest)
    network = IdealNetwork(
        inputs=tuple(IdealInput(name, _sent(node)) for name, node in graph.nodes.items() if _kind(node) == "Input"),
        layers=tuple(reader.layer(name) for name in reader.order if _kind(graph.nodes[name]) in _STATE),
        synapses=tuple(reader.synapses), outputs=reader.outputs(), dt_s=graph.meaning.dt_s,
        notes=(*graph.notes, *reader.notes),
    )  # fmt: skip
    if not network.layers:
        raise UnsupportedError("the graph has no neurons", where="graph", need="weights, then neurons, such as LIF")
    return scheduled(network, nearest=nearest)


@dataclass(frozen=True, eq=False)
class _Trail:
    """A walk backward from a layer: the node that it stands at, the nodes behind it up to the layer, and the steps that
    these take."""

    at: str
    behind: tuple[str, ...]
    latency: int


class _Reader:
    """Walks from every layer back to the layers and inputs that it takes from."""

    def __init__(self, graph: Graph, chip: Chip, nearest: bool) -> None:
        self.graph, self.chip, self.nearest = graph, chip, nearest
        self.synapses: list[IdealSynapses] = []
        self.notes: list[str] = []
        self._names: set[str] = set(graph.nodes)
        self._used: set[str] = set()
        steps = {name: self._steps(name) for name in graph.nodes}
        self._delay = steps
        first = {name for name, node in graph.nodes.items() if steps[name] > 0 or self._sends_first(name, node)}
        order = find_order(
            graph.nodes, graph.edges, inputs=[n for n, node in graph.nodes.items() if _kind(node) == "Input"],
            first=first, with_state=[n for n, node in graph.nodes.items() if _kind(node) in _STATE],
            loops=graph.meaning.loops,
        )  # fmt: skip
        self.order, self._late = order.nodes, order.late
        self._before: dict[str, list[str]] = {name: [] for name in graph.nodes}
        for pre, post in graph.edges:
            self._before[post].append(pre)

    def layer(self, name: str) -> IdealLayer:
        """A layer of neurons; the synapses onto it are added to `synapses`, their biases to the layer."""
        node = self.graph.nodes[name]
        layer = layer_of(
            name, node, self.graph.meaning.node(name), self.chip, dt_s=self.graph.meaning.dt_s, nearest=self.nearest
        )
        found = [self._synapses(layer, trail) for trail in self._trails(name) if self._begins(trail.at)]
        if not found:
            self.notes.append(f"{name}: nothing arrives at these neurons")
        drive = self._biases(name, layer.n)
        if np.any(layer.current_decay != 0) or layer.reset in ("zero_held", "once"):
            layer = replace(layer, current_bias=layer.current_bias + drive)
        else:
            layer = replace(layer, bias=layer.bias + drive)
        volumes = {way.volume for _, way in found if way.conv is not None}
        if len(volumes) == 1 and len(layer.shape) != 3:
            layer = replace(layer, shape=volumes.pop())
        self.synapses += [synapses for synapses, _ in found]
        return layer

    def outputs(self) -> tuple[str, ...]:
        """The layers that lead to the outputs, with nothing but Flatten between."""
        found: list[str] = []
        for name, node in self.graph.nodes.items():
            if _kind(node) != "Output":
                continue
            for trail in self._trails(name):
                if self._begins(trail.at):
                    between = [inner for inner in trail.behind[:-1] if _kind(self.graph.nodes[inner]) != "Flatten"]
                    if _kind(self.graph.nodes[trail.at]) == "Input" or between or trail.latency:
                        raise UnsupportedError(
                            f"what reaches it comes from '{(between or [trail.at])[0]}', not from neurons",
                            where=f"node '{name}'", need="neurons before the output",
                            remedy="The network must end in neurons: give the last weights a LIF, or an LI to be read.",
                        )  # fmt: skip
                    found.append(trail.at)
        if not found:
            raise UnsupportedError("the graph has no output", where="graph", need="an Output node behind neurons")
        return tuple(dict.fromkeys(found))

    def _trails(self, name: str) -> list[_Trail]:
        """Every walk backward from a node to a node that begins ways, and to each stateless node on them."""
        left = [_Trail(pre, (name,), int((pre, name) in self._late)) for pre in self._before[name]]
        found: list[_Trail] = []
        while left:
            trail = left.pop(0)
            trail = replace(trail, latency=trail.latency + self._delay[trail.at])
            found.append(trail)
            if len(found) > _MOST_WAYS:
                raise CapacityError(
                    "too many ways lead to it", where=f"node '{name}'", need=f"over {_MOST_WAYS}", limit=_MOST_WAYS,
                    remedy="Put neurons where branches meet.",
                )  # fmt: skip
            if not self._begins(trail.at):
                left += [
                    _Trail(pre, (trail.at, *trail.behind), trail.latency + int((pre, trail.at) in self._late))
                    for pre in self._before[trail.at]
                ]
        return found

    def _begins(self, name: str) -> bool:
        return _kind(self.graph.nodes[name]) in ("Input", *_STATE)

    def _synapses(self, layer: IdealLayer, trail: _Trail) -> tuple[IdealSynapses, Way]:
        source = self.graph.nodes[trail.at]
        if _kind(source) != "Input" and _kind(source) not in _SENDS:
            raise UnsupportedError(
                f"is of kind {_kind(source)} and stands before other neurons: a neuron that never spikes sends nothing "
                "on a chip that sends spikes", where=f"node '{trail.at}'",
                need="LI, CubaLI and I only before the output", remedy="Give it a threshold (LIF), or take it out.",
            )  # fmt: skip
        way = start(_sent(source))
        for inner in trail.behind[:-1]:
            quantisation = self.graph.meaning.node(inner).quantisation
            way = follow(way, inner, self.graph.nodes[inner], quantisation)
        self.notes += way.losses
        late = trail.latency + int(self._sends_first(trail.at, source))
        if way.weight is None:
            weight: FloatArray = way.matrix(f"node '{layer.name}'")
            way = replace(way, weight=weight, row_scale=np.ones(len(weight)))
        if layer.unit is not None and way.quantisation is None:
            way = replace(way, quantisation=_whole(way.matrix(f"node '{layer.name}'") / (layer.unit * 64)))
        name = self._name(way.nodes[-1] if way.nodes else f"{trail.at}-{layer.name}", trail.at)
        if way.weight is None or way.row_scale is None:
            raise TypeError("a way has weights now")
        return IdealSynapses(
            name, trail.at, layer.name, way.weight, way.row_scale, way.conv, way.quantisation, latency=late
        ), way

    def _name(self, wanted: str, pre: str) -> str:
        """The name of the last weights on the way, where nothing else bears it."""
        name = wanted if wanted not in self._used else f"{pre}-{wanted}"
        while name in self._used:
            name += "-2"
        self._used.add(name)
        return name

    def _biases(self, name: str, n: int) -> FloatArray:
        """What the biases on all ways to a layer add to its input in every step, (n,)."""
        total = np.zeros(n)
        for trail in self._trails(name):
            if self._begins(trail.at):
                continue
            node = self.graph.nodes[trail.at]
            bias = np.asarray(getattr(node, "bias", 0.0), np.float64)
            if not bias.any():
                continue
            sent = _sent(node)
            values = np.broadcast_to(bias.reshape(-1, *(1,) * (len(sent) - 1)), sent)
            way = start(sent)
            for inner in trail.behind[:-1]:
                way = follow(way, inner, self.graph.nodes[inner], None)
            late = trail.latency
            if late and not self.nearest:
                raise UnsupportedError(
                    f"its bias arrives {late} steps late at '{name}', and a chip's bias acts from the first step on",
                    where=f"node '{trail.at}'", need="no delay behind a bias",
                    remedy="Let it act from the first step on (nearest).",
                )  # fmt: skip
            if late:
                self.notes.append(f"{trail.at}: its bias acts from the first step on, not from step {late + 1}")
            total += constant(way, values, f"node '{trail.at}'")
        return total

    def _sends_first(self, name: str, node: Any) -> bool:
        return _kind(node) in SPIKING and sends_late(self.graph.meaning.node(name))

    def _steps(self, name: str) -> int:
        """Steps by which a node delays what it sends, its own and those of its meaning."""
        node, late = self.graph.nodes[name], self.graph.meaning.node(name).delay_steps
        if _kind(node) != "Delay":
            return late
        steps = np.rint(np.asarray(node.delay, np.float64) / self.graph.meaning.dt_s).reshape(-1)
        if steps.size and np.any(steps != steps[0]):
            raise UnsupportedError(
                f"delays between {steps.min():.0f} and {steps.max():.0f} steps", where=f"node '{name}'",
                need="one delay for all that pass it", remedy="Give values with other delays Delay nodes of their own.",
            )  # fmt: skip
        return late + (int(steps[0]) if steps.size else 0)


def _whole(counts: FloatArray) -> Quantisation | None:
    """The integers of weights that count 64 whole steps of the membrane each, where a chip's 8 bits hold them."""
    if np.any(counts != np.rint(counts)):
        return None
    if counts.size and counts.min() >= -128 and counts.max() <= 127:
        return Quantisation(8, 1 / 64)
    even = not np.any(counts % 2) and counts.min() >= -256 and counts.max() <= 254
    return Quantisation(8, 2 / 64) if even else None


def _sent(node: Any) -> tuple[int, ...]:
    types: Mapping[str, Any] = node.output_type
    return tuple(int(n) for n in np.atleast_1d(next(iter(types.values()))))


def _kind(node: Any) -> str:
    return type(node).__name__
