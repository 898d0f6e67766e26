"""Random modulators, and the connections that feed signals back to them."""

from __future__ import annotations

import numpy as np

from neurotrain_hw.program import Connection, Modulator

SIGNALS = ("error", "feedback", "reward", "goodness")


def random_modulator(rng: np.random.Generator, signal: str, target: str | None = None) -> Modulator:
    """Any modulator of a signal; `target` names the input that it reads."""
    psi = str(rng.choice(["none", "box", "triangle", "segments"]))
    halfwidth = int(10 ** rng.uniform(2, 6.5))
    count = int(rng.choice([4, 1, 31]))
    drawn = rng.integers(-halfwidth - 40, halfwidth + 40, count)
    bounds = tuple(sorted(set(drawn.tolist()))) if psi == "segments" else ()
    values = tuple(rng.integers(0, 32, len(bounds) + 1).tolist()) if bounds else ()
    beside = str(rng.choice(["nothing", "nothing", "trace", "psi", "psi_alone", "noise"]))
    return Modulator(
        signal, psi, halfwidth, int(rng.choice([0, 0, 2, 4])) if signal == "feedback" else int(rng.integers(2)), target,
        int(rng.integers(0, 4097)), int(10 ** rng.uniform(0, 4)), int(rng.integers(0, 8)), bounds, values,
        output=str(rng.choice(["spikes", "membrane"])) if signal == "error" else "spikes",
        error_step=int(rng.choice([1, 1, 3, 10, 127])), error_sent=str(rng.choice(["value", "sign"])),
        beside=beside, beside_shift=int(rng.integers(0, 7)), goodness_shift=int(rng.integers(0, 8)),
        goodness_level=int(rng.integers(0, 100)), noise_exp=int(rng.integers(0, 10)),
        noise_seed=int(rng.integers(0, 2**62)),
    )  # fmt: skip


def random_feedback(rng: np.random.Generator, name: str, pre: str, post: str, shape: tuple[int, int], forward: str):
    """Errors of `pre` to `post`: through weights of its own, or through those of `forward` backward, or their signs."""
    common = {"num_message_bits": int(rng.choice([8, 8, 0])), "port": "signal", "pre_port": "error"}
    exp = int(rng.integers(-2, 3))
    how = str(rng.choice(["own", "transposed", "signs"]))
    if how == "own":
        weights = rng.integers(-128, 128, shape).astype(np.int16) * 2
        return Connection(name, "dense", pre, post, weights, exp, sign_mode="mixed", **common)
    return Connection(
        name, "dense", pre, post, np.zeros(shape, np.int16), exp, transpose_of=forward, signs_only=how == "signs",
        **common,
    )  # fmt: skip
