"""What spikes add to the neurons behind a connection: weights times spikes, dense or as a kernel that moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.compiler.ideal import ConvGeometry

_CHUNK = 1 << 24  # elements of the windows of a convolution held at a time


def drive(
    weight: npt.NDArray[Any], conv: ConvGeometry | None, sent: npt.NDArray[Any], shape: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """Weighted sums float64 (m, n_post) for what m steps sent (m, n_pre), from a population of `shape`.

    Weight (n_post, n_pre), or a kernel (C_out, C_in / groups, height, width) over (C, H, W): cross-correlation with
    zeros around. Whole numbers stay exact below 2^53.
    """
    if conv is None:
        return np.asarray(sent.astype(np.float64) @ weight.T.astype(np.float64))
    kernel = weight.astype(np.float64)
    size = max(1, _CHUNK // (sent.shape[1] * kernel.shape[2] * kernel.shape[3]))
    parts = [_convolved(kernel, conv, sent[k : k + size], shape) for k in range(0, sent.shape[0], size)]
    return np.concatenate(parts)


def _convolved(
    kernel: npt.NDArray[np.float64], conv: ConvGeometry, sent: npt.NDArray[Any], shape: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    (py, px), (dy, dx), (sy, sx) = conv.padding, conv.dilation, conv.stride
    height, width = kernel.shape[2:]
    images = sent.reshape(-1, *shape).astype(np.float64)
    images = np.pad(images, ((0, 0), (0, 0), (py, py), (px, px)))
    windows = np.lib.stride_tricks.sliding_window_view(
        images, ((height - 1) * dy + 1, (width - 1) * dx + 1), axis=(2, 3)
    )[:, :, ::sy, ::sx, ::dy, ::dx]
    parts = []
    for group, filters in zip(
        np.split(windows, conv.groups, axis=1), np.split(kernel, conv.groups, axis=0), strict=True
    ):
        found = np.tensordot(group, filters, axes=([1, 4, 5], [1, 2, 3]))
        parts.append(found.transpose(0, 3, 1, 2))
    return np.concatenate(parts, axis=1).reshape(sent.shape[0], -1)
