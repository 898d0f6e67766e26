"""How far a layer in integers is from the float one, each fed with what the float network sent on calibration data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.calibrate import Calibration, effective
from neurotrain_hw.compiler.integers import IntegerLayer
from neurotrain_hw.compiler.layer_run import ideal_layer_run, integer_layer_run, shifted
from neurotrain_hw.compiler.neurons import chip_arithmetic

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mismatch:
    """Per neuron (n,), over all samples and steps.

    `wrong`: the share of steps whose spike differs, of a neuron that is only read the mean squared difference of its
    membrane over the mean square. `rate`, `wanted_rate`: spikes per step in integers and in float.
    """

    wrong: FloatArray
    rate: FloatArray
    wanted_rate: FloatArray

    @property
    def cost(self) -> FloatArray:
        """What the search makes least, (n,): wrong spikes, and once more those too many or too few in all.

        Of neurons that seldom fire, silence would otherwise be the least mismatch.
        """
        return self.wrong + np.abs(self.rate - self.wanted_rate)

    @property
    def mean(self) -> float:
        """Over the layer."""
        return float(self.wrong.mean())


def layer_mismatch(layer: IntegerLayer, calibration: Calibration, chip: Chip) -> Mismatch:
    """The layer in integers on the float network's own spikes, against the float layer's."""
    source = layer.source
    silent = ~np.isfinite(source.threshold)
    wrong, rate, wanted, off, power = np.zeros((5, source.n))
    for part in calibration.parts(source.n):
        arriving = np.zeros((*part.size, source.n), np.int64)
        for s in layer.synapses:
            arriving += shifted(part.sums(s.source, s.q * np.int64(s.grid)), s.weight_exp)
        spikes, membranes = integer_layer_run(layer, arriving, chip_arithmetic(chip))
        wrong += (spikes != part.sent[source.name]).sum((0, 1))
        rate += spikes.sum((0, 1))
        wanted += part.sent[source.name].sum((0, 1))
        if silent.any():
            ideal = _ideal_membranes(layer, part)
            off += ((membranes * layer.unit - ideal) ** 2).sum((0, 1))
            power += (ideal**2).sum((0, 1))
    steps = float(np.prod(calibration.size))
    relative = off / np.maximum(power, np.finfo(float).tiny)
    return Mismatch(np.where(silent, relative, wrong / steps), rate / steps, wanted / steps)


def _ideal_membranes(layer: IntegerLayer, calibration: Calibration) -> FloatArray:
    x = np.zeros((*calibration.size, layer.source.n))
    for s in layer.synapses:
        x += calibration.sums(s.source, effective(s.source))
    return ideal_layer_run(layer.source, x)[1]
