"""What neurons and weights do: the spikes of one sample, and the weights on their integer grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.report.figures.base import INK, axis, colour, label, layout
from neurotrain_hw.report.view import Plot, grouped, listed

Json = Mapping[str, Any]
_GAP = 26.0


def raster(section: Json) -> Plot:
    """Spikes of one sample: populations stacked, the first at the bottom, each with room for its rows to be seen."""
    sizes: Mapping[str, int] = section["population_sizes"]
    panels = _panels(sizes)
    below, above = 52, 26
    inner = sum(height for _, height in panels) + _GAP * (len(panels) - 1)
    data: list[Json] = []
    shape = layout(
        inner + below + above, legend=False, xaxis=axis("step of the chip", range=[0.4, section["steps"] + 0.6])
    )
    shape["margin"] |= {"t": above, "b": below}
    shape["annotations"] = []
    spikes = dict.fromkeys(sizes, 0)
    for k, ((name, n), (bottom, height)) in enumerate(zip(sizes.items(), panels, strict=True)):
        key = "" if k == 0 else str(k + 1)
        steps, neurons = _spikes(section["events"], name, n, section["steps"])
        spikes[name] = len(steps)
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": label(name),
                "x": steps,
                "y": neurons,
                "yaxis": f"y{key}",
                "marker": {"color": colour(k), "size": min(8, max(3.5, 0.75 * height / n)), "symbol": "square"},
                "hovertemplate": "step %{x}, neuron %{y}<extra></extra>",
            }
        )
        domain = [bottom / inner, min(1.0, (bottom + height) / inner)]
        shape[f"yaxis{key}"] = axis(
            "neuron", domain=domain, range=[-0.8, n - 0.2], tickmode="array", tickvals=_ticks(n, height)
        )
        shape["annotations"].append(
            {
                "text": f"<b>{label(name)}</b>, {grouped(n)} neurons",
                "showarrow": False,
                "xref": "paper",
                "yref": "paper",
                "x": 0,
                "y": domain[1],
                "xanchor": "left",
                "yanchor": "bottom",
                "font": {"size": 12, "color": INK},
            }
        )
    counted = listed([f"{name} {grouped(count)}" for name, count in spikes.items()])
    return Plot(f"One sample as the chip sees it, a mark per spike ({counted}){_outcome(section)}.", data, shape)


def weights(entries: Sequence[Json]) -> Plot:
    """Histograms of weights on the integer grid, a panel per connection; of several labels the first stands in grey."""
    connections = list(dict.fromkeys(entry["connection"] for entry in entries))
    labels = list(dict.fromkeys(entry["label"] for entry in entries))
    data: list[Json] = []
    width = 1 / len(connections)
    several = len(labels) > 1
    shape = layout(330, legend=several, barmode="overlay", bargap=0)
    shape["annotations"] = []
    for c, connection in enumerate(connections):
        key = "" if c == 0 else str(c + 1)
        left = c * width + (0.05 if c else 0)
        shape[f"xaxis{key}"] = axis(
            f"integer weight, {label(connection)}", domain=[left, (c + 1) * width], anchor=f"y{key}"
        )
        shape[f"yaxis{key}"] = axis("synapses" if c == 0 else "", grid=True, rangemode="tozero", anchor=f"x{key}")
        for entry in entries:
            if entry["connection"] == connection:
                first = all(trace["legendgroup"] != entry["label"] for trace in data)
                data.append(_histogram(entry, labels.index(entry["label"]), first=first, key=key, grey=several))
    grids = sorted({entry["grid"] for entry in entries})
    return Plot(
        f"Weights on their integer grid, in steps of {listed([str(g) for g in grids])}: "
        f"{listed(labels)}, in {listed(connections)}{_zeros(entries)}.",
        data,
        shape,
    )


def _histogram(entry: Json, k: int, *, first: bool, key: str, grey: bool) -> Json:
    grid, counts = entry["grid"], dict(zip(entry["values"], entry["counts"], strict=True))
    off = [value for value in counts if value % grid]
    if grid < 1 or off:
        what = f"the weight {off[0]} is not a multiple of {grid}" if off else f"a grid of {grid}"
        raise ValueRangeError(
            what, where=f"weights of {entry['connection']}, {entry['label']}", need="values on the grid"
        )
    low, high = min(counts, default=0) - grid, max(counts, default=0) + grid
    values = list(range(low, high + 1, grid))
    common = {
        "x": values,
        "y": [counts.get(value, 0) for value in values],
        "name": label(entry["label"]),
        "legendgroup": entry["label"],
        "showlegend": first,
        "xaxis": f"x{key}",
        "yaxis": f"y{key}",
        "hovertemplate": "weight %{x}: %{y} synapses<extra></extra>",
    }
    if k == 0:
        return {
            "type": "bar",
            "width": grid,
            "marker": {"color": "@muted/0.45" if grey else colour(0), "line": {"width": 0}},
            **common,
        }
    return {
        "type": "scatter",
        "mode": "lines",
        "line": {"shape": "hvh", "color": colour(k - 1), "width": 1.3},
        **common,
    }


def _zeros(entries: Sequence[Json]) -> str:
    shares = []
    for entry in entries:
        total = sum(entry["counts"])
        zero = sum(c for v, c in zip(entry["values"], entry["counts"], strict=True) if v == 0)
        if total:
            shares.append(f"{grouped(zero)} of {grouped(total)} ({entry['connection']}, {entry['label']})")
    return f"; weights of exactly 0: {listed(shares)}" if shares else ""


def _spikes(events: Sequence[Json], name: str, n: int, last: int) -> tuple[list[int], list[int]]:
    steps, neurons = [], []
    for entry in events:
        if entry["population"] == name:
            steps += entry["step"]
            neurons += entry["neuron"]
    if neurons and not 0 <= min(neurons) <= max(neurons) < n:
        raise ValueRangeError("a spike of a neuron that is not there", where=f"raster, population '{name}'", limit=n)
    if steps and not 1 <= min(steps) <= max(steps) <= last:
        raise ValueRangeError(
            "a spike outside the steps", where=f"raster, population '{name}'", need=f"steps 1 to {last}"
        )
    return steps, neurons


def _panels(sizes: Mapping[str, int]) -> list[tuple[float, float]]:
    """Bottom and height of each panel in pixels: 2.4 per neuron, within limits that keep small ones readable."""
    panels, bottom = [], 0.0
    for n in sizes.values():
        height = min(360.0, max(100.0, 2.4 * n))
        panels.append((bottom, height))
        bottom += height + _GAP
    return panels


def _ticks(n: int, height: float) -> list[int]:
    """Neuron numbers with at least 18 pixels each, 36 in large populations."""
    room = 18 if n <= 16 else 36
    step = next(
        step for step in (1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, n) if n / step * room <= height or step >= n
    )
    return list(range(0, n, step))


def _outcome(section: Json) -> str:
    true, said = section.get("label"), section.get("predicted")
    if true is None and said is None:
        return ""
    if said is None:
        return f"; it shows class {true}"
    verdict = "" if true is None else ", rightly" if true == said else f", though it shows class {true}"
    return f"; the network answers {said}{verdict}"
