"""`neurotrain-hw lava install` and `lava check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neurotrain_hw.cli.lava import app
from neurotrain_hw.lava import LavaCheck, environment


def test_check_as_json(lava_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions and spikes, and exit code 0."""
    monkeypatch.setattr(environment, "lava_python", lambda: lava_python)
    result = CliRunner().invoke(app, ["check", "--json"])
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert document["ok"] is True
    assert document["expected_spikes"] == document["found_spikes"]
    assert document["versions"]["lava-nc"] == "0.10.0"


def test_check_says_no_with_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lava that runs and computes something else is a negative answer."""
    found = LavaCheck(Path("python"), {"lava-nc": "0.10.0"}, expected=(5, 9), found=(5, 10))
    monkeypatch.setattr(environment, "check", lambda: found)
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 1
    assert "Expected spikes at steps 5, 9" in result.stdout


def test_without_python310_the_verbs_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Exit code 2 and the remedy, also as JSON."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setenv("NEUROTRAIN_HW_LAVA_VENV", str(tmp_path / "venv"))
    result = CliRunner().invoke(app, ["install", "--json"])
    assert result.exit_code == 2
    assert "uv python install 3.10" in json.loads(result.stdout)["remedy"]
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 2
    assert "neurotrain-hw lava install" in result.stderr
