"""What all plots share: colours by name, axes with units, labels that cannot be taken for markup."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

from neurotrain_hw.report.view import grouped

INK, MUTED, GRID, LIMIT = "@ink", "@muted", "@grid", "@limit"
_COLOURS = 6
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
_PATTERNS = ("", "/", "x", "-", ".", "\\")


def colour(k: int, opacity: float | None = None) -> str:
    """The k-th colour of the palette (Okabe-Ito order); `@c1/0.2` is see-through."""
    name = f"@c{k % _COLOURS + 1}"
    return name if opacity is None else f"{name}/{opacity}"


def dash(k: int) -> str:
    """Line style of the k-th series, so that colour is never the only difference."""
    return _DASHES[k % len(_DASHES)]


def symbol(k: int) -> str:
    """Marker of the k-th series."""
    return _SYMBOLS[k % len(_SYMBOLS)]


def pattern(k: int) -> str:
    """Fill of the k-th purpose: plain for the first round of colours, hatched after that."""
    return _PATTERNS[k // _COLOURS % len(_PATTERNS)]


def label(text: object) -> str:
    """Text as Plotly shows it literally: its markup characters escaped."""
    return html.escape(str(text), quote=False)


def axis(title: str, *, grid: bool = False, **more: Any) -> dict[str, Any]:
    """An axis with a title that holds its unit."""
    return {
        "title": {"text": title, "standoff": 10, "font": {"size": 13}},
        "showgrid": grid,
        "gridcolor": GRID,
        "zeroline": False,
        "showline": True,
        "linecolor": MUTED,
        "linewidth": 1,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": MUTED,
        "automargin": True,
        **more,
    }


def steps_axis(steps: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis of time steps, labelled at the steps that were taken."""
    at = sorted(set(steps))
    return axis("time steps T per sample", type="log", tickmode="array", tickvals=at, ticktext=[grouped(t) for t in at])


def log_axis(title: str, **more: Any) -> dict[str, Any]:
    """A logarithmic axis, labelled at powers of ten."""
    return axis(
        title,
        type="log",
        dtick=1,
        exponentformat="power",
        tickfont={"size": 11},
        minor={"ticks": "outside", "ticklen": 2},
        **more,
    )


def share_axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis of shares, written as percentages."""
    return axis(title, grid=True, tickformat="~%", **more)


def layout(height: float, *, legend: bool = True, **more: Any) -> dict[str, Any]:
    """The layout of a plot `height` pixels high; its width follows the page."""
    return {
        "height": round(height),
        "margin": {"l": 62, "r": 18, "t": 34 if legend else 12, "b": 48},
        "showlegend": legend,
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "itemsizing": "trace",
        },
        "hovermode": "closest",
        **more,
    }


def line(k: int, x: Sequence[Any], y: Sequence[Any], name: str, **more: Any) -> dict[str, Any]:
    """A line with markers for series k; a missing value is a gap."""
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": list(x),
        "y": list(y),
        "name": label(name),
        "line": {"color": colour(k), "width": 2, "dash": dash(k)},
        "marker": {"color": colour(k), "size": 6, "symbol": symbol(k)},
        **more,
    }


def level(value: float, text: str, *, log: bool = False) -> dict[str, Any]:
    """A dotted line across the plot at the height `value`, with its text at the right: part of a layout."""
    return {
        "shapes": [
            {
                "type": "line",
                "xref": "x domain",
                "x0": 0,
                "x1": 1,
                "y0": value,
                "y1": value,
                "line": {"color": LIMIT, "width": 1.2, "dash": "dot"},
            }
        ],
        "annotations": [
            {
                "text": label(text),
                "showarrow": False,
                "xref": "x domain",
                "x": 1,
                "y": math.log10(value) if log else value,  # Plotly takes shapes as data, annotations as exponents
                "xanchor": "right",
                "yanchor": "bottom",
                "font": {"color": LIMIT, "size": 11},
            }
        ],
    }
