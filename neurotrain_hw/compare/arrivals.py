"""What reaches a layer in a step, in the chip's integers or before they were rounded: float64 throughout.

Every quantity is in integer steps of the chip's current, so that rounded ones are whole numbers, which float64 holds
exactly.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import nir
import numpy as np
import numpy.typing as npt

from neurotrain_hw.compiler.ideal import IdealSynapses
from neurotrain_hw.compiler.integers import IntegerSynapses
from neurotrain_hw.reference.operators import Operator, operator

FloatArray = npt.NDArray[np.float64]
WEIGHT_SHIFT = 6  # the current takes sums times 2^6 (lava proc/lif/models.py)


class Arrivals:
    """Synapses of one connection at work: `take` the spikes of a step, get the sums of it before the last shift."""

    def __init__(
        self, synapses: IntegerSynapses, unit: FloatArray, pre_shape: tuple[int, ...], *, rounded: bool, floors: bool,
        bounded: bool,
    ) -> None:  # fmt: skip
        """`unit` (n_post,) of the layer; `rounded` takes the integers, else the weights that they stand for;
        `floors`: a shift to the right floors; `bounded`: sums have 32 bits, those of a convolution 24."""
        source = synapses.source
        self.latency, self.factor = source.latency, 2.0**synapses.weight_exp
        self.floors, self.bounded = floors and synapses.weight_exp < 0, bounded
        self.bits = 24 if source.conv is not None and not source.delay else 32
        weight = _weights(synapses, unit, rounded)
        self.operator = _product(weight) if source.conv is None else _convolution(weight, source, pre_shape)
        self.waiting: deque[FloatArray] = deque()

    def take(self, spikes: FloatArray) -> FloatArray:
        """Sums (B, n_post) that the spikes (B, n_pre) of this step cause, shifted by the weight exponent."""
        total = self.operator(spikes)
        total = (wrap(total, 32) if self.bounded else total) * self.factor
        if self.floors:
            total = np.floor(total)
        if self.bounded:
            total = wrap(total, self.bits)
        return total

    def arriving(self, spikes: FloatArray | None, zeros: FloatArray) -> FloatArray:
        """What arrives in this step: of this step's `spikes`, or, with a latency, of earlier ones (see `send`)."""
        if self.latency == 0:
            return zeros if spikes is None else self.take(spikes)
        return self.take(self.waiting[-self.latency]) if len(self.waiting) >= self.latency else zeros

    def send(self, spikes: FloatArray) -> None:
        """Keep the spikes of a step that has ended for those to come."""
        if self.latency:
            self.waiting.append(spikes)
            if len(self.waiting) > self.latency:
                self.waiting.popleft()


def wrap(x: FloatArray, bits: int) -> FloatArray:
    """Two's complement: ((x + 2^(bits-1)) mod 2^bits) - 2^(bits-1)."""
    half = 2.0 ** (bits - 1)
    if x.size and (x.max() >= half or x.min() < -half):
        wrapped: FloatArray = np.mod(x + half, 2 * half) - half
        return wrapped
    return x


def _weights(synapses: IntegerSynapses, unit: FloatArray, rounded: bool) -> FloatArray:
    """In the chip's weights: q * grid, or what would have been that without rounding."""
    if rounded:
        return synapses.q.astype(np.float64) * synapses.grid
    weight = np.asarray(synapses.source.weight, np.float64)
    rows = (slice(None), *(None,) * (weight.ndim - 1))
    per_row = unit.reshape(len(weight), -1)[:, 0]  # all neurons of a channel share one unit
    scale = synapses.source.row_scale / (per_row * 2.0 ** (synapses.weight_exp + WEIGHT_SHIFT))
    scaled: FloatArray = weight * scale[rows]
    return scaled


def _product(weight: FloatArray) -> Operator:
    turned = np.ascontiguousarray(weight.T)
    return lambda spikes: spikes @ turned


def _convolution(weight: FloatArray, source: IdealSynapses, pre_shape: tuple[int, ...]) -> Operator:
    geometry: Any = source.conv
    node = nir.Conv2d(
        input_shape=pre_shape[1:], weight=weight, stride=geometry.stride, padding=geometry.padding,
        dilation=geometry.dilation, groups=geometry.groups, bias=np.zeros(len(weight)),
    )  # fmt: skip
    convolve = operator(node, np.float64, where=source.name)
    return lambda spikes: convolve(spikes.reshape(len(spikes), *pre_shape)).reshape(len(spikes), -1)
