"""A compiled program in Python integers, written down from Lava's equations and from nothing of ours."""

from __future__ import annotations

import numpy as np

from neurotrain_hw.program import Program


def chip_spikes(program: Program, spikes: np.ndarray) -> dict[str, np.ndarray]:
    """The program on one sample (T, n) in Python integers: Dense and LIFReset of Lava, equation by equation.

    One step of delay per connection, weights as the chip holds them, u' = tz(u (4095 - du), 12) + (a << 6),
    v' = clip(tz(v (4096 - dv), 12) + u' + bias), spike where v' > vth << 6, then v = 0; u and v are 0 before step
    t with t % interval == offset % interval. Returns the window d+1..d+T of each population.
    """
    steps, depth = len(spikes), program.timing.depth
    total = steps + max(depth.values())
    sent = {program.inputs[0]: np.vstack([spikes, np.zeros((total - steps, spikes.shape[1]), int)])}
    for connection in program.connections:
        p = program.population(connection.post)
        u, v = [0] * p.n, [0] * p.n
        weights, out = connection.matrix().tolist(), np.zeros((total, p.n), int)
        parameter = {key: p.parameter(key).tolist() for key in p.parameters}
        for t in range(1, total + 1):
            source = sent[connection.pre][t - 2] if t > 1 else np.zeros(len(weights[0]), int)
            active = np.flatnonzero(source).tolist()
            for i in range(p.n):
                du, dv, vth, mant, exp, interval, offset = (parameter[key][i] for key in parameter)
                if t % interval == offset % interval:
                    u[i] = v[i] = 0
                a = sum(weights[i][j] for j in active)
                a = a << connection.weight_exp if connection.weight_exp >= 0 else a >> -connection.weight_exp
                u[i] = tz(u[i] * (4096 - (du + 1)), 12) + (a << 6)
                assert -(1 << 23) < u[i] <= 1 << 23, "wraps: not this test's matter"
                v[i] = max(-(1 << 23) + 1, min((1 << 23) - 1, tz(v[i] * (4096 - dv), 12) + u[i] + (mant << exp)))
                if v[i] > vth << 6:
                    out[t - 1, i], v[i] = 1, 0
        sent[p.name] = out
    return {name: values[depth[name] : depth[name] + steps] for name, values in sent.items()}


def tz(x: int, k: int) -> int:
    """Shift toward zero."""
    return (abs(x) >> k) * (1 if x >= 0 else -1)
