"""The error network of EMSTDP: neurons that compare outputs with targets in the second half of a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurotrain_hw.program import Arithmetic, Connection, Population

STEP = 100
"""A spike of a target or an output in an error neuron, in weight units; its threshold is one below."""


@dataclass(frozen=True, eq=False)
class ErrorNetwork:
    """The populations and connections that a network gets beside its layers."""

    populations: tuple[Population, ...]
    connections: tuple[Connection, ...]


def error_network(
    window: int,
    names: Sequence[str],
    sizes: Sequence[int],
    vths: Sequence[int],
    rng: np.random.Generator,
    arithmetic: Arithmetic,
) -> ErrorNetwork:
    """Two error neurons per output, which push it and the hidden layers by about their thresholds.

    `too-few` counts the spikes of `target` up and those of the output down, and fires at each that is missing;
    `too-many` the reverse. A sample has `window` steps: in the first half the input `free` must spike at every step but
    the last, which keeps the error neurons silent; then they begin from 0, and `target` spikes as the outputs should.
    `names`, `sizes` and threshold mantissas `vths` are those of the hidden layers and, last, of the output. Hidden
    layers get the errors through fixed random weights of `rng`, of both signs.
    Source: Shrestha, Fang, Rider, Mei and Qiu, DAC 2021 (from memory): error neurons inject a threshold in phase 2.
    """
    n = sizes[-1]
    parameters = {
        "du": 4095, "dv": 0, "vth": STEP - 1, "bias_mant": 0, "bias_exp": 0, "reset_interval": window,
        "reset_offset": window // 2 + 1,
    }  # fmt: skip
    signs = {"too-few": 1, "too-many": -1}
    populations = tuple(Population(name, "lif_reset", (n,), parameters, None, arithmetic) for name in signs)
    hidden = [(name, rng.choice((-1, 1), (size, n)), vth) for name, size, vth in zip(names, sizes, vths, strict=True)]
    connections = []
    for error, sign in signs.items():
        connections += [
            _fixed("target", error, sign * STEP * np.eye(n)),
            _fixed("out", error, -sign * STEP * np.eye(n)),
            _fixed("free", error, np.full((n, 1), -254)),
            *(_threshold(error, name, sign * matrix, vth) for name, matrix, vth in hidden[:-1]),
            _threshold(error, "out", sign * np.eye(n), vths[-1]),
        ]
    return ErrorNetwork(populations, tuple(connections))


def _threshold(pre: str, post: str, signs: npt.NDArray[np.float64], vth: int) -> Connection:
    """Weights of a threshold, rounded up to an even mantissa of 7 bits times a power of two."""
    exp = max(vth.bit_length() - 7, 0)
    mantissa = (vth >> exp) + 2 & ~1
    return _fixed(pre, post, signs * mantissa, exp)


def _fixed(pre: str, post: str, weights: npt.NDArray[np.float64], exp: int = 0) -> Connection:
    even = (2 * np.rint(weights / 2)).astype(np.int16)
    return Connection(f"{pre}-{post}", "dense", pre, post, even, exp, sign_mode="mixed")
