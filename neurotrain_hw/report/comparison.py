"""The section of the page about a comparison: accuracies, first divergences, layers, number formats, effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurotrain_hw.report.figures import formats
from neurotrain_hw.report.view import Block, Cell, Table, Text, grouped, number, percent, sentence, share, text

Json = Mapping[str, Any]


def comparison_document(found: Json) -> dict[str, Any]:
    """The document of a page from `Comparison.as_dict`."""
    rows = [
        {"label": f"accuracy, {run['title']}", "value": percent(run["accuracy"], 2),
         "note": f"{grouped(run['samples'])} recordings"}
        for run in found["runs"] if run["accuracy"] is not None and run["samples"] == found["samples"]  # not Lava's few
    ]  # fmt: skip
    if found["loss"] is not None:
        rows.append({"label": "lost on the way to integers", "value": f"{found['loss']:.2f} points", "note": ""})
    attribution = found["attribution"]
    if attribution and attribution["cause"]:
        rows.append({"label": "most of it", "value": _cause(attribution), "note": "of the effects of the integers"})
    return {
        "title": f"{found['network']} on {found['chip'] or 'no chip'}: runs compared", "kind": "comparison",
        "headline": rows, "comparison": dict(found),
    }  # fmt: skip


def comparison(results: Json) -> list[Block]:
    """Everything that was compared."""
    found = results["comparison"]
    blocks: list[Block] = [_runs(found), *(_first(pair) for pair in found["pairs"]), _layers(found["pairs"])]
    if found["attribution"]:
        blocks += [
            formats.effects(found["attribution"]["effects"]), _effects(found["attribution"], "effects"),
            *([_effects(found["attribution"], "layers")] if found["attribution"]["layers"] else []),
        ]  # fmt: skip
    blocks += [formats.magnitudes(found["formats"]), _formats(found["formats"])]
    blocks += [Text(f"{layer}: {sentence('; '.join(words))}") for layer, words in found["departures"].items()]
    if found["emulator_differs"]:
        blocks.append(
            Text(
                f"The emulator differs from the simulator in {grouped(found['emulator_differs'])} values: what the "
                "effects cost is not to be trusted.", "absent",
            )
        )  # fmt: skip
    return [*blocks, *(Text(sentence(f"Note: {note}")) for note in found["notes"])]


def _runs(found: Json) -> Table:
    rows = [
        (text(run["title"]), number(run["samples"]), share(run["accuracy"], 2), number(run["spikes"]))
        for run in found["runs"]
    ]
    caption = f"The same recordings of {found['steps']} steps in each run; spikes of all layers."
    return Table(caption, ("run", "recordings", "accuracy", "spikes"), rows)


def _first(pair: Json) -> Text:
    names = f"{pair['a'].capitalize()} and {pair['b']}"
    what = "spikes, currents and membranes" if pair["exact"] else "spikes"
    first = pair["first"]
    if first is None:
        return Text(f"{names}: the same {what} in all {grouped(pair['samples'])} recordings.")
    level = "" if first["threshold"] is None else f" (threshold {first['threshold']:.6g})"
    told = "; ".join(f"{run}: {_told(values)}" for run, values in first["values"].items())
    return Text(
        f"{names} part in {grouped(pair['samples_apart'])} of {grouped(pair['samples'])} recordings, and decide "
        f"otherwise in {grouped(pair['decisions_apart'])}. First divergence: recording {first['sample']}, step "
        f"{first['step']}, layer '{first['layer']}', neuron {first['neuron']}, {first['variable']}; {told}{level}."
    )


def _told(values: Json) -> str:
    return ", ".join(f"{'v before the reset' if k == 'raised' else k} {value:.6g}" for k, value in values.items())


def _layers(pairs: Sequence[Json]) -> Table:
    rows = [
        (
            text(f"{pair['a']}, {pair['b']}"), text(layer["layer"]), number(layer["spikes_a"]),
            Cell(grouped(layer["differing"]), "bad" if layer["differing"] else "good"),
            share(layer["differing_share"], 2), share(layer["agreement"], 3), _rate(layer["rate_a"]),
            _rate(layer["rate_b"]),
            Cell("never", "good") if layer["first_step"] is None else number(layer["first_step"]),
            number(layer["breaks_first"]),
        )
        for pair in pairs for layer in pair["layers"]
    ]  # fmt: skip
    columns = (
        "runs", "layer", "spikes", "differing", "of the spikes", "agreement", "rate", "rate of the other",
        "first step", "breaks first in",
    )  # fmt: skip
    return Table(
        "Layers in pairs of runs: rates in spikes per neuron and step; the first step in which anything differs, and "
        "in how many recordings the layer is the first that does.", columns, rows,
    )  # fmt: skip


def _effects(found: Json, key: str) -> Table:
    rows = [
        (
            text(row["text"] if key == "effects" else row["name"]), share(row["accuracy_alone"], 2),
            _points(row["loss_alone"]), number(row["differing_alone"]), share(row["explains"]),
            share(row["accuracy_without"], 2), _points(row["gain_without"]), number(row["differing_without"]),
        )
        for row in found[key]
    ]  # fmt: skip
    loss = "" if found["loss"] is None else f"{found['loss']:.2f} points of accuracy and "
    caption = (
        f"Together they cost {loss}{grouped(found['differing'])} differing spikes ({grouped(found['spikes'])} without "
        f"them), on {grouped(found['samples'])} recordings. Each {'effect' if key == 'effects' else 'layer'} alone (the"
        " share of the differing spikes; shares need not add up), and all but it."
    )
    columns = (
        "effect" if key == "effects" else "layer", "alone: accuracy", "points lost", "differing spikes", "share",
        "all but it: accuracy", "points won back", "differing spikes",
    )  # fmt: skip
    return Table(caption, columns, rows)


def _formats(rows: Sequence[Json]) -> Table:
    cells = [
        (
            text(row["layer"]), text(row["what"]), *(_bits(row["bits"], k) for k in (1, 3, 5, 6)),
            number(row["limit_bits"], f"{row['limit_bits']:.1f}"),
            text("") if row["threshold_bits"] is None else number(0, f"{row['threshold_bits']:.1f}"),
            share(row["zero_share"]), share(row["limit_share"], 2), number(row["beyond"]),
        )
        for row in rows
    ]  # fmt: skip
    columns = (
        "layer", "what", "1 %", "median", "99 %", "largest", "format", "threshold", "zeros", "at the end",
        "left the range",
    )  # fmt: skip
    return Table("Magnitudes of values other than 0, in bits (log2), against what the format has.", columns, cells)


def _bits(bits: Sequence[float], k: int) -> Cell:
    return number(bits[k], f"{bits[k]:.1f}") if bits else Cell("all 0", "unknown")


def _points(value: float | None) -> Cell:
    return number(value, None if value is None else f"{value:.2f}")


def _rate(value: float | None) -> Cell:
    return number(value, None if value is None else f"{value:.4f}")


def _cause(attribution: Json) -> str:
    return str(next(row["text"] for row in attribution["effects"] if row["name"] == attribution["cause"]))


def write_comparison(found: Json, out: Path) -> Path:
    """Write the page of a comparison (`Comparison.as_dict`) to `out`; MissingExtraError without jinja2 or plotly."""
    from neurotrain_hw.files import write_text
    from neurotrain_hw.report.page import render

    write_text(out, render(comparison_document(found)))
    return out
