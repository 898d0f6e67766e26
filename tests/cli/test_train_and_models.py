"""`train` and `models` on the command line."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from neurotrain_hw.cli import models
from neurotrain_hw.cli import train as verb
from neurotrain_hw.trainers import declarations

SMALL = """
summary = "small"
dataset = "digits"
inputs = 64
steps = 2
[[layers]]
name = "out"
neurons = 10
beta = 0.875
weight_bits = 8
"""


@pytest.fixture
def trainer() -> typer.Typer:
    app = typer.Typer()
    app.command("train")(verb.train)
    return app


def test_train_writes_a_run_and_says_so_in_json(tmp_path: Path, trainer: typer.Typer) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    options = ["--model", str(tmp_path / "small.toml"), "--rule", "eprop", "--epochs", "1", "--bits", "4"]
    options += ["--out", str(tmp_path / "run")]
    result = CliRunner().invoke(trainer, [*options, "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["settings"]["model"]["layers"][0]["weight_bits"] == 4
    assert 0 < document["accuracy"]["quantised"]["test"] < 1
    again = CliRunner().invoke(trainer, options)
    assert again.exit_code == 0
    assert "quantised" in again.stdout
    assert f"footprint {document['neurobench']['footprint_bytes']:,} bytes" in again.stdout
    assert f"at most {document['memory']['peak']:,} bytes" in again.stdout
    assert f"{document['accuracy']['quantised']['test']:.2%}" in again.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "digit-fc"], "digits-fc"),
        (["--rule", "btt"], "bptt"),
        (["--dataset", "mnist"], "NEUROTRAIN_HW_DATA"),
        (["--bits", "eight"], "float"),
        (["--bits", "40"], "1..12"),
        (["--device", "gpu"], "cuda:NUMBER"),
        (["--encoding", "morse"], "no encoding"),
        (["--module", "net.py:Net"], "--input-shape"),
        (["--module", "none.py:Net", "--input-shape", "64"], "no such file"),
        (["--input-shape", "64"], "Leave it out"),
        (["--audit-memory", "--audit-steps", "ten"], "100,400,1600"),
        (["--audit-memory", "--audit-batch", "0"], "at least 1"),
    ],
)
def test_train_refuses_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainer: typer.Typer, options: list[str], said: str
) -> None:
    monkeypatch.delenv("NEUROTRAIN_HW_DATA", raising=False)
    result = CliRunner().invoke(trainer, [*options, "--out", str(tmp_path / "run")])
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "run").exists()


def test_the_memory_audit_speaks_by_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainer: typer.Typer
) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    options = ["--audit-memory", "--model", str(tmp_path / "small.toml"), "--rule", "bptt", "--audit-steps", "10,40"]
    result = CliRunner().invoke(trainer, [*options, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["verdict"], found["agrees"], found["steps"]) == ("grows", True, [10, 40])
    said = CliRunner().invoke(trainer, options).stdout
    assert f"{found['bytes'][1]:,}" in said and "as declared" in said
    false = {**declarations.DECLARATIONS, "bptt": replace(declarations.declaration("bptt"), memory="local")}
    monkeypatch.setattr(declarations, "DECLARATIONS", false)
    result = CliRunner().invoke(trainer, options)
    assert result.exit_code == 1 and "NOT as declared: local in time" in result.stdout


def test_models_list_show_check(tmp_path: Path) -> None:
    listed = CliRunner().invoke(models.app, ["list", "--json"])
    assert {"digits-fc", "mnist-fc"} <= {model["name"] for model in json.loads(listed.stdout)}
    assert "64-128-10" in CliRunner().invoke(models.app, ["list"]).stdout
    shown = CliRunner().invoke(models.app, ["show", "digits-fc"])
    assert shown.exit_code == 0
    assert "8192" in shown.stdout
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    assert CliRunner().invoke(models.app, ["check", str(path)]).exit_code == 0
    path.write_text(SMALL.replace("0.875", "2"))
    bad = CliRunner().invoke(models.app, ["check", str(path)])
    assert bad.exit_code == 1
    assert "layers[0].beta" in bad.stdout
    assert CliRunner().invoke(models.app, ["check", str(tmp_path / "none.toml")]).exit_code == 2
