"""Is there room for what learning adds? Cores by placing, and changes with which it fits, each tried."""

from __future__ import annotations

from collections.abc import Sequence

from neurotrain_hw.audit.layout import layout_for
from neurotrain_hw.audit.memory import MemoryNeed, chip_bits, memory_needs, total_bits
from neurotrain_hw.audit.shape import NetworkShape
from neurotrain_hw.audit.verdict import Aspect, Result, Row
from neurotrain_hw.chips import Chip
from neurotrain_hw.errors import CapacityError, UnsupportedError
from neurotrain_hw.memory import CoreMemory, core_bits
from neurotrain_hw.memory.fill import cores_of, fill, fits
from neurotrain_hw.memory.remedies import Remedy, remedies
from neurotrain_hw.rules import Rule, needs_of


def cores_row(
    rule: Rule,
    network: NetworkShape,
    chip: Chip,
    needs: Sequence[MemoryNeed],
    *,
    chips: int = 1,
    generated: bool = False,
    remedy: str = "",
) -> Row:
    """Cores that the network takes with what the rule adds, as placing counts them.

    The history of every step, which no core is given, makes it a lower bound: all bits over the bits of a core.
    """
    figure = chip.figure("structure.cores")
    source = f"{figure.key} ({figure.status}: {figure.source})"
    total, core, cores = total_bits(needs), core_bits(chip), cores_of(chip)
    limit = "unknown" if cores is None else str(cores * chips)
    words = "the memory of a core, or a width, is unknown"
    unknown = Row("cores", Aspect.ROOM, "unknown", limit, Result.UNKNOWN, words, "", source)
    if total is None or core is None or cores is None:
        return unknown
    try:
        filling = fill(CoreMemory(layout_for(network, chip, needs_of(rule), generated=generated), chip))
    except (CapacityError, UnsupportedError):
        return unknown
    if filling.stuck is not None:
        part, overdraft = filling.stuck
        reason = (f"one neuron of layer {part.population} needs {overdraft.need:,} {overdraft.resource}, "
                  f"limit {overdraft.limit:,}")  # fmt: skip
        return Row("cores", Aspect.ROOM, "more than any number", limit, Result.FAIL, reason, remedy, source)
    last = filling.slices[-1]
    taken = last.chip * cores + last.core + 1
    history = _has_history(rule)
    least = max(taken, -(-total // core)) if history else taken
    met = least <= cores * chips
    return Row("cores", Aspect.ROOM, f"at least {least}" if history else str(least), limit,
               Result.PASS if met else Result.FAIL, "all memory over the memory of a core" if history else "by placing",
               "" if met else remedy, source)  # fmt: skip


def helps(
    rule: Rule | None,
    network: NetworkShape,
    chip: Chip,
    *,
    steps: int,
    chips: int = 1,
    batch: int = 1,
    generated: bool = False,
) -> str:
    """Changes with which there is room, as one text; empty where there is room already, or none was found.

    For a rule that keeps every step: the longest sample that fits. For any other: what placing finds, but fewer bits
    of feedback alone, for which the audit has no option.
    """
    if rule is not None and _has_history(rule):
        return _fewer_steps(rule, network, chip, steps=steps, chips=chips, batch=batch)
    try:
        layout = layout_for(network, chip, None if rule is None else needs_of(rule), generated=generated)
        if batch > 1 or fits(layout, chip, chips):
            return ""
        found = [r for r in remedies(layout, chip, chips) if r.weight_bits is None or r.all_weights or rule is None]
    except UnsupportedError:
        return ""
    texts = [f"{remedy}{_options(remedy)}" for remedy in found]
    return "It fits with: " + "; ".join(texts) + "." if found else ""


def _options(remedy: Remedy) -> str:
    """The options of `neurotrain-hw audit` that make the change, beside those that the words name."""
    bits = [] if remedy.weight_bits is None else [f"--weight-bits {remedy.weight_bits}"]
    options = [*bits, *(["--feedback generated"] if remedy.generate else [])]
    return f" ({' '.join(options)})" if options else ""


def _has_history(rule: Rule) -> bool:
    return bool(needs_of(rule).history)


def _fewer_steps(rule: Rule, network: NetworkShape, chip: Chip, *, steps: int, chips: int, batch: int) -> str:
    def total(count: int) -> int | None:
        return total_bits(memory_needs(rule, network, chip, steps=count, batch=batch))

    there, first, second, asked = chip_bits(chip), total(1), total(2), total(steps)
    if there is None or first is None or second is None or asked is None or second == first:
        return ""
    most = 1 + (there * chips - first) // (second - first)
    if asked <= there * chips or most < 1:
        return ""
    return f"It fits with samples of at most {most:,} steps (--steps {most})."
