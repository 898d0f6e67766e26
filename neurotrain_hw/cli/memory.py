"""What verbs share where a chip is chosen: `--budget`, `--chips`, and the tables of a memory map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from neurotrain_hw.cli import output

if TYPE_CHECKING:
    from neurotrain_hw.chips import Chip
    from neurotrain_hw.memory import MemoryMap
    from neurotrain_hw.program import Program

BudgetOption = Annotated[
    str | None,
    typer.Option("--budget", help="What if every core had this much memory, for all purposes? As in 64KiB, 65.5KB."),
]
ChipsOption = Annotated[str, typer.Option("--chips", help="How many chips of the kind may be used: a number, or auto.")]
MOST_CORES = 4
"""So many cores are listed in full without being asked for."""


def chip_for(target: str, budget: str | None) -> Chip:
    """The chip of a name or a file, with the memory of `--budget` in each core."""
    from neurotrain_hw.chips import load_chip
    from neurotrain_hw.memory import parse_size, with_budget

    chip = load_chip(target)
    return chip if budget is None else with_budget(chip, parse_size(budget))


def number_of_chips(text: str) -> int | None:
    """The value of `--chips`; None for auto: as many as it takes."""
    from neurotrain_hw.errors import ValueRangeError

    if text == "auto":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 7 and int(text) > 0):
        raise ValueRangeError(f"'{text[:40]}' is no number of chips", where="--chips", need="1 to 999,999, or auto")
    return int(text)


def used(found: MemoryMap) -> str:
    """Chips and cores that a network takes, in words."""
    chips, cores = found.chips, found.cores
    return f"{chips} chip{'s' * (chips != 1)}, {cores} core{'s' * (cores != 1)}"


def print_map(found: MemoryMap, *, every_core: bool) -> None:
    """Purposes over all cores, the fullest core of each memory or all cores, and what is not counted."""
    output.table(
        "Memory by purpose, all cores",
        ["memory", "purpose", "bits"],
        [[pool, purpose, f"{bits:,}"] for (pool, purpose), bits in found.purposes.items()],
    )
    pools = found.pools if every_core else found.fullest.values()
    output.table(
        f"Memory of {'each' if every_core else 'the fullest'} of {used(found)}",
        ["memory", "chip", "core", "bits needed", "bits there", "share"],
        [
            [
                pool.pool, pool.chip, pool.core, f"{pool.need_bits:,}",
                "unknown" if pool.limit_bits is None else f"{pool.limit_bits:,}",
                "" if pool.limit_bits is None else f"{pool.need_bits / pool.limit_bits:.1%}",
            ]
            for pool in pools
        ],
    )  # fmt: skip
    if every_core:
        output.table(
            "Memory map",
            ["chip", "core", "purpose", "bits", "memory"],
            [[row.chip, row.core, row.purpose, f"{row.need_bits:,}", row.pool] for row in found.rows],
        )
    typer.echo("Not counted: " + "; ".join(f"{what} ({why})" for what, why in found.not_counted.items()))


def print_fit(program: Program) -> None:
    """One line for each memory: the fullest core."""
    from neurotrain_hw.chips import load_chip
    from neurotrain_hw.memory import memory_map

    found = memory_map(program, load_chip(program.chip))
    for pool in found.fullest.values():
        there = "unknown" if pool.limit_bits is None else f"{pool.limit_bits:,}"
        typer.echo(f"{pool.pool}: the fullest of {used(found)} needs {pool.need_bits:,} of {there} bits")


def checked(program: Program, budget: str | None) -> Program:
    """The program, refused with CapacityError where its chip has no room for it.

    One that was placed must keep to the limits that its map states; one that was not is placed first, and so is every
    one with `--budget`, on as many chips as it lies on. A program for no chip, for one whose file is not at hand or
    does not give all figures, has no limits to keep to; `--budget` needs them.
    """
    from neurotrain_hw.chips import chip_names
    from neurotrain_hw.errors import UnsupportedError
    from neurotrain_hw.memory import check_map, place

    known = program.chip in chip_names()
    if budget is not None and not known:
        raise UnsupportedError(
            f"--budget needs the chip, and the program is for '{program.chip}'" if program.chip
            else "--budget needs a chip, and the program is for none",
            where=f"program '{program.name}'", remedy="Compile it with --budget instead.",
        )  # fmt: skip
    check_map(program)
    if not known or (program.placement and budget is None):
        return program
    chips = max((part.chip for part in program.placement), default=0) + 1
    try:
        return place(program, chip_for(program.chip, budget), chips=chips)
    except UnsupportedError:
        if budget is None:  # its figures do not say what fits
            return program
        raise
