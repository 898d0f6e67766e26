"""An `IdealNetwork` run in the chip's time, in float64, written from its docstrings alone."""

from __future__ import annotations

import numpy as np

from neurotrain_hw.compiler.ideal import IdealNetwork, IdealSynapses

Array = np.ndarray


def chip_time_run(network: IdealNetwork, inputs: dict[str, Array]) -> dict[str, tuple[Array, Array]]:
    """Spikes and membranes (T, n) of every layer in its own window, for inputs (T, n) in the source's numbering.

    What is sent in chip step t arrives in step t + 1 + delay. A layer of depth d begins its window with a state of
    zero; what it sends before its window reaches nobody.
    """
    steps = len(next(iter(inputs.values())))
    total = steps + max(network.depth.values()) + 1
    shapes = {p.name: p.shape for p in (*network.inputs, *network.layers)}
    sent = {name: np.zeros((total + 1, int(np.prod(shape)))) for name, shape in shapes.items()}
    for name, values in inputs.items():
        sent[name][1 : steps + 1] = values
    matrices = {s.name: matrix(s, shapes[s.pre], shapes[s.post]) for s in network.synapses}
    state = {layer.name: [np.zeros(layer.n), np.zeros(layer.n), np.zeros(layer.n, bool)] for layer in network.layers}
    membranes = {layer.name: np.zeros((total + 1, layer.n)) for layer in network.layers}
    for t in range(1, total + 1):
        for layer in network.layers:
            if t <= network.depth[layer.name]:
                continue
            i, v, held = state[layer.name]
            x = layer.current_bias.copy()
            for s in network.onto(layer.name):
                if t - 1 - s.delay >= 1:
                    x += matrices[s.name] @ sent[s.pre][t - 1 - s.delay]
            i = layer.current_decay * i + x
            v = np.where(held, v, layer.decay * v + i + layer.bias)
            fires = (v >= layer.threshold if layer.reached else v > layer.threshold) & ~held
            if layer.reset == "subtract":
                v = v - np.where(fires, layer.threshold, 0)
            else:
                v = np.where(fires, 0, v)
            held = {"zero_held": fires, "once": held | fires}.get(layer.reset, np.zeros(layer.n, bool))
            state[layer.name] = [i, v, held]
            sent[layer.name][t], membranes[layer.name][t] = fires, v
    found = {}
    for layer in network.layers:
        window = slice(network.depth[layer.name] + 1, network.depth[layer.name] + 1 + steps)
        found[layer.name] = (sent[layer.name][window], membranes[layer.name][window] * layer.gain)
    return found


def matrix(s: IdealSynapses, pre: tuple[int, ...], post: tuple[int, ...]) -> Array:
    """The effective weights (n_post, n_pre), a kernel tap by tap."""
    if s.conv is None:
        return s.row_scale[:, None] * s.weight
    c_in, h_in, w_in = pre if len(pre) == 3 else (pre[0], 1, pre[1])
    c_out, h_out, w_out = post if len(post) == 3 else (post[0], 1, post[1])
    (sy, sx), (py, px), (dy, dx) = s.conv.stride, s.conv.padding, s.conv.dilation
    found = np.zeros((c_out, h_out, w_out, c_in, h_in, w_in))
    for o, c, i, k in np.ndindex(*s.weight.shape):
        channel = (o // (c_out // s.conv.groups)) * s.weight.shape[1] + c
        for y, x in np.ndindex(h_out, w_out):
            row, column = y * sy + i * dy - py, x * sx + k * dx - px
            if 0 <= row < h_in and 0 <= column < w_in:
                found[o, y, x, channel, row, column] += s.row_scale[o] * s.weight[o, c, i, k]
    return found.reshape(c_out * h_out * w_out, c_in * h_in * w_in)
