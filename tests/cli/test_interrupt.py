"""Ctrl-C at the real program: no traceback, no half-written file, no process left, and the same bits afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from neurotrain_hw.cli import app

SMALL = """
summary = "small"
dataset = "digits"
inputs = 64
steps = 4
[[layers]]
name = "hidden"
neurons = 16
beta = 0.875
weight_bits = 8
[[layers]]
name = "out"
neurons = 10
beta = 0.9375
weight_bits = 8
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small.toml"
    path.write_text(SMALL)
    return path


def test_training_goes_on_to_the_same_bits(model: Path, tmp_path: Path) -> None:
    command = ["train", "--model", str(model), "--epochs", "2", "--out"]
    assert CliRunner().invoke(app, [*command, str(tmp_path / "whole")]).exit_code == 0
    cut = _Program(tmp_path, *command, tmp_path / "cut")
    cut.wait_for(lambda: "epoch 1/2" in cut.said())
    cut.interrupt(signal.SIGINT)
    assert cut.end() == 130
    assert "Traceback" not in cut.said()
    assert "nothing half-written was left behind. The same command goes on after the last whole epoch" in cut.said()
    assert _files(tmp_path / "cut") == ["checkpoint.npz"]
    again = CliRunner().invoke(app, [*command, str(tmp_path / "cut")])
    assert again.exit_code == 0
    assert "epoch 1/2" not in again.output
    assert _files(tmp_path / "cut") == ["model.nir", "run.json", "weights.npz"]
    runs = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("whole", "cut")]
    assert runs[0]["accuracy"] == runs[1]["accuracy"]
    with np.load(tmp_path / "whole/weights.npz") as one, np.load(tmp_path / "cut/weights.npz") as other:
        assert one.files == other.files
        for name in one.files:
            np.testing.assert_array_equal(one[name], other[name])


def test_learning_on_the_chip_goes_on(tmp_path: Path) -> None:
    command = ["learn", "--hidden", "8", "--seeds", "1", "--epochs", "3", "--no-twin", "--no-control", "--out"]
    cut = _Program(tmp_path, *command, tmp_path / "cut")
    cut.wait_for(lambda: "epoch 1/3" in cut.said())
    cut.interrupt(signal.SIGINT)
    assert cut.end() == 130
    assert "Traceback" not in cut.said()
    assert "nothing half-written was left behind. The same command goes on where this one stopped" in cut.said()
    assert "lesson.json" in _files(tmp_path / "cut")
    assert "learn.json" not in _files(tmp_path / "cut")
    again = CliRunner().invoke(app, [*command, str(tmp_path / "cut")])
    assert again.exit_code == 0
    assert "epoch 1/3" not in again.output
    assert _files(tmp_path / "cut") == ["chip-seed0.json", "learn.json", "learned-seed0.nhw", "settings.json"]


def test_the_demo_ends_with_all_its_processes(tmp_path: Path) -> None:
    demo = _Program(tmp_path, "demo", "--seeds", "1", "--no-lava", "--out", tmp_path / "demo")
    demo.wait_for(lambda: "checkpoint.npz" in _files(tmp_path / "demo"))
    demo.interrupt(signal.SIGINT)
    assert demo.end() == 130
    assert "Traceback" not in demo.said()
    assert "The same command goes on where this one stopped" in demo.said()
    # one of the runs is under way; another may have ended meanwhile; nothing is half written
    left = set(_files(tmp_path / "demo"))
    assert "checkpoint.npz" in left and left <= {"checkpoint.npz", "weights.npz", "run.json", "model.nir"}
    demo.has_left_nobody()


@pytest.mark.slow  # it starts the demo, as the one above; that workers end with their parent is tests/demo's
def test_no_process_outlives_a_killed_demo(tmp_path: Path) -> None:
    demo = _Program(tmp_path, "demo", "--seeds", "1", "--no-lava", "--out", tmp_path / "demo")
    demo.wait_for(lambda: (tmp_path / "demo/train").is_dir())  # the other processes are at work
    demo.interrupt(signal.SIGKILL)
    assert demo.end() == -signal.SIGKILL
    demo.has_left_nobody()


class _Program:
    """The program in a process group of its own, as a shell starts it; its output goes into a file."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self._output = folder / f"output-{time.monotonic_ns()}.txt"
        command = [sys.executable, "-m", "neurotrain_hw", *map(str, arguments)]
        with self._output.open("w") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)

    def said(self) -> str:
        return self._output.read_text()

    def wait_for(self, condition: Callable[[], bool], *, seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while not condition():
            if self._process.poll() is not None or time.monotonic() > until:
                self.end()
                pytest.fail(f"it did not get there: {self.said()}")
            time.sleep(0.05)

    def interrupt(self, number: signal.Signals) -> None:
        """Ctrl-C reaches the whole group, as from a terminal; other signals the process alone."""
        if number == signal.SIGINT:
            os.killpg(self._process.pid, number)
        else:
            self._process.send_signal(number)

    def end(self) -> int:
        try:
            return self._process.wait(120)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise

    def has_left_nobody(self) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                os.killpg(self._process.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.1)
        os.killpg(self._process.pid, signal.SIGKILL)
        pytest.fail("a process outlived the demo by 20 s")


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())
