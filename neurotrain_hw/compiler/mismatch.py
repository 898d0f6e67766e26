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
    arriving = np.zeros((*calibration.size, source.n), np.int64)
    for s in layer.synapses:
        arriving += shifted(calibration.sums(s.source, s.q * np.int64(s.grid)), s.weight_exp)
    spikes, membranes = integer_layer_run(layer, arriving, chip_arithmetic(chip))
    wanted = calibration.sent[source.name]
    wrong = (spikes != wanted).mean((0, 1))
    silent = ~np.isfinite(source.threshold)
    if silent.any():
        wrong[silent] = _membrane_error(layer, membranes, calibration)[silent]
    return Mismatch(wrong, spikes.mean((0, 1)), wanted.mean((0, 1)))


def _membrane_error(layer: IntegerLayer, membranes: npt.NDArray[np.int64], calibration: Calibration) -> FloatArray:
    wanted = calibration.membranes.get(layer.source.name)
    if wanted is None:
        x = np.zeros((*calibration.size, layer.source.n))
        for s in layer.synapses:
            if s.source.pre in calibration.sent:
                x += calibration.sums(s.source, effective(s.source))
        _, wanted = ideal_layer_run(layer.source, x)
        calibration.membranes[layer.source.name] = wanted
    power = np.maximum((wanted**2).mean((0, 1)), np.finfo(float).tiny)
    return np.asarray(((membranes * layer.unit - wanted) ** 2).mean((0, 1)) / power)
