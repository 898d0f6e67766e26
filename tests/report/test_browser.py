"""The report in a real browser: every plot is drawn, no script fails, texts stay texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser import browse

from neurotrain_hw.report import render

Make = Callable[[], dict[str, Any]]
MARKUP = "<b>bold</b> & <i>&amp;</i>"


def test_every_plot_is_drawn_and_no_script_fails(chromium: Path, tmp_path: Path, results: Make) -> None:
    document = results()
    document["training"][0]["title"] = MARKUP
    document["program"]["memory"][0]["purpose"] = MARKUP
    page = tmp_path / "report.html"
    page.write_text(render(document), encoding="utf-8")
    drawn, console = browse(chromium, page, tmp_path / "profile")
    assert console == []
    assert list(drawn.images) == [f"plot-{k}" for k in range(1, 10)]
    assert all(count > 0 for count in drawn.images.values())
    assert drawn.failed == 0
    assert drawn.texts.count(MARKUP) >= 4  # legend and table, of the rule and of the purpose
    for title in ("training samples seen", "time steps T per sample", "integer weight, in_hidden", "step of the chip"):
        assert title in drawn.texts


def test_a_plot_that_cannot_be_drawn_says_so(chromium: Path, tmp_path: Path, results: Make) -> None:
    html = render({"raster": results()["raster"]})
    start = html.index("<script>") + len("<script>")
    end = html.index("</script>", start)
    broken = 'window.Plotly = { react() { throw new Error("a synthetic fault"); } };'
    page = tmp_path / "report.html"
    page.write_text(html[:start] + broken + html[end:], encoding="utf-8")
    drawn, _ = browse(chromium, page, tmp_path / "profile")
    assert drawn.failed == 1 and drawn.images == {"plot-1": 0}
    assert "This figure could not be drawn: a synthetic fault" in drawn.texts


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_paper_and_ink_differ_enough_to_read(scheme: str) -> None:
    """Contrast of text and plot colours against the paper, as WCAG 2.2 defines it: 4.5 for text, 2.2 for marks."""
    css = (Path(__file__).parents[2] / "neurotrain_hw/report/templates/style.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root[^{]*\{([^}]*)\}", css)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", blocks[0] if scheme == "light" else blocks[1]))
    assert len(colours) == 17
    for name in ("ink", "soft", "link", "limit", "good", "bad"):
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
    for name in ("muted", "c1", "c2", "c3", "c4", "c5", "c6"):
        assert contrast(colours[name], colours["paper"]) >= 2.2, name


def contrast(one: str, other: str) -> float:
    """Ratio of relative luminances, the lighter over the darker."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
