"""Changes with which a network fits that does not: each is tried by placing the changed network, or not offered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from neurotrain_hw.chips import Chip
from neurotrain_hw.errors import CapacityError, UnsupportedError
from neurotrain_hw.memory.budget import with_budget, with_figures
from neurotrain_hw.memory.count import CoreMemory
from neurotrain_hw.memory.fill import fill, fits, too_wide
from neurotrain_hw.memory.generated import Generated
from neurotrain_hw.memory.layout import Layout
from neurotrain_hw.memory.narrow import narrowed, with_generated_feedback
from neurotrain_hw.memory.widths import Widths
from neurotrain_hw.program import Program

_STATE = "learning.synaptic_state"
_LARGEST_BUDGET = 1 << 33
_LEAST_LEARNING_BITS = 2
"""A sign and a step: a signed weight of 1 bit has no 0 to start from."""
_MOST_LEARNING_BITS = 8
"""Of the grid that a rule may keep its weights on."""
_MOST_SYNAPSES = 2_000_000
"""Beyond it, the least memory that suffices is not searched for: each of some thirty trials takes seconds."""


@dataclass(frozen=True, eq=False)
class Remedy:
    """A change: `weight_bits` at most (of weights that learn, too: `all_weights`), feedback from a seed, another chip
    or more chips; `words` say it. `generated`: what was drawn from seeds already, by connection.
    """

    words: str
    chip: Chip
    chips: int | None
    weight_bits: int | None = None
    all_weights: bool = False
    generate: bool = False
    generated: Mapping[str, Generated] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.words

    def layout(self, layout: Layout) -> Layout:
        """The layout with the change."""
        changed = layout.with_generated_feedback() if self.generate else layout
        if self.weight_bits is None:
            return changed
        return changed.with_weight_bits(self.weight_bits, learning=self.all_weights)

    def place(self, program: Program) -> Program:
        """The program with the change, placed."""
        from neurotrain_hw.memory.placing import place  # placing refuses with remedies, so that both know each other

        changed, generated = with_generated_feedback(program) if self.generate else (program, self.generated)
        if self.weight_bits is not None:
            changed = narrowed(changed, self.weight_bits, learning=self.all_weights, but=generated)
        return place(changed, self.chip, chips=self.chips, generated=generated)


def remedies(
    layout: Layout, chip: Chip, chips: int | None, generated: Mapping[str, Generated] | None = None
) -> tuple[Remedy, ...]:
    """Changes, one by one, with which the layout fits; the smallest change of each kind.

    Fewer weight bits (of those that do not learn, of all), fewer tag bits (where the chip is a design whose widths can
    be turned), feedback drawn from a seed (where the chip can), more chips, and a larger memory (where it is an
    assumption). Where none of the first four helps alone, all of them together. `generated`: the seeds of what the
    layout draws from seeds already.
    """
    found = [
        first
        for kind in (_weights, _learned_weights, _tags, _feedback)
        if (first := next((r for r in kind(layout, chip, chips) if _helps(r, layout)), None))
    ]
    if not found:
        all_of_them = next((r for r in _together(layout, chip, chips) if _helps(r, layout)), None)
        found = [] if all_of_them is None else [all_of_them]
    found += [*_more_chips(layout, chip, chips), *_more_memory(layout, chip, chips)]
    return tuple(replace(remedy, generated=generated or {}) for remedy in found)


def _helps(remedy: Remedy, layout: Layout) -> bool:
    return fits(remedy.layout(layout), remedy.chip, remedy.chips)


def _weights(layout: Layout, chip: Chip, chips: int | None) -> Iterator[Remedy]:
    """Every number of bits that the chip has for weights that do not learn, below the widest, the largest first."""
    where = " where they do not learn" if any(w.learns for w in layout.wires) else ""
    widest = max((w.weight_bits for w in layout.wires if not w.learns), default=0)
    for bits in _fewer(chip, widest):
        yield Remedy(f"weights of {_plural(bits)}{where}", chip, chips, bits)


def _learned_weights(layout: Layout, chip: Chip, chips: int | None) -> Iterator[Remedy]:
    """The same for all weights: those that learn then stay on the grid of so many bits (`Plasticity.weight_bits`)."""
    learns = [w for w in layout.wires if w.learns]
    free = any(w.learning is not None and w.learning.engine and w.learning.weight_bits is None for w in learns)
    widest = max((w.weight_bits for w in layout.wires), default=0) if learns else 0
    for bits in _fewer(chip, min(widest + free, _MOST_LEARNING_BITS + 1)):
        if bits >= _LEAST_LEARNING_BITS:
            yield Remedy(f"weights of {bits} bits, those that learn, too", chip, chips, bits, True)


def _fewer(chip: Chip, widest: int) -> list[int]:
    """The chip's widths of a weight below one, the largest first."""
    return sorted((b for b in chip.integers("synapse.weight_bits_allowed") or () if b < widest), reverse=True)


