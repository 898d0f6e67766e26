"""`neurotrain-hw learn`, and its folder in `run` and `report`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from neurotrain_hw.cli import app
from neurotrain_hw.data import load_dataset
from neurotrain_hw.learn import course

ROOT = Path(__file__).resolve().parents[2]
runner = CliRunner()
SMALL = ["learn", "--hidden", "12", "--seeds", "1", "--epochs", "2", "--no-twin"]


def few(name: str, **more: Any) -> Any:
    """Few samples to learn from, and all the test samples."""
    found = load_dataset(name, **more)
    return replace(found, train=found.train.first(40), validation=found.validation.first(30))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished course, as the verb leaves it."""
    place = tmp_path_factory.mktemp("runs") / "course"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course, "load_dataset", few)
        result = runner.invoke(app, [*SMALL, "--out", str(place)])
    assert result.exit_code == 0, result.output
    assert "on chip, seed 0: epoch 2/2" in result.stderr
    assert "eprop-random on digits: 64-12-10 on Intel Loihi 2, 1 seed" in result.stdout
    for word in ("control: readout only", "chance", "rounded to nothing", "saturated", "hidden-out", "delta"):
        assert word in result.stdout
    assert f"neurotrain-hw report {place}" in result.stdout.replace("\n", "")
    return place


def test_the_learned_network_runs_to_exactly_the_accuracy_that_was_told(folder: Path) -> None:
    told = json.loads((folder / "learn.json").read_text())["lessons"]["chip"][0]["test"]
    result = runner.invoke(app, ["run", str(folder / "learned-seed0.nhw"), "--dataset", "digits", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["accuracy"] == told
    assert told > 0.1


def test_a_finished_course_is_shown_again(folder: Path) -> None:
    result = runner.invoke(app, [*SMALL, "--out", str(folder), "--json"])
    assert result.exit_code == 0
    assert result.stderr == ""
    document = json.loads(result.stdout)
    assert document.pop("folder") == str(folder)
    assert document == json.loads((folder / "learn.json").read_text())


def test_its_report_shows_what_became_of_the_updates(folder: Path) -> None:
    result = runner.invoke(app, ["report", str(folder)])
    assert result.exit_code == 0, result.output
    page = (folder / "report.html").read_text(encoding="utf-8")
    for words in ("Learning digits on the chip: eprop-random, 64-12-10", "rounded to nothing", "wider weights"):
        assert words in page


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--rule", "bptt"], 2, "no sum of products"),
        (["--rule", "pair-stdp"], 2, "Rules that can be taught: "),
        (["--rule", "eprop-rando"], 2, "eprop-random"),
        (["--rounding", "maybe"], 2, "independent, nearest, shared"),
        (["--target", "loihi1", "--weight-bits", "7"], 2, "weights of 7 bits"),
        (["--dataset", "mnist", "--data", "nowhere"], 2, "NEUROTRAIN_HW_DATA"),
        (["--target", "loihi1"], 1, "--anyway"),
        (["--target", "edge_sram", "--budget", "700B"], 1, "--hidden "),
    ],
)
def test_refused_with_reason_and_remedy(
    options: list[str], code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEUROTRAIN_HW_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, [*SMALL, *options])
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_how_to_shows_what_a_refusal_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/how-to/on-chip-learning.md").read_text(encoding="utf-8")
    command, shown = re.findall(
        r"    neurotrain-hw (learn [^\n]*--budget[^\n]*)\n\n```text\n(.*?)```", page, re.DOTALL
    )[0]
    result = runner.invoke(app, command.split())
    assert result.exit_code == 1
    assert result.stderr.split() == shown.split()


def test_what_does_not_fit_comes_with_a_table_and_remedies_that_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "load_dataset", few)
    options = ["--target", "edge_sram", "--budget", "1600B", "--out", str(tmp_path / "run"), "--json"]
    result = runner.invoke(app, [*SMALL, *options])
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["error"] == "CapacityError"
    assert {"weights", "pre traces", "feedback matrix"} <= {row["purpose"] for row in document["table"]}
    hidden = next(remedy for remedy in document["remedies"] if "--hidden" in remedy)
    fits = int(hidden.split()[0])
    for neurons, code in ((fits + 1, 1), (fits, 0)):
        small = ["--epochs", "1", "--hidden", str(neurons), "--no-twin", "--no-control", "--seeds", "1"]
        found = runner.invoke(app, ["learn", *small, *options])
        assert found.exit_code == code, found.output
