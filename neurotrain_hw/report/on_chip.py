"""The section of the page about learning on the chip: curves, accuracies, what became of the weight updates, Lava."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from neurotrain_hw.report.figures import curves
from neurotrain_hw.report.sections import absent
from neurotrain_hw.report.view import (
    UNKNOWN,
    Block,
    Cell,
    Table,
    Text,
    grouped,
    number,
    percent,
    sentence,
    share,
    text,
)

Json = Mapping[str, Any]


def on_chip(results: Json) -> list[Block]:
    """Learning in integers on the simulated chip beside its control, updates by layer, and the same in Lava."""
    section = results["on_chip"]
    blocks: list[Block] = []
    about = [f"The rule: {section['rule']}"] if section.get("rule") else []
    if section.get("samples_per_epoch") is not None:
        about.append(f"an epoch is {grouped(section['samples_per_epoch'])} samples, seen one at a time")
    if about:
        blocks.append(Text(f"{'; '.join(about)}."))
    if section.get("equation"):
        blocks.append(Text(section["equation"], "code"))
    if section.get("curves"):
        blocks.append(curves.on_chip(section["curves"], section.get("chance"), section.get("band")))
    if section.get("table"):
        blocks.append(_learned(section["table"]))
    if section.get("updates"):
        blocks.append(_updates(section["updates"]))
    blocks += [Text(sentence(f"Note: {note}")) for note in section.get("notes") or []]
    if "lava" in section:
        blocks.append(_lava_learning(section))
    return blocks


def _learned(rows: Sequence[Json]) -> Table:
    interval = any(row.get("half_width") is not None for row in rows)
    cells = []
    for row in rows:
        known = [value for value in row["test_accuracy"] if value is not None]
        mean = row["mean"] if row.get("mean") is not None else fmean(known) if known else None
        cells.append(
            (
                text(row["label"]),
                text(row.get("role") or ("control" if row.get("control") else "learns")),
                number(len(row["test_accuracy"])),
                share(mean, 2),
                _half_width(row.get("half_width")) if interval else _spread(row.get("spread"), known),
                Cell(", ".join(UNKNOWN if v is None else percent(v) for v in row["test_accuracy"]), "fine"),
            )
        )
    columns = ("network", "role", "seeds", "test accuracy", "95 % interval" if interval else "spread", "by seed")
    return Table("Test accuracy after learning on the chip; a control learns the readout only.", columns, cells)


def _half_width(value: float | None) -> Cell:
    return number(value, None if value is None else f"± {100 * value:.2f} points")


def _updates(section: Json) -> Table:
    """What became of every change that the rule asked for, by layer."""
    rows = [
        (
            text(row["layer"]),
            text(row.get("rule")),
            number(row.get("synapses")),
            number(row["proposed"]),
            *(_of(row[key], row["proposed"]) for key in ("applied", "rounded_away", "saturated")),
        )
        for row in section["layers"]
    ]
    over = f" over {grouped(section['samples'])} training samples" if section.get("samples") is not None else ""
    caption = (
        f"Weight updates by layer{over}. Proposed: changes other than 0 before rounding. A change below the weight's "
        "least bit is rounded to that bit, or to nothing; a saturated one was held back, wholly or in part, by the "
        "range of the weight."
    )
    columns = ("layer", "rule", "synapses", "proposed", "applied", "rounded to nothing", "saturated")
    return Table(caption, columns, rows)


def _of(count: float, whole: float) -> Cell:
    """`7 901 407 (4.3 %)`; what is there is never shown as nothing."""
    if not count or not whole:
        return number(count)
    part = percent(count / whole, 2) if count >= whole / 10_000 else "< 0.01 %"
    return number(count, f"{grouped(count)} ({part})")


def _spread(given: float | None, known: Sequence[float]) -> Cell:
    if given is not None:
        return Cell(f"{100 * given:.2f} points", "number")
    return Cell(f"{percent(min(known))} to {percent(max(known))}", "number") if known else text(None)


def _lava_learning(section: Json) -> Block:
    lava = section.get("lava")
    if lava is None:
        return absent(section, "lava", "The same learning in Lava")
    compared = f" of {grouped(lava['compared_weights'])}" if lava.get("compared_weights") is not None else ""
    sentence = (
        f"The first {grouped(lava['steps'])} steps of the same learning, run in Lava: "
        f"{grouped(lava['differing_weights'])}{compared} weights differ"
    )
    if lava.get("differing_spikes") is not None:
        sentence += f", {grouped(lava['differing_spikes'])} spikes differ"
    return Text(f"{sentence}.")
