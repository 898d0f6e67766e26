"""The report of a course: its curves, what became of its updates by layer, and faults of learn.json by their keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neurotrain_hw.errors import FormatError
from neurotrain_hw.report import render, write_report
from neurotrain_hw.report.document import read_results
from neurotrain_hw.report.page import page_sections
from neurotrain_hw.report.view import Plot, Table, Text


def spread(mean: float, half: float | None) -> dict[str, Any]:
    return {"n": 1 if half is None else 3, "mean": mean, "deviation": None, "half_width": half}


def synthetic() -> dict[str, Any]:
    """A made-up course of three seeds and two epochs."""
    means = {"chip": 0.925, "twin": 0.935, "control": 0.88}
    layer = {
        "layer": "in-hidden", "rule": "a-rule", "synapses": 640, "proposed": 80000, "applied": 4000,
        "rounded_away": 75000, "saturated": 1000,
    }  # fmt: skip
    term = {"label": "synaptic operation", "count": 6000, "pj": 20.0, "energy_pj": 120000.0, "source": "x", "note": ""}
    return {
        "format": "learn-1", "created": "2000-01-01T12:00:00", "machine": "a synthetic machine",
        "versions": {"neurotrain-hw": "0.0.0"}, "chip": "Made-up 2", "rounding": "shared", "chance": 0.1,
        "settings": {"rule": "a-rule", "dataset": "digits", "seeds": 3, "weight_bits": None},
        "rules": [
            {"layer": "hidden", "name": "a-rule", "title": "A rule", "dw": "2^-7*u0*x1*y1"},
            {"layer": "readout", "name": "delta", "title": "Delta", "dw": "u0*x1*y2"},
        ],
        "network": {"inputs": 64, "hidden": 10, "outputs": 10}, "samples": {"train": 100}, "samples_learned": 600,
        "results": {kind: spread(mean, 0.011) for kind, mean in means.items()},
        "curves": {kind: [spread(0.1, 0.0), spread(0.6, 0.55), spread(mean, 0.02)] for kind, mean in means.items()},
        "updates": [layer, {**layer, "layer": "hidden-out", "saturated": 3}],
        "warnings": ["a synthetic warning."],
        "program": {
            "name": "on-chip", "placement": [], "notes": [],
            "memory": [{"chip": 0, "core": 0, "purpose": "wider weights", "need_bits": 640, "pool": "core memory",
                        "limit_bits": 1000}],
        },
        "counters": {
            "steps": 12000,
            "connections": {"in-hidden": {"spike_events": 6000, "trace_updates": 1200, "random_numbers": 60}},
            "populations": {"hidden": {"spikes": 1800, "spikes_on_core": None}},
        },
        "energy": [{"chip": "madeup2", "label": "figures of Made-up 1", "covers": "events", "terms": [term],
                    "known_pj": 120000.0, "total_pj": None, "missing": ["trace update"]}],
        "lessons": {
            kind: [
                {"seed": seed, "test": mean, "best": 2, "validation": [0.1, 0.6, mean]}
                | ({"rate": 0.25} if kind == "twin" else {})
                for seed in range(3)
            ]
            for kind, mean in means.items()
        },
    }  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    def write(document: dict[str, Any]) -> Path:
        (tmp_path / "learn.json").write_text(json.dumps(document))
        return tmp_path

    return write


def test_every_part_of_a_course_is_on_the_page(write: Callable[[dict[str, Any]], Path]) -> None:
    results = read_results(write(synthetic()))
    sections = page_sections(results)
    assert [section.id for section in sections] == ["learning", "program", "events", "energy", "versions"]
    blocks = [block for section in sections for block in section.blocks]
    updates = next(b for b in blocks if isinstance(b, Table) and "rounded to nothing" in b.columns)
    first = [cell.text.replace("\N{NO-BREAK SPACE}", " ") for cell in updates.rows[0]]
    assert first == ["in-hidden", "a-rule", "640", "80 000", "4 000 (5.00 %)", "75 000 (93.75 %)", "1 000 (1.25 %)"]
    assert updates.rows[1][6].text == "3 (< 0.01 %)"
    learned = next(b for b in blocks if isinstance(b, Table) and "95 % interval" in b.columns)
    shown = [cell.text for cell in learned.rows[0]]
    assert shown[:5] == ["on the chip", "learns", "3", "92.50 %", "± 1.10 points"]
    events = next(b for b in blocks if isinstance(b, Table) and "trace updates" in b.columns)
    assert [cell.text for cell in events.rows[0]] == ["in-hidden", "10", "2", "0.1"]
    said = " ".join(b.text for b in blocks if isinstance(b, Text))
    assert "Note: a synthetic warning." in said
    assert "learned at 0.25 times the chip's rate" in said
    assert "200 pJ per training sample" in said
    assert "Lava" not in said
    assert "with one random number for all synapses" in said


def test_the_band_is_the_interval_and_stays_between_0_and_1(write: Callable[[dict[str, Any]], Path]) -> None:
    plot = next(
        block
        for section in page_sections(read_results(write(synthetic())))
        for block in section.blocks
        if isinstance(block, Plot)
    )
    assert "band: 95 % interval of the mean" in plot.caption
    bands = [trace for trace in plot.data if trace.get("fill")]
    assert len(bands) == 3
    assert min(min(band["y"]) for band in bands) == pytest.approx(0.05)
    assert max(max(band["y"]) for band in bands) == 1.0


def test_one_seed_has_no_band(write: Callable[[dict[str, Any]], Path]) -> None:
    document = synthetic()
    document["settings"]["seeds"] = 1
    for key in ("results", "curves"):
        for kind, found in document[key].items():
            plain = [spread(one["mean"], None) for one in (found if isinstance(found, list) else [found])]
            document[key][kind] = plain if isinstance(found, list) else plain[0]
    page = render(read_results(write(document)))
    assert "band:" not in page
    assert "mean of 1 seed" in page


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("format", "learn-9", "learn-1"),
        ("updates", [{"layer": "a"}], r"updates\[0\]\.rule"),
        ("results", {"twin": spread(0.5, None)}, "no lesson on the chip"),
        ("curves", {"chip": 3}, r"curves\.chip"),
        ("energy", [{"chip": 3}], r"energy\[0\]\.chip"),
        ("samples_learned", None, "samples_learned"),
    ],
)
def test_a_damaged_course_is_named(
    write: Callable[[dict[str, Any]], Path], key: str, value: object, said: str, tmp_path: Path
) -> None:
    write(synthetic() | {key: value})
    with pytest.raises(FormatError, match=said):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()
