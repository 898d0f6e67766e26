"""`neurotrain-hw verify`: exit codes, one line per case, the first difference."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from neurotrain_hw.cli import app

CASES = Path(__file__).parents[1] / "golden" / "lava"
runner = CliRunner()


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A recorded run in which one spike of step 5 was turned over."""
    with np.load(CASES / "lif_dense_0001.npz") as file:
        arrays = {key: file[key] for key in file.files}
    key = json.loads(str(arrays["case"]))["expected"]["h1.spikes"].removeprefix("@")
    arrays[key] = arrays[key].copy()
    arrays[key][4, 1] = 1 - arrays[key][4, 1]
    path = tmp_path / "wrong.npz"
    np.savez(path, **arrays)
    return path


def test_a_case_that_agrees() -> None:
    result = runner.invoke(app, ["verify", str(CASES / "lif_dense_0001.npz")])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["agrees   lif_dense_0001", "1 agrees, 0 differs, 0 refused"]
    assert [line for line in result.stderr.splitlines() if not line.startswith("Compil")] == []


def test_the_first_difference_is_named(wrong: Path) -> None:
    result = runner.invoke(app, ["verify", str(wrong)])
    assert result.exit_code == 1
    assert "differs  lif_dense_0001: h1.spikes [1] step 5: expected " in result.stdout
    assert "(1 differ)" in result.stdout


def test_a_folder_is_searched_and_told_in_json(wrong: Path) -> None:
    for name in ("learn3f_direct_0602", "conv_plain_0401"):
        shutil.copy(CASES / f"{name}.npz", wrong.parent)
    (wrong.parent / "cut.npz").write_bytes(wrong.read_bytes()[:300])
    result = runner.invoke(app, ["verify", str(wrong.parent), "--json"])
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["counts"] == {"agrees": 2, "differs": 1, "refused": 1}
    found = {Path(c["file"]).stem: (c["result"], c["detail"]) for c in document["cases"]}
    assert found["learn3f_direct_0602"] == ("agrees", "")
    assert found["wrong"][0] == "differs" and "step 5" in found["wrong"][1]
    assert found["conv_plain_0401"] == ("agrees", "")
    assert found["cut"][0] == "refused" and "cut.npz" in found["cut"][1]


def test_a_folder_without_cases_is_a_usage_error(tmp_path: Path) -> None:
    result = runner.invoke(app, ["verify", str(tmp_path)])
    assert result.exit_code == 2
    assert "no golden case" in result.stderr
    as_json = runner.invoke(app, ["verify", str(tmp_path), "--json"])
    assert as_json.exit_code == 2
    assert json.loads(as_json.stdout)["error"] == "FormatError"


def test_no_argument_is_a_usage_error() -> None:
    assert runner.invoke(app, ["verify"]).exit_code == 2
