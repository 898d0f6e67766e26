"""Sparse spikes over time: the one type of every input and every recorded output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
                object.__setattr__(self, name, _frozen(name, value, np.dtype(kind)))
        self._check()

    @classmethod
    def of_valid(cls, indptr: LongArray, index: IntArray, n: int, payload: IntArray | None = None) -> EventStream:
        """A stream of read-only arrays that are known to be valid, without the checks: what the simulator recorded."""
        stream = object.__new__(cls)
        values = {"indptr": indptr, "index": index, "n": n, "payload": payload, "dt_s": cls.dt_s}
        for name, value in values.items():
            object.__setattr__(stream, name, value)
        return stream

    def _check(self) -> None:
        def fault(what: str) -> ValueRangeError:
            return ValueRangeError(what, where="EventStream")

        if self.n < 0:
            raise fault(f"n is {self.n}, a number of neurons cannot be negative")
        if not (self.dt_s > 0 and np.isfinite(self.dt_s)):
            raise fault(f"dt_s is {self.dt_s}, seconds per step must be positive")
        if self.indptr.ndim != 1 or self.indptr.size < 1 or self.indptr[0] != 0:
            raise fault("indptr must be one-dimensional and start with 0")
        if self.index.ndim != 1:
            raise fault(f"index must be one-dimensional, it has the shape {self.index.shape}")
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
        if not 0 <= start <= stop:
            raise ValueRangeError(f"steps {start} to {stop}", where="EventStream.window", need="0 <= start <= stop")
        bounds = self.indptr[np.clip(np.arange(start, stop + 1), 0, self.steps)]
        events = slice(int(bounds[0]), int(bounds[-1]))
        payload = None if self.payload is None else self.payload[events]
        return EventStream(bounds - bounds[0], self.index[events], self.n, payload, self.dt_s)

    def renumbered(self, numbers: npt.NDArray[np.int64]) -> EventStream:
        """The same events with neuron k called `numbers[k]`, a permutation int64 (n,)."""
        if not np.array_equal(np.sort(numbers), np.arange(self.n)):
            raise ValueRangeError(
                "the numbers are no permutation", where="EventStream.renumbered", need=f"0..{self.n - 1}"
            )
        index = numbers[self.index]
        order = np.lexsort((index, self.rows()))
        payload = None if self.payload is None else self.payload[order]
        return EventStream(self.indptr, index[order].astype(np.int32), self.n, payload, self.dt_s)

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
        found = array[rows, columns]
        payload = None if bool(np.all(found == 1)) else found
        return cls(indptr, columns.astype(np.int32), array.shape[1], payload, dt_s)

    @classmethod
    def empty(cls, steps: int, n: int, *, dt_s: float = 1e-3) -> EventStream:
        """A silent stream."""
        return cls(np.zeros(steps + 1, np.int64), np.zeros(0, np.int32), n, None, dt_s)

    @classmethod
    def concatenate(cls, streams: Sequence[EventStream]) -> EventStream:
        """One stream after the other in time; all have the same number of neurons and length of a step."""
        if not streams or any((s.n, s.dt_s) != (streams[0].n, streams[0].dt_s) for s in streams):
            sizes, lengths = sorted({s.n for s in streams}), sorted({s.dt_s for s in streams})
            raise ValueRangeError(
                f"streams of {sizes} neurons and steps of {lengths} s cannot be joined", where="EventStream.concatenate"
            )
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
        if not (dt_s > 0 and np.isfinite(dt_s)):
            raise ValueRangeError(f"dt_s is {dt_s}", where="EventStream.from_tonic", need="seconds above 0")
        # divide by microseconds, rounded: 3000 us are step 3 of 1 ms, where 0.003 / 0.001 would be 2.99...
        step = np.floor(events["t"] / (round(dt_s * 1e6, 6) or dt_s * 1e6)).astype(np.int64)
        total = max(int(step.max()) + 1, 0) if steps is None and step.size else int(steps or 0)
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
        if width * height * polarities != self.n or max(sensor_size) > 2**15:
            raise ValueRangeError(
                f"{sensor_size} holds {width * height * polarities} neurons", where="EventStream.to_tonic",
                need=f"{self.n} neurons, and sides of at most 2^15, as Tonic's events hold them",
            )  # fmt: skip
        out = np.zeros(self.count, dtype=[("x", "<i2"), ("y", "<i2"), ("t", "<i8"), ("p", "<i2")])
        index = self.index.astype(np.int64)
        out["x"], out["y"], out["p"] = index % width, index // width % height, index // (width * height)
        out["t"] = np.round(self.rows() * self.dt_s * 1e6 + self.dt_s * 5e5)
        return out


def _frozen(name: str, value: npt.ArrayLike, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """A read-only array of that type that nobody else can write; ValueRangeError where a value does not fit."""
    array = np.asarray(value)
    if array.dtype.kind not in "biu" and array.size:
        raise ValueRangeError(f"{name} is of type {array.dtype}", where="EventStream", need="integers")
    if array.dtype != kind and array.size:
        limits = np.iinfo(kind)
        if array.max() > limits.max or array.min() < limits.min:
            raise ValueRangeError(f"a value of {name} does not fit into {limits.bits} bits", where="EventStream")
    out = np.ascontiguousarray(array, dtype=kind)
    if _writeable(out):
        out = out.copy()
    out.flags.writeable = False
    return out


def _writeable(array: npt.NDArray[Any]) -> bool:
    """Whether these values can be changed, through the array or through what it is a view of."""
    base: Any = array
    while isinstance(base, np.ndarray):
        if base.flags.writeable:
            return True
        base = base.base
    return False
