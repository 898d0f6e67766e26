"""Placement: populations on cores, in order, split where one core cannot hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.memory import axons_in, core_needs, pools, rows
from neurotrain_hw.errors import CapacityError, ValueRangeError
from neurotrain_hw.program import Connection, CoreSlice, MemoryRow, Population, Program


def place(program: Program, chip: Chip, *, chips: int = 1) -> Program:
    """The program with its placement on `chips` chips of a kind and its memory map.

    Populations are taken in order; each fills the core that was begun, then the next ones. Inputs come from outside
    and take no core. Raises CapacityError (layer, need, limit, core, remedy) where a single neuron is too large for
    a core, where there are too few cores, or where a chip's total of synapses or neurons is passed.
    """
    if chips < 1:
        raise ValueRangeError(f"{chips} chips", where="chips", need="at least 1")
    slices = _fill(program, chip)
    _check_cores(slices, chip, chips)
    _check_totals(program, slices, chip)
    return replace(program, chip=chip.id, placement=tuple(slices), memory=rows(program, chip, slices))


def memory_rows(program: Program, chip: Chip) -> tuple[MemoryRow, ...]:
    """The memory map of a program where it lies; a program without a placement is placed first."""
    return rows(program, chip, program.placement) if program.placement else place(program, chip).memory


@dataclass(frozen=True)
class _Shortage:
    """What a core does not have enough of."""

    resource: str
    need: int
    limit: int


def _fill(program: Program, chip: Chip) -> list[CoreSlice]:
    """Slices on cores counted on without end; the number of cores is checked afterwards, so that the need is known."""
    per_chip = chip.integer("structure.cores")
    slices: list[CoreSlice] = []
    begun: list[CoreSlice] = []
    core = 0
    for population in program.populations:
        if population.kind == "input":
            continue
        first = 0
        while first < population.n:
            where = divmod(core, per_chip) if per_chip else (0, core)
            last = _largest(program, chip, begun, population, first, where)
            if last > first:
                begun.append(CoreSlice(population.name, first, last, *where))
                slices.append(begun[-1])
                first = last
            elif not begun:
                raise _too_large(program, chip, CoreSlice(population.name, first, first + 1, *where))
            if first < population.n:
                begun, core = [], core + 1
    return slices


def _largest(
    program: Program, chip: Chip, begun: Sequence[CoreSlice], population: Population, first: int, where: tuple[int, int]
) -> int:
    """The end of the largest slice from `first` that still fits beside what was begun; `first` where none does."""
    low, high = first, population.n
    while low < high:
        middle = (low + high + 1) // 2
        part = CoreSlice(population.name, first, middle, *where)
        if not _shortages(program, chip, [*begun, part]):
            low = middle
        else:
            high = middle - 1
    return low


def _shortages(program: Program, chip: Chip, slices: Sequence[CoreSlice]) -> list[_Shortage]:
    """The resources of a core that these slices overdraw."""
    pool = pools(chip)
    drawn: dict[str, int] = {}
    for (kind, _), bits in core_needs(program, chip, slices).items():
        drawn[pool[kind][0]] = drawn.get(pool[kind][0], 0) + bits
    neurons = sum(part.last - part.first for part in slices)
    table = [
        ("neurons", neurons, chip.integer("structure.neurons_per_core")),
        ("input axons", axons_in(program, slices), chip.integer("structure.axons_in_per_core")),
        *((f"bits of {name}", drawn.get(name, 0), size) for name, size in sorted(set(pool.values()), key=str)),
    ]
    return [_Shortage(what, need, limit) for what, need, limit in table if limit is not None and need > limit]


def _too_large(program: Program, chip: Chip, part: CoreSlice) -> CapacityError:
    shortage = _shortages(program, chip, [part])[0]
    return CapacityError(
        "one neuron with its synapses is too large for a core",
        where=f"layer '{part.population}', chip {part.chip} core {part.core}",
        need=f"{shortage.need:,} {shortage.resource}", limit=f"{shortage.limit:,}",
        remedy="Give the neuron fewer inputs, or split its inputs over several layers.",
    )  # fmt: skip


def _check_cores(slices: Sequence[CoreSlice], chip: Chip, chips: int) -> None:
    cores = chip.integer("structure.cores")
    if cores is None or not slices:
        return
    used = slices[-1].chip * cores + slices[-1].core + 1
    if used > cores * chips:
        beyond = next(part for part in slices if part.chip >= chips)
        raise CapacityError(
            f"the network does not fit on {chips} {chip.name}",
            where=f"layer '{beyond.population}' from neuron {beyond.first} on", need=f"{used} cores",
            limit=f"{cores * chips} cores",
            remedy=f"Ask for {-(-used // cores)} chips, or make the layer smaller.",
        )  # fmt: skip


def _check_totals(program: Program, slices: Sequence[CoreSlice], chip: Chip) -> None:
    """Neurons and synapses of each chip against its totals."""
    for number in sorted({part.chip for part in slices}):
        parts = [part for part in slices if part.chip == number]
        neurons = {part: part.last - part.first for part in parts}
        synapses = {
            part: sum(_synapses(c, part) for c in program.connections if c.post == part.population) for part in parts
        }
        for what, key, counts in (
            ("neurons", "structure.neurons_per_chip", neurons),
            ("synapses", "structure.synapses_per_chip_max", synapses),
        ):
            limit, need = chip.integer(key), sum(counts.values())
            if limit is not None and need > limit:
                largest = max(parts, key=lambda part: counts[part])
                raise CapacityError(
                    f"too many {what} on chip {number}", where=f"layer '{largest.population}', the largest",
                    need=f"{need:,} {what}", limit=f"{limit:,} {what}", remedy="Make the layer smaller.",
                )  # fmt: skip


def _synapses(connection: Connection, part: CoreSlice) -> int:
    return int(connection.fan_out(part.first, part.last).sum())
