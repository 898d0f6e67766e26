"""One step of a network as a Graph: nodes, edges, meaning, notes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import nir
import numpy as np
import torch

from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.interchange import Graph, Meaning, NodeMeaning
from neurotrain_hw.interchange.meaning import Precision
from neurotrain_hw.interchange.primitives import NEURONS
from neurotrain_hw.networks.tracing.layers import WEIGHTED, Made, layer_node
from neurotrain_hw.networks.tracing.neurons import Style, population
from neurotrain_hw.networks.tracing.step import OneStep, Sig
from neurotrain_hw.networks.tracing.terms import Chain, Layer
from neurotrain_hw.reference.order import find_order

Shape = tuple[int, ...]
_IN_WORDS = {
    "zero_delayed": "to 0 one step later, before the update", "zero_held": "to 0 one step later, after the update",
    "subtract_delayed": "by subtraction, one step later", "subtract_pending": "by subtraction", "none": "never",
    "once": "to 0, for the rest of the sample",
}  # fmt: skip


def assemble(step: OneStep, style: Style, precision: Precision) -> Graph:
    """The graph of one step; names of nodes come from the paths of modules, with `_` for every dot."""
    return _Assembly(step, style, precision).graph()


class _Assembly:
    def __init__(self, step: OneStep, style: Style, precision: Precision) -> None:
        self.step, self.style, self.precision = step, style, precision
        self.notes = dict.fromkeys(step.notes)
        self.nodes: dict[str, nir.NIRNode] = {}
        self.meanings: dict[str, NodeMeaning] = {}
        self.edges: dict[tuple[str, str], None] = {}
        self.made: dict[Any, list[str]] = {}
        self.loops: dict[str, str] = {}  # recurrent weights, and the neurons that they belong to
        self.names: dict[Chain, tuple[str, str]] = {}  # where what arrives goes, and who sends

    def graph(self) -> Graph:
        ahead = list(self.step.outputs.values())
        for sig in ahead:  # inputs first, then populations in the order in which forward calls them
            self.inputs(sig)
        for sig in self.step.drives.values():
            self.inputs(sig)
        for chain, sig in reversed(list(self.step.drives.items())):
            self.population(chain, shape_of(sig))
        for chain, sig in self.step.drives.items():
            self.lead(sig, self.names[chain][0])
        several = len(self.step.outputs) > 1
        for name, sig in self.step.outputs.items():
            shape = shape_of(sig)
            full = self.name(f"output_{name}" if several else "output")
            self.nodes[full] = nir.Output({"output": np.array(shape, np.int64)})
            self.lead(sig, full)
        for name in self.loops:
            self.bias_out_of(name)
        self.tell()
        meaning = Meaning(self.style.dt_s, self.meanings, self.precision)
        neurons = [name for name, node in self.nodes.items() if type(node).__name__ in NEURONS]
        inputs = [name for name, node in self.nodes.items() if isinstance(node, nir.Input)]
        order = find_order(self.nodes, self.edges, inputs=inputs, first=(), with_state=neurons, loops="neurons")
        place = {name: k for k, name in enumerate(order.nodes)}
        edges = sorted(self.edges, key=lambda edge: (place[edge[0]], place[edge[1]]))
        network = nir.NIRGraph({name: self.nodes[name] for name in order.nodes}, edges, type_check=False)
        return Graph(network, meaning, tuple(self.notes))

    def inputs(self, sig: Sig) -> None:
        """Input nodes for all inputs that a signature takes; a reshape right behind one goes into its shape."""
        if sig[0] == "reshape" and sig[1][0] == "input" and not _flattening(shape_of(sig[1]), sig[2]):
            self.input(sig[1][1], sig[2], sig)
        elif sig[0] == "input":
            self.input(sig[1], sig[2], sig)
        else:
            for part in _parts(sig):
                self.inputs(part)

    def input(self, name: str, shape: Shape, sig: Sig) -> None:
        if sig in self.made:
            return
        single = len(_inputs_of(self.step)) == 1
        full = "input" if single else name
        if full in self.nodes:
            raise UnsupportedError(f"the input is taken in different shapes, once as {shape}", where=f"input '{name}'")
        if sig[0] == "reshape":
            self.notes[f"input '{full}' has the shape {shape}, in which the module takes it"] = None
        self.nodes[full] = nir.Input({"input": np.array(shape, np.int64)})
        self.made[sig] = [full]

    def population(self, chain: Chain, shape: Shape) -> None:
        read = {sig[0] for sig in self.taken() if sig[1] is chain}
        if read == {"spikes", "v"}:
            raise UnsupportedError(
                "both its spikes and its membrane potential are taken", where=f"module '{chain.path}'",
                remedy="Return one of the two.",
            )  # fmt: skip
        found = population(chain, shape, replace(self.style, silent=read == {"v"}))
        base = chain.path or chain.kind.lower()
        name = self.add(base, found.neurons)
        entry, leaving = name, name
        if found.before is not None:
            entry = self.add(f"{base}.delay", found.before)
            self.edges[entry, name] = None
        if found.after is not None:
            leaving = self.add(f"{base}.graded", found.after)
            self.edges[name, leaving] = None
        if found.loop is not None:
            loop = self.add(f"{base}.recurrent", found.loop)
            self.edges[leaving, loop] = None
            self.edges[loop, name] = None
            self.loops[loop] = name
        self.names[chain] = (entry, leaving)
        self.notes |= dict.fromkeys(found.notes)

    def taken(self) -> list[Sig]:
        """All that is taken of populations, in outputs and drives."""
        found, ahead = [], [*self.step.outputs.values(), *self.step.drives.values()]
        while ahead:
            sig = ahead.pop()
            if sig[0] in ("spikes", "v"):
                found.append(sig)
            ahead += _parts(sig)
        return found

    def lead(self, sig: Sig, target: str) -> None:
        """Edges from all that a signature adds up to a node; what comes twice passes a Scale."""
        sources = self.sources(sig)
        for source in dict.fromkeys(sources):
            times = sources.count(source)
            if times > 1 or (source, target) in self.edges:
                times += (source, target) in self.edges
                self.edges.pop((source, target), None)
                shape = shape_of(sig)
                name = self.add(f"{source}.times", Made(nir.Scale(np.full(shape, times, np.float32))))
                self.edges[source, name] = None
                source = name
            self.edges[source, target] = None

    def sources(self, sig: Sig) -> list[str]:
        """The nodes whose sum a signature is, made where they are not there yet."""
        if sig[0] in ("spikes", "v"):
            return [self.names[sig[1]][1]]
        if sig[0] == "add":
            return [name for part in sig[1] for name in self.sources(part)]
        if sig[0] == "zero":
            return []
        if sig not in self.made:
            self.made[sig] = self.make(sig)
        return self.made[sig]

    def make(self, sig: Sig) -> list[str]:
        if sig[0] == "reshape":
            return self.reshape(sig)
        if sig[0] == "scale":
            return [self.behind(sig[2], self.add(f"{_path(sig[4])}.scale", self.scale(sig)))]
        layer, part, sent = sig[1:]
        norm: Layer | None = None
        if layer.kind == "BatchNorm" and part[0] == "layer" and part[1].kind in WEIGHTED:
            if shape_of(part) != sent or (part[1].kind == "Linear" and len(sent) != 1):
                raise UnsupportedError("does not normalise the channels of the layer before", where=layer.path)
            norm, (layer, part, sent) = layer, part[1:]
        made = layer_node(layer, shape_of(part), sent, norm)
        return [self.behind(part, self.add(layer.path or layer.kind.lower(), made))]

    def behind(self, part: Sig, name: str) -> str:
        """Lead a signature to a node just made."""
        self.lead(part, name)
        return name

    def scale(self, sig: Sig) -> Made:
        (form, values), shape, where = sig[1], sig[3], sig[4]
        factor = torch.tensor(values, dtype=torch.float64).reshape(form).numpy()
        while factor.ndim > len(shape) and factor.shape[0] == 1:
            factor = factor[0]
        try:
            full = np.broadcast_to(factor, shape)
        except ValueError:
            raise UnsupportedError(f"a factor of shape {form} for a signal of {shape}", where=where) from None
        return Made(nir.Scale(full.astype(self.precision)))

    def reshape(self, sig: Sig) -> list[str]:
        part, sent, where = sig[1:]
        taken = shape_of(part)
        if taken == sent:
            return self.sources(part)
        axes = _flattening(taken, sent)
        if axes is None:
            raise UnsupportedError(
                f"turns a signal of {taken} into {sent}", where=where, need="neighbouring axes that become one",
                remedy="NIR can only flatten; give the input in the shape in which it is taken.",
            )  # fmt: skip
        # Counted from the end, axes mean the same whether or not a reader has a batch axis in front.
        start, end = axes[0] - len(taken), axes[1] - len(taken)
        node = nir.Flatten({"input": np.array(taken, np.int64)}, start, end)
        node.output_type = {"output": np.array(sent, np.int64)}
        path = _path(where) if where.endswith("'") else f"{_path(where)}.flatten"
        return [self.behind(part, self.add(path, Made(node)))]

    def add(self, path: str, made: Made) -> str:
        name = self.name(path.strip(".").replace(".", "_"))
        self.nodes[name] = made.node
        if made.meaning is not None:
            self.meanings[name] = made.meaning
        self.notes |= dict.fromkeys(made.notes)
        return name

    def name(self, wanted: str) -> str:
        wanted = wanted.replace("/", "_")
        taken = (*self.nodes, "input")
        if wanted not in taken:
            return wanted
        return next(f"{wanted}_{k}" for k in range(1, len(self.nodes) + 2) if f"{wanted}_{k}" not in taken)

    def bias_out_of(self, loop: str) -> None:
        """Move the bias of recurrent weights to a layer in front, where the same constant arrives in every step.

        Norse and SpikingJelly let nothing come round a loop in the first step, not even a bias.
        """
        node = self.nodes[loop]
        if not np.any(getattr(node, "bias", 0)):
            return
        for pre, post in self.edges:
            before, alone = self.nodes[pre], sum(source == pre for source, _ in self.edges) == 1
            if post == self.loops[loop] and pre != loop and alone and type(before) is type(node):
                before.bias = (before.bias.astype(np.float64) + node.bias).astype(before.bias.dtype)
                node.bias = np.zeros_like(node.bias)
                self.notes[f"the bias of '{loop}' is written into '{pre}': other tools apply it a step late"] = None
                return
        self.notes[f"node '{loop}' has a bias, which Norse and SpikingJelly leave out in the first step"] = None

    def tell(self) -> None:
        """Notes on what other readers of the file will not see."""
        for name, meaning in self.meanings.items():
            if (
                meaning.reset in _IN_WORDS
                and meaning.integration != "none"
                and hasattr(self.nodes[name], "v_threshold")
            ):
                self.notes[
                    f"node '{name}' resets {_IN_WORDS[meaning.reset]} ('{meaning.reset}'); other tools read NIR's "
                    "own, to v_reset in the step of the spike, and will see other spikes"
                ] = None
        self.notes[
            f"time constants are in seconds, for steps of {self.style.dt_s:g} s; other tools must be told the step"
        ] = None


def shape_of(sig: Sig) -> Shape:
    """The shape, without a batch, of what a signature sends."""
    shape: Shape = sig[
        {"input": 2, "zero": 1, "spikes": 3, "v": 3, "layer": 3, "add": 2, "scale": 3, "reshape": 2}[sig[0]]
    ]
    return shape


def _parts(sig: Sig) -> list[Sig]:
    if sig[0] in ("layer", "scale"):
        return [sig[2]]
    if sig[0] == "reshape":
        return [sig[1]]
    return list(sig[1]) if sig[0] == "add" else []


def _inputs_of(step: OneStep) -> set[str]:
    found, ahead = set(), [*step.outputs.values(), *step.drives.values()]
    while ahead:
        sig = ahead.pop()
        if sig[0] == "input":
            found.add(sig[1])
        ahead += _parts(sig)
    if not found:
        raise ValueRangeError("nothing of the input reaches what forward returns", where="module")
    return found


def _flattening(taken: Shape, sent: Shape) -> tuple[int, int] | None:
    """First and last axis of `taken` that become one in `sent`; None where that is not what happens."""
    for start in range(len(taken)):
        for end in range(start + 1, len(taken)):
            if (*taken[:start], math.prod(taken[start : end + 1]), *taken[end + 1 :]) == sent:
                return start, end
    return None


def _path(where: str) -> str:
    """The module's path in a place such as `module 'a.b': flatten`."""
    return where.split("'")[1] if "'" in where else ""
