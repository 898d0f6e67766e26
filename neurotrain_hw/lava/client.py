"""The client: hands a program and inputs to the worker in Lava's interpreter, and takes back what it recorded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import LavaRunError, UnknownNameError, ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.lava.environment import lava_python
from neurotrain_hw.lava.support import check_program, recordable, shifted_kernel
from neurotrain_hw.program import Connection, Program, SignMode
from neurotrain_hw.program.check import check_inputs
from neurotrain_hw.program.file import save_program
from neurotrain_hw.program.synapses import PackedWeights
from neurotrain_hw.simulator.run import Run

WORKER = Path(__file__).parent / "worker" / "run.py"
ThirdFactors = Mapping[str, npt.NDArray[np.int32]]
_TRACES = ("x1", "x2", "y1", "y2", "y3")
_TAIL = 12


def simulate(
    program: Program,
    inputs: Mapping[str, EventStream],
    *,
    steps: int,
    record: Iterable[str] | None = None,
    learn: bool = True,
    third_factors: ThirdFactors | None = None,
    timeout_s: float | None = None,
    python: Path | None = None,
) -> Run:
    """Run a program in Lava for `steps` steps; what comes back is as from the simulator, without counters.

    `inputs`: a stream for each input population; after a short one comes silence, a missing one is silent. `record`:
    keys `<population>.spikes`, `.<state>` (`STATES` of its kind), `.y1`, `.y2` and `<connection>.weights@epochs`
    (`tag_1`, `tag_2` likewise); by default the spikes of the program's outputs. Weights, tags and traces of learning
    connections always come back (traces only where `learn`). `third_factors`: per three-factor connection, int32
    (3, steps, n_post), the y1, y2 and y3 delivered at each step in place of a modulator's. `timeout_s` None: 120 s
    and 0.25 s a step.
    `python`: another interpreter than that of the installed environment.
    Raises UnsupportedError for what Lava cannot express, LavaUnavailableError, and LavaRunError with Lava's last lines.
    """
    keys = tuple(f"{name}.spikes" for name in program.outputs) if record is None else record
    return run_job(
        program, inputs, steps=steps, record=keys, learn=learn, third_factors=third_factors,
        timeout_s=timeout_s, python=python or lava_python(),
    )[0]  # fmt: skip


def run_job(
    program: Program,
    inputs: Mapping[str, EventStream],
    *,
    steps: int,
    record: Iterable[str] = (),
    learn: bool = True,
    third_factors: ThirdFactors | None = None,
    timeout_s: float | None = None,
    python: Path,
) -> tuple[Run, dict[str, str]]:
    """As `simulate`; also returns the versions that the worker found."""
    factors, keys = third_factors or {}, list(dict.fromkeys(record))
    if steps < 1:
        raise ValueRangeError(f"a run of {steps} steps", need="at least 1")
    check_program(program, factors)
    check_inputs(program, inputs)
    for key in keys:
        if key not in (known := recordable(program)):
            raise UnknownNameError("recordable variable", key, known)
    # A killed run may still hold files in the folder for a moment, so its removal must not fail the call.
    with tempfile.TemporaryDirectory(prefix="neurotrain-hw-lava-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        files = _write_job(folder, program, inputs, steps, keys, learn, factors)
        result = _work(folder, program.name, python, 120 + 0.25 * steps if timeout_s is None else timeout_s)
        found = {key: np.load(folder / file, allow_pickle=False) for key, file in files.items()}
    return _run(program, inputs, steps, keys, learn, found), result["versions"]


def _write_job(
    folder: Path,
    program: Program,
    inputs: Mapping[str, EventStream],
    steps: int,
    keys: list[str],
    learn: bool,
    factors: ThirdFactors,
) -> dict[str, str]:
    """Write what the worker reads; returns the file that it will write for each key."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for number, name in enumerate(program.inputs):
        window = _stream(program, inputs, name, steps)
        arrays |= {f"i{number}.indptr": window.indptr, f"i{number}.index": window.index}
        arrays[f"i{number}.values"] = window.values()
    for number, (name, rows) in enumerate(factors.items()):
        need = (3, steps, program.population(program.connection(name).post).n)
        if rows.shape != need:
            raise ValueRangeError(f"third factors of shape {rows.shape}", where=f"connection '{name}'", need=need)
        arrays |= {f"f{number}.y{k + 1}": np.asarray(rows[k], np.int32) for k in range(3)}
    learning = [c.name for c in program.connections if c.plasticity is not None]
    from_worker = [k for k in keys if k.removesuffix(".spikes") not in program.inputs]
    from_worker += [f"{name}.{part}" for name in learning for part in ("weights", "tag_1", "tag_2", *_TRACES)]
    files = {key: f"{number}.npy" for number, key in enumerate(from_worker)}
    job = {
        "steps": steps,
        "learn": learn,
        "inputs": {name: f"i{number}" for number, name in enumerate(program.inputs)},
        "third_factors": {name: f"f{number}" for number, name in enumerate(factors)},
        "record": [{"key": key, "file": file} for key, file in files.items()],
    }
    save_program(unpacked(program), folder / "program.nhw")
    np.savez(folder / "inputs.npz", **arrays)  # type: ignore[arg-type]
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    return files


