"""How the integers of a layer fill their number formats: weights, currents and membranes against the bits there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from neurotrain_hw.compare.activity import Array
from neurotrain_hw.compiler.integers import IntegerLayer

SHARES = (0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0)
STATE_BITS = 23  # besides the sign
_FINE = 32  # bins of a histogram for each bit


@dataclass(frozen=True)
class Filling:
    """The magnitudes of one layer's values that are not 0, in bits: log2 |x|.

    `bits`: at the `SHARES` 0, 1, 25, 50, 75, 99 and 100 % of them; empty where all are 0. `limit_bits`: log2 of the
    largest magnitude that the format has. `zero_share`, `limit_share`: of all values, those that are 0, and those that
    lie at an end of the range. `beyond`: how many left the range and were bounded (states). `threshold_bits`: of the
    layer's mean threshold (membranes).
    """

    layer: str
    what: str
    values: int
    bits: tuple[float, ...]
    limit_bits: float
    zero_share: float
    limit_share: float
    beyond: int = 0
    threshold_bits: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self) | {"bits": list(self.bits)}


class Magnitudes:
    """A histogram of log2 |x| over whole numbers, taken in piece by piece."""

    def __init__(self, limit: int) -> None:
        self.limit, self.zeros, self.values, self.ends = limit, 0, 0, 0
        self.counts = np.zeros(33 * _FINE, np.int64)
        self.largest = self.smallest = 0

    def add(self, x: Array) -> None:
        """Take in integers of any shape."""
        found = np.abs(x[x != 0].astype(np.int64))
        self.values += int(x.size)
        self.zeros += int(x.size) - found.size
        if not found.size:
            return
        self.ends += int(np.count_nonzero(found >= self.limit))
        low, high = int(found.min()), int(found.max())
        self.smallest, self.largest = min(self.smallest or low, low), max(self.largest, high)
        self.counts += np.bincount((np.log2(found) * _FINE).astype(np.int64), minlength=len(self.counts))

    def filling(self, layer: str, what: str, **more: Any) -> Filling:
        """What was taken in, as quantiles."""
        sums = np.cumsum(self.counts)
        inner = [float(np.searchsorted(sums, share * sums[-1])) / _FINE for share in SHARES[1:-1]]
        ends = (float(np.log2(max(self.smallest, 1))), float(np.log2(max(self.largest, 1))))
        bits = (ends[0], *(min(max(b, ends[0]), ends[1]) for b in inner), ends[1]) if sums[-1] else ()
        n = max(self.values, 1)
        return Filling(
            layer, what, self.values, bits, float(np.log2(self.limit)), self.zeros / n, self.ends / n, **more
        )  # fmt: skip


def weight_fillings(layer: IntegerLayer) -> list[Filling]:
    """The integers of the synapses onto a layer, against the bits that they were given."""
    found = []
    for synapses in layer.synapses:
        top = (1 << (synapses.bits - 1)) - 1 if synapses.sign_mode == "mixed" else (1 << synapses.bits) - 1
        magnitudes = Magnitudes(max(top, 1))
        magnitudes.add(synapses.q)
        found.append(magnitudes.filling(layer.source.name, f"weights {synapses.source.name}"))
    return found


def state_fillings(layer: IntegerLayer, states: Mapping[str, Magnitudes], beyond: tuple[int, int]) -> list[Filling]:
    """Currents and membranes of a layer; the membrane is the one that spikes are decided on."""
    threshold = float(np.log2(layer.vth.mean() * 64)) if layer.source.spikes else None
    return [
        states["u"].filling(layer.source.name, "current", beyond=beyond[0]),
        states["v"].filling(layer.source.name, "membrane", beyond=beyond[1], threshold_bits=threshold),
    ]
