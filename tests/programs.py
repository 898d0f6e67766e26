"""Random programs without plasticity, every kind of population and connection in them."""

from __future__ import annotations

import numpy as np

from neurotrain_hw.program import Connection, Modulator, Population, Program


def random_program(seed: int) -> tuple[Program, dict[str, np.ndarray], int]:
    """A program, its dense inputs, and the number of steps."""
    rng = np.random.default_rng(seed)
    steps, n_in, n_out = 60, int(rng.integers(1, 30)), int(rng.integers(1, 8))
    populations = [
        Population("in", "input", (n_in,)),
        Population("target", "input", (n_out,)),
        _population(rng, "h1", int(rng.integers(1, 20))),
        _population(rng, "h2", int(rng.integers(1, 20)), Modulator("feedback", "box", int(rng.integers(0, 2**18)), 2)),
        _population(rng, "out", n_out, Modulator("error", target="target", trace_decay=int(rng.integers(0, 4097)),
                                                 trace_impulse=int(rng.integers(0, 300)), trace_shift=2)),
    ]  # fmt: skip
    size = {p.name: p.n for p in populations}
    wires = [("in", "h1"), ("in", "h2"), ("h1", "h2"), ("h2", "out"), ("h1", "h1"), ("in", "out")]
    connections = [_connection(rng, f"c{k}", pre, post, size) for k, (pre, post) in enumerate(wires)]
    feedback = rng.integers(-128, 128, (size["h2"], n_out)).astype(np.int16) * 2
    connections.append(Connection("fb", "dense", "out", "h2", feedback, sign_mode="mixed", num_message_bits=8,
                                  port="signal", pre_port="error"))  # fmt: skip
    inputs = {
        "in": (rng.random((steps, n_in)) < 0.3) * rng.integers(1, 5, (steps, n_in)),
        "target": rng.integers(0, 100, (steps, n_out)),
    }
    return Program(f"random-{seed}", tuple(populations), tuple(connections), ("out",)), inputs, steps


def _population(rng, name, n, modulator=None):
    kinds = ["lif", "lif_reset"] if modulator else ["lif", "lif_reset", "ternary_lif"]
    kind = str(rng.choice(kinds))
    values = {
        "du": _maybe_array(rng, n, 0, 4096), "dv": _maybe_array(rng, n, 0, 4097),
        "bias_mant": int(rng.choice([0, 0, rng.integers(-4095, 4096)])), "bias_exp": int(rng.integers(-2, 5)),
    }  # fmt: skip
    if kind == "ternary_lif":
        values |= {"vth_lo": -int(rng.integers(1, 2000)), "vth_hi": int(rng.integers(1, 2000))}
    else:
        values |= {"vth": _maybe_array(rng, n, 1, 2000)}
    if kind == "lif_reset":
        values |= {"reset_interval": int(rng.integers(1, 20)), "reset_offset": int(rng.integers(0, 25))}
    return Population(name, kind, (n,), values, modulator)


def _maybe_array(rng, n, low, high):
    return int(rng.integers(low, high)) if rng.random() < 0.5 else rng.integers(low, high, n).astype(np.int32)


def _connection(rng, name, pre, post, size):
    shape = (size[post], size[pre])
    kind = str(rng.choice(["dense", "delay_dense", "sparse"]))
    sign = str(rng.choice(["mixed", "excitatory", "inhibitory", ""])) or None
    low, high = {"excitatory": (0, 256), "inhibitory": (-255, 1)}.get(sign, (-300, 300))
    weights = rng.integers(low, high, shape).astype(np.int16)
    if kind == "sparse":
        weights *= rng.random(shape) < 0.3
    delays = rng.integers(0, 6, shape).astype(np.int32) if kind == "delay_dense" else None
    return Connection(
        name, kind, pre, post, weights, int(rng.integers(-3, 4)), int(rng.integers(1, 9)), sign,
        int(rng.choice([0, 0, 8])), delays, int(rng.choice([0, 5, 7])) if delays is not None else 0,
    )  # fmt: skip
