"""The audit: can a rule train a network on a chip, and if not, what stands against it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from neurotrain_hw.audit.engine import engine_rows
from neurotrain_hw.audit.memory import MemoryNeed, chip_bits, memory_needs, synapse_bits, total_bits
from neurotrain_hw.audit.room import cores_row, helps
from neurotrain_hw.audit.shape import NetworkShape
from neurotrain_hw.audit.verdict import Aspect, Result, Row, Verdict, outcome_of
from neurotrain_hw.chips import Chip
from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.memory import in_software, not_counted
from neurotrain_hw.memory.count import SYNAPSES
from neurotrain_hw.rules import Rule


def audit(
    rule: Rule,
    network: NetworkShape,
    chip: Chip,
    *,
    steps: int,
    batch: int = 1,
    chips: int = 1,
    generated: bool = False,
) -> Verdict:
    """Judge a rule on a network and so many chips, for samples of `steps` steps and `batch` samples at once.

    One row per requirement. A figure that the chip file calls unknown gives a row that is unknown, never one that
    passes. Cores are counted by placing the network as `neurotrain-hw compile` does. `generated`: fixed feedback is
    drawn from a seed; UnsupportedError where the chip is not known to. Raises ValueRangeError for fewer than one
    step, sample or chip.
    """
    if steps < 1 or batch < 1 or chips < 1:
        raise ValueRangeError(f"{steps} steps, a batch of {batch}, {chips} chips", need="at least 1 of each")
    needs = memory_needs(rule, network, chip, steps=steps, batch=batch, generated=generated)
    inference = memory_needs(None, network, chip, steps=steps, batch=batch)
    help_inference = helps(None, network, chip, steps=steps, chips=chips, batch=batch)
    help_learning = helps(rule, network, chip, steps=steps, chips=chips, batch=batch, generated=generated)
    room = [*_room_rows(needs, chip, chips, help_learning)]
    said = any(row.remedy for row in room)
    rows = (
        *_network_rows(network, chip, inference, chips, help_inference),
        *engine_rows(rule, chip, batch=batch),
        *room,
        cores_row(rule, network, chip, needs, chips=chips, generated=generated, remedy="" if said else help_learning),
    )
    outcome = outcome_of(rows, in_software=in_software(chip))
    return Verdict(rule.name, network.name, chip.id, steps, batch, outcome, rows, _note(rule, chip, rows))


def _note(rule: Rule, chip: Chip, rows: Sequence[Row]) -> str:
    left_out = ", ".join(not_counted(chip, learns=True))
    departs = ", ".join(row.requirement for row in rows if row.result == Result.DEPARTS)
    counted = (
        f"It departs from the rule's definition in: {departs}. " if departs else ""
    ) + f"Not counted: {left_out}."
    if rule.engines:
        return f"In this version, {rule.name} runs in: {', '.join(rule.engines)}. {counted}"
    return f"In this version nothing runs {rule.name} yet: the verdict is about the chip. {rule.note} {counted}"


def _network_rows(
    network: NetworkShape, chip: Chip, needs: Sequence[MemoryNeed], chips: int, remedy: str
) -> Iterator[Row]:
    allowed = chip.integers("synapse.weight_bits_allowed")
    most = max(allowed) if allowed else None
    yield _compare(chip, "weight bits", Aspect.NETWORK, network.weight_bits, most, "synapse.weight_bits_allowed",
                   f"Quantise to {most} bits (--weight-bits {most}).", unit="bits")  # fmt: skip
    sizes = {role: sum(x.neurons for x in network.layers if x.role == role) for role in ("input", "hidden", "output")}
    for role, key in (("input", "inputs_max"), ("hidden", "hidden_max"), ("output", "outputs_max")):
        limit = chip.integer(f"structure.{key}")
        if limit is not None:
            yield _compare(chip, f"{role} neurons", Aspect.NETWORK, sizes[role], chips * limit, f"structure.{key}",
                           "Use a smaller layer.")  # fmt: skip
    yield _compare(chip, "neurons", Aspect.NETWORK, network.neurons, _times(_neuron_limit(chip), chips),
                   "structure.neurons_per_chip", "Use smaller layers.")  # fmt: skip
    yield _memory_row("memory without learning", Aspect.NETWORK, needs, chip, chips, remedy)


def _room_rows(needs: Sequence[MemoryNeed], chip: Chip, chips: int, remedy: str) -> Iterator[Row]:
    there = _times(chip_bits(chip), chips)
    for need in needs:
        if need.learning:
            row = _limit(f"memory: {need.purpose}", Aspect.ROOM, need.bits, there, _memory_key(chip), chip, "")
            yield replace(row, reason=f"{need.formula}, in the memory of all cores")
    yield _memory_row("memory with learning", Aspect.ROOM, needs, chip, chips, remedy)
    synaptic, pool = total_bits([n for n in needs if n.kind == SYNAPSES]), _times(synapse_bits(chip), chips)
    if pool is not None:
        yield _limit("memory for synapses", Aspect.ROOM, synaptic, pool, "memory.synapse_bytes_per_core", chip, "")


def _memory_row(label: str, aspect: Aspect, needs: Sequence[MemoryNeed], chip: Chip, chips: int, remedy: str) -> Row:
    there = _times(chip_bits(chip), chips)
    row = _limit(label, aspect, total_bits(needs), there, _memory_key(chip), chip, remedy)
    return replace(row, reason=row.reason or "sum of " + ", ".join(need.purpose for need in needs))


def _memory_key(chip: Chip) -> str:
    """The figure that the limit of all memory comes from."""
    keys = ("memory.data_bytes_per_core", "memory.sram_core_bytes", "memory.sram_chip_bytes")
    return next((key for key in keys if chip.integer(key) is not None), keys[-1])


def _limit(label: str, aspect: Aspect, need: int | None, limit: int | None, key: str, chip: Chip, remedy: str) -> Row:
    if need is None or limit is None:
        reason = f"nobody has published '{key}', as far as we know" if limit is None else "a width is unknown"
        return Row(label, aspect, _bits(need), _bits(limit), Result.UNKNOWN, reason, "", _source(chip, key))
    fits = need <= limit
    return Row(label, aspect, _bits(need), _bits(limit), Result.PASS if fits else Result.FAIL,
               "" if fits else f"{need / limit:.3g} times the memory there is", "" if fits else remedy,
               _source(chip, key))  # fmt: skip


def _compare(
    chip: Chip, label: str, aspect: Aspect, need: int, limit: int | None, key: str, remedy: str, *, unit: str = ""
) -> Row:
    asked = f"{need:,} {unit}".strip()
    if limit is None:
        reason = f"nobody has published '{key}', as far as we know"
        return Row(label, aspect, asked, "unknown", Result.UNKNOWN, reason, "", _source(chip, key))
    there, fits = f"{limit:,} {unit}".strip(), need <= limit
    return Row(label, aspect, asked, there, Result.PASS if fits else Result.FAIL,
               "" if fits else "more than the chip has", "" if fits else remedy, _source(chip, key))  # fmt: skip


def _neuron_limit(chip: Chip) -> int | None:
    whole = chip.integer("structure.neurons_per_chip")
    cores, per_core = chip.integer("structure.cores"), chip.integer("structure.neurons_per_core")
    return whole or (None if cores is None or per_core is None else cores * per_core)


def _bits(bits: int | None) -> str:
    """Bits as a person reads them: `75,776 b (9.2 KiB)`."""
    return "unknown" if bits is None else f"{bits:,} b ({bits / 8192:,.1f} KiB)"


def _source(chip: Chip, key: str) -> str:
    figure = chip.figure(key)
    return f"{figure.key} ({figure.status}: {figure.source})"


def _times(value: int | None, factor: int) -> int | None:
    return None if value is None else value * factor
