"""Quantised layers as a whole network in whole numbers, many samples at a time: Lava's equations, nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neurotrain_hw.compiler.ideal import IdealNetwork
from neurotrain_hw.compiler.integers import IntegerLayer


def integer_spikes(network: IdealNetwork, layers: Mapping[str, IntegerLayer], x: np.ndarray) -> dict[str, np.ndarray]:
    """Spikes (N, T, n) of each layer, in the source's time; dense connections only, populations unknown always send.

    u' = tz(u (4095 - du), 12) + 64 (a << exp), v' = clip(tz(v (4096 - dv), 12) + u' + bias), a spike above 64 vth,
    then 0, or 64 vth less. Raises where u leaves 24 bits.
    """
    samples, steps = x.shape[:2]
    sent = {network.inputs[0].name: x.reshape(samples, steps, -1).astype(float)}
    sent |= {layer.name: np.zeros((samples, steps, layer.n)) for layer in network.layers}
    u = {name: np.zeros((samples, la.vth.size)) for name, la in layers.items()}
    v = {name: np.zeros((samples, la.vth.size)) for name, la in layers.items()}
    for t in range(steps):
        for layer in network.layers:
            name, la = layer.name, layers[layer.name]
            arriving = np.zeros((samples, layer.n))
            for s in la.synapses:
                weights = (s.q.astype(np.int64) * s.grid).astype(float)
                late = t - s.source.latency
                if s.source.pre not in sent:
                    total = np.broadcast_to(weights.sum(1), arriving.shape)
                elif late < 0:
                    continue
                else:
                    total = sent[s.source.pre][:, late] @ weights.T
                arriving += np.floor(total * 2.0**s.weight_exp)
            u[name] = np.trunc(u[name] * (4095 - la.du) / 4096) + 64 * arriving
            if np.abs(u[name]).max() > 2**23:
                raise OverflowError(f"the current of {name} wraps")
            bias = la.bias_mant.astype(float) * 2**la.bias_exp
            v[name] = np.clip(np.trunc(v[name] * (4096 - la.dv) / 4096) + u[name] + bias, -(2**23) + 1, 2**23 - 1)
            theta = la.vth.astype(float) * 64
            fired = v[name] > theta
            v[name] = np.where(fired, v[name] - theta if layer.reset == "subtract" else 0, v[name])
            sent[name][:, t] = fired
    return {layer.name: sent[layer.name].astype(np.uint8) for layer in network.layers}
