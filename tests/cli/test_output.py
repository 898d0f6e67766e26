"""Tables stay readable: whole words side by side where they fit, else a paragraph for each row."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from neurotrain_hw.cli import app, output
from neurotrain_hw.errors import CapacityError, NeurotrainError

COLUMNS = ("chip", "neurons/core", "learning")
ROWS = [("loihi2", 8192, "sum-of-products [sic]"), ("odin", None, "sdsp")]


@pytest.mark.parametrize("width", [46, 60, 140])
def test_no_word_is_broken_and_no_line_is_too_long(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "_WIDTH", width)
    output.table("Chips", COLUMNS, ROWS)
    shown = capsys.readouterr().out
    assert all(len(line) <= width for line in shown.splitlines())
    for word in ("Chips", "neurons/core", "8192", "sum-of-products", "[sic]", "odin"):
        assert word in shown
    assert "│" in shown


def test_a_table_too_wide_becomes_paragraphs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "_WIDTH", 38)
    output.table("Chips", COLUMNS, ROWS)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "Chips",
        "", "chip loihi2", "  neurons/core  8192", "  learning      sum-of-products [sic]",
        "", "chip odin", "  learning  sdsp",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (CapacityError("too large", where="layer 'a'", need=3, limit=2, remedy="Split it."), 1, "(need 3, limit 2)"),
        (PermissionError(13, "Permission denied", "secret.toml"), 2, "error: secret.toml: Permission denied"),
        (KeyboardInterrupt(), 130, "interrupted: nothing half-written was left behind. Go on so."),
    ],
)
def test_errors_end_with_their_code_and_one_message(
    fault: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as end, output.user_errors(as_json=True, interrupted="Go on so."):
        raise fault
    assert end.value.exit_code == code
    shown = capsys.readouterr()
    assert words in shown.err
    if isinstance(fault, NeurotrainError):
        assert json.loads(shown.out) == fault.as_dict()


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("line", ["targets list", "targets list --json", "targets show nosuch --json"])
def test_a_standard_output_that_is_full(line: str, unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "neurotrain_hw", *line.split()]
        environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_an_interrupt_that_a_library_swallowed_is_raised_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_interrupted", False)
    output.check_interrupt()
    with pytest.raises(KeyboardInterrupt):
        output.on_interrupt(2, None)
    with pytest.raises(KeyboardInterrupt):
        output.check_interrupt()


def test_json_takes_numpy_values(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"a": np.float32(0.5), "b": np.arange(3), "c": np.int64(2**40)})
    assert json.loads(capsys.readouterr().out) == {"a": 0.5, "b": [0, 1, 2], "c": 2**40}


def test_the_version_is_the_package_s() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout == f"neurotrain-hw {metadata.version('neurotrain-hw')}\n"
