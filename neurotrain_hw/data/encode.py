"""Encodings: values in 0..1 into spikes over time, and spikes into streams and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurotrain_hw.data.codes import SpikeArray, check_values
from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.events import EventStream

if TYPE_CHECKING:
    import torch

EVALUATION_SEED = 1_000_003
"""Seed of the one fixed encoding in which validation and test sets are always shown."""


def encode_rate(x: npt.ArrayLike, *, steps: int, seed: int | Sequence[int] | np.random.Generator) -> SpikeArray:
    """Rate code: at each step a spike with probability x, independently; uint8 (N, T, n) from x (N, n) in 0..1.

    Samples draw from one generator in order, so the first k samples of a set are encoded alike whatever the set's
    length. Raises ValueRangeError for values outside 0..1.
    """
    values = check_values(np.asarray(x, np.float32), steps, axes=2)
    rng = np.random.default_rng(seed)
    out = np.empty((values.shape[0], steps, values.shape[1]), np.uint8)
    for sample, row in zip(out, values, strict=True):
        np.less(rng.random(sample.shape, np.float32), row, out=sample.view(bool))
    return out


def encode_regular(x: npt.ArrayLike, *, steps: int) -> SpikeArray:
    """Evenly spaced spikes, round(x*T) of them, without chance; uint8 (N, T, n) from x (N, n) in 0..1.

    Step t (from 1) spikes where floor(k*t/T) grows, k = round(x*T). Raises ValueRangeError for values outside 0..1.
    """
    count = np.rint(check_values(np.asarray(x, np.float32), steps, axes=2) * steps).astype(np.int64)[:, None, :]
    t = np.arange(steps + 1, dtype=np.int64)[None, :, None]
    return np.diff(count * t // steps, axis=1).astype(np.uint8)


def to_streams(spikes: npt.ArrayLike, *, dt_s: float = 1e-3) -> list[EventStream]:
    """One EventStream per sample from spikes (N, T, n)."""
    array = np.asarray(spikes)
    if array.ndim != 3:
        raise ValueRangeError(f"got shape {array.shape}", where="to_streams", need="(samples, steps, neurons)")
    return [EventStream.from_dense(sample, dt_s=dt_s) for sample in array]


def to_tensor(streams: Sequence[EventStream]) -> torch.Tensor:
    """Streams of equal length and width as a float32 tensor (T, N, n), time first, as the networks take it."""
    import torch

    if len({(s.steps, s.n) for s in streams}) != 1:
        raise ValueRangeError("streams differ in steps or neurons", where="to_tensor", need="equal shapes")
    return torch.from_numpy(np.stack([s.dense() for s in streams], axis=1).astype(np.float32))


def from_tensor(spikes: torch.Tensor, *, dt_s: float = 1e-3) -> list[EventStream]:
    """One EventStream per sample from a tensor (T, N, n) of whole numbers, time first."""
    return to_streams(spikes.detach().cpu().numpy().transpose(1, 0, 2).astype(np.int32), dt_s=dt_s)
