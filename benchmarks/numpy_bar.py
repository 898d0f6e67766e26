"""The bar: what plain NumPy reaches on a feed-forward net of LIF neurons, exact, in some 40 lines.

It is what a skilled user would write in an hour: integers only, work on synapses follows spikes, one flat state for
all layers, so that a step takes few NumPy calls, and no call allocates what can be kept. It lacks the simulator's
counters, recording of states, checks, delays, loops and all other kinds of neurons and connections.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neurotrain_hw import EventStream, Program

# As 0-d arrays, because NumPy takes longer over a Python integer than over adding 300 numbers.
SIGN, LOW, BITS, U_MASK, V_LIMIT = (np.array(k) for k in (63, 4095, 12, 2**24 - 1, 2**23 - 1))


def simulate(program: Program, stream: EventStream, steps: int) -> list[list[npt.NDArray[np.int64]]]:
    """Spikes of a chain of dense layers of `lif_reset` neurons: for each layer and step the indices that spiked.

    The current wraps into (-2^23, 2^23], the membrane saturates; weights shift left, never right.
    """
    layers, start = program.populations[1:], np.cumsum([p.n for p in program.populations[1:]])[:-1]
    du, dv, vth = (np.concatenate([p.parameter(k) for p in layers]).astype(np.int64) for k in ("du", "dv", "vth"))
    keep, theta = np.stack([4095 - du, 4096 - dv]), vth << 6
    state, sign = np.zeros((2, 2, vth.size), np.int64)
    (u, v), arriving, fired = state, np.zeros(vth.size, np.int32), np.zeros(vth.size, bool)
    resets = [
        (part, *(int(p.parameter(key)[0]) for key in ("reset_interval", "reset_offset")))
        for p, part in zip(layers, np.split(state, start, axis=1), strict=True)
    ]
    weights = [np.ascontiguousarray(c.matrix().T << (c.weight_exp + 6)) for c in program.connections]
    synapses = [(w, np.empty_like(w), a) for w, a in zip(weights, np.split(arriving, start), strict=True)]
    outputs = list(zip(np.split(fired, start), np.split(v, start), strict=True))
    pointer, given = stream.indptr.tolist(), stream.index.astype(np.int64)
    sent, spikes = [given[:0] for _ in layers], [[] for _ in layers]
    for t in range(1, steps + 1):
        for (w, rows, a), pre in zip(synapses, sent, strict=True):  # what was sent in the step before arrives
            np.add.reduce(w.take(pre, 0, rows[: pre.size], "clip"), 0, None, a)
        for part, interval, offset in resets:
            if t % interval == offset % interval:
                part[:] = 0
        np.multiply(state, keep, state)  # both decay: (x * keep) >> 12, toward zero
        np.bitwise_and(np.right_shift(state, SIGN, sign), LOW, sign)
        np.right_shift(np.add(state, sign, state), BITS, state)
        np.add(u, arriving, u)
        np.subtract(np.bitwise_and(np.add(u, V_LIMIT, u), U_MASK, u), V_LIMIT, u)
        np.minimum(np.maximum(np.add(v, u, v), -V_LIMIT, out=v), V_LIMIT, out=v)
        np.greater(v, theta, fired)
        sent = [given[pointer[t - 1] : pointer[t]]]
        for (f, membrane), found in zip(outputs, spikes, strict=True):
            index = f.nonzero()[0]
            membrane[index] = 0
            found.append(index)
            sent.append(index)
        sent.pop()
    return spikes
