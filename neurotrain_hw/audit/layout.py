"""The layout of a network that a rule trains: what the package `memory` counts and places, from sizes alone."""

from __future__ import annotations

import numpy as np

from neurotrain_hw.audit.shape import NetworkShape, Wiring
from neurotrain_hw.chips import Chip
from neurotrain_hw.memory import Group, Layout, Learning, Wire, in_software
from neurotrain_hw.program.fan_in import FanIn, FullFanIn, Ranges
from neurotrain_hw.program.synapses import I64
from neurotrain_hw.rules import Needs

_LIF = ("du", "dv", "vth", "bias_mant", "bias_exp")


def layout_for(network: NetworkShape, chip: Chip, needs: Needs | None, *, generated: bool = False) -> Layout:
    """The layout of inference (`needs` None), or with what a rule keeps and feeds back.

    Neurons are LIF with a current where the chip has one, and parameters that a layer shares. A rule that needs
    feedback of its own has a matrix from all outputs to every hidden layer, unless the network has it already;
    `generated`: drawn from a seed.
    """
    wirings = [w for w in network.wirings if needs is not None or not w.feedback]
    learning = None if needs is None else _learning(needs)
    states = ("u", "v") if in_software(chip) or chip.integer("neuron.u_bits") else ("v",)
    groups = tuple(
        Group(layer.name, layer.neurons, states, dict.fromkeys(_LIF, False), _modulator(network, layer.name, needs))
        for layer in network.layers
        if layer.role != "input"
    )
    wires = [_wire(network, w, learning, generated=generated) for w in wirings]
    if needs is not None and needs.feedback_matrix and not any(w.feedback for w in network.wirings):
        wires += [
            Wire(f"feedback to {layer.name}", "output", layer.name, network.outputs, FullFanIn(network.outputs),
                 network.weight_bits, feedback=True, generated=generated)
            for layer in network.layers
            if layer.role == "hidden"
        ]  # fmt: skip
    return Layout(network.name, groups, tuple(wires))


class EvenFanIn:
    """`synapses` spread evenly over `n_pre` axons and `n_post` neurons, where no more is known of them."""

    def __init__(self, synapses: int, n_pre: int, n_post: int) -> None:
        self._total, self._n_pre, self._n_post = synapses, n_pre, n_post

    def synapses(self, ranges: Ranges) -> int:
        """Each range's share, rounded so that the shares of all neurons sum up to all synapses."""
        return sum(last * self._total // self._n_post - first * self._total // self._n_post for first, last in ranges)

    def by_axon(self, ranges: Ranges) -> tuple[I64, I64]:
        """At most two numbers, which differ by one."""
        each, more = divmod(self.synapses(ranges), self._n_pre)
        sizes, times = np.array([each, each + 1], np.int64), np.array([self._n_pre - more, more], np.int64)
        there = (sizes > 0) & (times > 0)
        return sizes[there], times[there]

    def axons(self, ranges: Ranges) -> int:
        """All, unless there are fewer synapses."""
        return min(self._n_pre, self.synapses(ranges))


def _learning(needs: Needs) -> Learning:
    return Learning(
        needs.pre_traces, needs.post_traces, needs.third_factors, needs.tags, needs.synapse_bits, needs.pre_bits,
        needs.post_bits, engine=needs.form is not None,
    )  # fmt: skip


def _wire(network: NetworkShape, w: Wiring, learning: Learning | None, *, generated: bool) -> Wire:
    n_pre, n_post = network.layer(w.pre).neurons, network.layer(w.post).neurons
    fan_in: FanIn | None = w.fan_in
    if fan_in is None:
        fan_in = FullFanIn(n_pre) if w.synapses == n_pre * n_post else EvenFanIn(w.synapses, n_pre, n_post)
    return Wire(
        f"{w.pre} -> {w.post}", w.pre, w.post, n_pre, fan_in, w.weight_bits, indexed=w.indexed,
        learning=learning if w.learns and not w.feedback else None, feedback=w.feedback,
        generated=w.feedback and (generated or w.generated),
    )  # fmt: skip


def _modulator(network: NetworkShape, name: str, needs: Needs | None) -> str:
    """The signal that a layer's neurons form: output neurons an error, hidden ones the sum of what is fed back."""
    if needs is None or needs.form != "3f" or not needs.signal.startswith(("error", "target", "layer")):
        return ""
    layer = network.layer(name)
    if name not in {w.post for w in network.learning}:
        return ""
    if layer.role == "output":
        return "error"
    return "feedback" if needs.signal not in ("error", "error-triggered") else ""
