"""The memory map of a placed program: per core and purpose, summed by pool, and what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from neurotrain_hw.chips import Chip
from neurotrain_hw.errors import CapacityError, Shortage
from neurotrain_hw.memory.count import not_counted
from neurotrain_hw.program import MemoryRow, Program


@dataclass(frozen=True)
class PoolRow:
    """One memory of one core: bits needed by all purposes together against the bits there are (None: unknown)."""

    chip: int
    core: int
    pool: str
    need_bits: int
    limit_bits: int | None

    @property
    def fits(self) -> bool:
        """Whether the need is within the limit; without a limit there is nothing to break."""
        return self.limit_bits is None or self.need_bits <= self.limit_bits


@dataclass(frozen=True)
class MemoryMap:
    """Rows per core and purpose, their sums by pool, and the purposes that are not counted, with the reason."""

    chip: str
    rows: tuple[MemoryRow, ...]
    pools: tuple[PoolRow, ...]
    not_counted: Mapping[str, str]

    @property
    def chips(self) -> int:
        """Chips that hold at least one neuron."""
        return len({row.chip for row in self.rows})

    @property
    def cores(self) -> int:
        """Cores that hold at least one neuron."""
        return len({(row.chip, row.core) for row in self.rows})

    @property
    def bits(self) -> int:
        """Bits of all purposes on all cores."""
        return sum(row.need_bits for row in self.rows)

    @property
    def purposes(self) -> Mapping[tuple[str, str], int]:
        """Bits by (pool, purpose), over all cores."""
        found: dict[tuple[str, str], int] = {}
        for row in self.rows:
            found[row.pool, row.purpose] = found.get((row.pool, row.purpose), 0) + row.need_bits
        return found

    @property
    def fullest(self) -> Mapping[str, PoolRow]:
        """Of each pool, the core that holds most."""
        return {pool.pool: max((p for p in self.pools if p.pool == pool.pool), key=_need) for pool in self.pools}

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON: every core with its purposes and its pools."""
        places = sorted({(row.chip, row.core) for row in self.rows})
        cores = {place: {"chip": place[0], "core": place[1], "purposes": [], "pools": []} for place in places}
        documents: dict[tuple[int, int], dict[str, Any]] = dict(cores)
        for row in self.rows:
            documents[row.chip, row.core]["purposes"].append(
                {"purpose": row.purpose, "pool": row.pool, "bits": row.need_bits}
            )
        for pool in self.pools:
            documents[pool.chip, pool.core]["pools"].append(
                {k: v for k, v in asdict(pool).items() if k not in ("chip", "core")}
            )
        return {
            "chip": self.chip, "chips": self.chips, "bits": self.bits, "cores": list(documents.values()),
            "not_counted": dict(self.not_counted),
        }  # fmt: skip


def memory_map(program: Program, chip: Chip) -> MemoryMap:
    """The map of a program that has been placed, as `place` wrote it down."""
    learns = any(connection.plasticity is not None for connection in program.connections)
    left_out = not_counted(chip, learns=learns)
    return MemoryMap(chip.id, program.memory, pool_rows(program.memory), left_out)


def pool_rows(memory: tuple[MemoryRow, ...]) -> tuple[PoolRow, ...]:
    """The memory map summed over the purposes that share a pool."""
    need: dict[tuple[int, int, str, int | None], int] = {}
    for row in memory:
        key = (row.chip, row.core, row.pool, row.limit_bits)
        need[key] = need.get(key, 0) + row.need_bits
    return tuple(PoolRow(chip, core, pool, bits, limit) for (chip, core, pool, limit), bits in need.items())


def check_map(program: Program) -> None:
    """CapacityError where a pool of a program's own map holds more than its limit, with the purposes on that core."""
    over = next((pool for pool in pool_rows(program.memory) if not pool.fits), None)
    if over is None:
        return
    where = f"chip {over.chip} core {over.core}"
    purposes = [
        Shortage(row.purpose, where, row.need_bits)
        for row in program.memory
        if (row.chip, row.core, row.pool) == (over.chip, over.core, over.pool)
    ]
    raise CapacityError(
        f"the {over.pool} is too small", where=f"program '{program.name}', {where}", need=f"{over.need_bits:,} bits",
        limit=f"{over.limit_bits:,} bits",
        table=(*purposes, Shortage(f"{over.pool}, all of it", where, over.need_bits, over.limit_bits)),
    )  # fmt: skip


def _need(pool: PoolRow) -> int:
    return pool.need_bits
