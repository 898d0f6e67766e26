"""Filling: groups of neurons on cores, in order, split where one core cannot hold them; cores without end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from neurotrain_hw.chips import Chip
from neurotrain_hw.errors import CapacityError, UnsupportedError
from neurotrain_hw.memory.count import CoreMemory
from neurotrain_hw.memory.layout import Group, Layout, Wire
from neurotrain_hw.program import CoreSlice


@dataclass(frozen=True)
class Overdraft:
    """What a core, or a whole chip, does not have enough of."""

    resource: str
    need: int
    limit: int
    of_chip: bool = False


@dataclass(frozen=True)
class Filling:
    """Where the neurons would lie if there were chips enough.

    `stuck`: a single neuron that no empty core can hold, and why; the slices end before it. `full`: chips that were
    left before their last core, because a total of the chip was reached.
    """

    slices: tuple[CoreSlice, ...]
    stuck: tuple[CoreSlice, Overdraft] | None = None
    full: dict[int, Overdraft] = field(default_factory=dict)

    @property
    def chips(self) -> int:
        """Chips that it takes, at least 1."""
        return max((part.chip for part in self.slices), default=0) + 1

    def fits(self, chips: int | None) -> bool:
        """Whether every neuron has its place on so many chips (None: as many as it takes)."""
        return self.stuck is None and (chips is None or self.chips <= chips)


def fill(memory: CoreMemory) -> Filling:
    """Place the groups of a layout from core 0 of chip 0 on.

    Each group fills the core that was begun, then the next ones, and the next chip where a chip's total of neurons or
    synapses is reached. The time grows with the synapses, and with the cores times the logarithm of their neurons.
    """
    filler = _Filler(memory)
    for group in memory.layout.groups:
        filler.fill(group)
        if filler.stuck is not None:
            break
    return Filling(tuple(filler.slices), filler.stuck, filler.full)


def fits(layout: Layout, chip: Chip, chips: int | None) -> bool:
    """Whether a layout fits on so many chips; False, too, where the chip cannot hold a part of it at any size."""
    try:
        if too_wide(layout, chip):
            return False
        return fill(CoreMemory(layout, chip)).fits(chips)
    except (CapacityError, UnsupportedError):
        return False


def too_wide(layout: Layout, chip: Chip) -> tuple[Wire, int] | None:
    """The first wire whose weights have more bits than the chip stores, and the most bits that it does."""
    most = max(chip.integers("synapse.weight_bits_allowed") or (), default=None)
    found = (wire for wire in layout.wires if most is not None and wire.weight_bits > most)
    return next(((wire, most) for wire in found if most is not None), None)


def cores_of(chip: Chip) -> int | None:
    """Cores of a chip that are free for networks."""
    usable = chip.integer("structure.cores_usable")
    return chip.integer("structure.cores") if usable is None else usable


class _Filler:
    """Fills cores that are counted on without end; whoever asks checks their number, so that the need is known."""

    def __init__(self, memory: CoreMemory) -> None:
        self.memory, self.chip = memory, memory.chip
        self.cores = cores_of(memory.chip)
        self.slices: list[CoreSlice] = []
        self.full: dict[int, Overdraft] = {}
        self.stuck: tuple[CoreSlice, Overdraft] | None = None
        self._where = (0, 0)
        self._core, self._on_chip = Counter[str](), Counter[str]()  # what the core and the chip hold, by resource

    def fill(self, group: Group) -> None:
        """Place all neurons of a group from the core that was begun on."""
        first, guess = 0, 1
        while first < group.neurons and self.stuck is None:
            last = self._largest(group, first, guess)
            if last > first:
                self._add(CoreSlice(group.name, first, last, *self._where))
                guess, first = last - first, last
            elif not self._core:
                self._leave_chip(group, first)
            if first < group.neurons and self._core:
                self._leave_core()

    def _largest(self, group: Group, first: int, guess: int) -> int:
        """The end of the largest slice from `first` that still fits beside what was begun; `first` where none does.

        Looks around `guess` neurons first, doubling its steps: a slice is mostly as large as the last one.
        """

        def fits(last: int) -> bool:
            return not self._overdrafts(CoreSlice(group.name, first, last, *self._where))

        low, high, step = first, group.neurons, 1
        at = min(first + guess, high)
        if fits(at):
            low = at
            while low < high:
                at = min(low + step, high)
                if not fits(at):
                    high = at - 1
                    break
                low, step = at, 2 * step
        else:
            high = at - 1
            while high > low:
                at = max(high - step, low)
                if at == low or fits(at):
                    low = at
                    break
                high, step = at - 1, 2 * step
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits(middle) else (low, middle - 1)
        return low

    def _overdrafts(self, part: CoreSlice) -> list[Overdraft]:
        """What this slice overdraws beside what was begun: of the core, and of the chip with all that lies on it."""
        need = self._core + self._draws(part)
        found = [
            Overdraft(f"bits of {name}", need[name], size)
            for name, size in sorted(set(self.memory.pools.values()), key=str)
            if size is not None and need[name] > size
        ]
        for what, key, held in (
            ("neurons", "structure.neurons_per_core", self._core),
            ("neurons", "structure.neurons_per_chip", self._on_chip),
            ("synapses", "structure.synapses_per_chip_max", self._on_chip),
        ):
            limit = self.chip.integer(key)
            if limit is not None and (count := held[what] + self._counts(part)[what]) > limit:
                found.append(Overdraft(what, count, limit, held is self._on_chip))
        axons = self.chip.integer("structure.axons_in_per_core")
        if axons is not None and not found and (count := self._core["input axons"] + self._axons(part)) > axons:
            found.append(Overdraft("input axons", count, axons))
        return found

    def _add(self, part: CoreSlice) -> None:
        self.slices.append(part)
        self._core += self._draws(part) + self._counts(part) + Counter({"input axons": self._axons(part)})
        self._on_chip += self._counts(part)

    def _draws(self, part: CoreSlice) -> Counter[str]:
        """Bits of each pool. A core holds one slice of a population at most here, so those of its slices add up."""
        drawn = Counter[str]()
        for (kind, _), bits in self.memory.needs([part]).items():
            drawn[self.memory.pools[kind][0]] += bits
        return drawn

    def _counts(self, part: CoreSlice) -> Counter[str]:
        return Counter({"neurons": part.last - part.first, "synapses": self.memory.synapses(part)})

    def _axons(self, part: CoreSlice) -> int:
        """Input axons of the slice; 0 where no limit of the chip asks for them."""
        return 0 if self.chip.integer("structure.axons_in_per_core") is None else self.memory.axons_in([part])

    def _leave_core(self) -> None:
        chip, core = self._where
        self._core = Counter()
        if self.cores is not None and core + 1 == self.cores:
            self._next_chip()
        else:
            self._where = (chip, core + 1)

    def _leave_chip(self, group: Group, first: int) -> None:
        """Go on to an empty chip where only this chip's totals are in the way; stuck where a core's are."""
        part = CoreSlice(group.name, first, first + 1, *self._where)
        overdraft = min(self._overdrafts(part), key=lambda found: found.of_chip)
        if overdraft.of_chip and self._on_chip and self.cores is not None:
            self.full[self._where[0]] = overdraft
            self._next_chip()
        else:
            self.stuck = part, overdraft

    def _next_chip(self) -> None:
        self._where = (self._where[0] + 1, 0)
        self._on_chip = Counter()
