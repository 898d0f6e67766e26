"""What separates the integers of a chip from the network that they came from, one effect at a time."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

EFFECTS: Mapping[str, str] = MappingProxyType(
    {
        "weights": "weight rounding",
        "decay": "decay rounding",
        "threshold": "threshold rounding",
        "bias": "bias rounding",
        "truncation": "truncation of states",
        "overflow": "overflow of 24 bits",
        "reset": "rule of spike and reset",
    }
)
"""The effects; with none of them the network is the source's, with all of them the chip's.

`weights`, `decay` (12 bits), `threshold` (multiples of 64 steps) and `bias` (mantissa and exponent) are rounded once.
`truncation`: states lose their fraction, toward zero, after every decay, and sums theirs where a weight exponent shifts
them to the right. `overflow`: currents and membranes saturate or wrap at 24 bits. `reset`: the chip's neuron spikes and
resets by its own rule, where the source's has another one.
"""

ALL = frozenset(EFFECTS)
NONE: frozenset[str] = frozenset()
