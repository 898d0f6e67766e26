"""Sparse spikes over time: the one type of every input and every recorded output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import ValueRangeError

IntArray = npt.NDArray[np.int32]
LongArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class EventStream:
    """Spikes of one population over T steps, in compressed rows.

    `indptr` int64 (T+1,): events of step t (from 0) lie at `indptr[t]:indptr[t+1]`. `index` int32 (nnz,): the
    neuron of each event, ascending and unique within a step. `payload` int32 (nnz,) or None: graded values; None
    means that every event is a spike of value 1. `n`: neurons. `dt_s`: seconds per step.
    Raises ValueRangeError where the arrays contradict each other. The arrays are read-only.
    """

    indptr: LongArray
    index: IntArray
    n: int
    payload: IntArray | None = None
    dt_s: float = 1e-3

    def __post_init__(self) -> None:
        for name, kind in (("indptr", np.int64), ("index", np.int32), ("payload", np.int32)):
            value = getattr(self, name)
            if value is not None:
                array = np.ascontiguousarray(value, dtype=kind)
                if array is value and array.flags.writeable:
                    array = array.copy()
                array.flags.writeable = False
                object.__setattr__(self, name, array)
        self._check()

    def _check(self) -> None:
        def fault(what: str) -> ValueRangeError:
            return ValueRangeError(what, where="EventStream")

        if self.n < 0:
            raise fault(f"n is {self.n}, a number of neurons cannot be negative")
        if not (self.dt_s > 0 and np.isfinite(self.dt_s)):
            raise fault(f"dt_s is {self.dt_s}, seconds per step must be positive")
        if self.indptr.ndim != 1 or self.indptr.size < 1 or self.indptr[0] != 0:
            raise fault("indptr must be one-dimensional and start with 0")
        if np.any(np.diff(self.indptr) < 0) or self.indptr[-1] != self.index.size:
            raise fault(f"indptr must ascend to the number of events, {self.index.size}")
        if self.payload is not None and self.payload.shape != self.index.shape:
            raise fault(f"payload has shape {self.payload.shape}, index has {self.index.shape}")
        if self.index.size:
            if self.index.min() < 0 or self.index.max() >= self.n:
                raise fault(f"a neuron index lies outside 0..{self.n - 1}")
            rising = np.diff(self.index) > 0
            starts = self.indptr[1:-1]
            rising[starts[(starts > 0) & (starts < self.index.size)] - 1] = True
            if not rising.all():
                raise fault("neuron indices must ascend within a step, each at most once")

    @property
    def steps(self) -> int:
        """Number of time steps T."""
        return self.indptr.size - 1

    @property
    def count(self) -> int:
        """Number of events."""
        return int(self.index.size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EventStream):
            return NotImplemented
        return (
            self.n == other.n
            and np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.index, other.index)
            and np.array_equal(self.values(), other.values())
        )

    __hash__ = None  # type: ignore[assignment]

    def values(self) -> IntArray:
        """Value of each event, int32 (nnz,): the payload, or ones."""
        return np.ones(self.count, np.int32) if self.payload is None else self.payload

    def rows(self) -> LongArray:
        """Step (from 0) of each event, int64 (nnz,)."""
        return np.repeat(np.arange(self.steps, dtype=np.int64), np.diff(self.indptr))

    def dense(self) -> IntArray:
        """All values as int32 (T, n)."""
        out = np.zeros((self.steps, self.n), np.int32)
        out[self.rows(), self.index] = self.values()
        return out

    def counts(self) -> LongArray:
        """Events per neuron over the whole stream, int64 (n,)."""
        return np.bincount(self.index, minlength=self.n).astype(np.int64)

    def window(self, start: int, stop: int) -> EventStream:
        """Steps `start` to `stop` (from 0, stop excluded; beyond the end: empty steps)."""
        bounds = self.indptr[np.clip(np.arange(start, stop + 1), 0, self.steps)]
        events = slice(int(bounds[0]), int(bounds[-1]))
        payload = None if self.payload is None else self.payload[events]
        return EventStream(bounds - bounds[0], self.index[events], self.n, payload, self.dt_s)

    @classmethod
    def from_dense(cls, values: npt.ArrayLike, *, dt_s: float = 1e-3) -> EventStream:
        """From an array (T, n) of integers or booleans; a payload is kept only where a value differs from 1."""
        array = np.asarray(values)
        if array.ndim != 2 or array.dtype.kind not in "biu":
            raise ValueRangeError(
                f"got an array of shape {array.shape} and type {array.dtype}",
                where="EventStream.from_dense", need="integers or booleans of shape (steps, neurons)",
            )  # fmt: skip
        rows, columns = np.nonzero(array)
        indptr = np.zeros(array.shape[0] + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=array.shape[0]), out=indptr[1:])
        found = array[rows, columns].astype(np.int32)
        payload = None if bool(np.all(found == 1)) else found
        return cls(indptr, columns.astype(np.int32), array.shape[1], payload, dt_s)

    @classmethod
    def empty(cls, steps: int, n: int, *, dt_s: float = 1e-3) -> EventStream:
        """A silent stream."""
        return cls(np.zeros(steps + 1, np.int64), np.zeros(0, np.int32), n, None, dt_s)

    @classmethod
    def concatenate(cls, streams: Sequence[EventStream]) -> EventStream:
        """One stream after the other in time; all have the same number of neurons."""
        if not streams or any(s.n != streams[0].n for s in streams):
            sizes = sorted({s.n for s in streams})
            raise ValueRangeError(f"streams of {sizes} neurons cannot be joined", where="EventStream.concatenate")
        offsets = np.cumsum([0, *(s.count for s in streams)])
        indptr = np.concatenate([[0], *(s.indptr[1:] + o for s, o in zip(streams, offsets, strict=False))])
        graded = any(s.payload is not None for s in streams)
        payload = np.concatenate([s.values() for s in streams]) if graded else None
        return cls(indptr, np.concatenate([s.index for s in streams]), streams[0].n, payload, streams[0].dt_s)

    @classmethod
    def from_tonic(
        cls,
        events: npt.NDArray[np.void],
        *,
        sensor_size: tuple[int, int, int],
        dt_s: float,
        steps: int | None = None,
    ) -> EventStream:
        """From Tonic's structured events with fields x, t (microseconds) and, where the sensor has them, y and p.

        `sensor_size` is Tonic's (width, height, polarities); neurons are numbered in C order of (p, y, x). Several
        events of one neuron within a step become one spike. Events after `steps` are dropped.
        """
        width, height, polarities = sensor_size
        names = events.dtype.names or ()
        if "x" not in names or "t" not in names:
            raise ValueRangeError(f"event fields are {names}", where="EventStream.from_tonic", need="at least x and t")
        zero = np.zeros(events.shape, np.int64)
        x = events["x"].astype(np.int64)
        y = events["y"].astype(np.int64) if "y" in names else zero
        p = events["p"].astype(np.int64) if "p" in names and polarities > 1 else zero
        for axis, values, size in (("x", x, width), ("y", y, height), ("p", p, polarities)):
            if values.size and (values.min() < 0 or values.max() >= size):
                raise ValueRangeError(
                    f"an event has {axis} outside 0..{size - 1}", where="EventStream.from_tonic",
                    remedy="Check sensor_size, Tonic's (width, height, polarities).",
                )  # fmt: skip
        step = (events["t"].astype(np.float64) * 1e-6 / dt_s).astype(np.int64)
        total = int(step.max()) + 1 if steps is None and step.size else int(steps or 0)
        n = width * height * polarities
        neuron = (p * height + y) * width + x
        keep = (step >= 0) & (step < total)
        cells = np.unique(step[keep] * n + neuron[keep])
        indptr = np.zeros(total + 1, np.int64)
        np.cumsum(np.bincount(cells // n, minlength=total), out=indptr[1:])
        return cls(indptr, (cells % n).astype(np.int32), n, None, dt_s)

    def to_tonic(self, *, sensor_size: tuple[int, int, int]) -> npt.NDArray[np.void]:
        """Tonic's structured events (x, y, t in microseconds, p); the inverse of `from_tonic` for spikes."""
        width, height, polarities = sensor_size
        if width * height * polarities != self.n:
            raise ValueRangeError(f"{sensor_size} holds {width * height * polarities} neurons", need=self.n)
        out = np.zeros(self.count, dtype=[("x", "<i2"), ("y", "<i2"), ("t", "<i8"), ("p", "<i2")])
        index = self.index.astype(np.int64)
        out["x"], out["y"], out["p"] = index % width, index // width % height, index // (width * height)
        out["t"] = np.round(self.rows() * self.dt_s * 1e6 + self.dt_s * 5e5)
        return out
