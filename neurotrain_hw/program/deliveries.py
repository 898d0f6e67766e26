"""Where the spikes of a placed population go: to how many cores, and whether to their own among them.

A spike is delivered once to every core that holds at least one synapse of its neuron.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from neurotrain_hw.program import Connection, CoreSlice, Program
from neurotrain_hw.program.fan_in import ConvolutionFanIn, fan_in
from neurotrain_hw.program.synapses import I32, I64, SparseWeights, row_chunks

_CHUNK = 1 << 24  # pairs of neuron and core that are looked at together, one byte each


@dataclass(frozen=True, eq=False)
class Deliveries:
    """Of each neuron of a population: `cores` (n,) that a spike goes to, and whether its own is one, `home` (n,)."""

    cores: I64
    home: npt.NDArray[np.bool_]


def deliveries(program: Program, population: str) -> Deliveries:
    """The deliveries of a placed program, counted in one pass over its synapses and then kept with it."""
    known = _KNOWN.get(program)
    if known is None:
        known = _KNOWN[program] = _Map(program)
    if population not in known.found:
        known.found[population] = _count(program, known, population)
    return known.found[population]


class _Map:
    """A program's slices and connections by population, and its cores numbered; it does not hold the program itself."""

    def __init__(self, program: Program) -> None:
        self.numbers = {where: k for k, where in enumerate(sorted({(s.chip, s.core) for s in program.placement}))}
        self.size = {p.name: p.n for p in program.populations}
        self.parts: dict[str, list[CoreSlice]] = {name: [] for name in self.size}
        self.wires: dict[str, list[Connection]] = {name: [] for name in self.size}
        self.found: dict[str, Deliveries] = {}
        for part in program.placement:
            self.parts[part.population].append(part)
        for connection in program.connections:
            if connection.pre_port == "spikes":
                self.wires[connection.pre].append(connection)

    def cores(self, population: str) -> I32:
        """The number of each neuron's core, int32 (n,); -1 where it lies on none."""
        out = np.full(self.size[population], -1, np.int32)
        for part in self.parts[population]:
            out[part.first : part.last] = self.numbers[part.chip, part.core]
        return out


_KNOWN: WeakKeyDictionary[Program, _Map] = WeakKeyDictionary()


def _count(program: Program, known: _Map, population: str) -> Deliveries:
    n, own, width = known.size[population], known.cores(population), len(known.numbers)
    wires = [_wire(program, connection, known) for connection in known.wires[population]]
    cores, home = np.zeros(n, np.int64), np.zeros(n, bool)
    step = max(1, _CHUNK // max(width, 1))
    for first in range(0, n, step):
        last = min(first + step, n)
        reached = np.zeros((last - first, width + 1), bool)  # the last column: neurons that lie nowhere
        for wire in wires:
            wire.mark(reached, first, last)
        here = own[first:last]
        home[first:last] = reached[np.arange(last - first), here] & (here >= 0)
        cores[first:last] = np.count_nonzero(reached[:, :-1], axis=1)
    return Deliveries(cores, home)


class _Every:
    """A connection that leads from each pre neuron to all post neurons."""

    def __init__(self, cores: I32) -> None:
        self.cores = np.unique(cores)

    def mark(self, reached: npt.NDArray[np.bool_], first: int, last: int) -> None:
        """Mark the cores that the pre neurons first..last reach."""
        reached[:, self.cores] = True


class _Rows:
    """Compressed rows: those of pre neuron i lead to `post[pointer[i]:pointer[i + 1]]`."""

    def __init__(self, cores: I32, pointer: I64, post: I32) -> None:
        self.cores, self.pointer, self.post = cores, pointer, post

    def mark(self, reached: npt.NDArray[np.bool_], first: int, last: int) -> None:
        """Mark the cores that the pre neurons first..last reach."""
        for a, b in row_chunks(self.pointer[first : last + 1]):
            pointer = self.pointer[first + a : first + b + 1]
            pre = np.repeat(np.arange(a, b), np.diff(pointer))
            reached[pre, self.cores[self.post[pointer[0] : pointer[-1]]]] = True


class _Table:
    """Which pre neurons reach each core, worked out before: bool (cores, n_pre) for the cores of these numbers."""

    def __init__(self, numbers: I64, table: npt.NDArray[np.bool_]) -> None:
        self.numbers, self.table = numbers, table

    def mark(self, reached: npt.NDArray[np.bool_], first: int, last: int) -> None:
        """Mark the cores that the pre neurons first..last reach."""
        reached[:, self.numbers] |= self.table[:, first:last].T


def _wire(program: Program, connection: Connection, known: _Map) -> _Every | _Rows | _Table:
    cores, weights = known.cores(connection.post), connection.weights
    found = fan_in(program, connection) if connection.kind == "conv" else None
    if isinstance(found, ConvolutionFanIn):
        ranges: dict[int, list[tuple[int, int]]] = {}
        for part in known.parts[connection.post]:
            ranges.setdefault(known.numbers[part.chip, part.core], []).append((part.first, part.last))
        table = np.zeros((len(ranges), known.size[connection.pre]), bool)
        for row, parts in zip(table, ranges.values(), strict=True):
            row[:] = found.reached(parts)
        return _Table(np.array([*ranges], np.int64), table)
    if isinstance(weights, SparseWeights):
        return _Rows(cores, weights.pointer, weights.post)
    if connection.kind in ("sparse", "delay_sparse"):
        pre, post = np.nonzero(connection.matrix().T)
        pointer = np.zeros(weights.shape[1] + 1, np.int64)
        np.cumsum(np.bincount(pre, minlength=weights.shape[1]), out=pointer[1:])
        return _Rows(cores, pointer, post.astype(np.int32))
    return _Every(cores)
