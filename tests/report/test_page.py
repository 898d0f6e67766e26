"""The page as text: its contents, what is missing or unknown, and what cannot break out of it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from neurotrain_hw.errors import FormatError, MissingExtraError, ValueRangeError
from neurotrain_hw.report import render, write_report
from neurotrain_hw.report.page import page_sections
from neurotrain_hw.report.view import Plot, Table, Text

Make = Callable[[], dict[str, Any]]
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """Text of each table row and paragraph, and how often each tag occurs."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: dict[str, int] = {}
        self.rows: list[list[str]] = []
        self.text = ""
        self._inside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if tag in ("script", "style"):
            self._inside.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._inside.append("cell")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "td", "th"):
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if self._inside[-1:] == ["cell"]:
            self.rows[-1][-1] += data
        if not {"script", "style"} & set(self._inside):
            self.text += data.replace("\N{NO-BREAK SPACE}", " ")

    def row(self, *begin: str) -> list[str]:
        """The first row that begins with these cells."""
        rows = ([cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row] for row in self.rows)
        return next(row for row in rows if tuple(row[: len(begin)]) == begin)


def test_all_sections_of_a_full_document_are_there(results: Make) -> None:
    html = render(results())
    page = Page(html)
    for heading in ("The trip", "Training", "Accuracy along the way", "The program on the chip", "One sample"):
        assert heading in page.text
    for heading in ("Learning on the chip", "Weights", "Memory of the rules", "Events", "Energy", "Versions"):
        assert heading in page.text
    assert page.tags["figure"] == 9
    assert page.row("BPTT", "96.94 %") == ["BPTT", "96.94 %", "96.39 %", "96.39 %", "96.39 %", "0", "1 234 567"]
    assert "0 of 9 472 weights differ" in page.text
    assert "dw = 2^-4*u0*x1*y1 - 2^-4*u0*x1*y2" in page.text
    assert html.count("plotly.js v") == 1


def test_nothing_is_fetched_from_elsewhere(results: Make) -> None:
    html = render(results())
    assert "default-src 'none'" in html
    assert not re.search(r"<(?:link|img|iframe)\b|<script[^>]*\bsrc=|@import|url\(", html.split("<script>")[0])


def test_unknown_is_shown_as_unknown_and_never_as_zero(results: Make) -> None:
    page = Page(render(results()))
    assert page.row("synaptic operation") == ["synaptic operation", "33 400", "unknown", "unknown", "not published"]
    assert page.row("trace update") == ["trace update", "77", "unknown", "unknown", "not published"]
    assert page.row("out", "300") == ["out", "300", "20", "41", "unknown", "unknown"]
    assert page.row("all", "4 100")[-1] == "unknown"
    assert page.row("0", "1", "neuron state")[3] == "unknown"
    assert "Total: unknown. No figure is known for: synaptic operation and active neuron update." in page.text
    assert "Total: unknown. The known terms sum to 668 nJ, a lower bound." in page.text


def test_an_unknown_memory_has_no_line_and_says_so(results: Make) -> None:
    document = results()
    document["sram"]["limit_bits"] = None
    [section] = [s for s in page_sections(document) if s.id == "memory"]
    over_steps, by_purpose = (block for block in section.blocks if isinstance(block, Plot))
    assert "unknown" in over_steps.caption and "shapes" not in over_steps.layout
    assert "the limit is unknown" in by_purpose.caption
    assert "there is" not in {trace["name"] for trace in by_purpose.data}


def test_a_missing_section_is_left_out_and_a_null_one_says_why(results: Make) -> None:
    document = results()
    del document["raster"]
    document |= {"on_chip": None, "on_chip_reason": "it takes longer than --quick allows"}
    page = Page(render(document))
    assert "One sample" not in page.text
    assert "Learning on the chip: not run. It takes longer than --quick allows." in page.text


def test_what_lava_did_not_run_is_told_with_the_reason(results: Make) -> None:
    document = results()
    document["on_chip"] |= {"lava": None, "lava_reason": "there is no CPython 3.10 here"}
    page = Page(render(document))
    assert page.row("e-prop", "96.11 %")[4:] == ["not run", "not run", "not run"]
    assert "Not run in Lava: e-prop. There is no CPython 3.10 here." in page.text
    assert "The same learning in Lava: not run. There is no CPython 3.10 here." in page.text


def test_differing_spikes_stand_out(results: Make) -> None:
    document = results()
    document["accuracy"]["rows"][0]["differing_spikes"] = 12
    assert re.search(r'<td class="bad[^"]*">12</td>', render(document))


def test_an_empty_document_is_a_page_without_script() -> None:
    page = Page(render({}, title="Nothing"))
    assert "Nothing" in page.text and "script" not in page.tags


