"""Bits that a network needs on each core, by purpose: counts from a layout, widths from a chip.

docs/reference/memory-map.md defines every purpose. Unknown widths are asked for, never assumed; random generators and
routing are left out, and said to be, where the chip file does not size them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neurotrain_hw.chips import Chip
from neurotrain_hw.errors import CapacityError, UnsupportedError
from neurotrain_hw.memory.layout import Group, Layout, Wire
from neurotrain_hw.memory.widths import MODULATOR_BITS, SEED_BITS, Width, Widths
from neurotrain_hw.program import CoreSlice, MemoryRow
from neurotrain_hw.program.fan_in import ConvolutionFanIn, Ranges

SYNAPSES, NEURONS, LEARNING, ROUTING = "synapses", "neurons", "learning", "routing"
_WHY = "to count the memory of a core"


@dataclass(frozen=True)
class Term:
    """`count` words of a width, for a purpose. `learning`: only a network that learns needs it.

    `per_sample`: it is kept once for each sample that runs at the same time.
    """

    kind: str
    purpose: str
    count: int
    width: Width
    learning: bool = False
    per_sample: bool = False


class CoreMemory:
    """What ranges of a layout's neurons take on a core of a chip; everything that is the same for all is kept.

    Raises CapacityError for a delay that the chip cannot hold, UnsupportedError for weights that it cannot generate;
    `needs` raises UnsupportedError for a figure that is needed and that the chip file calls unknown.
    """

    def __init__(self, layout: Layout, chip: Chip) -> None:
        self.layout, self.chip, self.pools, self.widths = layout, chip, pools(chip), Widths(chip)
        self._groups = {group.name: group for group in layout.groups}
        self._onto: dict[str, list[Wire]] = {group.name: [] for group in layout.groups}
        for wire in layout.wires:
            _check(wire, chip)
            self._onto[wire.post].append(wire)
        self._backward = self.widths.software or chip.flag("synapse.read_backward") is True
        self._shares = "conv" in (chip.texts("synapse.sharing") or ())
        self._block = [chip.integer(f"synapse.block_{key}") for key in ("synapses_max", "overhead_bits", "align_bits")]

    def terms(self, slices: Sequence[CoreSlice]) -> Iterator[Term]:
        """Everything that slices need that lie on one core."""
        for name, ranges in _by_group(slices).items():
            group, neurons = self._groups[name], sum(last - first for first, last in ranges)
            yield from self._neurons(group, neurons)
            for wire in self._onto[name]:
                yield from self._synapses(wire, ranges, neurons)
                yield from self._beside(wire, ranges)
            yield from self._post(group, neurons)

    def whole(self) -> Iterator[Term]:
        """Everything, as if it all lay on one core: one copy of all that several cores would each keep."""
        return self.terms([CoreSlice(group.name, 0, group.neurons, 0, 0) for group in self.layout.groups])

    def needs(self, slices: Sequence[CoreSlice]) -> dict[tuple[str, str], int]:
        """Bits by (kind of memory, purpose) of slices that lie on one core; purposes without bits are left out."""
        needs: Counter[tuple[str, str]] = Counter()
        for term in self.terms(slices):
            if term.count:
                bits = term.width.bits
                needs[term.kind, term.purpose] += term.count * (
                    self.chip.require_integer(term.width.key, _WHY) if bits is None else bits
                )
        return {key: bits for key, bits in needs.items() if bits}

    def axons_in(self, slices: Sequence[CoreSlice]) -> int:
        """Pre neurons that have synapses on a core: one input axon for each, counted once per connection."""
        parts = _by_group(slices)
        return sum(wire.fan_in.axons(ranges) for name, ranges in parts.items() for wire in self._onto[name])

    def synapses(self, part: CoreSlice) -> int:
        """Synapses stored for a slice; of a shared kernel, its weights."""
        return sum(self._stored(wire, [(part.first, part.last)]) for wire in self._onto[part.population])

    def rows(self, slices: Iterable[CoreSlice]) -> tuple[MemoryRow, ...]:
        """The memory map of placed slices: one row per core and purpose."""
        cores: dict[tuple[int, int], list[CoreSlice]] = {}
        for part in slices:
            cores.setdefault((part.chip, part.core), []).append(part)
        return tuple(
            MemoryRow(where[0], where[1], purpose, bits, *self.pools[kind])
            for where, parts in sorted(cores.items())
            for (kind, purpose), bits in self.needs(parts).items()
        )

    def _neurons(self, group: Group, neurons: int) -> Iterator[Term]:
        if self.widths.record is not None:
            yield Term(NEURONS, "neuron records", neurons, Width(self.widths.record), per_sample=True)
            return
        for state in group.states:
            yield Term(NEURONS, "neuron state", neurons, self.widths.state(state), per_sample=True)
        for key, each in group.parameters.items():
            yield Term(NEURONS, "neuron parameters", neurons if each else 1, self.widths.parameter(key))

    def _stored(self, wire: Wire, ranges: Ranges) -> int:
        if wire.generated or (wire.copies and self._backward):
            return 0
        if self._shares and isinstance(wire.fan_in, ConvolutionFanIn):
            return wire.fan_in.kernel_entries(ranges)
        return wire.fan_in.synapses(ranges)

    def _synapses(self, wire: Wire, ranges: Ranges, targets: int) -> Iterator[Term]:
        """What each synapse takes; a plastic one's further bits and tags count as learning."""
        stored, width = self._stored(wire, ranges), self.widths.weight(wire.weight_bits)
        if wire.generated:
            yield Term(SYNAPSES, "feedback seeds", 1, Width(SEED_BITS), learning=True)
            return
        if self._shares and isinstance(wire.fan_in, ConvolutionFanIn):
            yield Term(SYNAPSES, "kernels", stored, Width(width))
            return
        if wire.copies == "learned":
            width = self.widths.learning_weight(wire.weight_bits)
        purpose = "second copy of weights" if wire.copies else "feedback matrix" if wire.feedback else "weights"
        entry = [Term(SYNAPSES, purpose, stored, Width(width), learning=wire.feedback)]
        if wire.indexed:
            entry.append(Term(SYNAPSES, "synapse indices", stored, Width(self.widths.index(targets))))
        if wire.delayed and not (wire.learning and "tag_2" in wire.learning.tags):  # tag_2 is the delay
            entry.append(Term(SYNAPSES, "delays", stored, self.widths.delay))
        if wire.learning is not None:
            if wire.learning.engine and wire.learning.weight_bits is None:
                wider = self.widths.learning_weight(wire.weight_bits) - width
                entry.append(Term(SYNAPSES, "wider weights", stored, Width(wider), learning=True))
            for tag in wire.learning.tags:
                entry.append(Term(SYNAPSES, "tags", stored, self.widths.tag(tag), learning=True))
            for purpose, bits in wire.learning.synapse_bits.items():
                entry.append(Term(SYNAPSES, purpose, stored, Width(bits), learning=True))
        yield from entry
        each = sum(term.width.bits or 0 for term in entry)
        yield Term(SYNAPSES, "block overhead", self._overhead(wire, ranges, each) if stored else 0, Width(1))

    def _overhead(self, wire: Wire, ranges: Ranges, entry_bits: int) -> int:
        """Headers and padding: an axon's synapses lie in blocks of at most N, each with a header, padded to a word."""
        size, header, align = self._block
        if not (size and header and align):
            return 0
        per_axon, axons = wire.fan_in.by_axon(ranges)
        full, rest = np.divmod(per_axon, size)
        padded_full = -(-(size * entry_bits + header) // align) * align
        padded_rest = np.where(rest > 0, -(-(rest * entry_bits + header) // align) * align, 0)
        return int(((full * padded_full + padded_rest - per_axon * entry_bits) * axons).sum())

    def _beside(self, wire: Wire, ranges: Ranges) -> Iterator[Term]:
        """What a wire takes on every core that holds its synapses: pre traces, a generator, entries of its axons."""
        if wire.learning is not None:
            if not self.widths.traces_in_record:
                traces = wire.n_pre * len(wire.learning.pre_traces)
                yield Term(LEARNING, "pre traces", traces, self.widths.trace, learning=True, per_sample=True)
            for purpose, bits in wire.learning.pre_bits.items():
                yield Term(LEARNING, purpose, wire.n_pre, Width(bits), learning=True, per_sample=True)
            if self.widths.generator.bits is not None:
                yield Term(LEARNING, "random generators", 1, self.widths.generator, learning=True)
        if self.widths.axon.bits is not None:
            purpose = "feedback routing" if wire.feedback else "routing"
            yield Term(ROUTING, purpose, wire.fan_in.axons(ranges), self.widths.axon, learning=wire.feedback)

    def _post(self, group: Group, neurons: int) -> Iterator[Term]:
        """Post traces, third factors and what else rules keep, once per neuron, however many wires read them."""
        rules = [wire.learning for wire in self._onto[group.name] if wire.learning is not None]
        if not self.widths.traces_in_record:
            kept = {y for rule in rules for y in rule.post_traces}
            yield Term(LEARNING, "post traces", neurons * len(kept), self.widths.trace, learning=True, per_sample=True)
        for purpose, bits in {k: bits for rule in rules for k, bits in rule.post_bits.items()}.items():
            if not self.widths.in_record(purpose):
                yield Term(LEARNING, purpose, neurons, Width(bits), learning=True, per_sample=True)
        if self.widths.forms_factors:
            return
        kept = {y for rule in rules for y in rule.third_factors}
        yield Term(LEARNING, "third factors", neurons * len(kept), self.widths.trace, learning=True, per_sample=True)
        if group.modulator:
            usual = MODULATOR_BITS.get(group.modulator, max(MODULATOR_BITS.values()))
            width = Width(usual if group.modulator_bits is None else group.modulator_bits)
            yield Term(LEARNING, "modulator state", neurons, width, learning=True, per_sample=True)


def pools(chip: Chip) -> Mapping[str, tuple[str, int | None]]:
    """For each kind of memory the pool that it draws from, and the pool's bits per core (None: unknown).

    A unified core memory is one pool. Else synapses have their own where the chip file gives its size, neurons
    the records of `neurons_per_core`, routing its own, and learning no limit that is known.
    """
    synapses = _bits(chip.integer("memory.synapse_bytes_per_core"))
    if chip.flag("memory.unified") or synapses is None:
        return dict.fromkeys((SYNAPSES, NEURONS, LEARNING, ROUTING), ("core memory", core_bits(chip)))
    state, neurons = chip.integer("memory.neuron_state_bytes"), chip.integer("structure.neurons_per_core")
    records = None if state is None or neurons is None else 8 * state * neurons
    return {
        SYNAPSES: ("synapse memory", synapses),
        NEURONS: ("neuron records", records),
        LEARNING: ("learning state", None),
        ROUTING: ("routing memory", _bits(chip.integer("memory.routing_bytes_per_core"))),
    }


def core_bits(chip: Chip) -> int | None:
    """Bits of memory that one core has for networks: its data memory, where programs have one of their own."""
    data = chip.integer("memory.data_bytes_per_core")
    return _bits(chip.integer("memory.sram_core_bytes") if data is None else data)


def not_counted(chip: Chip, *, learns: bool) -> dict[str, str]:
    """Purposes that no row of a map of this chip counts, and why."""
    widths = Widths(chip)
    found = {"programs of neurons": "no chip file gives their size"}
    if widths.axon.bits is None:
        found["routing"] = f"'{widths.axon.key}' is unknown"
    if learns and widths.generator.bits is None:
        found["random generators"] = f"'{widths.generator.key}' is unknown"
    return found


def _check(wire: Wire, chip: Chip) -> None:
    where = f"connection '{wire.name}'"
    if wire.delayed:
        bits = chip.require_integer("synapse.delay_bits_max", _WHY)
        if wire.longest_delay >= 1 << bits:
            raise CapacityError(
                f"a delay is longer than {chip.name} can hold", where=where, need=f"{wire.longest_delay} steps",
                limit=f"{(1 << bits) - 1} steps", remedy="Shorten the delays.",
            )  # fmt: skip
    if wire.generated and not chip.flag("synapse.generated"):
        raise UnsupportedError(
            f"{chip.name} is not known to draw weights from a seed ('synapse.generated')", where=where,
            remedy="Store the weights.",
        )  # fmt: skip


def _by_group(slices: Sequence[CoreSlice]) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for part in slices:
        found.setdefault(part.population, []).append((part.first, part.last))
    return found


def _bits(size_bytes: int | None) -> int | None:
    return None if size_bytes is None else 8 * size_bytes
