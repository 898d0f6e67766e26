"""`export --module`: a user's own torch module and weights, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from neurotrain_hw.cli.export import export
from neurotrain_hw.interchange import read_nir
from neurotrain_hw.networks.user_modules import load_user_module, load_weights

app = typer.Typer()
app.command("export")(export)

NETWORK = """
import snntorch as snn
from torch import nn
from sizes import HIDDEN

def make():
    return nn.Sequential(nn.Linear(9, HIDDEN), snn.Leaky(beta=0.5, init_hidden=True))

class Loop(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.lif = nn.Linear(9, HIDDEN), snn.Leaky(beta=0.5)

    def forward(self, x):
        mem, sent = self.lif.reset_mem(), []
        for now in x:
            spk, mem = self.lif(self.fc(now), mem)
            sent.append(spk)
        return sent

ready = make()
number = 3
def with_arguments(size): ...
"""


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "sizes.py").write_text("HIDDEN = 6\n")
    (tmp_path / "net.py").write_text(NETWORK)
    return tmp_path / "net.py"


@pytest.mark.parametrize("suffix", [".pt", ".npz"])
def test_a_module_with_its_weights(source: Path, tmp_path: Path, suffix: str) -> None:
    trained = load_user_module(f"{source}:make")
    with torch.no_grad():
        trained[0].weight.copy_(torch.arange(54).reshape(6, 9) / 8)
    state = trained.state_dict()
    if suffix == ".pt":
        torch.save(state, tmp_path / "w.pt")
    else:
        np.savez(tmp_path / "w.npz", **{name: value.numpy() for name, value in state.items()})
    out = tmp_path / "net.nir"
    result = run("--module", f"{source}:make", "--weights", tmp_path / f"w{suffix}", "--shape", "9", "--dt", 0.002,
                 "--out", out, "--json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    graph = read_nir(out)
    assert document["dt_s"] == graph.meaning.dt_s == 0.002
    assert [row["name"] for row in document["nodes"]] == ["input", "0", "1", "output"]
    assert any("resets by subtraction" in note for note in document["notes"])
    assert np.array_equal(graph.nodes["0"].weight, trained[0].weight.detach().numpy())


def test_a_loop_over_time_and_a_module_that_is_there_already(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "net.nir"
    result = run("--module", f"{source}:Loop", "--example", "4,1,9", "--leaky-as", "CubaLIF", "-o", out)
    assert result.exit_code == 0, result.stderr
    assert "note: time constants are in seconds" in result.stdout and "CubaLIF" in result.stdout
    assert run("--module", f"{source}:ready", "--shape", "9", "-o", out).exit_code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "RUN, --module"),
        (["--shape", "9"], "RUN, --module"),
        (["runs/x", "--shape", "9"], "--shape: goes with --module only"),
        (["runs/x", "--module", "x:y"], "give one of the two"),
        (["--module", "net.py"], "FILE.py:NAME"),
        (["--module", "{}:mak", "--shape", "9"], "Did you mean make"),
        (["--module", "{}:number", "--shape", "9"], "of type int"),
        (["--module", "{}:with_arguments", "--shape", "9"], "without arguments"),
        (["--module", "nothing.here:make", "--shape", "9"], "No module named"),
        (["--module", "nothing.py:make", "--shape", "9"], "no such file"),
        (["--module", "{}:make"], "give one of the two"),
        (["--module", "{}:make", "--shape", "9,x"], "no shape"),
        (["--module", "{}:make", "--shape", "1000000,1000000"], "limit"),
        (["--module", "{}:make", "--shape", "8"], "its forward failed"),
        (["--module", "{}:make", "--shape", "9", "--format", "netx"], "export format"),
        (["--module", "{}:make", "--shape", "9", "--leaky-as", "IF"], "LIF or CubaLIF"),
        (["--module", "{}:make", "--shape", "9", "--dt", "-1"], "above 0"),
        (["--module", "{}:make", "--shape", "9", "--weights", "no.pt"], "no such file"),
    ],
)
def test_usage_errors(source: Path, tmp_path: Path, options: list[str], words: str) -> None:
    result = run(*(option.format(source) for option in options), "--out", tmp_path / "x.nir")
    assert result.exit_code == 2 and words in " ".join(result.stderr.split())
    assert not (tmp_path / "x.nir").exists()


class Planted:
    """What unpickling would run."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (Path("planted"),)  # type: ignore[return-value]


def test_a_weights_file_runs_no_code(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"0.weight": Planted()}, tmp_path / "w.pt")
    np.savez(tmp_path / "w.npz", weight=np.array(Planted(), dtype=object))
    (tmp_path / "w.bin").write_bytes(b"x")
    (tmp_path / "cut.pt").write_bytes(b"PK\x03\x04")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04")
    torch.save({"0.weight": torch.zeros(2, 2)}, tmp_path / "other.pt")
    for name, words in {
        "w.pt": "more than weights", "w.npz": "no file of NumPy arrays", "w.bin": "'.bin' file",
        "cut.pt": "damaged", "cut.npz": "damaged", "other.pt": "does not fit the module",
    }.items():  # fmt: skip
        result = run("--module", f"{source}:make", "--shape", "9", "--weights", name, "--out", "x.nir")
        assert result.exit_code == 2 and words in " ".join(result.stderr.split()), name
    assert not (tmp_path / "planted").exists()


def test_weights_into_a_module(tmp_path: Path) -> None:
    module = torch.nn.Linear(2, 3)
    np.savez(tmp_path / "w.npz", weight=np.ones((3, 2), np.float32), bias=np.zeros(3, np.float32))
    load_weights(module, tmp_path / "w.npz")
    assert torch.equal(module.weight, torch.ones(3, 2))
