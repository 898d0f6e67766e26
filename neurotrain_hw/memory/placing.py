"""Placement: populations on cores, in order, split where one core cannot hold them; refused where they do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from neurotrain_hw.chips import Chip
from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.memory.count import CoreMemory
from neurotrain_hw.memory.fill import fill, too_wide
from neurotrain_hw.memory.generated import Generated
from neurotrain_hw.memory.layout import layout_of
from neurotrain_hw.memory.refusal import refusal, too_wide_error
from neurotrain_hw.program import MemoryRow, Program


def place(
    program: Program, chip: Chip, *, chips: int | None = 1, generated: Mapping[str, Generated] | None = None
) -> Program:
    """The program with its memory map, placed on at most `chips` chips of a kind (None: as many as it takes).

    Populations are taken in order; each fills the core that was begun, then the next ones, and the next chip where
    a chip's total of neurons or synapses is reached. Inputs come from outside and take no core. `generated`: fixed
    feedback that the chip draws from seeds, by the connection's name. The time grows with the synapses, and with the
    cores times the logarithm of their neurons.

    Raises CapacityError where it does not fit: what it needs by purpose, the limits that it breaks, and changes with
    which it fits. Raises UnsupportedError for a figure that is needed and unknown.
    """
    if chips is not None and chips < 1:
        raise ValueRangeError(f"{chips} chips", where="chips", need="at least 1")
    memory = CoreMemory(layout_of(program, generated), chip)
    if (wide := too_wide(memory.layout, chip)) is not None:
        raise too_wide_error(memory, *wide, chips, generated)
    filling = fill(memory)
    if not filling.fits(chips):
        raise refusal(memory, filling, chips, generated)
    return replace(program, chip=chip.id, placement=filling.slices, memory=memory.rows(filling.slices))


def memory_rows(
    program: Program, chip: Chip, *, generated: Mapping[str, Generated] | None = None
) -> tuple[MemoryRow, ...]:
    """The memory map of a program where it lies; a program without a placement is placed first."""
    if not program.placement:
        return place(program, chip, generated=generated).memory
    return CoreMemory(layout_of(program, generated), chip).rows(program.placement)
