"""The sections of the page about what it costs: memory of the rules, events, energy; and what the report rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neurotrain_hw.energy import format_pj
from neurotrain_hw.report.figures import curves, memory
from neurotrain_hw.report.view import UNKNOWN, Block, Cell, Table, Text, fine, grouped, listed, number, text

Json = Mapping[str, Any]
_CONNECTIONS = {
    "spike_events": "spike events",
    "graded_events": "graded events",
    "weight_updates_proposed": "updates proposed",
    "weight_updates_applied": "applied",
    "weight_updates_rounded_away": "rounded away",
    "weight_updates_saturated": "saturated",
    "trace_updates": "trace updates",
    "random_numbers": "random numbers",
}
_POPULATIONS = {
    "updates_active": "active updates",
    "updates_idle": "idle updates",
    "spikes": "spikes",
    "spikes_on_core": "sent on the core",
    "spikes_off_core": "sent off the core",
}


def sram(results: Json) -> list[Block]:
    """Bits over time steps, by purpose, and what fits."""
    section = results["sram"]
    steps, limit = section["steps"], section["limit_bits"]
    there = "unknown" if limit is None else f"{grouped(limit)} bits ({grouped(limit / 8192)} KiB)"
    source = f"; source: {section['limit_source']}" if section.get("limit_source") else ""
    blocks: list[Block] = [Text(f"The memory there is {there}{source}.")]
    blocks.append(curves.sram(section))
    if plot := memory.rule_memory(section):
        blocks.append(plot)
    ends = sorted({0, len(steps) - 1}) if steps else []
    rows = [
        (
            text(rule.get("title") or rule["rule"]),
            *(number(rule["bits"][k]) for k in ends),
            text(rule.get("verdict")),
            fine(rule.get("reason")),
        )
        for rule in section["rules"]
    ]
    columns = ("rule", *(f"bits at T = {grouped(steps[k])}" for k in ends), "verdict", "reason")
    blocks.append(Table("Which rules fit the chip.", columns, rows))
    return blocks


def events(results: Json) -> list[Block]:
    """Exact counts of what the chip would do, by connection and by population."""
    section = results["events"]
    per, total = section.get("per") or "run", section.get("total") is not False
    blocks: list[Block] = []
    if section.get("connections"):
        blocks.append(
            _counts(
                section["connections"],
                _CONNECTIONS,
                "connection",
                f"Events on each connection, per {per}.",
                total=total,
            )
        )
    if section.get("populations"):
        blocks.append(
            _counts(
                section["populations"],
                _POPULATIONS,
                "population",
                f"Events in each population, per {per}.",
                total=total,
            )
        )
    return blocks


def accuracy_vs_events(results: Json) -> list[Block]:
    """Accuracy against events."""
    if not results["accuracy_vs_events"]:
        return []
    per = (results.get("events") or {}).get("per") or "sample"
    chance = (results.get("accuracy") or {}).get("chance")
    return [curves.accuracy_vs_events(results["accuracy_vs_events"], per, chance)]


def energy(results: Json) -> list[Block]:
    """Energy term by term; a term without a figure is unknown, and so is then the total."""
    blocks: list[Block] = []
    for entry in results["energy"]:
        blocks += [_terms(entry), Text(_total(entry))]
    return blocks


def versions(results: Json) -> list[Block]:
    """What ran."""
    made_with = [f"{name} {version}" for name, version in results["versions"].items()]
    return [Text(f"Made with {listed(made_with)}.")] if made_with else []


def _counts(items: Sequence[Json], keys: Mapping[str, str], head: str, caption: str, *, total: bool) -> Table:
    shown = [key for key in keys if any(key in item for item in items)]
    rows = [(text(item["name"]), *(number(item.get(key)) for key in shown)) for item in items]
    if total and len(items) > 1:
        rows.append((Cell("all"), *(number(_sum(item.get(key) for item in items)) for key in shown)))
    return Table(caption, (head, *(keys[key] for key in shown)), rows)


def _sum(values: Any) -> float | None:
    known = list(values)
    return None if any(value is None for value in known) else sum(known)


def _terms(entry: Json) -> Table:
    rows = [
        (
            text(term["name"]),
            number(term["count"]),
            number(term["figure_pj"], None if term["figure_pj"] is None else f"{term['figure_pj']:.4g}"),
            number(term["energy_pj"], None if term["energy_pj"] is None else format_pj(term["energy_pj"])),
            fine(term.get("source")),
        )
        for term in entry["terms"]
    ]
    about = [part for part in (entry.get("label"), entry.get("scope") and f"scope: {entry['scope']}") if part]
    caption = f"Energy on {entry['chip']}, term by term{' (' + '; '.join(about) + ')' if about else ''}."
    return Table(caption, ("term", "events", "pJ each", "energy", "source"), rows)


def _total(entry: Json) -> str:
    known, total, missing = entry.get("known_pj"), entry.get("total_pj"), entry.get("missing") or []
    if total is not None:
        words = f"Total: {format_pj(total)}."
    elif known is not None:
        words = f"Total: {UNKNOWN}. The known terms sum to {format_pj(known)}, a lower bound."
    else:
        words = f"Total: {UNKNOWN}."
    if missing:
        words += f" No figure is known for: {listed(missing)}."
    note = (entry.get("note") or "").strip()
    return f"{words} {note}".strip()
