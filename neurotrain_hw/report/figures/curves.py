"""Curves: training, learning on the chip, memory over steps, accuracy against events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neurotrain_hw.report.figures.base import (
    MUTED,
    axis,
    colour,
    label,
    layout,
    level,
    line,
    log_axis,
    share_axis,
    steps_axis,
)
from neurotrain_hw.report.view import Plot, grouped, listed, percent

Json = Mapping[str, Any]


def training(rules: Sequence[Json]) -> Plot | None:
    """Loss and validation accuracy by epoch, side by side; None if no rule has a curve."""
    shown = [rule for rule in rules if rule.get("curve")]
    if not shown:
        return None
    data = []
    for k, rule in enumerate(shown):
        epochs = [point["epoch"] for point in rule["curve"]]
        name = _name(rule)
        for key, axes in (("loss", {}), ("validation_accuracy", {"xaxis": "x2", "yaxis": "y2"})):
            values = [point.get(key) for point in rule["curve"]]
            if any(value is not None for value in values):
                more = {"legendgroup": str(k), "showlegend": not axes, **axes}
                data.append(line(k, epochs, values, name, **more))
    ends = [(_name(rule), rule["curve"][-1].get("validation_accuracy")) for rule in shown]
    reached = [f"{name} {percent(value)}" for name, value in ends if value is not None]
    caption = "Training loss (left) and validation accuracy (right) over epochs"
    caption += f"; at the last epoch {listed(reached)}." if reached else "."
    last = max(point["epoch"] for rule in shown for point in rule["curve"])
    ticks: dict[str, Any] = {"dtick": 1} if last <= 10 else {}
    return Plot(
        caption,
        data,
        layout(
            330,
            xaxis=axis("epoch", domain=[0, 0.44], **ticks),
            yaxis=axis("loss per sample", grid=True, rangemode="tozero"),
            xaxis2=axis("epoch", domain=[0.56, 1], **ticks),
            yaxis2=share_axis("validation accuracy", anchor="x2"),
        ),
    )


def learning_bytes(rules: Sequence[Json]) -> Plot | None:
    """Bytes that a trainer allocates for learning against the number of steps, measured."""
    shown = [rule for rule in rules if rule.get("learning_bytes")]
    if not shown:
        return None
    data, growth = [], []
    for k, rule in enumerate(shown):
        name = _name(rule)
        steps, taken = rule["learning_bytes"]["steps"], rule["learning_bytes"]["bytes"]
        data.append(line(k, steps, taken, name))
        if steps and taken[0] and taken[-1]:
            growth.append(f"{name} by a factor of {taken[-1] / taken[0]:.2f}")
    caption = "Bytes that training allocates for learning, measured"
    if growth:
        steps = shown[0]["learning_bytes"]["steps"]
        caption += f": from {grouped(steps[0])} to {grouped(steps[-1])} time steps it grows for {listed(growth)}"
    axes: dict[str, Any] = {
        "xaxis": steps_axis([t for rule in shown for t in rule["learning_bytes"]["steps"]]),
        "yaxis": log_axis("memory for learning (bytes)", showgrid=True),
    }
    return Plot(f"{caption}.", data, layout(320, **axes))


def on_chip(curves: Sequence[Json], chance: float | None, band: str | None) -> Plot:
    """Validation accuracy against samples seen: mean over seeds with a band; `band` says what it is."""
    data: list[Json] = []
    for k, curve in enumerate(curves):
        data += _band(k, curve)
        style: dict[str, Any] = {"mode": "lines"}
        if curve.get("control"):
            style["line"] = {"color": MUTED, "width": 2, "dash": "dash"}
        data.append(line(k, curve["samples"], curve["mean"], curve["label"], legendgroup=str(k), **style))
    ends = [(c["label"], c["mean"][-1]) for c in curves if c["mean"] and c["mean"][-1] is not None]
    caption = "Validation accuracy while learning on the simulated chip, one sample at a time"
    if ends:
        caption += f"; at the end {listed([f'{name} {percent(value)}' for name, value in ends])}"
    if any(curve.get("low") and curve.get("high") for curve in curves):
        caption += f" (line: mean over seeds; band: {band or 'lowest to highest seed'})"
    marks: dict[str, Any] = level(chance, f"chance {percent(chance, 0)}") if chance is not None else {}
    return Plot(
        f"{caption}.",
        data,
        layout(
            400,
            xaxis=axis("training samples seen", rangemode="tozero", separatethousands=True),
            yaxis=share_axis("validation accuracy", range=[0, 1.02]),
            **marks,
        ),
    )


def sram(section: Json) -> Plot:
    """Bits against time steps on logarithmic axes, with the memory of the chip."""
    steps, limit = section["steps"], section["limit_bits"]
    data = [line(k, steps, rule["bits"], _name(rule)) for k, rule in enumerate(section["rules"])]
    caption = "Memory that learning needs against the number of time steps"
    if limit is None:
        caption += "; how much the chip has is unknown"
    else:
        largest = {_name(r): max((b for b in r["bits"] if b is not None), default=None) for r in section["rules"]}
        beyond = [name for name, bits in largest.items() if bits is not None and bits > limit]
        within = [name for name, bits in largest.items() if bits is not None and bits <= limit]
        parts = [f"more than that for {listed(beyond)}"] if beyond else []
        parts += [f"within it at every length for {listed(within)}"] if within else []
        caption += f", and the memory there is: {', '.join(parts)}" if parts else ", and the memory there is"
    marks: dict[str, Any] = level(limit, f"there is: {grouped(limit)} bits", log=True) if limit else {}
    marks |= {"xaxis": steps_axis(steps), "yaxis": log_axis("memory needed (bits)", showgrid=True)}
    return Plot(f"{caption}.", data, layout(380, **marks))


def accuracy_vs_events(series: Sequence[Json], per: str, chance: float | None) -> Plot:
    """Accuracy against synaptic events."""
    data = [line(k, entry["events"], entry["accuracy"], entry["label"]) for k, entry in enumerate(series)]
    caption = "Accuracy against synaptic events: each point is one run, fewer events cost less energy"
    best = [
        f"{entry['label']} reaches {percent(value)} at {grouped(events)}"
        for entry in series
        for value, events in [_best(entry)]
        if value is not None
    ]
    caption += f"; {listed(best)} events" if best else ""
    marks: dict[str, Any] = level(chance, f"chance {percent(chance, 0)}") if chance is not None else {}
    return Plot(
        f"{caption}.",
        data,
        layout(
            340,
            xaxis=axis(f"synaptic events per {per}", separatethousands=True, rangemode="tozero"),
            yaxis=share_axis("test accuracy", rangemode="tozero"),
            **marks,
        ),
    )


def _name(rule: Json) -> str:
    return str(rule.get("title") or rule["rule"])


def _best(entry: Json) -> tuple[float | None, float]:
    known = [(a, e) for a, e in zip(entry["accuracy"], entry["events"], strict=True) if a is not None]
    return max(known, key=lambda pair: (pair[0], -pair[1])) if known else (None, 0.0)


def _band(k: int, curve: Json) -> list[Json]:
    if not (curve.get("low") and curve.get("high")):
        return []
    points = [
        (x, low, high)
        for x, low, high in zip(curve["samples"], curve["low"], curve["high"], strict=True)
        if low is not None and high is not None
    ]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [x for x, _, _ in points] + [x for x, _, _ in reversed(points)],
            "y": [low for _, low, _ in points] + [high for _, _, high in reversed(points)],
            "fill": "toself",
            "fillcolor": "@muted/0.16" if curve.get("control") else colour(k, 0.18),
            "line": {"width": 0, "color": "@muted/0" if curve.get("control") else colour(k, 0)},
            "hoverinfo": "skip",
            "showlegend": False,
            "legendgroup": str(k),
            "name": label(curve["label"]),
        }
    ]
