"""Neurons as the source graph numbers them, and as the chip does.

A graph counts the values of an image in C order of (channels, height, width), Lava's convolutions in C order of (width,
height, channels). `Program.source_axes` holds, for populations numbered so, the order of the chip's axes that gives the
source's; all others are numbered as in the source.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neurotrain_hw.events import EventStream
from neurotrain_hw.program.program import Program

I64 = npt.NDArray[np.int64]


def chip_numbers(program: Program, population: str) -> I64:
    """For each neuron of the source, in C order of its shape there, its number on the chip, int64 (n,)."""
    return numbers(program.population(population).shape, program.source_axes.get(population))


def numbers(shape: tuple[int, ...], axes: tuple[int, ...] | None) -> I64:
    """The same for a shape on the chip and the order of its axes in the source (None: as they are)."""
    found = np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)
    return (found if axes is None else found.transpose(axes)).reshape(-1)


def to_chip(program: Program, population: str, stream: EventStream) -> EventStream:
    """A stream in the source's numbering, in the chip's."""
    if population not in program.source_axes:
        return stream
    return stream.renumbered(chip_numbers(program, population))


def to_source(program: Program, population: str, stream: EventStream) -> EventStream:
    """A stream in the chip's numbering, in the source's."""
    if population not in program.source_axes:
        return stream
    return stream.renumbered(np.argsort(chip_numbers(program, population)))