def test_texts_of_the_document_stay_text(results: Make) -> None:
    plain = Page(render(results())).tags
    document = _everywhere(results(), EVIL)
    html = render(document)
    assert Page(html).tags == plain
    assert "<img" not in html.split("plotly.js v")[0]


def test_plots_hold_only_what_plotly_knows(results: Make) -> None:
    plots = [block for section in page_sections(results()) for block in section.blocks if isinstance(block, Plot)]
    assert len(plots) == 9
    for plot in plots:
        go.Figure(json.loads(_in_real_colours(json.dumps({"data": plot.data, "layout": plot.layout}))))


def test_every_axis_with_a_title_and_every_block_with_a_caption(results: Make) -> None:
    for section in page_sections(results()):
        for block in section.blocks:
            if isinstance(block, Plot | Table):
                assert block.caption.endswith(".") and block.caption[0].isupper()
            if isinstance(block, Text):
                assert block.text
            if isinstance(block, Plot):
                axes = {key: value for key, value in block.layout.items() if key.startswith("xaxis")}
                assert axes and all(value["title"]["text"] for value in axes.values())


def test_the_band_reaches_from_the_lowest_to_the_highest_seed(results: Make) -> None:
    document = results()
    document["on_chip"]["curves"] = [
        {
            "label": "a",
            "samples": [0, 10, 20],
            "mean": [0.1, 0.5, 0.9],
            "low": [0.1, None, 0.8],
            "high": [0.2, 0.6, 1.0],
        }
    ]
    [section] = [s for s in page_sections(document) if s.id == "learning"]
    [plot] = [block for block in section.blocks if isinstance(block, Plot)]
    band, curve = plot.data
    assert (band["x"], band["y"]) == ([0, 20, 20, 0], [0.1, 0.8, 1.0, 0.2])
    assert curve["y"] == [0.1, 0.5, 0.9]
    assert plot.layout["shapes"][0]["y0"] == 0.1


def test_purposes_are_told_at_the_length_they_sum_to(results: Make) -> None:
    document = results()
    [section] = [s for s in page_sections(document) if s.id == "memory"]
    assert any(
        isinstance(block, Plot) and "samples of 2\N{NO-BREAK SPACE}048 time steps" in block.caption
        for block in section.blocks
    )


def test_a_weight_off_the_grid_is_a_fault(results: Make) -> None:
    document = results()
    document["weights"] = [{"connection": "c", "label": "after", "grid": 2, "values": [-2, 3], "counts": [1, 1]}]
    with pytest.raises(ValueRangeError, match="the weight 3 is not a multiple of 2"):
        render(document)


def test_a_spike_of_no_neuron_is_a_fault(results: Make) -> None:
    document = results()
    document["raster"]["events"][2]["neuron"][0] = 10
    with pytest.raises(ValueRangeError, match=r"population 'out'.*limit 10"):
        render(document)


def test_a_spike_at_no_step_is_a_fault(results: Make) -> None:
    document = results()
    document["raster"]["events"][0]["step"][-1] = 35
    with pytest.raises(ValueRangeError, match=r"population 'in'.*steps 1 to 34"):
        render(document)


def test_a_training_run_has_no_columns_for_what_it_did_not_measure() -> None:
    page = Page(render({"training": [{"rule": "made-up", "seeds": [0], "test_accuracy": [0.9]}]}))
    assert page.row("rule") == ["rule", "seeds", "test", "time"]
    assert page.row("made-up") == ["made-up", "1", "90.0 %", "unknown"]


def test_the_file_is_written_where_asked(tmp_path: Path, results: Make) -> None:
    (tmp_path / "results.json").write_text(json.dumps(results()), encoding="utf-8")
    assert write_report(tmp_path) == tmp_path / "report.html"
    assert write_report(tmp_path, tmp_path / "sub" / "b.html").read_bytes() == (tmp_path / "report.html").read_bytes()


def test_a_fault_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"seed": "x"}', encoding="utf-8")
    with pytest.raises(FormatError, match=r"results\.json: seed"):
        write_report(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize("package", ["jinja2", "plotly"])
def test_a_missing_package_names_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # importing it now raises ImportError
    with pytest.raises(MissingExtraError, match=rf"'{package}'.*neurotrain-hw\[report\]"):
        render({})


def _everywhere(value: Any, text: str, key: str = "") -> Any:
    """The document with `text` appended to every text, and to the names of what is mapped by name."""
    if isinstance(value, dict):
        named = key in ("versions", "population_sizes")
        return {f"{k}{text}" if named else k: _everywhere(v, text, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_everywhere(item, text, key) for item in value]
    return f"{value}{text}" if isinstance(value, str) else value


def _in_real_colours(text: str) -> str:
    """Colours by name as Plotly's own checks take them."""
    return re.sub(r'"@\w+(?:/[\d.]+)?"', '"#123456"', text)
