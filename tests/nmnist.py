"""N-MNIST recordings as spikes in bins of 1 ms."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np


def frames(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Numbers of events (T, 2, 34, 34) in whole bins of 1 ms from the first event; 5 bytes an event."""
    found = {}
    for name in names:
        event = np.frombuffer(_members(path)[name], np.uint8).reshape(-1, 5).astype(np.int64)
        time_us = ((event[:, 2] & 127) << 16) | (event[:, 3] << 8) | event[:, 4]
        bins = (time_us - time_us[0]) // 1000
        x = np.zeros((int(bins.max()) + 1, 2, 34, 34), np.uint8)
        np.add.at(x, (bins, event[:, 2] >> 7, event[:, 1], event[:, 0]), 1)
        found[name] = x[:-1]
    return found


@cache
def _members(path: Path) -> dict[str, bytes]:
    """The files in an archive, by number."""
    with tarfile.open(path) as archive:
        return {Path(m.name).stem: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]
