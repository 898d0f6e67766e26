"""Memory bars: need by purpose, stacked, against what there is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neurotrain_hw.report.figures.base import LIMIT, axis, colour, label, layout, pattern
from neurotrain_hw.report.view import Plot, grouped, listed, percent

Json = Mapping[str, Any]
MOST_BARS = 16


@dataclass(frozen=True)
class Bar:
    """One bar: bits by purpose, and the limit (None: unknown)."""

    name: str
    bits: Mapping[str, float | None]
    limit: float | None

    @property
    def total(self) -> float:
        """Bits of the purposes that are known."""
        return sum(bits or 0 for bits in self.bits.values())


def program_memory(rows: Sequence[Json]) -> Plot:
    """Bars of a program's memory map: one per core and pool, the fullest first if there are many."""
    pools: dict[tuple[int, int, str], dict[str, float | None]] = {}
    limits: dict[tuple[int, int, str], float | None] = {}
    for row in rows:
        key = (row["chip"], row["core"], row["pool"])
        pools.setdefault(key, {})[row["purpose"]] = row["need_bits"]
        limits[key] = row["limit_bits"]
    several = len({chip for chip, _, _ in pools}) > 1
    bars = [
        Bar(f"{f'chip {chip}, ' if several else ''}core {core}, {pool}", bits, limits[chip, core, pool])
        for (chip, core, pool), bits in pools.items()
    ]
    caption = "Memory needed by purpose on each core, and the memory there is"
    if len(bars) > MOST_BARS:
        caption += f" (the {MOST_BARS} fullest of {len(bars)})"
        bars = sorted(bars, key=lambda bar: -bar.total)[:MOST_BARS]
    return _bars(bars, caption, f"bits on one core{_unknowns(bars)}")


def rule_memory(section: Json) -> Plot | None:
    """Bars of what each rule needs by purpose; None if no rule tells its purposes."""
    shown = [rule for rule in section["rules"] if rule.get("purposes")]
    if not shown:
        return None
    bars = [
        Bar(
            rule.get("title") or rule["rule"],
            {purpose["purpose"]: purpose["bits"] for purpose in rule["purposes"]},
            section["limit_bits"],
        )
        for rule in shown
    ]
    at = _steps_of(shown, section["steps"])
    caption = "Memory needed by purpose" + (f" for samples of {grouped(at)} time steps" if at is not None else "")
    return _bars(bars, caption, f"bits{_unknowns(bars)}")


def _bars(bars: Sequence[Bar], caption: str, unit: str) -> Plot:
    purposes = list(dict.fromkeys(purpose for bar in bars for purpose in bar.bits))
    names = [label(bar.name) for bar in bars]
    data: list[Json] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": label(purpose),
            "y": names,
            "x": [bar.bits.get(purpose) for bar in bars],
            "width": 0.56,
            "marker": {
                "color": colour(k),
                "line": {"color": "@paper", "width": 1},
                "pattern": {"shape": pattern(k), "fillmode": "overlay", "fgcolor": "@paper", "size": 6},
            },
        }
        for k, purpose in enumerate(purposes)
    ]
    marks = [(name, bar.limit) for name, bar in zip(names, bars, strict=True) if bar.limit is not None]
    if marks:
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "there is",
                "x": [limit for _, limit in marks],
                "y": [name for name, _ in marks],
                "marker": {
                    "symbol": "line-ns-open",
                    "size": 26,
                    "color": LIMIT,
                    "line": {"width": 2.5, "color": LIMIT},
                },
            }
        )
    if any(bar.limit for bar in bars):
        caption += f"; {_fullest(bars)}"
    if any(bar.limit is None for bar in bars):
        caption += "; where no mark stands, the limit is unknown"
    legend_rows = math.ceil((len(purposes) + 1) / 3)
    shape = layout(
        90 + 34 * len(bars) + 22 * legend_rows,
        barmode="stack",
        xaxis=axis(f"memory ({unit})", grid=True, rangemode="tozero", separatethousands=True),
        yaxis=axis("", autorange="reversed", ticks="", showline=False, type="category", ticksuffix="  "),
    )
    shape["legend"] |= {"traceorder": "normal"}
    return Plot(f"{caption}.", data, shape)


def _fullest(bars: Sequence[Bar]) -> str:
    share, bar = max(((bar.total / bar.limit, bar) for bar in bars if bar.limit), key=lambda pair: pair[0])
    if share > 1:
        return f"{bar.name} needs {share:.2g} times what there is"
    return f"the fullest, {bar.name}, takes {percent(share)} of its limit"


def _unknowns(bars: Sequence[Bar]) -> str:
    missing = sorted({purpose for bar in bars for purpose, bits in bar.bits.items() if bits is None})
    return f"; unknown: {label(listed(missing))}" if missing else ""


def _steps_of(rules: Sequence[Json], steps: Sequence[float]) -> float | None:
    """The step count whose bits are the sum of the purposes, in every rule; None if there is no single one."""
    fitting = [
        at
        for k, at in enumerate(steps)
        if all(
            k < len(rule["bits"]) and rule["bits"][k] == sum(purpose["bits"] or 0 for purpose in rule["purposes"])
            for rule in rules
        )
    ]
    return fitting[0] if len(fitting) == 1 else None
