"""The audit: can a rule train a network on a chip, and if not, what stands against it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from neurotrain_hw.audit.engine import engine_rows
from neurotrain_hw.audit.memory import (
    SYNAPTIC,
    MemoryNeed,
    chip_bits,
    core_bits,
    memory_needs,
    synapse_bits,
    total_bits,
)
from neurotrain_hw.audit.shape import NetworkShape
from neurotrain_hw.audit.verdict import Aspect, Result, Row, Verdict, outcome_of
from neurotrain_hw.chips import Chip
from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.rules import Rule


def audit(rule: Rule, network: NetworkShape, chip: Chip, *, steps: int, batch: int = 1) -> Verdict:
    """Judge a rule on a network and a chip, for samples of `steps` steps and `batch` samples at once.

    One row per requirement. A figure that the chip file calls unknown gives a row that is unknown, never one that
    passes. Core counts are lower bounds: `neurotrain-hw compile` places the neurons. Raises ValueRangeError for
    fewer than one step or sample.
    """
    if steps < 1 or batch < 1:
        raise ValueRangeError(f"{steps} steps and a batch of {batch}", need="at least 1 of each")
    needs = memory_needs(rule, network, chip, steps=steps, batch=batch)
    rows = (
        *_network_rows(network, chip, [n for n in needs if not n.learning]),
        *engine_rows(rule, chip, batch=batch),
        *_room_rows(network, chip, needs),
    )
    in_software = chip.text("learning.rule_family") == "software"
    outcome = outcome_of(rows, in_software=in_software)
    return Verdict(rule.name, network.name, chip.id, steps, batch, outcome, rows, _note(rule))


def _note(rule: Rule) -> str:
    if rule.engines:
        return f"In this version, {rule.name} runs in: {', '.join(rule.engines)}."
    return f"In this version nothing runs {rule.name} yet: the verdict is about the chip. {rule.note}".strip()


def _network_rows(network: NetworkShape, chip: Chip, needs: Sequence[MemoryNeed]) -> Iterator[Row]:
    allowed = chip.integers("synapse.weight_bits_allowed")
    yield _compare(chip, "weight bits", Aspect.NETWORK, network.weight_bits, max(allowed) if allowed else None,
                   "synapse.weight_bits_allowed", "Quantise to fewer bits.", unit="bits")  # fmt: skip
    sizes = {role: sum(x.neurons for x in network.layers if x.role == role) for role in ("input", "hidden", "output")}
    for role, key in (("input", "inputs_max"), ("hidden", "hidden_max"), ("output", "outputs_max")):
        limit = chip.integer(f"structure.{key}")
        if limit is not None:
            yield _compare(chip, f"{role} neurons", Aspect.NETWORK, sizes[role], limit, f"structure.{key}",
                           "Use a smaller layer.")  # fmt: skip
    yield _compare(chip, "neurons", Aspect.NETWORK, network.neurons, _neuron_limit(chip), "structure.neurons_per_chip",
                   "Use smaller layers.")  # fmt: skip
    yield _memory_row("memory without learning", Aspect.NETWORK, needs, chip)


def _room_rows(network: NetworkShape, chip: Chip, needs: Sequence[MemoryNeed]) -> Iterator[Row]:
    for need in needs:
        if need.learning:
            row = _limit(
                f"memory: {need.purpose}", Aspect.ROOM, need.bits, chip_bits(chip), _memory_key(chip), chip, ""
            )
            yield replace(row, reason=f"{need.formula}, in the memory of all cores")
    yield _memory_row("memory with learning", Aspect.ROOM, needs, chip)
    synaptic, pool = total_bits([n for n in needs if n.purpose in SYNAPTIC]), synapse_bits(chip)
    if pool is not None:
        yield _limit("memory for synapses", Aspect.ROOM, synaptic, pool, "memory.synapse_bytes_per_core", chip,
                     "Use fewer or narrower weights.")  # fmt: skip
    total, core, cores = total_bits(needs), core_bits(chip), chip.integer("structure.cores")
    per_core = chip.integer("structure.neurons_per_core")
    if total is None or core is None or cores is None:
        yield Row("cores", Aspect.ROOM, "unknown", "unknown" if cores is None else str(cores), Result.UNKNOWN,
                  "the memory of a core, or a width, is unknown")  # fmt: skip
        return
    least = max(-(-total // core), -(-network.neurons // per_core) if per_core else 1)
    fits = least <= cores
    yield Row("cores", Aspect.ROOM, f"at least {least}", str(cores), Result.PASS if fits else Result.FAIL,
              "all memory over the memory of a core; placing may need more", "" if fits else "Use a smaller network.",
              _source(chip, "structure.cores"))  # fmt: skip


def _memory_row(label: str, aspect: Aspect, needs: Sequence[MemoryNeed], chip: Chip) -> Row:
    remedy = "Use fewer steps, a smaller network, or a rule whose memory does not grow with the steps."
    row = _limit(label, aspect, total_bits(needs), chip_bits(chip), _memory_key(chip), chip, remedy)
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
