"""What is said of a network that does not fit: its needs by purpose and core against the limits, and what helps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from neurotrain_hw.errors import CapacityError, Shortage
from neurotrain_hw.memory.count import CoreMemory
from neurotrain_hw.memory.fill import Filling, Overdraft, cores_of
from neurotrain_hw.memory.generated import Generated
from neurotrain_hw.memory.layout import Wire
from neurotrain_hw.memory.remedies import remedies
from neurotrain_hw.program import CoreSlice


def refusal(
    memory: CoreMemory, filling: Filling, chips: int | None, generated: Mapping[str, Generated] | None = None
) -> CapacityError:
    """The error for a filling that does not fit on `chips` chips; `generated`: seeds, for the remedies."""
    helps = remedies(memory.layout, memory.chip, chips, generated)
    if filling.stuck is not None:
        part, overdraft = filling.stuck
        where = f"chip {part.chip} core {part.core}"
        return CapacityError(
            "one neuron with its synapses is too large for a core", where=f"layer '{part.population}', {where}",
            need=f"{overdraft.need:,} {overdraft.resource}", limit=f"{overdraft.limit:,}",
            table=tuple(_core_table(memory, [part], where)), remedies=helps,
        )  # fmt: skip
    return _too_few(memory, filling, chips or 1, helps)


def too_wide_error(
    memory: CoreMemory, wire: Wire, most: int, chips: int | None, generated: Mapping[str, Generated] | None = None
) -> CapacityError:
    """The error for weights of more bits than the chip stores."""
    where = f"connection '{wire.name}'"
    return CapacityError(
        f"{memory.chip.name} has no weights of so many bits", where=where, need=f"{wire.weight_bits} bits",
        limit=f"{most} bits", table=(Shortage("bits of a weight", where, wire.weight_bits, most),),
        remedies=remedies(memory.layout, memory.chip, chips, generated),
    )  # fmt: skip


def _too_few(memory: CoreMemory, filling: Filling, chips: int, helps: Sequence[object]) -> CapacityError:
    chip, slices = memory.chip, filling.slices
    cores = cores_of(chip) or 0  # a chip without a number of cores is never left
    beyond = next(part for part in slices if part.chip >= chips)
    total = next((overdraft for number, overdraft in filling.full.items() if number < chips), None)
    words = f", each with at most {total.limit:,} {total.resource}" if total else ""
    need = f"{filling.chips} chips" if total else _plural(slices[-1].chip * cores + slices[-1].core + 1, "core")
    if cores * chips == 1:
        table = tuple(_core_table(memory, [_whole(memory, name) for name in _names(slices)], "chip 0 core 0"))
    else:
        table = tuple(_chip_table(memory, filling, chips, cores, total))
    return CapacityError(
        f"the network does not fit on {chips} {chip.name}{words}",
        where=f"layer '{beyond.population}' from neuron {beyond.first} on", need=need,
        limit=_plural(chips, "chip") if total else _plural(cores * chips, "core"), table=table, remedies=helps,
    )  # fmt: skip


def _core_table(memory: CoreMemory, slices: Sequence[CoreSlice], where: str) -> Iterator[Shortage]:
    """All that these slices need on one core: each purpose, the sum of each pool with its limit, and counts."""
    needs, sums = memory.needs(slices), dict[tuple[str, int | None], int]()
    for (kind, purpose), bits in needs.items():
        yield Shortage(purpose, where, bits)
        sums[memory.pools[kind]] = sums.get(memory.pools[kind], 0) + bits
    for (pool, limit), bits in sums.items():
        yield Shortage(f"{pool}, all of it", where, bits, limit)
    counts = (
        ("neurons", sum(part.last - part.first for part in slices), "structure.neurons_per_core"),
        ("input axons", memory.axons_in(slices), "structure.axons_in_per_core"),
    )
    for resource, count, key in counts:
        yield from _count(resource, where, count, memory.chip.integer(key))


def _chip_table(
    memory: CoreMemory, filling: Filling, chips: int, cores: int, total: Overdraft | None
) -> Iterator[Shortage]:
    """All that the network needs, on as many cores as it takes, against what so many chips have."""
    slices, where = filling.slices, f"all {_plural(cores * chips, 'core')}"
    sums: dict[tuple[str, str, int | None], int] = {}
    for row in memory.rows(slices):
        key = row.purpose, row.pool, row.limit_bits
        sums[key] = sums.get(key, 0) + row.need_bits
    pools: dict[tuple[str, int | None], int] = {}
    for (purpose, pool, limit), bits in sums.items():
        yield Shortage(purpose, where, bits)
        pools[pool, limit] = pools.get((pool, limit), 0) + bits
    for (pool, limit), bits in pools.items():
        yield Shortage(f"{pool}, all of it", where, bits, None if limit is None else limit * cores * chips)
    if total is None:
        yield Shortage("cores", where, slices[-1].chip * cores + slices[-1].core + 1, cores * chips, "")
    else:
        yield Shortage(f"chips of at most {total.limit:,} {total.resource}", where, filling.chips, chips, "")


def _count(resource: str, where: str, count: int, limit: int | None) -> Iterator[Shortage]:
    if limit is not None and count > limit:
        yield Shortage(resource, where, count, limit, "")


def _whole(memory: CoreMemory, name: str) -> CoreSlice:
    group = next(group for group in memory.layout.groups if group.name == name)
    return CoreSlice(name, 0, group.neurons, 0, 0)


def _names(slices: Sequence[CoreSlice]) -> list[str]:
    return list(dict.fromkeys(part.population for part in slices))


def _plural(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
