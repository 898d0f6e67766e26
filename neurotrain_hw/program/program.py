"""Program: populations and connections, their placement on cores and the memory map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnknownNameError, UnsupportedError
from neurotrain_hw.program.connection import Connection
from neurotrain_hw.program.population import Population


@dataclass(frozen=True)
class CoreSlice:
    """Neurons `first` to `last` (excluded) of a population, placed on core `core` of chip `chip`."""

    population: str
    first: int
    last: int
    chip: int
    core: int


@dataclass(frozen=True)
class MemoryRow:
    """Bits that one purpose takes on one core, and the bits there are (None: the chip file does not say).

    `limit_bits` is the limit of the memory that the purpose draws from; rows that share a `pool` share the limit.
    """

    chip: int
    core: int
    purpose: str
    need_bits: int
    pool: str
    limit_bits: int | None


@dataclass(frozen=True)
class Timing:
    """How samples lie in time: `sample_steps` T of input; a layer of depth d works on them in steps d+1 .. d+T.

    `apart`: every sample must begin on a chip whose state is cleared, because loops or delays carry spikes over its
    end; else samples may follow one another, separated by the neurons' own resets.
    """

    sample_steps: int
    depth: Mapping[str, int]
    apart: bool = False


@dataclass(frozen=True, eq=False)
class Program:
    """The integer network as it is loaded on a chip; see the package's docstring.

    `outputs`: populations read as the network's output. `scales`: per population, how many units of the source
    graph's membrane one integer step of v is worth, one number or one for each neuron. `chip`: id of the chip file, or
    "" for none. `notes`: warnings of the compiler, shown in every report. `source_axes`: for populations that the chip
    numbers otherwise than the source graph, the order of their axes that gives the source's (`numbering.py`).
    """

    name: str
    populations: tuple[Population, ...]
    connections: tuple[Connection, ...]
    outputs: tuple[str, ...] = ()
    chip: str = ""
    placement: tuple[CoreSlice, ...] = ()
    memory: tuple[MemoryRow, ...] = ()
    scales: Mapping[str, float | tuple[float, ...]] = field(default_factory=dict)
    timing: Timing | None = None
    notes: tuple[str, ...] = ()
    source_axes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from neurotrain_hw.program.check import check  # it names the classes of this module

        check(self)

    def population(self, name: str) -> Population:
        """The population of that name; UnknownNameError names the nearest."""
        for population in self.populations:
            if population.name == name:
                return population
        raise UnknownNameError("population", name, (p.name for p in self.populations))

    @property
    def sample_timing(self) -> Timing:
        """How samples lie in time; UnsupportedError where the program does not say."""
        if self.timing is None:
            raise UnsupportedError(
                "it does not say how samples lie in time", where=f"program '{self.name}'",
                remedy="Compile it from a NIR file, or use neurotrain_hw.simulate.",
            )  # fmt: skip
        return self.timing

    def scale(self, name: str) -> npt.NDArray[np.float64]:
        """What one integer step of v is worth in the source, float64 (n,), in the chip's numbering; NaN if unsaid."""
        return np.broadcast_to(np.asarray(self.scales.get(name, np.nan), np.float64), (self.population(name).n,))

    def connection(self, name: str) -> Connection:
        """The connection of that name; UnknownNameError names the nearest."""
        for connection in self.connections:
            if connection.name == name:
                return connection
        raise UnknownNameError("connection", name, (c.name for c in self.connections))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input populations."""
        return tuple(p.name for p in self.populations if p.kind == "input")

    def packed(self) -> Program:
        """The same program with all static weights in the chip's own form: one byte for a dense 8-bit synapse."""
        return replace(self, connections=tuple(c.packed() for c in self.connections))

    def with_weights(self, weights: Mapping[str, npt.NDArray[Any]]) -> Program:
        """The same program with other weights, per connection name."""
        for name in weights:
            self.connection(name)
        return replace(
            self,
            connections=tuple(
                replace(c, weights=np.asarray(weights[c.name])) if c.name in weights else c for c in self.connections
            ),
        )
