"""A graph over time: inputs in, what every node sends and holds out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnknownNameError, ValueRangeError
from neurotrain_hw.interchange.graph import Graph
from neurotrain_hw.interchange.primitives import NEURONS, SPIKING
from neurotrain_hw.reference.neurons import Neurons
from neurotrain_hw.reference.operators import Array, Operator, operator
from neurotrain_hw.reference.order import find_order

_MOST_STEPS = 1 << 20


@dataclass(frozen=True, eq=False)
class Recording:
    """What was recorded, by the name of the node; arrays (T, *shape), or (T, B, *shape) for a batch.

    `sent`: what nodes sent in each step; spikes are 0, 1 or, where a neuron may spike several times in a step, more.
    `v`: membrane potentials at the end of each step. `i`: currents of CubaLI and CubaLIF.
    """

    sent: Mapping[str, Array]
    v: Mapping[str, Array]
    i: Mapping[str, Array]


def run_graph(
    graph: Graph,
    inputs: npt.ArrayLike | Mapping[str, npt.ArrayLike],
    *,
    record: Iterable[str] | None = None,
    states: bool = True,
    precision: Literal["float32", "float64"] | None = None,
) -> Recording:
    """Run a graph from a state of zero, in the way its meaning says.

    `inputs`: by the name of the Input node, or one array where there is one Input; (T, *shape), or (T, B, *shape) for a
    batch, T the same for all. `record`: names of nodes; None records all neurons and outputs. `states`: record v and i,
    too. `precision`: None takes the meaning's. Raises UnknownNameError for nodes that are not there, ValueRangeError
    for inputs of another shape, UnsupportedError for a loop without state or a neuron whose integration is not said.
    """
    given, single = _inputs(graph, inputs)
    precision = precision or graph.meaning.precision
    network = _Network(graph, precision, next(iter(given.values())).shape[1])
    names = _recorded(graph, record)
    sent: dict[str, list[Array]] = {name: [] for name in names}
    v: dict[str, list[Array]] = {name: [] for name in names if states and name in network.neurons}
    i: dict[str, list[Array]] = {name: [] for name in v if network.neurons[name].i is not None}
    for t in range(len(next(iter(given.values())))):
        network.step({name: values[t].astype(precision) for name, values in given.items()})
        for name in names:
            sent[name].append(network.sent[name])
        for name in v:
            v[name].append(network.neurons[name].v)
        for name, kept in i.items():
            kept.append(network.neurons[name].i)  # type: ignore[arg-type]
    return Recording(*(_stacked(parts, single) for parts in (sent, v, i)))


class _Network:
    """The nodes of a graph, ready to run; `sent` holds what each sent in the last step, after its own delay."""

    def __init__(self, graph: Graph, precision: str, batch: int) -> None:
        dt_s = graph.meaning.dt_s
        self.neurons: dict[str, Neurons] = {}
        self.operators: dict[str, Operator] = {}
        self.lines: dict[str, _Line] = {}
        self.sent: dict[str, Array] = {}
        for name, node in graph.nodes.items():
            meaning, kind = graph.meaning.node(name), type(node).__name__
            shape = tuple(int(n) for n in np.atleast_1d(next(iter(node.output_type.values()))))
            self.sent[name] = np.zeros((batch, *shape), precision)
            if kind in NEURONS:
                self.neurons[name] = Neurons(node, meaning, dt_s, precision, batch, where=f"node '{name}'")
            elif kind != "Delay":
                self.operators[name] = operator(node, precision, where=f"node '{name}'")
            steps = np.rint(node.delay / dt_s).astype(np.int64) if kind == "Delay" else np.zeros((), np.int64)
            if kind == "Delay" or meaning.delay_steps:
                self.lines[name] = _Line(steps + meaning.delay_steps, self.sent[name], where=f"node '{name}'")
        first = {name for name, neurons in self.neurons.items() if neurons.sends_first}
        first |= {name for name, line in self.lines.items() if line.least > 0}
        order = find_order(
            graph.nodes, graph.edges, inputs=[n for n, node in graph.nodes.items() if type(node).__name__ == "Input"],
            first=first, with_state=[*self.neurons], loops=graph.meaning.loops,
        )  # fmt: skip
        self.order, self.first = order.nodes, tuple(name for name in graph.nodes if name in first)
        self.on_time: dict[str, list[str]] = {name: [] for name in graph.nodes}
        self.late: dict[str, list[str]] = {name: [] for name in graph.nodes}
        for pre, post in graph.edges:
            (self.late if (pre, post) in order.late else self.on_time)[post].append(pre)

    def step(self, given: Mapping[str, Array]) -> None:
        """One step of time."""
        before = dict(self.sent)
        for neurons in self.neurons.values():
            neurons.decide()
        for name in self.first:
            if name in self.lines:
                self.sent[name] = self.lines[name].out()
            else:
                self.sent[name] = self.neurons[name].sent
        for name in self.order:
            arriving = [self.sent[pre] for pre in self.on_time[name]] + [before[pre] for pre in self.late[name]]
            x = given[name] if name in given else _sum(arriving)
            if name in self.neurons:
                self.neurons[name].take(x)
                result = self.neurons[name].sent
            else:
                result = self.operators[name](x) if name in self.operators else x
            if name in self.lines:
                self.lines[name].put(result)
                if name not in self.first:
                    self.sent[name] = self.lines[name].out()
            else:
                self.sent[name] = result


class _Line:
    """A delay line; steps may differ between the values."""

    def __init__(self, steps: Any, zeros: Array, *, where: str) -> None:
        self.steps = np.broadcast_to(steps, zeros.shape[1:])
        self.least, self.most = int(self.steps.min()), int(self.steps.max())
        if self.most > _MOST_STEPS:
            raise ValueRangeError(
                "delays what it sends too long", where=where, need=f"{self.most} steps", limit=_MOST_STEPS
            )
        self.kept: deque[Array] = deque([zeros] * (self.most + 1), maxlen=self.most + 1)
        self.uniform = self.least == self.most

    def put(self, values: Array) -> None:
        self.kept.appendleft(values)

    def out(self) -> Array:
        """What leaves the line in this step: before `put` where nothing leaves at once, else after it."""
        shift = 1 if self.least > 0 else 0
        if self.uniform:
            return self.kept[self.most - shift]
        result = np.zeros_like(self.kept[0])
        for steps in np.unique(self.steps):
            np.copyto(result, self.kept[int(steps) - shift], where=self.steps == steps)
        return result


def _sum(arriving: list[Array]) -> Array:
    total = arriving[0]
    for values in arriving[1:]:
        total = total + values
    return total


def _inputs(graph: Graph, inputs: npt.ArrayLike | Mapping[str, npt.ArrayLike]) -> tuple[dict[str, Array], bool]:
    """Inputs (T, B, *shape) by name, and whether the user gave a single sample."""
    shapes = {
        name: tuple(int(n) for n in np.atleast_1d(node.input_type["input"]))
        for name, node in graph.nodes.items()
        if type(node).__name__ == "Input"
    }
    if not isinstance(inputs, Mapping):
        if len(shapes) != 1:
            raise ValueRangeError(
                f"one array for {len(shapes)} inputs", where="inputs", need=f"a table of {', '.join(shapes)}"
            )
        inputs = dict.fromkeys(shapes, inputs)
    for name in inputs:
        if name not in shapes:
            raise UnknownNameError("input", name, shapes)
    given, batched = {}, set()
    for name, shape in shapes.items():
        if name not in inputs:
            raise ValueRangeError(f"nothing for the input '{name}'", where="inputs", need=", ".join(shapes))
        values = np.asarray(inputs[name])
        if values.ndim == len(shape) + 1 and values.shape[1:] == shape:
            values = values[:, None]
            batched.add(False)
        elif values.ndim == len(shape) + 2 and values.shape[2:] == shape and values.shape[1] > 0:
            batched.add(True)
        else:
            raise ValueRangeError(
                f"has shape {values.shape}", where=f"inputs of '{name}'", need=f"(T, *{shape}) or (T, B, *{shape})"
            )
        given[name] = values
    if len({values.shape[:2] for values in given.values()}) != 1 or len(batched) != 1:
        raise ValueRangeError(
            "the inputs differ in steps or in samples of a batch", where="inputs", need="the same for all"
        )
    return given, batched == {False}


def _recorded(graph: Graph, record: Iterable[str] | None) -> list[str]:
    if record is None:
        return [n for n, node in graph.nodes.items() if type(node).__name__ in (*SPIKING, *NEURONS, "Output")]
    names = list(dict.fromkeys(record))
    for name in names:
        if name not in graph.nodes:
            raise UnknownNameError("node", name, graph.nodes)
    return names


def _stacked(parts: Mapping[str, list[Array]], single: bool) -> Mapping[str, Array]:
    stacked = {name: np.array(values) for name, values in parts.items()}
    return MappingProxyType(
        {name: values[:, 0] if single and len(values) else values for name, values in stacked.items()}
    )
