"""The scale of weights that training left as floats: largest weight, percentile, or least squared error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neurotrain_hw.compiler.settings import QuantisationSettings
from neurotrain_hw.compiler.weight_format import WeightFormat, quantised

FloatArray = npt.NDArray[np.float64]

_LOWEST, _HIGHEST = 0.05, 1.1  # of the scale that the largest weight asks for
_TRIED = 70, 400  # scales tried for the least error: of many weights, whose error is smooth, and of few
_FEW = 1000
_REFINEMENTS = 8


def choose_scales(weight: FloatArray, form: WeightFormat, settings: QuantisationSettings) -> FloatArray:
    """Scales float64 (rows,) for weights (rows, k): one for all rows, or one each with `per_channel`.

    `spikes` begins with the largest weight. A row without weights takes the median scale of the others, or 1.
    """
    groups = weight if settings.per_channel else weight.reshape(1, -1)
    scale = _scales_of_groups(groups, form, settings)
    if settings.power_of_two:
        scale = _power_of_two(groups, scale, form, never_clip=settings.method == "max")
    empty = scale == 0
    scale[empty] = np.exp2(np.rint(np.log2(np.median(scale[~empty])))) if not empty.all() else 1.0
    return np.broadcast_to(scale, (weight.shape[0],)).copy()


def squared_error(weight: FloatArray, scale: FloatArray, form: WeightFormat) -> FloatArray:
    """sum over k of (weight - scale * q)^2, float64 (rows,); scale (rows,)."""
    difference = weight - scale[:, None] * quantised(weight, scale, form)
    return np.asarray((difference**2).sum(1))


def _scales_of_groups(groups: FloatArray, form: WeightFormat, settings: QuantisationSettings) -> FloatArray:
    largest = _largest(groups, form)
    if settings.method == "percentile":
        cut = np.percentile(np.abs(groups), settings.percentile, axis=1) / form.largest
        return np.where(cut > 0, np.minimum(cut, largest), largest)
    return _least_squares(groups, largest, form) if settings.method == "mse" else largest


def _largest(groups: FloatArray, form: WeightFormat) -> FloatArray:
    """The smallest scale that clips nothing, with integers that are symmetric where signs are mixed."""
    if not groups.shape[1]:
        return np.zeros(groups.shape[0])
    return np.asarray(np.abs(groups).max(1) / form.largest)


def _least_squares(groups: FloatArray, largest: FloatArray, form: WeightFormat) -> FloatArray:
    """The best scale for the integers of many scales: w ~ s q has the least error at s = <q, w> / <q, q>."""
    best, most = largest.copy(), np.zeros(largest.shape)
    for factor in np.geomspace(_LOWEST, _HIGHEST, _TRIED[groups.shape[1] < _FEW]):
        best, most = _better(groups, best, most, np.where(largest > 0, largest * factor, 1.0), form)
    for _ in range(_REFINEMENTS):
        best, most = _better(groups, best, most, np.where(largest > 0, best, 1.0), form)
    return np.where(largest > 0, best, 0.0)


def _better(
    groups: FloatArray, best: FloatArray, most: FloatArray, tried: FloatArray, form: WeightFormat
) -> tuple[FloatArray, FloatArray]:
    """The better of `best` and the best scale for the integers of `tried`; `most`: by how much they lower |w|^2."""
    q = quantised(groups, tried, form).astype(np.float64)
    power, common = (q * q).sum(1), (q * groups).sum(1)
    lowered = np.where(power > 0, common**2 / np.maximum(power, 1), 0.0)
    better = lowered > most
    scale = common / np.maximum(power, 1)
    return np.where(better, scale, best), np.where(better, lowered, most)


def _power_of_two(groups: FloatArray, scale: FloatArray, form: WeightFormat, *, never_clip: bool) -> FloatArray:
    exponent = np.log2(np.where(scale > 0, scale, 1.0))
    above = np.exp2(np.ceil(exponent - 1e-12))
    if not never_clip:
        below = above / 2
        above = np.where(squared_error(groups, below, form) < squared_error(groups, above, form), below, above)
    return np.where(scale > 0, above, 0.0)
