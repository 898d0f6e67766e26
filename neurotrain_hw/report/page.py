"""The page: sections in the order of the trip, drawn by a template, with Plotly inside the file."""

from __future__ import annotations

from calendar import month_name
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neurotrain_hw.errors import MissingExtraError
from neurotrain_hw.files import write_text
from neurotrain_hw.report import comparison, costs, on_chip, sections
from neurotrain_hw.report.document import check, read_results
from neurotrain_hw.report.view import UNKNOWN, Block, Plot, Section, grouped

Json = Mapping[str, Any]
Part = tuple[str, Callable[[Json], list[Block]]]
REPORT = "report.html"

# Section, its heading, and the parts of the document that it draws.
_SECTIONS: tuple[tuple[str, str, tuple[Part, ...]], ...] = (
    ("trip", "The trip", (("log", sections.log),)),
    ("training", "Training", (("training", sections.training),)),
    ("accuracy", "Accuracy along the way", (("accuracy", sections.accuracy),)),
    ("comparison", "Runs compared", (("comparison", comparison.comparison),)),
    ("program", "The program on the chip", (("program", sections.program),)),
    ("sample", "One sample", (("raster", sections.raster),)),
    ("learning", "Learning on the chip", (("on_chip", on_chip.on_chip),)),
    ("weights", "Weights", (("weights", sections.weights),)),
    ("memory", "Memory of the rules", (("sram", costs.sram),)),
    ("events", "Events", (("events", costs.events), ("accuracy_vs_events", costs.accuracy_vs_events))),
    ("energy", "Energy", (("energy", costs.energy),)),
    ("versions", "Versions", (("versions", costs.versions),)),
)


def render(results: Json, *, title: str | None = None) -> str:
    """One self-contained HTML page from a document; `title` replaces the document's.

    Raises FormatError or UnknownNameError where the document is malformed, MissingExtraError without jinja2 or plotly.
    """
    check(results)
    template, plotly = _template(), _plotly()
    shown = page_sections(results)
    plots = [block for section in shown for block in section.blocks if isinstance(block, Plot)]
    page: str = template.render(
        title=title or results.get("title") or "Report",
        kind=results.get("kind"),
        about=_about(results),
        headline=[
            (item["label"], _big(item["value"]), item.get("note") or "") for item in results.get("headline") or []
        ],
        sections=shown,
        plots=[{"data": plot.data, "layout": plot.layout} for plot in plots],
        plotly=plotly,
    )
    return page


def check_extra() -> None:
    """Raise MissingExtraError without jinja2 or plotly, before anything that takes long."""
    for package in ("jinja2", "plotly"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "report")


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Write the report of a run folder, as `report.html` in it or to `out`; returns the path.

    Raises DataUnavailableError, FormatError or UnknownNameError where the folder's document is missing or malformed,
    and MissingExtraError without jinja2 or plotly.
    """
    path = Path(out) if out is not None else Path(folder) / REPORT
    write_text(path, render(read_results(Path(folder))))
    return path


def page_sections(results: Json) -> list[Section]:
    """The sections for which the document has something, or says why it has not."""
    found = []
    order = _SECTIONS
    if results.get("kind") == "learning":  # what the run is about comes first
        order = tuple(sorted(_SECTIONS, key=lambda section: section[0] != "learning"))
    for name, heading, parts in order:
        blocks: list[Block] = []
        for key, draw in parts:
            if results.get(key) is not None:
                blocks += draw(results)
            elif key in results:
                blocks.append(sections.absent(results, key, heading))
        if blocks:
            found.append(Section(name, heading, blocks))
    return found


def _about(results: Json) -> list[str]:
    versions = results.get("versions") or {}
    own = versions.get("neurotrain-hw")
    seed = results.get("seed")
    parts = [
        f"neurotrain-hw {own}" if own else "neurotrain-hw",
        _moment(results.get("created")),
        f"seed {seed}" if seed is not None else None,
        results.get("machine"),
    ]
    return [part for part in parts if part]


def _moment(created: str | None) -> str | None:
    """`2026-11-22T12:30:00` -> `22 November 2026, 12:30`; another text as it is."""
    try:
        moment = datetime.fromisoformat(created or "")
    except ValueError:
        return created
    return f"{moment.day} {month_name[moment.month]} {moment.year}, {moment:%H:%M}"


def _big(value: float | str | None) -> str:
    if value is None:
        return UNKNOWN
    return value if isinstance(value, str) else grouped(value)


def _template() -> Any:
    check_extra()
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "allow_nan": False}
    return environment.get_template("page.html")


def _plotly() -> str:
    check_extra()
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())