def _work(folder: Path, name: str, python: Path, timeout_s: float) -> dict[str, Any]:
    """Run the worker on a job's folder; returns its result.json."""
    where = f"Lava, program '{name}'"
    with (folder / "log.txt").open("wb") as log, _worker(python, folder, log.fileno()) as process:
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise LavaRunError(
                f"the run did not end in {timeout_s:g} s{_tail(folder)}", where=where,
                remedy="Run fewer steps, or give it more time (timeout_s).",
            ) from None  # fmt: skip
    if process.returncode != 0 or not (folder / "result.json").is_file():
        raise LavaRunError(f"the run ended with exit code {process.returncode}{_tail(folder)}", where=where)
    result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return result


@contextmanager
def _worker(python: Path, folder: Path, log: int) -> Iterator[subprocess.Popen[bytes]]:
    """The worker as a process group of its own; at the end of the block, all of it has ended."""
    # It ends by itself when its standard input closes, so it does not outlive this process either.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | {"OMP_NUM_THREADS": "1"}
    command = [str(python), "-s", str(WORKER), str(folder)]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=folder, env=environment, start_new_session=True
        )
    except OSError as error:
        raise LavaRunError(f"Lava's interpreter could not be started: {error}", where=str(python)) from None
    with process:
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the worker, and what it started where it did not end well."""
    if process.poll() is None:
        process.terminate()  # the worker then ends its children, and Python's resource tracker frees shared memory
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
    if process.poll() == 0:
        return
    until = time.monotonic() + 10  # the resource tracker is the last to go: killed too early, it leaks shared memory
    with suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < until:
            os.killpg(process.pid, 0)
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)


def _tail(folder: Path) -> str:
    """The last lines that the worker left, to follow a message."""
    for name in ("error.txt", "log.txt"):
        path = folder / name
        text = path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""
        if text:
            return ":\n  " + "\n  ".join(text.splitlines()[-_TAIL:]) + "\n"
    return ""


def unpacked(program: Program) -> Program:
    """The same program with dense weights as plain integers; those that the chip truncated stay as they are."""
    connections = tuple(_plain(program, c) for c in program.connections)
    return replace(program, connections=connections)


def _plain(program: Program, c: Connection) -> Connection:
    """A connection with dense weights as plain integers: those that it reads backward written out, the exponent of a
    kernel shifted in."""
    if c.kind == "conv" and c.weight_exp:
        return replace(c, weights=shifted_kernel(c).astype(np.int32), weight_exp=0)
    if c.transpose_of is None:
        return replace(c, weights=c.matrix()) if isinstance(c.weights, PackedWeights) else c
    read = program.connection(c.transpose_of)
    common: dict[str, Any] = {"transpose_of": None, "signs_only": False, "num_weight_bits": 8}
    if c.signs_only:  # twice the signs and half the scale, since mixed weights are even
        signs = 2 * np.sign(read.matrix().T)
        return replace(c, weights=signs, sign_mode="mixed", weight_exp=c.weight_exp - 1, **common)
    return replace(c, weights=read.matrix().T, sign_mode=cast(SignMode, read.resolved_sign_mode), **common)


def _stream(program: Program, inputs: Mapping[str, EventStream], name: str, steps: int) -> EventStream:
    if name not in inputs:
        return EventStream.empty(steps, program.population(name).n)
    return inputs[name].window(0, steps)


def _run(
    program: Program,
    inputs: Mapping[str, EventStream],
    steps: int,
    keys: list[str],
    learn: bool,
    found: Mapping[str, npt.NDArray[Any]],
) -> Run:
    dt_s = next(iter(inputs.values())).dt_s if inputs else 1e-3
    spikes = {}
    for key in keys:
        name = key.removesuffix(".spikes")
        if name in program.inputs:
            spikes[name] = _stream(program, inputs, name, steps)
        elif name != key:
            spikes[name] = EventStream.from_dense(found[key], dt_s=dt_s)
    learning = [c.name for c in program.connections if c.plasticity is not None]
    return Run(
        steps,
        spikes=spikes,
        states={k: found[k] for k in keys if not k.endswith((".spikes", "@epochs"))},
        weights={name: found[f"{name}.weights"] for name in learning},
        tags={f"{name}.{tag}": found[f"{name}.{tag}"] for name in learning for tag in ("tag_1", "tag_2")},
        traces={f"{name}.{trace}": found[f"{name}.{trace}"] for name in learning for trace in _TRACES if learn},
        history={k: found[k] for k in keys if k.endswith("@epochs")},
    )
