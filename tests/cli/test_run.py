"""`neurotrain-hw run` on a program whose answers are known: neuron 3 alone spikes, at every step."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from neurotrain_hw.cli import app
from neurotrain_hw.program import Connection, CoreSlice, Population, Program, Timing
from neurotrain_hw.program.file import save_program

STEPS, SAMPLES = 6, 40
runner = CliRunner()


def _program(n_in: int = 64, *, chip: str = "") -> Program:
    """Weights of 1 and a threshold that is out of their reach; a bias lifts neuron 3 over it."""
    bias = np.zeros(10, np.int32)
    bias[3] = 2**20
    values = {"du": 4095, "dv": 4095, "vth": 2**13, "bias_mant": bias, "bias_exp": 0,
              "reset_interval": STEPS, "reset_offset": 2}  # fmt: skip
    return Program(
        "always three",
        (Population("in", "input", (n_in,)), Population("out", "lif_reset", (10,), values)),
        (Connection("c", "dense", "in", "out", np.ones((10, n_in), np.int8), sign_mode="excitatory"),),
        ("out",), chip, (CoreSlice("out", 0, 10, 0, 0),) if chip else (), timing=Timing(STEPS, {"out": 1}),
    )  # fmt: skip


@pytest.fixture
def program(tmp_path: Path) -> Path:
    save_program(_program(chip="loihi2"), tmp_path / "three.nhw")
    return tmp_path / "three.nhw"


def _json(*arguments: str) -> dict:
    result = runner.invoke(app, ["run", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_accuracy_spikes_and_events_are_those_of_the_known_answer(program: Path) -> None:
    document = _json(str(program), "--samples", str(SAMPLES))
    labels = np.array(document["labels"])
    assert len(labels) == SAMPLES
    assert document["predicted"] == [3] * SAMPLES
    assert document["accuracy"] == np.mean(labels == 3)
    assert document["spikes"] == {"out": STEPS * SAMPLES}
    counts = document["counters"]
    assert counts["populations"]["out"]["spikes"] == (STEPS + 1) * SAMPLES  # one step more, before the window
    assert counts["connections"]["c"]["spike_events"] == 10 * counts["populations"]["in"]["spikes"]
    assert counts["steps"] == (STEPS + 1) * SAMPLES
    assert document["engine"] == "chip" and document["seconds"] > 0


def test_the_text_says_the_same(program: Path) -> None:
    result = runner.invoke(app, ["run", str(program), "--samples", str(SAMPLES)])
    assert result.exit_code == 0
    accuracy = 100 * _json(str(program), "--samples", str(SAMPLES))["accuracy"]
    assert f"always three on {SAMPLES} samples (chip, " in result.stdout
    assert f"accuracy {accuracy:.2f} %" in result.stdout
    assert "Synaptic events" in result.stdout and "Energy, " in result.stdout


@pytest.mark.parametrize(("chip", "said"), [("", "it is for no chip"), ("my-own", "chip 'my-own' is not at hand")])
def test_a_chip_that_is_not_at_hand_costs_the_energy_alone(tmp_path: Path, chip: str, said: str) -> None:
    save_program(_program(chip=chip), tmp_path / "three.nhw")
    result = runner.invoke(app, ["run", str(tmp_path / "three.nhw"), "--samples", "5"])
    assert result.exit_code == 0, result.output
    assert "accuracy" in result.stdout
    assert "Energy: unknown, as" in result.stdout
    assert said in result.stdout


def test_threads_change_nothing_and_the_seed_changes_the_code(program: Path) -> None:
    one, two, other = (
        _json(str(program), "--samples", "20", *extra)
        for extra in (["--threads", "1"], ["--threads", "2"], ["--threads", "1", "--seed", "77"])
    )
    assert one["counters"] == two["counters"]
    assert one["counters"] != other["counters"]
    assert one["predicted"] == other["predicted"]


def test_splits_are_the_datasets_own(program: Path) -> None:
    test, train = (_json(str(program), "--samples", "30", "--split", split)["labels"] for split in ("test", "train"))
    assert test != train


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "digitss"], "Did you mean digits"),
        (["--split", "tests"], "Did you mean test"),
        (["--engine", "chips"], "Did you mean chip"),
        (["--samples", "0"], ""),
        (["--threads", "0"], ""),
    ],
)
def test_arguments_that_do_not_exist_are_usage_errors(program: Path, arguments: list[str], message: str) -> None:
    result = runner.invoke(app, ["run", str(program), *arguments])
    assert result.exit_code == 2
    assert message in result.stderr


def test_files_that_are_no_program_are_usage_errors(tmp_path: Path) -> None:
    (tmp_path / "text.nhw").write_text("hello")
    for name, message in (("none.nhw", "no such file"), ("text.nhw", "no readable program file")):
        result = runner.invoke(app, ["run", str(tmp_path / name)])
        assert result.exit_code == 2
        assert message in result.stderr and name in result.stderr
    as_json = runner.invoke(app, ["run", str(tmp_path / "none.nhw"), "--json"])
    assert json.loads(as_json.stdout)["error"] == "FormatError"


def test_a_program_that_does_not_fit_the_dataset_is_refused(tmp_path: Path) -> None:
    save_program(_program(65), tmp_path / "wide.nhw")
    result = runner.invoke(app, ["run", str(tmp_path / "wide.nhw")])
    assert result.exit_code == 2
    assert "input 'in': samples have 64 values (expected 65)" in result.stderr


def test_a_program_without_timing_is_refused(tmp_path: Path) -> None:
    save_program(dataclasses.replace(_program(), timing=None), tmp_path / "bare.nhw")
    result = runner.invoke(app, ["run", str(tmp_path / "bare.nhw")])
    assert result.exit_code == 2
    assert "how samples lie in time" in result.stderr


def test_the_encoding_is_the_one_that_is_named(program: Path) -> None:
    from neurotrain_hw.data import load_dataset

    shown = load_dataset("digits", encoding="latency").test.first(7)
    document = _json(str(program), "--samples", "7", "--encoding", "latency")
    expected = int(shown.spikes(slice(None), steps=STEPS, seed=0).sum())
    assert document["counters"]["populations"]["in"]["spikes"] == expected
    result = runner.invoke(app, ["run", str(program), "--encoding", "direct"])
    assert result.exit_code == 2
    assert "gives values, not spikes" in result.output


def test_recordings_with_a_split_are_a_dataset(program: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 3, (30, 2 * STEPS, 1, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "own.npz", x=x, y=np.arange(30) % 10, split=np.repeat([0, 1, 2], 10))
    document = _json(str(program), "--dataset", str(tmp_path / "own.npz"))
    joined = x[20:].reshape(10, STEPS, 2, 64).sum(axis=2) > 0
    assert document["labels"] == list(range(10))
    assert document["counters"]["populations"]["in"]["spikes"] == joined.sum()
