"""Encodings by name: how the values or frames of a dataset become the input of a network, step by step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from neurotrain_hw.data.codes import check_values, encode_delta, encode_latency, encode_log_latency, encode_population
from neurotrain_hw.data.encode import encode_rate, encode_regular
from neurotrain_hw.errors import UnknownNameError, UnsupportedError, ValueRangeError

Seed = int | Sequence[int] | np.random.Generator
Shape = tuple[int, ...]


class Encoding(ABC):
    """How stored samples become input over time.

    Values lie in 0..1: (N, n) of samples that do not change in time, or (N, T, n) of those that do.
    """

    name: ClassVar[str]
    moving: ClassVar[bool] = False
    """Whether it takes values (N, T, n), too."""

    def shape(self, shape: Shape) -> Shape:
        """Shape of one step of what comes out, for samples of a shape (n,) or (C, H, W)."""
        return shape

    def encode(self, x: npt.NDArray[Any], shape: Shape, *, steps: int, seed: Seed) -> npt.NDArray[Any]:
        """Input (N, T, *self.shape(shape)): uint8 spikes or float32 values. ValueRangeError, UnsupportedError."""
        if x.ndim == 3 and not self.moving:
            raise UnsupportedError(
                f"the encoding '{self.name}' takes values that do not change in time", where="encoding",
                remedy="Use direct or delta.",
            )  # fmt: skip
        if x.ndim == 3 and x.shape[1] != steps:
            raise ValueRangeError(f"got {steps} steps", where="encoding", need=f"{x.shape[1]}, as the samples have")
        return self._encode(x, steps, seed).reshape(len(x), steps, *self.shape(shape))

    @abstractmethod
    def _encode(self, x: npt.NDArray[Any], steps: int, seed: Seed) -> npt.NDArray[Any]: ...


@dataclass(frozen=True)
class Rate(Encoding):
    """At each step a spike with probability x, drawn with the seed."""

    name = "rate"

    def _encode(self, x: npt.NDArray[Any], steps: int, seed: Seed) -> npt.NDArray[Any]:
        return encode_rate(x, steps=steps, seed=seed)


@dataclass(frozen=True)
class Regular(Encoding):
    """round(xT) spikes, evenly spread."""

    name = "regular"

    def _encode(self, x: npt.NDArray[Any], steps: int, seed: Seed) -> npt.NDArray[Any]:
        return encode_regular(x, steps=steps)


@dataclass(frozen=True)
class Latency(Encoding):
    """One spike, the earlier the larger x, linearly; none below the threshold."""

    name = "latency"
    threshold: float = 0.01

    def _encode(self, x: npt.NDArray[Any], steps: int, seed: Seed) -> npt.NDArray[Any]:
        return encode_latency(x, steps=steps, threshold=self.threshold)


@dataclass(frozen=True)
class LogLatency(Encoding):
    """One spike, the earlier the larger x, as a membrane charges; none below the threshold."""

    name = "latency-log"
    threshold: float = 0.01

    def _encode(self, x: npt.NDArray[Any], steps: int, seed: Seed) -> npt.NDArray[Any]:
        return encode_log_latency(x, steps=steps, threshold=self.threshold)


@dataclass(frozen=True)
class Delta(Encoding):
    """A spike where x rises by the threshold from one step to the next, and on other channels where it falls.

    An image that stands still changes once, from nothing, at the first step.
    """

    name = "delta"
    moving = True
    threshold: float = 0.1
    off: bool = True

    def shape(self, shape: Shape) -> Shape:
        """Channels of rises, then as many of falls."""
        return _times(shape, 2 if self.off else 1)

    def _encode(self, x: npt.NDArray[Any], steps: int, seed: Seed) -> npt.NDArray[Any]:
        return encode_delta(_over_time(x, steps), threshold=self.threshold, off=self.off)


@dataclass(frozen=True)
class Direct(Encoding):
    """The value itself at every step, float32: the first layer's weights make currents of it."""

    name = "direct"
    moving = True

    def _encode(self, x: npt.NDArray[Any], steps: int, seed: Seed) -> npt.NDArray[Any]:
        values = _over_time(x, steps)
        return np.ascontiguousarray(check_values(values, steps, axes=3), np.float32)


@dataclass(frozen=True)
class Population(Encoding):
    """Gaussian receptive fields: each value drives `cells` inputs, each with one spike or none."""

    name = "population"
    cells: int = 8
    width: float = 1.5

    def shape(self, shape: Shape) -> Shape:
        """As many channels for each cell as there were."""
        return _times(shape, self.cells)

    def _encode(self, x: npt.NDArray[Any], steps: int, seed: Seed) -> npt.NDArray[Any]:
        return encode_population(x, steps=steps, cells=self.cells, width=self.width)


ENCODINGS: dict[str, Callable[[], Encoding]] = {
    kind.name: kind for kind in (Rate, Regular, Latency, LogLatency, Delta, Direct, Population)
}  # fmt: skip


def make_encoding(encoding: str | Encoding | None) -> Encoding:
    """An encoding by name (None: rate); UnknownNameError."""
    if isinstance(encoding, Encoding):
        return encoding
    if encoding is None:
        return Rate()
    if encoding not in ENCODINGS:
        raise UnknownNameError("encoding", encoding, ENCODINGS)
    return ENCODINGS[encoding]()


def _times(shape: Shape, count: int) -> Shape:
    return (count * shape[0], *shape[1:])


def _over_time(x: npt.NDArray[Any], steps: int) -> npt.NDArray[Any]:
    return x if x.ndim == 3 else np.broadcast_to(x[:, None, :], (len(x), steps, x.shape[1]))
