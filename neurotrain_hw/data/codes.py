"""Codes without chance: values in 0..1 as times of spikes, as changes, as values, or spread over several inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import ValueRangeError

SpikeArray = npt.NDArray[np.uint8]
ValueArray = npt.NDArray[np.floating[Any]]

EPSILON = 1e-7
"""How far above the threshold the logarithmic latency code looks; snnTorch's default."""


def encode_latency(x: npt.ArrayLike, *, steps: int, threshold: float = 0.01) -> SpikeArray:
    """Time to first spike, linear: one spike at step round((T-1)(1-x)), none where x < threshold.

    uint8 (N, T, n) from x (N, n) in 0..1; halves round to even. `snntorch.spikegen.latency` with `normalize`, `linear`
    and `clip` gives the same. Raises ValueRangeError for values or a threshold outside 0..1.
    """
    values = check_values(x, steps, axes=2)
    _check_threshold(threshold)
    return _one_spike((steps - 1) * (1 - values), values >= threshold, steps)


def encode_log_latency(x: npt.ArrayLike, *, steps: int, threshold: float = 0.01) -> SpikeArray:
    """Time to first spike of a membrane that charges, logarithmic: ln(x/(x-threshold)); none where x < threshold.

    A neuron with V' = x - V, in units of its time constant, reaches the threshold after that time. Times are scaled so
    that x = threshold + 1e-7 spikes in the last step, whatever else is in the sample; below that sum x counts as it.
    uint8 (N, T, n) from x (N, n) in 0..1; halves round to even. `snntorch.spikegen.latency` with `normalize` and `clip`
    gives the same for data that hold a value below the threshold. Raises ValueRangeError as `encode_latency`.
    """
    values = check_values(x, steps, axes=2)
    _check_threshold(threshold)
    charged = np.maximum(values, threshold + EPSILON)
    longest = np.log((threshold + EPSILON) / (threshold + EPSILON - threshold))
    return _one_spike((steps - 1) * np.log(charged / (charged - threshold)) / longest, values >= threshold, steps)


def encode_delta(x: npt.ArrayLike, *, threshold: float = 0.1, off: bool = True) -> SpikeArray:
    """Spikes on change: x(t) - x(t-1) >= threshold on the first channel, <= -threshold on the second (`off`).

    uint8 (N, T, 2, n), without `off` (N, T, 1, n), from x (N, T, n) in 0..1, with 0 before the first step; as
    `snntorch.spikegen.delta`. Raises ValueRangeError.
    """
    values = check_values(x, 1, axes=3)
    _check_threshold(threshold)
    change = np.diff(values, axis=1, prepend=np.zeros_like(values[:, :1]))
    channels = [change >= threshold, change <= -threshold] if off else [change >= threshold]
    return np.stack(channels, axis=2).astype(np.uint8)


def encode_population(x: npt.ArrayLike, *, steps: int, cells: int = 8, width: float = 1.5) -> SpikeArray:
    """Gaussian receptive fields: each value drives `cells` inputs; the near ones spike early, the far not.

    Cell i (from 1) has its centre at (2i-3) / (2(m-2)) and the deviation 1 / (width (m-2)) of m cells; it answers
    a = exp(-(x - centre)^2 / (2 deviation^2)) and spikes once, at round((T-1)(1-a)), if a >= 0.1 (Bohte, Kok and
    La Poutre 2002, Neurocomputing 48, which leaves out the last tenth of the times too).
    uint8 (N, T, cells, n) from x (N, n) in 0..1. Raises ValueRangeError.
    """
    values = check_values(x, steps, axes=2)
    if cells < 3 or not width > 0:
        raise ValueRangeError(
            f"got {cells} cells of width {width}", where="population code", need="3 cells or more, a width above 0"
        )
    centre = (2 * np.arange(1, cells + 1) - 3) / (2 * (cells - 2))
    away = (values[:, None, :].astype(np.float64) - centre[:, None]) * width * (cells - 2)
    answer = np.exp(-0.5 * away * away)
    count, _, n = answer.shape
    spikes = _one_spike(((steps - 1) * (1 - answer)).reshape(count, -1), (answer >= 0.1).reshape(count, -1), steps)
    return spikes.reshape(count, steps, cells, n)


def check_values(x: npt.ArrayLike, steps: int, *, axes: int) -> ValueArray:
    """The same values as floats (float64 stays), checked: so many axes, 0..1, at least one step. ValueRangeError."""
    values = np.asarray(x)
    if values.dtype != np.float64:
        values = values.astype(np.float32, copy=False)
    if values.ndim != axes:
        need = "(samples, features)" if axes == 2 else "(samples, steps, features)"
        raise ValueRangeError(f"got shape {values.shape}", where="encoding", need=need)
    if steps < 1:
        raise ValueRangeError(f"got {steps} steps", where="encoding", need="at least 1")
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueRangeError("a value lies outside 0..1", where="encoding", remedy="Scale the data into 0..1 first.")
    return values


def _check_threshold(threshold: float) -> None:
    if not 0 < threshold < 1:
        raise ValueRangeError(f"got {threshold}", where="encoding", need="a threshold between 0 and 1")


def _one_spike(time: ValueArray, spikes: npt.NDArray[np.bool_], steps: int) -> SpikeArray:
    """One spike at the step nearest to `time` (N, n), where `spikes`; (N, T, n)."""
    out = np.zeros((time.shape[0], steps, time.shape[1]), np.uint8)
    step = np.rint(time).astype(np.int64)
    sample, feature = np.nonzero(spikes)
    out[sample, step[sample, feature], feature] = 1
    return out
