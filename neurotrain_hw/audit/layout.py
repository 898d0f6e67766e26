"""The layout of a network that a rule trains: what the package `memory` counts and places, from sizes alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from neurotrain_hw.audit.shape import NetworkShape, Wiring
from neurotrain_hw.chips import Chip
from neurotrain_hw.memory import Group, Layout, Learning, Wire, in_software
from neurotrain_hw.memory.layout import Copies
from neurotrain_hw.memory.widths import MODULATOR_BITS
from neurotrain_hw.program.fan_in import FanIn, FullFanIn, Ranges
from neurotrain_hw.program.synapses import I64
from neurotrain_hw.rules import Needs
from neurotrain_hw.rules.signals import FORMS

_LIF = ("du", "dv", "vth", "bias_mant", "bias_exp")


def layout_for(network: NetworkShape, chip: Chip, needs: Needs | None, *, generated: bool = False) -> Layout:
    """The layout of inference (`needs` None), or with what a rule keeps and feeds back.

    Neurons are LIF with a current where the chip has one, and parameters that a layer shares. A rule that needs
    feedback has a matrix from all outputs to every hidden layer, a readout for each, or the last readout's weights
    backward, unless the network has it already; `generated`: what is fixed is drawn from a seed.
    """
    wirings = [w for w in network.wirings if needs is not None or not w.feedback]
    learning = None if needs is None else _learning(needs)
    states = ("u", "v") if in_software(chip) or chip.integer("neuron.u_bits") else ("v",)
    groups = [_group(layer.name, layer.neurons, states, *_modulator(network, layer.name, needs))
              for layer in network.layers if layer.role != "input"]  # fmt: skip
    wires = [_wire(network, w, learning, generated=generated) for w in wirings]
    if needs is not None and learning is not None and not any(w.feedback for w in network.wirings):
        for layer in network.layers:
            if layer.role == "hidden":
                wires += _feedback(network, layer.name, needs, learning, generated=generated)
                if needs.signal == "layer-local":
                    groups.append(_group(_local(layer.name), network.outputs, states, "error", 0))
    return Layout(network.name, tuple(groups), tuple(wires))


def _group(name: str, neurons: int, states: tuple[str, ...], modulator: str, bits: int) -> Group:
    return Group(name, neurons, states, dict.fromkeys(_LIF, False), modulator, bits)


def _local(layer: str) -> str:
    """The name of a layer's own readout."""
    return f"readout of {layer}"


def _feedback(
    network: NetworkShape, layer: str, needs: Needs, learning: Learning, *, generated: bool
) -> Iterator[Wire]:
    """What brings the signal to a hidden layer where the network's own connections do not."""
    outputs, bits, neurons = network.outputs, network.weight_bits, network.layer(layer).neurons
    back = Wire(f"feedback to {layer}", "output", layer, outputs, FullFanIn(outputs), bits, feedback=True,
                generated=generated)  # fmt: skip
    if needs.signal == "layer-local":
        readout = Wire(f"{layer} -> its readout", layer, _local(layer), neurons, FullFanIn(neurons), bits,
                       generated=generated)  # fmt: skip
        yield from (readout, replace(back, pre=_local(layer), copies="fixed"))
    elif needs.weight_transport and needs.form is not None:
        for w in network.wirings:
            if w.pre == layer and network.layer(w.post).role == "output":
                copies: Copies = "fixed" if w.on_grid else "learned"
                if needs.feedback_matrix:  # weights of its own, which learn beside those of the readout
                    yield replace(
                        _wire(network, w, learning, generated=False), name=f"mirror of {w.pre}", feedback=True
                    )
                yield replace(back, weight_bits=w.weight_bits, generated=False, copies=copies)
    elif needs.feedback_matrix:
        yield back


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
    fixed = w.feedback and not w.learns and not w.copies
    return Wire(
        f"{w.pre} -> {w.post}", w.pre, w.post, n_pre, fan_in, w.weight_bits, indexed=w.indexed,
        learning=_kept(learning, w), feedback=w.feedback, generated=fixed and (generated or w.generated),
        copies=w.copies,
    )  # fmt: skip


def _kept(learning: Learning | None, w: Wiring) -> Learning | None:
    if learning is None or not w.learns:
        return None
    return replace(learning, weight_bits=w.weight_bits if w.on_grid else None)


def _modulator(network: NetworkShape, name: str, needs: Needs | None) -> tuple[str, int]:
    """The signal that a layer's neurons form, and its state in bits: outputs an error, where errors are fed back."""
    form = None if needs is None or needs.form != "3f" else FORMS.get(needs.signal)
    if needs is None or form is None or name not in {w.post for w in network.learning}:
        return "", 0
    output = network.layer(name).role == "output"
    if form == "feedback" and output:
        return "error", MODULATOR_BITS["error"]
    return ("", 0) if form == "error" and not output else (form, needs.signal_bits)
