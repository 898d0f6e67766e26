"""What the client returns, what it refuses before Lava starts, and what it does when a run goes wrong."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurotrain_hw import lava
from neurotrain_hw.errors import LavaRunError, LavaUnavailableError, RuleSyntaxError, UnknownNameError, UnsupportedError
from neurotrain_hw.errors import ValueRangeError as RangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.lava import client
from neurotrain_hw.program import Connection, Plasticity, Population, Program

LIF = {"du": 4095, "dv": 0, "vth": 100, "bias_mant": 0, "bias_exp": 0}
STDP = Plasticity("2f", dw="2^-2*x1*y0 - 2^-2*y1*x0", traces={"x1_impulse": 16, "x1_tau": 10})


def _program(**connection: object) -> Program:
    fields: dict[str, object] = {"name": "c", "kind": "dense", "pre": "in", "post": "out"}
    fields |= {"weights": np.full((2, 3), 40, np.int16), **connection}
    populations = (Population("in", "input", (3,)), Population("out", "lif", (2,), LIF))
    return Program("small", populations, (Connection(**fields),))  # type: ignore[arg-type]


def _ones(steps: int, n: int = 3) -> dict[str, EventStream]:
    return {"in": EventStream.from_dense(np.ones((steps, n), np.int32), dt_s=2e-3)}


def test_spikes_and_states_follow_the_formula(lava_python: Path) -> None:
    """Three inputs of weight 40: v grows by 120 << 6 a step from step 2 on and exceeds 100 << 6 at once."""
    keys = ("in.spikes", "out.spikes", "out.u", "out.v")
    run = lava.simulate(_program(), _ones(6), steps=4, record=keys, python=lava_python)
    assert run.spikes["out"].dense().tolist() == [[0, 0], [1, 1], [1, 1], [1, 1]]
    assert run.spikes["out"].dt_s == 2e-3
    assert run.spikes["in"].dense().tolist() == [[1, 1, 1]] * 4
    assert run.states["out.u"][:, 0].tolist() == [0, 120 << 6, 120 << 6, 120 << 6]
    assert run.states["out.v"].max() == 0
    assert run.counters is None


def test_without_learning_weights_stay_and_spikes_pass_as_before(lava_python: Path) -> None:
    """`learn=False`: the mixed weights are made even once, as a learning connection does, and then stay."""
    program = _program(plasticity=STDP, weights=np.full((2, 3), 35, np.int16))
    learned = lava.simulate(program, _ones(20), steps=20, record=("out.spikes",), python=lava_python)
    kept = lava.simulate(program, _ones(20), steps=20, record=("out.spikes",), learn=False, python=lava_python)
    assert kept.weights["c"].tolist() == [[34] * 3] * 2
    assert learned.weights["c"].min() > 34
    assert kept.traces == {}
    assert set(learned.traces) == {f"c.{trace}" for trace in ("x1", "x2", "y1", "y2", "y3")}
    assert kept.spikes["out"].dense()[:3].tolist() == [[0, 0], [1, 1], [1, 1]]


def test_parts_that_hang_apart_all_run(lava_python: Path) -> None:
    """Two networks without a connection between them, and an input that nobody reads, run as one program."""
    program = replace(
        _program(),
        populations=(*_program().populations, Population("lone", "input", (1,)),
                     Population("b", "lif", (1,), {**LIF, "bias_mant": 30, "bias_exp": 6})),
    )  # fmt: skip
    inputs = {**_ones(9), "lone": EventStream.empty(9, 1)}
    run = lava.simulate(program, inputs, steps=9, record=("out.spikes", "b.spikes"), python=lava_python)
    assert (np.flatnonzero(run.spikes["b"].dense()) + 1).tolist() == [4, 8]
    assert run.spikes["out"].count == 16


def _each_synapse_rounds_alone() -> Program:
    """A program that no builder makes today: Program itself knows shared rounding only."""
    program = _program(plasticity=STDP)
    object.__setattr__(program.connections[0], "plasticity", replace(STDP, rounding="each"))  # type: ignore[arg-type]
    return program


@pytest.mark.parametrize(
    ("program", "error", "words"),
    [
        (_program(kind="sparse", plasticity=STDP), UnsupportedError, "learning connection 'c'"),
        (
            _program(kind="delay_dense", plasticity=STDP, delays=np.ones((2, 3), np.int32)),
            UnsupportedError,
            "this one is delay_dense",
        ),
        (
            _each_synapse_rounds_alone(),
            UnsupportedError,
            "one random number for all synapses, and the rule's rounding is 'each'",
        ),
        (_program(plasticity=replace(STDP, dw=None)), UnsupportedError, "at least one of dw, dd and dt"),
        (_program(plasticity=replace(STDP, dw="x0**2")), RuleSyntaxError, "x0"),
        (_program(plasticity=replace(STDP, kind="3f")), UnsupportedError, "no modulator"),
        (Program("p", (Population("n", "lif", (1,), {**LIF, "bias_mant": 40000}),), ()), UnsupportedError, "16 bits"),
    ],
)
def test_what_lava_cannot_express_is_refused_by_name(program: Program, error: type[Exception], words: str) -> None:
    """The interpreter does not even exist: the refusal comes before Lava starts."""
    inputs = _ones(5) if program.inputs else {}
    with pytest.raises(error, match=words):
        lava.simulate(program, inputs, steps=5, python=Path("/nonexistent/python"))


def test_wrong_requests_are_named() -> None:
    """Unknown names, missing streams and wrong sizes are told apart from faults of Lava."""
    python = Path("/nonexistent/python")
    with pytest.raises(UnknownNameError, match=r"Did you mean out\.spikes"):
        lava.simulate(_program(), _ones(5), steps=5, record=("out.spike",), python=python)
    with pytest.raises(RangeError, match="third factors of shape"):
        program = _program(plasticity=replace(STDP, kind="3f"))
        lava.simulate(program, {}, steps=5, third_factors={"c": np.zeros((3, 5, 3), np.int32)}, python=python)
    with pytest.raises(RangeError, match="has 2 neurons"):
        lava.simulate(_program(), _ones(5, 2), steps=5, python=python)
    with pytest.raises(UnknownNameError, match="'other'"):
        lava.simulate(_program(), {**_ones(5), "other": EventStream.empty(5, 1)}, steps=5, python=python)
    with pytest.raises(RangeError, match="at least 1"):
        lava.simulate(_program(), _ones(5), steps=0, python=python)


def test_an_interpreter_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without an environment the error says how to get one; a wrong path is an error of the run."""
    monkeypatch.setenv("NEUROTRAIN_HW_LAVA_VENV", str(tmp_path / "none"))
    with pytest.raises(LavaUnavailableError, match="lava install"):
        lava.simulate(_program(), _ones(5), steps=5)
    with pytest.raises(LavaRunError, match="could not be started"):
        lava.simulate(_program(), _ones(5), steps=5, python=tmp_path / "python")


