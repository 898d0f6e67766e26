"""Time: when each layer of a network works on a chip where every connection takes a step.

In the source, what a layer sends reaches the next in the same step (latency 0) or a given number of steps later; on
the chip a step later at least. A layer of depth d therefore does in chip step t + d what the source does in step t, and
a connection is given the delay that makes both agree: latency + depth(post) = depth(pre) + 1 + delay.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurotrain_hw.compiler.ideal import IdealLayer, IdealNetwork
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
    synapses = tuple(
        replace(s, delay=depth[s.post] - depth[s.pre] + s.latency - 1) for s in network.synapses
    )
    notes = list(network.notes)
    for layer in network.layers:
        if any(s.pre == layer.name and s.latency for s in synapses) and _wakes_early(layer, depth[layer.name]):
            text = f"{layer.name}: its bias alone makes it spike before its first step, {depth[layer.name]} steps ahead"
            if not nearest:
                raise UnsupportedError(
                    text, where=f"node '{layer.name}'", need="silence before the sample, since a loop carries spikes on",
                    remedy="Train with a smaller bias, or take these spikes into account (nearest).",
                )  # fmt: skip
            notes.append(text)
    return replace(network, synapses=synapses, depth=depth, notes=tuple(notes))


def _too_short(reached_by: dict[str, str], name: str) -> UnsupportedError:
    seen: list[str] = []
    while name not in seen:
        seen.append(name)
        name = reached_by[name]
    loop = [name, *reversed(seen[seen.index(name) :])]
    return UnsupportedError(
        f"the loop {' -> '.join(loop)} has {len(loop) - 1} connections, which take more steps on a chip than in the graph",
        where=f"node '{name}'", need="as many steps of delay in the loop as it has connections",
        remedy="Put a Delay into the loop, or connect the layer to itself.",
    )  # fmt: skip


def _wakes_early(layer: IdealLayer, depth: int) -> bool:
    """Whether biases alone take a neuron over its threshold in the steps before the window (1 .. depth)."""
    if not (layer.bias.any() or layer.current_bias.any()):
        return False
    i, v = np.zeros(layer.n), np.zeros(layer.n)
    for step in range(1, depth + 1):
        # the current's bias comes from a source on the chip, which is heard from the second step on
        i = layer.current_decay * i + (layer.current_bias if step > 1 else 0)
        v = layer.decay * v + i + layer.bias
        if np.any(v > layer.threshold):
            return True
    return False
