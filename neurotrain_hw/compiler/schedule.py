"""Time: when each layer of a network works on a chip where every connection takes a step.

In the source, what a layer sends reaches the next in the same step (latency 0) or a given number of steps later; on
the chip a step later at least. A layer of depth d therefore does in chip step t + d what the source does in step t, and
a connection is given the delay that makes both agree: latency + depth(post) = depth(pre) + 1 + delay.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurotrain_hw.compiler.ideal import IdealLayer, IdealNetwork, IdealSynapses
from neurotrain_hw.errors import UnsupportedError


def scheduled(network: IdealNetwork, *, nearest: bool = False) -> IdealNetwork:
    """The network with the least depths, at least 1 for layers, and the delays that follow from them.

    Raises UnsupportedError for a loop with more connections than steps, and, unless `nearest`, where biases make
    neurons spike before their first step and a loop would carry that into it.
    """
    depth = {source.name: 0 for source in network.inputs} | {layer.name: 1 for layer in network.layers}
    reached_by: dict[str, str] = {}
    for _ in range(len(network.layers) + 1):
        changed = ""
        for s in network.synapses:
            need = depth[s.pre] + 1 - s.latency
            if need > depth[s.post]:
                depth[s.post], changed = need, s.post
                reached_by[s.post] = s.pre
        if not changed:
            break
    else:
        raise _too_short(reached_by, changed)
    synapses = tuple(replace(s, delay=depth[s.post] - depth[s.pre] + s.latency - 1) for s in network.synapses)
    carried = {s.pre for s in synapses if s.latency}
    layers = tuple(
        _through_current(layer, depth[layer.name], nearest) if layer.name in carried else layer
        for layer in network.layers
    )
    return _with_bias_source(replace(network, synapses=synapses, layers=layers, depth=depth))


def _with_bias_source(network: IdealNetwork) -> IdealNetwork:
    """The network with a neuron that spikes in every step, whose weights are the biases of currents.

    A chip's bias goes to the membrane alone. Two connections carry each layer's, so that what the rounding of the first
    leaves goes to the second. The source has a depth of 0: it begins with the sample.
    """
    biased = [layer for layer in network.layers if layer.current_bias.any()]
    if not biased:
        return network
    taken = {*network.depth, *(s.name for s in network.synapses)}
    source = next(name for name in ("bias", *(f"bias-{k}" for k in range(len(taken) + 1))) if name not in taken)
    one = np.ones(1)
    always = IdealLayer(source, (1,), 0 * one, 0 * one, 0.5 * one, one, 0 * one, one)
    added = tuple(
        IdealSynapses(
            f"{layer.name}-{source}{rest}", source, layer.name, weight.reshape(-1, 1), np.ones(layer.n),
            delay=network.depth[layer.name] - 1,
        )
        for layer in biased
        for rest, weight in (("", layer.current_bias), ("-rest", np.zeros(layer.n)))
    )  # fmt: skip
    layers = tuple(replace(layer, current_bias=np.zeros(layer.n)) for layer in network.layers)
    return replace(
        network, layers=(always, *layers), synapses=(*network.synapses, *added), depth={**network.depth, source: 0}
    )


def _through_current(layer: IdealLayer, depth: int, nearest: bool) -> IdealLayer:
    """A layer that does not spike before its first step, which a loop or a delay would carry into it.

    Where its bias alone would make it spike, the bias comes through its current, from a neuron that begins in time.
    """
    if not _wakes_early(layer, depth):
        return layer
    if np.all(layer.current_decay == 0):
        return replace(layer, bias=np.zeros(layer.n), current_bias=layer.current_bias + layer.bias)
    text = f"its bias alone makes it spike before its first step, {depth} steps ahead, and a loop carries that on"
    if not nearest:
        raise UnsupportedError(
            text, where=f"node '{layer.name}'", need="silence before the sample",
            remedy="Train with a leak potential nearer to 0, or take these spikes into account (--nearest).",
        )  # fmt: skip
    return replace(layer, departures=(*layer.departures, text))


def _too_short(reached_by: dict[str, str], name: str) -> UnsupportedError:
    seen: list[str] = []
    while name not in seen:
        seen.append(name)
        name = reached_by[name]
    loop = [name, *reversed(seen[seen.index(name) :])]
    return UnsupportedError(
        f"the loop {' -> '.join(loop)} has {len(loop) - 1} connections, more steps on a chip than in the graph",
        where=f"node '{name}'", need="as many steps of delay in the loop as it has connections",
        remedy="Put a Delay into the loop, or connect the layer to itself.",
    )  # fmt: skip


def _wakes_early(layer: IdealLayer, depth: int) -> bool:
    """Whether the bias of v alone takes a neuron to its threshold in the steps before the window (1 .. depth)."""
    if not layer.bias.any():
        return False
    v = np.zeros(layer.n)
    for _ in range(depth):
        v = layer.decay * v + layer.bias
        if np.any(v >= layer.threshold * 0.99):  # rounding may take it over
            return True
    return False
