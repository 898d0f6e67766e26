"""What separates the integers of a chip from the network that they came from, one effect at a time."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

EFFECTS: Mapping[str, str] = MappingProxyType(
    {
        "weights": "weights rounded to integers",
        "decay": "decays rounded to 12 bits",
        "threshold": "thresholds rounded to multiples of 64",
        "bias": "biases rounded to mantissa and exponent",
        "truncation": "states truncated toward zero after every decay, sums after a shift to the right",
        "overflow": "currents and membranes bounded to 24 bits",
        "reset": "when the chip's neuron spikes and resets, where the source's does so otherwise",
    }
)
"""The effects, in the order in which a step meets them; with none of them the network is the source's, with all of them
the chip's."""

ALL = frozenset(EFFECTS)
NONE: frozenset[str] = frozenset()
