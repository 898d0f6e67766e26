"""The trip in small: one seed, one epoch each; every step leaves its figures, and a second trip skips them all."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from browser import browse

from neurotrain_hw.demo import DemoSettings, run_demo
from neurotrain_hw.demo.notebook import Notebook
from neurotrain_hw.errors import MissingExtraError

SMALL = DemoSettings(seeds=1, training_epochs=1, learning_epochs=1)


@pytest.fixture(scope="module")
def trip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], dict]:
    folder, lines = tmp_path_factory.mktemp("trip"), []
    return folder, lines, run_demo(folder, SMALL, say=lines.append, lava=False)


def test_every_step_prints_a_line_with_figures(trip: tuple[Path, list[str], dict]) -> None:
    _, lines, results = trip
    assert [row["step"] for row in results["log"]] == list("abcdefg")
    for row in results["log"]:
        assert any(line.startswith(f"{row['step']}. {row['title']}: {row['text']}") for line in lines)
        assert any(c.isdigit() for c in row["text"])


def test_lava_left_out_is_said_once_and_shown_as_not_run(trip: tuple[Path, list[str], dict]) -> None:
    _, lines, results = trip
    assert [line for line in lines if "skipped" in line] == ["Lava is skipped: Lava was left out on request"]
    assert all(row["values"][3] is None and row["lava_reason"] for row in results["accuracy"]["rows"])
    assert results["on_chip"]["lava"] is None


def test_what_became_of_the_weight_updates_is_told_by_layer(trip: tuple[Path, list[str], dict]) -> None:
    layers = trip[2]["on_chip"]["updates"]["layers"]
    assert [layer["layer"] for layer in layers] == ["in-hidden", "hidden-out"]
    for layer in layers:
        assert layer["proposed"] >= layer["applied"] > 0
        assert layer["proposed"] >= layer["rounded_away"] > 0


def test_simulator_is_within_half_a_point_of_torch(trip: tuple[Path, list[str], dict]) -> None:
    for row in trip[2]["accuracy"]["rows"]:
        _, quantised, simulator, _ = row["values"]
        assert abs(simulator - quantised) <= 0.005


def test_online_learning_takes_constant_memory_and_bptt_does_not(trip: tuple[Path, list[str], dict]) -> None:
    taken = {row["rule"]: row["learning_bytes"] for row in trip[2]["training"]}
    steps, eprop, bptt = taken["bptt"]["steps"], taken["eprop"]["bytes"], taken["bptt"]["bytes"]
    assert max(eprop) < 1.02 * min(eprop)
    # gradients take the same at every length; the rest grows with it, and is nearly all of it in the end
    per_step = (bptt[-1] - bptt[0]) / (steps[-1] - steps[0])
    assert per_step * steps[-1] > 0.7 * bptt[-1]


def test_energy_of_a_chip_without_figures_is_unknown(trip: tuple[Path, list[str], dict]) -> None:
    own = [e for e in trip[2]["energy"] if "figures of" in e["label"]]
    assert own
    assert all(e["total_pj"] is None and e["known_pj"] is None and e["missing"] for e in own)


@pytest.mark.slow  # tests/report/test_browser.py draws every plot
def test_the_report_opens_in_a_browser_with_every_plot(
    trip: tuple[Path, list[str], dict], chromium: Path, tmp_path: Path
) -> None:
    drawn, console = browse(chromium, trip[0] / "report.html", tmp_path / "profile")
    assert console == []
    assert drawn.failed == 0
    assert len(drawn.images) == 9
    assert all(count > 0 for count in drawn.images.values())
    for title in ("training samples seen", "step of the chip", "time steps T per sample", "synaptic events per sample"):
        assert title in drawn.texts


def test_a_second_trip_skips_what_is_done(trip: tuple[Path, list[str], dict]) -> None:
    folder, _, first = trip
    lines: list[str] = []
    again = run_demo(folder, SMALL, say=lines.append, lava=False)
    done = [line for line in lines if line.endswith("[done before]")]
    assert len(done) == 7
    assert {k: v for k, v in again.items() if k != "created"} == {k: v for k, v in first.items() if k != "created"}


def test_a_damaged_step_is_done_again(tmp_path: Path) -> None:
    calls = []

    def work() -> tuple[str, dict]:
        calls.append(1)
        return "1 thing", {"value": 1}

    for _ in range(2):
        Notebook(tmp_path, lambda line: None).step("a", "try", {"seed": 0}, work)
    assert len(calls) == 1
    (tmp_path / "steps" / "a.json").write_text('{"digest": ')
    Notebook(tmp_path, lambda line: None).step("a", "try", {"seed": 0}, work)
    Notebook(tmp_path, lambda line: None).step("a", "try", {"seed": 1}, work)
    assert len(calls) == 3
    assert json.loads((tmp_path / "steps" / "a.json").read_text())["sections"] == {"value": 1}


@pytest.mark.slow
def test_published_figures_over_three_seeds(tmp_path: Path, lava_python: Path) -> None:
    results = run_demo(tmp_path, replace(DemoSettings(), seeds=3), say=lambda line: None)
    for row in results["training"]:
        assert sum(row["test_accuracy"]) / 3 >= 0.95
    for row in results["accuracy"]["rows"]:
        assert abs(row["values"][2] - row["values"][1]) <= 0.005
    compared = [row for row in results["accuracy"]["rows"] if row["differing_spikes"] is not None]
    assert len(compared) == 2
    assert all(row["differing_spikes"] == 0 and row["compared_spikes"] > 10_000 for row in compared)
    learned, _, control = results["on_chip"]["table"]
    assert control["control"]
    assert learned["mean"] >= 0.93
    assert learned["mean"] > control["mean"]
    lava = results["on_chip"]["lava"]
    assert (lava["steps"], lava["differing_weights"], lava["differing_spikes"]) == (500, 0, 0)
    assert lava["changed_weights"] > 1000


def test_a_missing_extra_is_named_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(MissingExtraError, match=r"plotly.*\[report\]"):
        run_demo(tmp_path / "out", SMALL, say=pytest.fail, lava=False)
    assert not (tmp_path / "out").exists()


def test_the_number_of_jobs_changes_nothing(trip: tuple[Path, list[str], dict]) -> None:
    lines: list[str] = []
    run_demo(trip[0], replace(SMALL, jobs=1), say=lines.append, lava=False)
    assert sum("done before" in line for line in lines) == 7