@pytest.fixture
def broken_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Puts a line in front of what Lava's recorder process does at each step."""

    def sabotage(line: str) -> None:
        folder = shutil.copytree(client.WORKER.parent, tmp_path / "worker")
        code = (folder / "processes.py").read_text(encoding="utf-8")
        place = 'def run_spk(self):\n        files = self.proc_params["files"]\n'
        assert place in code
        (folder / "processes.py").write_text(code.replace(place, f"{place}        {line}\n"), encoding="utf-8")
        monkeypatch.setattr(client, "WORKER", folder / "run.py")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    return sabotage


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("if self.time_step == 5: raise ValueError('a model broke')", "a model broke"),
        ("if self.time_step == 5: import os; os._exit(7)", "exit code 7"),
    ],
)
def test_a_model_that_breaks_ends_the_run(
    line: str, words: str, broken_worker: Callable[[str], None], lava_python: Path, tmp_path: Path
) -> None:
    """Lava itself would wait for ever; here the error carries the last lines, and no process is left."""
    broken_worker(line)
    with pytest.raises(LavaRunError, match=words) as caught:
        lava.simulate(_program(), _ones(50), steps=50, python=lava_python, timeout_s=60)
    assert "did not end" not in str(caught.value)
    _expect_nothing_left(tmp_path)


def test_a_run_that_takes_too_long_is_ended(
    broken_worker: Callable[[str], None], lava_python: Path, tmp_path: Path
) -> None:
    """A process that sleeps: the time limit ends it, with everything that it started."""
    broken_worker("import time; time.sleep(30)")
    with pytest.raises(LavaRunError, match="did not end in 3 s"):
        lava.simulate(_program(), _ones(50), steps=50, python=lava_python, timeout_s=3)
    _expect_nothing_left(tmp_path)


def test_a_worker_that_dies_at_once(monkeypatch: pytest.MonkeyPatch, lava_python: Path, tmp_path: Path) -> None:
    """The last lines that it printed are in the error."""
    script = tmp_path / "run.py"
    script.write_text("import sys\nprint('about to break', file=sys.stderr)\nsys.exit(9)\n", encoding="utf-8")
    monkeypatch.setattr(client, "WORKER", script)
    with pytest.raises(LavaRunError, match=r"exit code 9[\s\S]*about to break"):
        lava.simulate(_program(), _ones(5), steps=5, python=lava_python)


def _expect_nothing_left(folder: Path) -> None:
    """No job folder, no process working in one, and no zombie among the children of this process."""
    assert not list(folder.glob("neurotrain-hw-lava-*"))
    until = time.monotonic() + 5
    while (left := _left(folder)) and time.monotonic() < until:
        time.sleep(0.05)
    assert left == []


def _left(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command, stat = (entry / "cmdline").read_bytes(), (entry / "stat").read_text()
        except OSError:
            continue
        state, parent = stat.rpartition(")")[2].split()[:2]
        if str(folder).encode() in command or (state == "Z" and int(parent) == os.getpid()):
            found.append(f"{entry.name} {state} {command!r}")
    return found
