"""What a run of some recordings did, layer by layer, in the source's numbering and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.compiler.ideal import IdealLayer

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Activity:
    """One run of B recordings of T steps; arrays (T, B, n) by layer, n in C order of the layer's shape in the source.

    `sent`: spikes, or their number. `u`, `v`: currents and membranes at the end of a step, in the run's own units: the
    chip's integers, or the source's floats; empty where the run does not tell. `run`: which it is, a key of `RUNS`.
    """

    run: str
    sent: Mapping[str, Array]
    u: Mapping[str, Array] = field(default_factory=dict)
    v: Mapping[str, Array] = field(default_factory=dict)


def classes(layer: IdealLayer, activity: Activity, scale: npt.NDArray[np.float64] | float = 1.0) -> Array:
    """The class that an output layer decides for, int64 (B,): most spikes; where it never spikes, the highest membrane
    in the last step, times `scale`. Ties go to the lowest number."""
    if layer.spikes:
        return np.asarray(activity.sent[layer.name].sum(axis=0, dtype=np.int64).argmax(axis=1))
    return np.asarray((activity.v[layer.name][-1] * scale).argmax(axis=1))
