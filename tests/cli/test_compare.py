"""`neurotrain-hw compare` on a small network: tables, JSON, exit codes, the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from browser import browse
from graphs import chain
from typer.testing import CliRunner

from neurotrain_hw.chips import load_chip
from neurotrain_hw.cli import app
from neurotrain_hw.compiler.lower import lower
from neurotrain_hw.interchange import write_nir
from neurotrain_hw.program.file import save_program
from neurotrain_hw.reference import run_graph

STEPS = 12
runner = CliRunner()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """net.nir with float weights, x.npz labelled by its own float answers, and recorded.npz of its first layer."""
    graph = chain([6, 5, 4], bits=None)
    write_nir(tmp_path / "net.nir", graph)
    x = np.random.default_rng(0).integers(0, 2, (20, STEPS, 6)).astype(np.uint8)
    run = run_graph(graph, np.moveaxis(x, 1, 0), record=["l1", "l2"])
    np.savez(tmp_path / "x.npz", x=x, y=run.sent["l2"].sum(0).argmax(1))
    np.savez(tmp_path / "recorded.npz", l1=np.moveaxis(run.sent["l1"], 1, 0))
    return tmp_path


def call(files: Path, *more: str, code: int = 0) -> str:
    result = runner.invoke(app, ["compare", str(files / "net.nir"), "-t", "loihi2", *more])
    assert result.exit_code == code, result.output
    return result.output if code else result.stdout


def test_json_tells_every_run_pair_format_and_effect(files: Path) -> None:
    found = json.loads(call(files, "-i", str(files / "x.npz"), "--recorded", str(files / "recorded.npz"), "--json"))
    assert [run["run"] for run in found["runs"]] == ["reference", "chip"]  # the recorded layer decides nothing
    assert found["runs"][0]["accuracy"] == 1 and found["samples"] == 20 and found["steps"] == STEPS
    pairs = {(pair["a"], pair["b"]): pair for pair in found["pairs"]}
    assert set(pairs) == {("source", "reference"), ("reference", "equations"), ("reference", "chip")}
    assert pairs["source", "reference"]["samples_apart"] == 0
    assert [layer["layer"] for layer in pairs["source", "reference"]["layers"]] == ["l1"]
    assert [e["name"] for e in found["attribution"]["effects"]][:2] == ["weights", "decay"]
    assert {row["what"] for row in found["formats"]} >= {"weights l1_weights", "current", "membrane"}
    assert found["emulator_differs"] == 0


def test_tables_and_a_page(files: Path) -> None:
    text = call(files, "-i", str(files / "x.npz"), "--samples", "10", "--report", str(files / "page.html"))
    for words in ("NIR reference", "integer simulator", "breaks first", "weight rounding", "threshold", "report:"):
        assert words in text
    assert "First divergence: recording" in (files / "page.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_draws_its_plots(files: Path, chromium: Path, tmp_path: Path) -> None:
    call(files, "-i", str(files / "x.npz"), "--report", str(files / "page.html"))
    drawn, console = browse(chromium, files / "page.html", tmp_path / "profile")
    assert console == [] and drawn.failed == 0 and list(drawn.images) == ["plot-1", "plot-2"]
    assert all(drawn.images.values()) and "magnitude (bits, log2)" in drawn.texts


def test_more_lost_than_the_tolerance_is_a_negative_answer(files: Path) -> None:
    """The labels are the float network's answers, so another program of the same shape must lose."""
    other = lower(chain([6, 5, 4], bits=None, seed=9), load_chip("loihi2"), steps=STEPS).program
    save_program(other, files / "other.nhw")
    given = ("-i", str(files / "x.npz"), "--program", str(files / "other.nhw"), "--no-attribution")
    assert "compiled and chip part" in call(files, *given)
    assert "points are lost" in call(files, *given, "--tolerance", "0.5", code=1)
    call(files, *given, "--tolerance", "100")


def test_datasets_are_shown_as_run_shows_them(tmp_path: Path) -> None:
    write_nir(tmp_path / "net.nir", chain([64, 10], scale=0.01))
    found = json.loads(call(tmp_path, "--dataset", "digits", "--steps", "8", "--samples", "5", "--json"))
    assert found["samples"] == 5 and found["steps"] == 8 and found["runs"][0]["accuracy"] is not None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no number of steps"), (("--engine", "gpu"), "no engine called 'gpu'"),
        (("--run", "a", "--recorded", "b"), "two sources"), (("-i", "nowhere.npz"), "no such file"),
    ],
)  # fmt: skip
def test_mistakes_are_named(files: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in call(files, *arguments, code=2)


def test_a_tolerance_needs_labels_and_steps_must_be_there(files: Path) -> None:
    np.savez(files / "bare.npz", x=np.ones((2, STEPS, 6), np.uint8))
    assert "no labels" in call(files, "-i", str(files / "bare.npz"), "--tolerance", "1", code=2)
    assert "at most" in call(files, "-i", str(files / "bare.npz"), "--steps", "13", code=2)
    found = json.loads(call(files, "-i", str(files / "bare.npz"), "--steps", "5", "--json"))
    assert found["steps"] == 5 and found["loss"] is None and found["attribution"]["loss"] is None
