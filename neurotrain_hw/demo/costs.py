"""Steps f and g: memory of three rules as the sample grows, synaptic events, and the energy that is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from neurotrain_hw.audit import NetworkShape, audit, memory_by_steps
from neurotrain_hw.audit.memory import MemoryNeed
from neurotrain_hw.chips import load_chip
from neurotrain_hw.energy import Energy, estimate, format_pj, proxy
from neurotrain_hw.networks import load_model
from neurotrain_hw.rules import load_rule
from neurotrain_hw.simulator.counters import ConnectionCounts, Counters, PopulationCounts

MEMORY_RULES = ("bptt", "eprop", "eprop-random")
TITLES = {"bptt": "BPTT", "eprop": "e-prop, symmetric feedback", "eprop-random": "e-prop, random feedback, on chip"}
GROUPS = {
    "weights": "weights", "neuron state": "neuron state", "neuron parameters": "neuron state",
    "neuron records": "neuron state", "gradient": "gradients", "spike history": "spike history",
    "membrane history": "membrane history",
}  # fmt: skip
MEMORY_STEPS = (1, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


def memory_section(model: str, chip_name: str, steps: int) -> tuple[str, dict[str, Any]]:
    """Bits against T for every rule, with the audit's verdict at the model's own T."""
    chip, spec = load_chip(chip_name), load_model(model)
    shape = NetworkShape.from_model(spec)
    rules, texts, lengths = [], [], sorted({*MEMORY_STEPS, steps})
    core_bytes = chip.integer("memory.sram_core_bytes")
    for name in MEMORY_RULES:
        rule = load_rule(name)
        rows = memory_by_steps(rule, shape, chip, lengths)
        verdict = audit(rule, shape, chip, steps=steps)
        own = memory_by_steps(rule, shape, chip, (steps,))[0]
        reason = "; ".join(row.reason for row in verdict.failing[:2]) or verdict.note
        rules.append(
            {
                "rule": name, "title": TITLES[name], "bits": [row.total_bits for row in rows],
                "verdict": str(verdict.outcome), "reason": reason,
                "purposes": _grouped(own.needs),
            }
        )  # fmt: skip
        beyond = next((row.steps for row in rows if row.fits_core is False), None)
        grown = "at any T" if rows[0].total_bits == rows[-1].total_bits else f"at T={steps}"
        texts.append(
            f"{name} {own.total_bits or 0:,} bits {grown} ({verdict.outcome})"
            + (f", more than a core from T={beyond}" if beyond else "")
        )
    section = {
        "limit_bits": None if core_bytes is None else 8 * core_bytes,
        "limit_source": f"one core of {chip.name}: {chip.figure('memory.sram_core_bytes').source}",
        "steps": lengths, "rules": rules,
    }  # fmt: skip
    return "; ".join(texts), {"sram": section}


def _grouped(needs: Iterable[MemoryNeed]) -> list[dict[str, Any]]:
    """Bits by purpose; traces, factors, feedback and wider weights together as the state of learning."""
    groups: dict[str, int | None] = {}
    for need in needs:
        group = GROUPS.get(need.purpose, "state of learning")
        known = groups.get(group, 0)
        groups[group] = None if known is None or need.bits is None else known + need.bits
    return [{"purpose": k, "bits": v} for k, v in groups.items()]


def events_section(
    inference: Mapping[str, Any], samples: int, learning: Mapping[str, Any], lessons: int, chip_name: str
) -> tuple[str, dict[str, Any]]:
    """Events per sample of inference and of learning, and what the chip's figures say of their energy."""
    chip = load_chip(chip_name)
    running, taught = Counters.from_dict(inference), Counters.from_dict(learning)
    energies: list[Energy] = []
    for counters in (running, taught):
        other = proxy(counters, chip)
        energies += [estimate(counters, chip)] + ([] if other is None else [other])
    words = ("inference of the test set", "learning on the chip")
    labels = [word for word in words for _ in range(len(energies) // 2)]
    per_sample = running.synaptic_events / samples
    text = f"{per_sample:,.0f} synaptic events per sample; energy on {chip.name}: " + (
        "unknown, no figure is published"
        if energies[0].known_pj is None
        else f"{format_pj(energies[0].known_pj / samples)} per sample"
    )
    if len(energies) > 2:
        bound = energies[1].known_pj
        text += f"; with {energies[1].label}: " + (
            "unknown" if bound is None else f"at least {format_pj(bound / samples)} per sample"
        )
    section = {
        "per": "sample", "total": False,
        "connections": _rows(running.connections, "run: ", samples) + _rows(taught.connections, "learn: ", lessons),
        "populations": _rows(running.populations, "run: ", samples) + _rows(taught.populations, "learn: ", lessons),
    }  # fmt: skip
    return text, {"events": section, "energy": [_energy(e, label) for e, label in zip(energies, labels, strict=True)]}


def _rows(
    counts: Mapping[str, ConnectionCounts] | Mapping[str, PopulationCounts], prefix: str, samples: int
) -> list[dict[str, Any]]:
    return [
        {"name": prefix + name, **{k: None if v is None else v / samples for k, v in vars(row).items()}}
        for name, row in counts.items()
    ]


def _energy(energy: Energy, what: str) -> dict[str, Any]:
    return {
        "chip": energy.chip, "label": f"{what}: {energy.label}", "scope": energy.covers,
        "terms": [
            {"name": t.label, "count": t.count, "figure_pj": t.pj, "energy_pj": t.energy_pj,
             "source": t.note or t.source}
            for t in energy.terms
        ],
        "known_pj": energy.known_pj, "total_pj": energy.total_pj, "missing": list(energy.missing),
        "note": energy.summary,
    }  # fmt: skip
