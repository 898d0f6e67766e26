"""How values fill their number formats, as box plots in bits, and what each effect of the integers costs, as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neurotrain_hw.report.figures.base import LIMIT, MUTED, axis, colour, label, layout, pattern
from neurotrain_hw.report.view import Plot, listed

Json = Mapping[str, Any]
_KINDS = ("weights", "current", "membrane")


def magnitudes(rows: Sequence[Json]) -> Plot:
    """Boxes from 25 to 75 % with the median, whiskers from 1 to 99 %, against the format's range of bits."""
    shown = [row for row in rows if row["bits"]]
    names = [_name(row) for row in shown]
    data: list[dict[str, Any]] = [
        {
            "type": "bar", "orientation": "h", "y": names, "x": [row["limit_bits"] for row in shown], "width": 0.78,
            "name": "what the format has", "marker": {"color": "@muted/0.16", "line": {"width": 0}},
            "hovertemplate": "%{y}: %{x:.1f} bits<extra></extra>",
        }
    ]  # fmt: skip
    for k, kind in enumerate(_KINDS):
        of = [(name, row) for name, row in zip(names, shown, strict=True) if row["what"].startswith(kind)]
        if of:
            data.append(
                {
                    "type": "box", "orientation": "h", "name": kind, "y": [name for name, _ in of],
                    "q1": [row["bits"][2] for _, row in of], "median": [row["bits"][3] for _, row in of],
                    "q3": [row["bits"][4] for _, row in of], "lowerfence": [row["bits"][1] for _, row in of],
                    "upperfence": [row["bits"][5] for _, row in of], "width": 0.46, "line": {"color": colour(k)},
                    "fillcolor": colour(k, 0.25), "boxpoints": False,
                }
            )  # fmt: skip
    data.append(
        {
            "type": "scatter", "mode": "markers", "name": "largest", "y": names, "x": [row["bits"][6] for row in shown],
            "marker": {"symbol": "diamond-open", "size": 8, "color": MUTED, "line": {"width": 1.5, "color": MUTED}},
        }
    )  # fmt: skip
    marked = [(name, row["threshold_bits"]) for name, row in zip(names, shown, strict=True) if row["threshold_bits"]]
    if marked:
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": "threshold", "y": [name for name, _ in marked],
                "x": [bits for _, bits in marked],
                "marker": {
                    "symbol": "line-ns-open", "size": 22, "color": LIMIT, "line": {"width": 2.5, "color": LIMIT},
                },
            }
        )  # fmt: skip
    near = [
        _name(row) for row in shown if row["bits"][6] >= row["limit_bits"] - 0.01 and not row["what"].startswith("w")
    ]
    caption = (
        "Magnitudes in bits (box: 25 to 75 %, line: median, whiskers: 1 to 99 % of the values other than 0) against "
        "the bits of the format"
    )
    caption += (
        f"; the end of the range is reached by {listed(near)}" if near else "; no state reaches the end of its range"
    )
    return Plot(
        f"{caption}.", data,
        layout(
            110 + 34 * len(shown), barmode="overlay", boxmode="overlay",
            xaxis=axis("magnitude (bits, log2)", grid=True, rangemode="tozero"),
            yaxis=axis("", autorange="reversed", ticks="", showline=False, type="category", ticksuffix="  "),
        ),
    )  # fmt: skip


def effects(rows: Sequence[Json]) -> Plot:
    """Bars of differing spikes: each effect alone, and what leaving it out takes away from all of them."""
    names = [label(row["text"]) for row in rows]
    data = [
        {
            "type": "bar", "orientation": "h", "name": name, "y": names, "x": [row[key] for row in rows],
            "marker": {"color": colour(k), "pattern": {"shape": pattern(k)}},
        }
        for k, (name, key) in enumerate((("it alone", "differing_alone"), ("all but it", "differing_without")))
    ]  # fmt: skip
    most = max(rows, key=lambda row: row["differing_alone"])
    caption = "Spikes that differ from the network without any effect of the integers"
    if most["differing_alone"]:
        caption += f"; alone, {most['text']} changes most"
    return Plot(
        f"{caption}.", data,
        layout(
            100 + 44 * len(rows), barmode="group", bargap=0.35,
            xaxis=axis("differing spikes", grid=True, rangemode="tozero", separatethousands=True),
            yaxis=axis("", autorange="reversed", ticks="", showline=False, type="category", ticksuffix="  "),
        ),
    )  # fmt: skip


def _name(row: Json) -> str:
    what = (
        row["what"].removeprefix("weights ") if row["what"].startswith("weights") else f"{row['layer']}, {row['what']}"
    )
    return label(what)
