"""The network in the equations of a Loihi-class chip, before anything is rounded: float64, in the source's numbering.

A graph of NIR is read into this (`read_graph.py`); the integers are made from it (`quantise.py`, `lower.py`), and what
rounding did is measured against it. In one step a layer computes, per neuron, with x the weighted sum that arrives:

    i' = current_decay * i + x + current_bias
    v' = decay * v + i' + bias;   spike where v' > threshold (or >=), then the reset

The gain of the source's equations is folded into the threshold: v here times `gain` is the source's membrane.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from neurotrain_hw.interchange import Quantisation

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ConvGeometry:
    """How a kernel moves over (height, width): cross-correlation, zeros around, as in torch.nn.Conv2d."""

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


@dataclass(frozen=True, eq=False)
class IdealInput:
    """An input of the network: its name and shape."""

    name: str
    shape: tuple[int, ...]

    @property
    def n(self) -> int:
        """Number of channels."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class IdealLayer:
    """One layer of neurons; arrays float64 (n,), neurons of several axes in C order of `shape`.

    `current_decay` 0: the current has no memory. `threshold` inf: it never spikes, and its membrane is read.
    `reset`: in the step of the spike; `zero_held` is zero, and what arrives in the next step is lost (the current
    goes on); `once` is zero, and what arrives in all the steps after is lost. `reached`: a spike where v' >= threshold.
    `gain`: units of the source's membrane for one of v.
    `unit`: where the source itself counts its membrane in whole steps (`truncated`), what one of them is worth in x.
    `departures`: in words, where the source does something that the chip's neuron does not, so that this layer is only
    the nearest (none: it does the same).
    """

    name: str
    shape: tuple[int, ...]
    current_decay: FloatArray
    decay: FloatArray
    threshold: FloatArray
    bias: FloatArray
    current_bias: FloatArray
    gain: FloatArray
    reset: Literal["zero", "subtract", "zero_held", "once"] = "zero"
    reached: bool = False
    unit: float | None = None
    departures: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of neurons."""
        return math.prod(self.shape)

    @property
    def reaches(self) -> bool:
        """Whether its neurons spike at their threshold on the chip, too: those that count as the chip does."""
        return self.reached and self.unit is not None and not self.departures

    @property
    def spikes(self) -> bool:
        """Whether it sends anything."""
        return bool(np.isfinite(self.threshold).any())


@dataclass(frozen=True, eq=False)
class IdealSynapses:
    """Weights between two layers (or from an input): what a spike of `pre` adds to x of `post`.

    `weight`: float64 (n_post, n_pre), both in C order of their shapes; or, with `conv`, a kernel
    (C_out, C_in / groups, height, width) between (C, H, W) shapes. `row_scale`: float64 (n_post,), or (C_out,) of a
    kernel; the effective weight is `row_scale * weight`, row by row. `quantisation`: the integers behind `weight`
    (row_scale apart), where training made them. `latency`: steps between spike and effect in the source: 0 in the same
    step, 1 for what comes round a loop, more with delays. `delay`: steps that the chip adds to the one that every
    connection takes, so that parallel ways and loops keep their time.
    """

    name: str
    pre: str
    post: str
    weight: FloatArray
    row_scale: FloatArray
    conv: ConvGeometry | None = None
    quantisation: Quantisation | None = None
    latency: int = 0
    delay: int = 0


@dataclass(frozen=True, eq=False)
class IdealNetwork:
    """A whole network, `layers` in an order in which they can be computed. `depth`: by layer (inputs 0), how many
    steps later the chip does what the source does in the same step. `outputs`: layers that are read.
    """

    inputs: tuple[IdealInput, ...]
    layers: tuple[IdealLayer, ...]
    synapses: tuple[IdealSynapses, ...]
    outputs: tuple[str, ...]
    dt_s: float
    depth: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def layer(self, name: str) -> IdealLayer:
        """The layer of that name; KeyError where there is none."""
        return next(layer for layer in self.layers if layer.name == name)

    def onto(self, name: str) -> tuple[IdealSynapses, ...]:
        """The synapses onto a layer."""
        return tuple(s for s in self.synapses if s.post == name)
