"""Memory: the bits that a rule on a network takes on a chip, by purpose, and the bits that the chip has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from neurotrain_hw.audit.layout import layout_for
from neurotrain_hw.audit.shape import NetworkShape
from neurotrain_hw.chips import Chip
from neurotrain_hw.memory import CoreMemory, Widths, core_bits
from neurotrain_hw.memory.fill import cores_of
from neurotrain_hw.rules import Needs, Rule, needs_of


@dataclass(frozen=True)
class MemoryNeed:
    """Bits that one purpose takes; None where a figure of the chip is unknown. `formula` shows the arithmetic.

    `kind`: of memory, where a chip has several: synapses, neurons, learning or routing; empty for a history.
    """

    purpose: str
    bits: int | None
    formula: str
    learning: bool = True
    kind: str = ""


@dataclass(frozen=True)
class StepMemory:
    """The memory of training over `steps` steps. `fits_core`, `fits_chip`: None where a figure is unknown."""

    steps: int
    needs: tuple[MemoryNeed, ...]
    total_bits: int | None
    core_bits: int | None
    chip_bits: int | None

    @property
    def fits_core(self) -> bool | None:
        """Whether all of it fits one core."""
        return None if self.total_bits is None or self.core_bits is None else self.total_bits <= self.core_bits

    @property
    def fits_chip(self) -> bool | None:
        """Whether all of it fits the memory of all cores."""
        return None if self.total_bits is None or self.chip_bits is None else self.total_bits <= self.chip_bits


def memory_needs(
    rule: Rule | None,
    network: NetworkShape,
    chip: Chip,
    *,
    steps: int,
    batch: int = 1,
    generated: bool = False,
) -> tuple[MemoryNeed, ...]:
    """Bits by purpose: inference, and what learning with `rule` (None: inference only) adds.

    The same counts and widths as in the memory map of a program, with one copy of what several cores would each keep;
    and the history of a rule that walks backward through time, which no program holds. `generated`:
    fixed feedback is drawn from a seed.
    """
    needs = None if rule is None else needs_of(rule)
    memory = CoreMemory(layout_for(network, chip, needs, generated=generated), chip)
    found: dict[tuple[str, str, bool], list[tuple[int, int | None]]] = {}
    for term in memory.whole():
        count = term.count * (batch if term.per_sample else 1)
        if count and term.width.bits != 0:
            found.setdefault((term.purpose, term.kind, term.learning), []).append((count, term.width.bits))
    rows = [_row(purpose, parts, kind, learning) for (purpose, kind, learning), parts in found.items()]
    if needs is not None:
        rows += _history(needs, network, Widths(chip), steps=steps, batch=batch)
    return tuple(sorted((row for row in rows if row.bits != 0), key=lambda row: row.learning))


def memory_by_steps(
    rule: Rule, network: NetworkShape, chip: Chip, steps: Sequence[int], *, batch: int = 1
) -> tuple[StepMemory, ...]:
    """The memory of training at several lengths of a sample, against one core and the whole chip."""
    rows = []
    for count in steps:
        needs = memory_needs(rule, network, chip, steps=count, batch=batch)
        rows.append(StepMemory(count, needs, total_bits(needs), core_bits(chip), chip_bits(chip)))
    return tuple(rows)


def total_bits(needs: Iterable[MemoryNeed]) -> int | None:
    """The sum; None if a part is unknown."""
    total = 0
    for need in needs:
        if need.bits is None:
            return None
        total += need.bits
    return total


def chip_bits(chip: Chip) -> int | None:
    """Bits of memory of all cores that are free for networks, or of the chip where cores have none of their own."""
    return _times(core_bits(chip), cores_of(chip)) or _times(chip.integer("memory.sram_chip_bytes"), 8)


def synapse_bits(chip: Chip) -> int | None:
    """Bits of the memory for synapses alone, over all cores; None where there is none or it is unknown."""
    pools = chip.figure("memory.pools_bytes").value
    kernel = pools.get("kernel") if isinstance(pools, Mapping) else None
    per_core = _times(chip.integer("memory.synapse_bytes_per_core"), 8)
    return _times(per_core, cores_of(chip)) if per_core else _times(kernel if isinstance(kernel, int) else None, 8)


def _row(purpose: str, parts: Sequence[tuple[int, int | None]], kind: str, learning: bool) -> MemoryNeed:
    """Parts of one purpose; those of the same width are counted together."""
    counts: dict[int | None, int] = {}
    for count, bits in parts:
        counts[bits] = counts.get(bits, 0) + count
    total = None if None in counts else sum(count * (bits or 0) for bits, count in counts.items())
    texts = (f"{count} x {'unknown' if bits is None else f'{bits} b'}" for bits, count in counts.items())
    return MemoryNeed(purpose, total, " + ".join(texts), learning, kind)


def _history(needs: Needs, network: NetworkShape, widths: Widths, *, steps: int, batch: int) -> list[MemoryNeed]:
    """What a rule keeps beside the layout: spikes and membranes of every step."""
    spikes = batch * steps * network.senders * ("spikes" in needs.history)
    membranes = batch * steps * network.neurons * ("membranes" in needs.history)
    rows = (("spike history", spikes, 1), ("membrane history", membranes, widths.state("v").bits))
    return [_row(purpose, [(count, bits)], "", True) for purpose, count, bits in rows if count]


def _times(value: int | None, factor: int | None) -> int | None:
    return None if value is None or factor is None else value * factor