def _tags(layout: Layout, chip: Chip, chips: int | None) -> Iterator[Remedy]:
    """Fewer bits of a tag, where its width is a choice of the chip file."""
    used = {tag for wire in layout.wires if wire.learning is not None for tag in wire.learning.tags}
    widest = max((Widths(chip).tag(tag).bits or 0 for tag in used), default=0)
    if chip.figure(_STATE).status == "X":
        for bits in range(widest - 1, 0, -1):
            changed, text = _with_field(chip, ("tag", "elig"), bits)
            yield Remedy(f"tags of {_plural(bits)}{text}", changed, chips)


def _feedback(layout: Layout, chip: Chip, chips: int | None) -> Iterator[Remedy]:
    """Fixed feedback from a seed, where the chip can."""
    if chip.flag("synapse.generated") and any(w.feedback and w.learning is None and not w.generated
                                              for w in layout.wires):  # fmt: skip
        yield Remedy("feedback drawn from a seed instead of stored", chip, chips, generate=True)


def _together(layout: Layout, chip: Chip, chips: int | None) -> Iterator[Remedy]:
    """Fewer bits for all weights and tags, and feedback from a seed, as far as each can be."""
    generate = bool(list(_feedback(layout, chip, chips)))
    learns = any(w.learns for w in layout.wires)
    for remedy in (_learned_weights if learns else _weights)(layout, chip, chips):
        tags = [r for r in _tags(layout, remedy.chip, chips) if f"tags of {remedy.weight_bits} bit" in r.words]
        words = remedy.words.partition(" (")[0]
        changed, text = (tags[0].chip, f" and tags of {remedy.weight_bits} bits") if tags else (remedy.chip, "")
        if generate:
            text += " and feedback drawn from a seed"
        if text:
            yield replace(remedy, words=words + text + _state_text(changed, chip), chip=changed, generate=generate)


def _more_chips(layout: Layout, chip: Chip, chips: int | None) -> Iterator[Remedy]:
    if chips is None or too_wide(layout, chip):
        return
    try:
        filling = fill(CoreMemory(layout, chip))
    except (CapacityError, UnsupportedError):
        return
    if filling.fits(None):
        yield Remedy(f"{filling.chips} chips (--chips {filling.chips})", chip, filling.chips)


def _more_memory(layout: Layout, chip: Chip, chips: int | None) -> Iterator[Remedy]:
    """The least memory of a core that suffices, where the chip's is a choice and no silicon's."""
    figure = chip.figure("memory.sram_core_bytes")
    if figure.status != "X" or not isinstance(figure.value, int) or _synapses(layout) > _MOST_SYNAPSES:
        return
    low, high = 0, max(figure.value, 1)
    while not fits(layout, with_budget(chip, high), chips):
        low, high = high, 2 * high
        if high > _LARGEST_BUDGET:
            return
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(layout, with_budget(chip, middle), chips) else (middle, high)
    yield Remedy(f"{high:,} bytes of memory in a core (--budget {high}B)", with_budget(chip, high), chips)


def _with_field(chip: Chip, prefixes: tuple[str, ...], bits: int) -> tuple[Chip, str]:
    """The chip with so many bits, at most, in fields of its synaptic state, and words that say what to change."""
    fields = chip.state(_STATE) or ()
    narrow = [replace(f, bits=min(f.bits, bits)) if f.name.startswith(prefixes) else f for f in fields]
    if list(fields) == narrow:
        return chip, ""
    changed = with_figures(chip, "chosen here: a remedy", {_STATE: tuple(map(str, narrow))})
    return changed, _state_text(changed, chip)


def _state_text(changed: Chip, chip: Chip) -> str:
    if changed.figure(_STATE) == chip.figure(_STATE):
        return ""
    fields = ", ".join(f'"{text}"' for text in _texts(changed))
    return f" ({_STATE} = [{fields}] in a copy of {chip.path.name})"


def _plural(bits: int) -> str:
    return f"{bits} bit" if bits == 1 else f"{bits} bits"


def _texts(chip: Chip) -> Iterator[str]:
    return (str(field) for field in chip.state(_STATE) or ())


def _synapses(layout: Layout) -> int:
    sizes = {group.name: group.neurons for group in layout.groups}
    return sum(wire.fan_in.synapses([(0, sizes[wire.post])]) for wire in layout.wires)
