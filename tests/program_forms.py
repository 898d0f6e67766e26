"""Populations and connections of every form that a program can hold beside plain matrices, drawn from a seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from neurotrain_hw.program import Arithmetic, Connection, Population, Program
from neurotrain_hw.program.synapses import Convolution, pack_weights, sparse_weights

LIF = {"du": 4095, "dv": 100, "vth": 10, "bias_mant": 0, "bias_exp": 0}
KINDS: dict[str, dict[str, Any]] = {
    "lif_refractory": {**LIF, "refractory_period": 3},
    "ternary_lif": {"du": 0, "dv": 5, "vth_lo": -7, "vth_hi": 8, "bias_mant": 1, "bias_exp": 2},
    "atrlif": {
        "du": 1, "dv": 2, "dtheta": 3, "dr": 4, "theta_0": 5, "theta_step": 6, "bias_mant": 0, "bias_exp": 0,
    },
    "sigma": {},
    "delta": {"vth": 3, "spike_exp": 2, "state_exp": 1, "cum_error": 0},
    "sigma_delta": {"vth": 3, "bias": 5, "spike_exp": 2, "state_exp": 1, "cum_error": 1, "relu": 1},
    "rf": {"sin_decay": 9, "cos_decay": 4000, "decay_bits": 12, "state_exp": 6, "vth": 4},
    "rf_iz": {"sin_decay": 9, "cos_decay": 4000, "decay_bits": 12, "state_exp": 6, "vth": 4},
    "rf_zero": {"uth": 5, "lst": 900, "lct": 4000},
}  # fmt: skip
MODES = ("mixed", "excitatory", "inhibitory")


def with_all_forms(program: Program, seed: int) -> Program:
    """The program with populations of all other kinds, packed, sparse and delayed weights, and a convolution added."""
    rng = np.random.default_rng(seed)
    n = {"x": int(rng.integers(6, 12)), **{kind: int(rng.integers(4, 9)) for kind in KINDS}}
    arithmetic = Arithmetic("reached", "subtract", str(rng.choice(["wrap", "saturate"])), "wrap")  # type: ignore[arg-type]
    size, kernel, geometry = (7, 6, 4), (6, 3, 2, 2), Convolution((2, 1), (1, 2), (1, 2), 2)
    populations = [
        Population("x", "input", (n["x"],)),
        *(Population(f"k {kind}", kind, (n[kind],), KINDS[kind]) for kind in KINDS),
        Population("image", "input", size),
        Population("map", "lif", geometry.output_shape(size, kernel), LIF, arithmetic=arithmetic),
    ]  # fmt: skip
    connections = [_wire(rng, k, seed, n["x"], n[kind]) for k, kind in enumerate(KINDS)]
    connections.append(
        Connection("conv", "conv", "image", "map", rng.integers(-9, 9, kernel).astype(np.int16), 2, conv=geometry)
    )
    return replace(
        program,
        populations=(*program.populations, *populations),
        connections=(*program.connections, *connections),
    )


def _wire(rng: np.random.Generator, k: int, seed: int, n_pre: int, n_post: int) -> Connection:
    """From `x` to the k-th kind: packed, sparse and sparse with delays in turn, with 1 to 8 bits."""
    kind, bits, mode = list(KINDS)[k], (k + seed) % 8 + 1, MODES[int(rng.integers(3))]
    weights = random_weights(rng, (n_post, n_pre), mode)
    common: dict[str, Any] = {
        "name": f"to {kind}", "pre": "x", "post": f"k {kind}", "num_weight_bits": bits, "sign_mode": mode,
        "port": "imag" if kind == "rf_iz" else "current",
    }  # fmt: skip
    if k % 3 == 0:
        return Connection(kind="dense", weights=pack_weights(weights, mode, bits), **common)
    delays = rng.integers(0, 5, weights.shape) if k % 3 == 1 else None
    sparse = sparse_weights(weights * (rng.random(weights.shape) < 0.6), mode, bits, delays)
    return Connection(kind="sparse" if delays is None else "delay_sparse", weights=sparse, **common)


def random_weights(rng: np.random.Generator, shape: tuple[int, ...], mode: str) -> np.ndarray:
    """Integers as somebody may give them for a sign mode, beyond the chip's range, int32."""
    low, high = {"excitatory": (0, 300), "inhibitory": (-300, 1), "mixed": (-300, 300)}[mode]
    return rng.integers(low, high, shape).astype(np.int32)
