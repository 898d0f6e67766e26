"""Lava's own environment: found, installed and checked. lava-nc 0.10.0 runs on CPython 3.10 and NumPy 1 only."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import platformdirs

from neurotrain_hw.errors import LavaUnavailableError
from neurotrain_hw.events import EventStream
from neurotrain_hw.files import write_text
from neurotrain_hw.program import Connection, Population, Program

VENV_VARIABLE = "NEUROTRAIN_HW_LAVA_VENV"
HOW_TO_GET_PYTHON = (
    "Get a CPython 3.10 with one of: 'uv python install 3.10', 'pyenv install 3.10', or your system's packages; "
    "then run: neurotrain-hw lava install (or name it: neurotrain-hw lava install --python PATH)."
)
_VERSION = (3, 10)
_MARKER = "neurotrain-hw-lava"


def lava_python() -> Path:
    """The Python interpreter of the installed Lava environment; LavaUnavailableError tells how to get one."""
    python = _interpreter(venv_folder())
    if not python.is_file():
        raise LavaUnavailableError(
            "Lava is not installed", where=str(venv_folder()),
            remedy="Run: neurotrain-hw lava install (it needs a CPython 3.10 on this machine).",
        )  # fmt: skip
    return python


def venv_folder() -> Path:
    """Where the environment lives: NEUROTRAIN_HW_LAVA_VENV, or a folder of this user's data."""
    named = os.environ.get(VENV_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    return Path(platformdirs.user_data_dir("neurotrain-hw", appauthor=False)) / "lava-venv"


def find_python310(explicit: str | Path | None = None) -> Path:
    """A CPython 3.10: the one named, else from PATH, else from uv, else from pyenv.

    Every candidate is started and asked what it is. Raises LavaUnavailableError, which tells how to get one.
    """
    if explicit is not None:
        path = shutil.which(str(Path(explicit).expanduser()))
        found = None if path is None else _cpython310(path)
        if found is None:
            raise LavaUnavailableError(
                "this is no CPython 3.10", where=str(explicit), need="CPython 3.10", remedy=HOW_TO_GET_PYTHON
            )
        return found
    for candidate in _candidates():
        found = _cpython310(candidate)
        if found is not None:
            return found
    raise LavaUnavailableError(
        "no CPython 3.10 was found on PATH, through uv or through pyenv", remedy=HOW_TO_GET_PYTHON
    )


def install(python: str | Path | None = None, *, progress: Callable[[str], None] | None = None) -> Path:
    """Make the environment with the exact versions of requirements.txt; returns its interpreter.

    Does nothing where it is complete already. `progress` is called with one line for each step. Raises
    LavaUnavailableError with the last lines of what failed.
    """
    say = progress or (lambda line: None)
    folder, marker = venv_folder(), venv_folder() / _MARKER
    requirements = Path(str(resources.files("neurotrain_hw.lava") / "requirements.txt"))
    stamp = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if marker.is_file() and marker.read_text(encoding="utf-8") == stamp and _interpreter(folder).is_file():
        say(f"Lava is installed in {folder}")
        return _interpreter(folder)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").is_file():
        raise LavaUnavailableError(
            "this folder holds something else than a Python environment", where=str(folder),
            remedy=f"Empty it, or name another folder in {VENV_VARIABLE}.",
        )  # fmt: skip
    base = find_python310(python)
    say(f"making an environment of {base} in {folder}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    _step([str(base), "-m", "venv", "--clear", str(folder)], "the environment could not be made")
    say("installing lava-nc 0.10.0 and what it needs")
    pip = [str(_interpreter(folder)), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
    _step([*pip, "--requirement", str(requirements)], "Lava could not be installed")
    write_text(marker, stamp)
    say(f"Lava is installed in {folder}")
    return _interpreter(folder)


@dataclass(frozen=True)
class LavaCheck:
    """What `check` found: the interpreter, versions of what matters, and the spikes of one neuron against a formula."""

    python: Path
    versions: Mapping[str, str]
    expected: tuple[int, ...]
    found: tuple[int, ...]

    @property
    def ok(self) -> bool:
        """Whether Lava's spikes are as expected."""
        return self.expected == self.found


def check(python: Path | None = None) -> LavaCheck:
    """Run one neuron in Lava and compare its spike times with a formula.

    The neuron has no leak, receives w at every step from step 2 on (step 1 is the connection's latency) and spikes
    where its sum exceeds vth, so every floor(vth / w) + 1 steps. Raises LavaUnavailableError or LavaRunError.
    """
    from neurotrain_hw.lava.client import run_job

    steps, weight, vth = 40, 30, 100
    neuron = {"du": 4095, "dv": 0, "vth": vth, "bias_mant": 0, "bias_exp": 0}
    program = Program(
        "check",
        (Population("in", "input", (1,)), Population("out", "lif", (1,), neuron)),
        (Connection("c", "dense", "in", "out", np.array([[weight]], np.int16)),),
    )
    constant = EventStream.from_dense(np.ones((steps, 1), np.int32))
    python = python or lava_python()
    run, versions = run_job(program, {"in": constant}, steps=steps, record=("out.spikes",), python=python)
    found = tuple(int(row) + 1 for row in run.spikes["out"].rows())
    period = vth // weight + 1
    return LavaCheck(python, versions, tuple(range(1 + period, steps + 1, period)), found)


def _interpreter(folder: Path) -> Path:
    return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def _candidates() -> Iterator[str]:
    on_path = shutil.which("python3.10")
    if on_path:
        yield on_path
    uv = shutil.which("uv")
    if uv:
        found = _output([uv, "python", "find", "--no-project", "3.10"])
        if found:
            yield found
    roots = [Path(os.environ["PYENV_ROOT"])] if os.environ.get("PYENV_ROOT") else []
    for root in [*roots, Path.home() / ".pyenv"]:
        for version in sorted((root / "versions").glob("3.10*"), reverse=True):
            yield str(version / "bin" / "python3.10")


def _cpython310(candidate: str) -> Path | None:
    """The interpreter behind a candidate (which may be a shim), or None if it is anything else."""
    code = "import sys; print(sys.implementation.name, *sys.version_info[:2], sys.executable, sep='\\n')"
    lines = (_output([candidate, "-E", "-c", code]) or "").splitlines()
    if lines[:3] != ["cpython", str(_VERSION[0]), str(_VERSION[1])] or len(lines) < 4:
        return None
    return Path(lines[3])


def _output(command: list[str]) -> str | None:
    """What a command prints, or None where it fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _step(command: list[str], fault: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise LavaUnavailableError(f"{fault}: {error}", where=command[0]) from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()[-6:]
        raise LavaUnavailableError(
            f"{fault}: {' / '.join(lines)}", where=command[0],
            remedy="Check the network and free disk space, then run: neurotrain-hw lava install",
        )  # fmt: skip
