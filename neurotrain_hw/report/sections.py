"""The sections of the page about the network: the trip, training, accuracy, the program, learning on the chip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from neurotrain_hw.report.figures import activity, curves, memory
from neurotrain_hw.report.view import (
    UNKNOWN,
    Block,
    Cell,
    Table,
    Text,
    fine,
    grouped,
    number,
    percent,
    seconds,
    sentence,
    share,
    text,
)

Json = Mapping[str, Any]
_LONG = 12
_ACCURACIES = {
    "validation_accuracy": "validation",
    "test_accuracy": "test",
    "float_accuracy": "test, float weights",
    "quantised_accuracy": "test, quantised",
}


def absent(holder: Json, key: str, what: str) -> Text:
    """What stands where a result is missing: that it was not run, and the reason that the document gives."""
    reason = holder.get(f"{key}_reason")
    return Text(f"{what}: not run. {sentence(reason) if reason else 'The run folder gives no reason.'}", "absent")


def log(results: Json) -> list[Block]:
    """The steps of the trip, a line each."""
    rows = [
        (Cell(step["step"], "code"), text(step["title"]), fine(step["text"]), _seconds(step.get("seconds")))
        for step in results["log"]
    ]
    timed = [step["seconds"] for step in results["log"] if step.get("seconds") is not None]
    total = f", {seconds(sum(timed))} altogether" if timed else ""
    return [Table(f"The steps in the order they ran{total}.", ("step", "", "figures", "time"), rows)]


def training(results: Json) -> list[Block]:
    """Curves, a row per rule, and memory for learning."""
    rules: Sequence[Json] = results["training"]
    blocks: list[Block] = []
    if plot := curves.training(rules):
        blocks.append(plot)
    shown = {key: words for key, words in _ACCURACIES.items() if any(key in rule for rule in rules)}
    rows = [
        (
            text(rule.get("title") or rule["rule"]),
            text(len(rule["seeds"]) if rule.get("seeds") else None),
            *(_over_seeds(rule.get(key)) for key in shown),
            _seconds(rule.get("seconds")),
        )
        for rule in rules
    ]
    columns = ("rule", "seeds", *shown.values(), "time")
    blocks.append(Table("Accuracy after training: mean over seeds, with the lowest and the highest.", columns, rows))
    if plot := curves.learning_bytes(rules):
        blocks.append(plot)
    return blocks


def accuracy(results: Json) -> list[Block]:
    """The same networks, step by step on the way to the chip."""
    section = results["accuracy"]
    columns, rows = section["columns"], []
    for row in section["rows"]:
        lost = Cell("not run", "unknown") if row.get("lava_reason") else share(None)
        cells = [lost if value is None else share(value, 2) for value in row["values"]]
        differing, compared = row.get("differing_spikes"), row.get("compared_spikes")
        rows.append((text(row["network"]), *cells, _differing(differing), _compared(differing, compared)))
    caption = "Test accuracy of the same network in each form"
    if section.get("samples") is not None:
        caption += f", on {grouped(section['samples'])} samples"
    if section.get("chance") is not None:
        caption += f" (chance: {percent(section['chance'], 0)})"
    head = ("network", *columns, "differing spikes, simulator against Lava", "spikes compared")
    blocks: list[Block] = [Table(f"{caption}.", head, rows)]
    for reason in dict.fromkeys(row["lava_reason"] for row in section["rows"] if row.get("lava_reason")):
        networks = [row["network"] for row in section["rows"] if row.get("lava_reason") == reason]
        blocks.append(Text(f"Not run in Lava: {'; '.join(networks)}. {sentence(reason)}", "absent"))
    return blocks


def program(results: Json) -> list[Block]:
    """The integer network on the chip: layers, placement, memory."""
    section = results["program"]
    named = [
        f"{what} {section[key]}" for key, what in (("name", "program"), ("chip", "compiled for")) if section.get(key)
    ]
    blocks: list[Block] = [Text(f"{sentence(', '.join(named))}")] if named else []
    if section.get("layers"):
        blocks.append(_layers(section["layers"]))
    if section.get("memory"):
        blocks += [memory.program_memory(section["memory"]), _memory_map(section["memory"])]
    elif "memory" in section:
        blocks.append(absent(section, "memory", "Memory map"))
    if section.get("placement"):
        blocks.append(_placement(section["placement"]))
    elif "placement" in section:
        blocks.append(absent(section, "placement", "Placement on cores"))
    return [*blocks, *(Text(sentence(f"Note: {note}")) for note in section.get("notes") or [])]


def raster(results: Json) -> list[Block]:
    """The spikes of one sample."""
    return [activity.raster(results["raster"])]


def weights(results: Json) -> list[Block]:
    """Histograms of the integer weights."""
    return [activity.weights(results["weights"])] if results["weights"] else []


def _layers(layers: Sequence[Json]) -> Table:
    rows = [
        (
            text(layer["name"]),
            text(layer.get("kind")),
            *(_plain(layer.get(key)) for key in ("neurons", "vth", "dv", "weight_exp", "weight_bits")),
            *(_error(layer.get(key)) for key in ("threshold_error", "decay_error")),
        )
        for layer in layers
    ]
    columns = ("layer", "kind", "neurons", "vth", "dv", "weight exp", "weight bits", "threshold error", "decay error")
    return Table(
        "Layers in integers: threshold mantissa vth, membrane decay dv in 1/4096, and what rounding them changes.",
        columns,
        rows,
    )


def _memory_map(rows: Sequence[Json]) -> Table:
    cells = [
        (
            number(row["chip"]),
            number(row["core"]),
            text(row["purpose"]),
            number(row["need_bits"]),
            text(row["pool"]),
            number(row["limit_bits"]),
        )
        for row in rows
    ]
    columns = ("chip", "core", "purpose", "need (bits)", "memory", "limit (bits)")
    return Table("The memory map; purposes in the same memory share its limit.", columns, cells, len(rows) > _LONG)


def _placement(rows: Sequence[Json]) -> Table:
    cells = [
        (
            text(row["population"]),
            number(row["first"]),
            number(row["last"] - 1),
            number(row["last"] - row["first"]),
            number(row["chip"]),
            number(row["core"]),
        )
        for row in rows
    ]
    columns = ("population", "first neuron", "last neuron", "neurons", "chip", "core")
    return Table("Where each population lies.", columns, cells, len(rows) > _LONG)


def _over_seeds(values: Sequence[float | None] | None) -> Cell:
    """`95.3 % (94.7 to 96.1)`; one seed: the value alone."""
    if values is None:
        return text(None)
    known = [value for value in values if value is not None]
    if not known:
        return text(None)
    lost = f", {len(values) - len(known)} {UNKNOWN}" if len(known) < len(values) else ""
    if len(known) == 1:
        return Cell(f"{percent(known[0])}{lost}", "number")
    return Cell(f"{percent(fmean(known))} ({100 * min(known):.1f} to {100 * max(known):.1f}{lost})", "number")


def _differing(count: int | None) -> Cell:
    if count is None:
        return Cell("not run", "unknown")
    return Cell(grouped(count), "bad" if count else "good")


def _compared(differing: int | None, compared: float | None) -> Cell:
    return Cell("not run", "unknown") if differing is None else number(compared)


def _seconds(value: float | None) -> Cell:
    return number(value, seconds(value) if value is not None else None)


def _plain(value: float | str | None) -> Cell:
    return text(value) if value is None or isinstance(value, str) else number(value)


def _error(value: float | None) -> Cell:
    return number(value, f"{100 * value:.2g} %" if value is not None else None)
