"""Placement: populations on cores, in order, split where one core cannot hold them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.memory import CoreMemory
from neurotrain_hw.errors import CapacityError, ValueRangeError
from neurotrain_hw.program import CoreSlice, MemoryRow, Population, Program


def place(program: Program, chip: Chip, *, chips: int | None = 1) -> Program:
    """The program with its memory map, placed on at most `chips` chips of a kind (None: as many as it takes).

    Populations are taken in order; each fills the core that was begun, then the next ones, and the next chip where
    a chip's total of neurons or synapses is reached. Inputs come from outside and take no core. The time grows with
    the synapses, and with the cores times the logarithm of their neurons. Raises CapacityError (layer, need, limit,
    core, remedy) where a single neuron is too large for a core, and where there are too few chips.
    """
    if chips is not None and chips < 1:
        raise ValueRangeError(f"{chips} chips", where="chips", need="at least 1")
    memory = CoreMemory(program, chip)
    filler = _Filler(memory)
    for population in program.populations:
        if population.kind != "input":
            filler.fill(population)
    if chips is not None:
        _check_chips(filler, chip, chips)
    slices = tuple(filler.slices)
    return replace(program, chip=chip.id, placement=slices, memory=memory.rows(slices))


def memory_rows(program: Program, chip: Chip) -> tuple[MemoryRow, ...]:
    """The memory map of a program where it lies; a program without a placement is placed first."""
    if not program.placement:
        return place(program, chip).memory
    return CoreMemory(program, chip).rows(program.placement)


@dataclass(frozen=True)
class _Shortage:
    """What a core, or a whole chip, does not have enough of."""

    resource: str
    need: int
    limit: int
    of_chip: bool = False


class _Filler:
    """Fills cores that are counted on without end; the number of chips is checked afterwards, so the need is known."""

    def __init__(self, memory: CoreMemory) -> None:
        self.memory, self.chip = memory, memory.chip
        self.cores = memory.chip.integer("structure.cores")
        self.slices: list[CoreSlice] = []
        self.full: dict[int, _Shortage] = {}  # chips left before their last core, and why
        self._where = (0, 0)
        self._core, self._on_chip = Counter[str](), Counter[str]()  # what the core and the chip hold, by resource

    def fill(self, population: Population) -> None:
        """Place all neurons of a population from the core that was begun on."""
        first, guess = 0, 1
        while first < population.n:
            last = self._largest(population, first, guess)
            if last > first:
                self._add(CoreSlice(population.name, first, last, *self._where))
                guess, first = last - first, last
            elif not self._core:
                self._leave_chip(population, first)
            if first < population.n and self._core:
                self._leave_core()

    def _largest(self, population: Population, first: int, guess: int) -> int:
        """The end of the largest slice from `first` that still fits beside what was begun; `first` where none does.

        Looks around `guess` neurons first, doubling its steps: a slice is mostly as large as the last one.
        """

        def fits(last: int) -> bool:
            return not self._shortages(CoreSlice(population.name, first, last, *self._where))

        low, high, step = first, population.n, 1
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

    def _shortages(self, part: CoreSlice) -> list[_Shortage]:
        """What this slice overdraws beside what was begun: of the core, and of the chip with all that lies on it."""
        need = self._core + self._draws(part)
        found = [
            _Shortage(f"bits of {name}", need[name], size)
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
                found.append(_Shortage(what, count, limit, held is self._on_chip))
        axons = self.chip.integer("structure.axons_in_per_core")
        if axons is not None and not found and (count := self._core["input axons"] + self._axons(part)) > axons:
            found.append(_Shortage("input axons", count, axons))
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

    def _leave_chip(self, population: Population, first: int) -> None:
        """Go on to an empty chip where only this chip's totals are in the way; CapacityError where a core's are."""
        part = CoreSlice(population.name, first, first + 1, *self._where)
        shortage = min(self._shortages(part), key=lambda found: found.of_chip)
        if shortage.of_chip and self._on_chip and self.cores is not None:
            self.full[self._where[0]] = shortage
            self._next_chip()
            return
        raise CapacityError(
            "one neuron with its synapses is too large for a core",
            where=f"layer '{part.population}', chip {part.chip} core {part.core}",
            need=f"{shortage.need:,} {shortage.resource}", limit=f"{shortage.limit:,}",
            remedy="Give the neuron fewer inputs, or split its inputs over several layers.",
        )  # fmt: skip

    def _next_chip(self) -> None:
        self._where = (self._where[0] + 1, 0)
        self._on_chip = Counter()


def _check_chips(filler: _Filler, chip: Chip, chips: int) -> None:
    """CapacityError where the slices go beyond the chips: in cores, or in chips where a chip's total was reached."""
    slices, cores = filler.slices, chip.integer("structure.cores")
    beyond = next((part for part in slices if part.chip >= chips), None)
    if beyond is None or cores is None:
        return
    used = slices[-1].chip + 1
    total = next((shortage for number, shortage in filler.full.items() if number < chips), None)
    words = f", each with at most {total.limit:,} {total.resource}" if total else ""
    raise CapacityError(
        f"the network does not fit on {chips} {chip.name}{words}",
        where=f"layer '{beyond.population}' from neuron {beyond.first} on",
        need=f"{used} chips" if total else f"{slices[-1].chip * cores + slices[-1].core + 1} cores",
        limit=f"{chips} chips" if total else f"{cores * chips} cores",
        remedy=f"Ask for {used} chips, or make the layer smaller.",
    )  # fmt: skip
