"""Golden cases: recorded runs that the simulator must reproduce bit for bit (docs/reference/golden-format.md)."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import FormatError, NeurotrainError, UnsupportedError
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import PARAMETERS, STATES, TRACE_KEYS, Connection, Plasticity, Population, Program
from neurotrain_hw.program.synapses import Convolution
from neurotrain_hw.simulator.run import Run
from neurotrain_hw.simulator.session import Session

FORMAT = "golden-1"
CONNECTION_KINDS = ("dense", "delay_dense", "sparse", "delay_sparse", "conv")
_SIZE_LIMIT = 1 << 30
_TIMED = {"spikes", *(state for states in STATES.values() for state in states)}


@dataclass(frozen=True, eq=False)
class GoldenCase:
    """One recorded run: the program, its inputs, and the arrays that must come out.

    `third_factors`: per connection int32 (3, steps, n_post). `expected`: as in the file, steps in rows.
    """

    name: str
    source: str
    steps: int
    program: Program
    inputs: Mapping[str, EventStream]
    third_factors: Mapping[str, npt.NDArray[np.int32]]
    expected: Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Difference:
    """The first element in which a run differs from the recording, and how many differ in all."""

    key: str
    step: int | None
    index: tuple[int, ...]
    expected: int
    actual: int
    count: int

    def __str__(self) -> str:
        when = "after the last step" if self.step is None else f"step {self.step}"
        place = ", ".join(str(i) for i in self.index)
        return f"{self.key} [{place}] {when}: expected {self.expected}, got {self.actual} ({self.count} differ)"


def load_case(path: Path) -> GoldenCase:
    """Read a golden case; FormatError names file and key, UnsupportedError a kind that is not simulated."""
    try:
        arrays = _read(path)
        document = json.loads(str(arrays["case"]))
        if document.get("format") != FORMAT:
            raise FormatError(f"format is {document.get('format')!r}", where=str(path), need=f"'{FORMAT}'")
        return _case(_resolve(document, arrays, str(path)), path)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"incomplete or of the wrong type: {error!r}", where=str(path)) from None


def verify_case(case: GoldenCase) -> Difference | None:
    """Replay a case on the simulator; None where every expected array agrees."""
    variables = [k for k in case.expected if k.rpartition(".")[2] in _TIMED]
    epochs = [k for k in case.expected if k.endswith("@epochs")]
    session = Session(case.program, record=variables)
    if not epochs:
        run = session.run(case.inputs, steps=case.steps, third_factors=case.third_factors)
        return next(_differences(case, run, {}), None)
    run, history = _by_epoch(case, session, epochs)
    return next(_differences(case, run, history), None)


def _by_epoch(case: GoldenCase, session: Session, keys: list[str]) -> tuple[Run, dict[str, npt.NDArray[Any]]]:
    """Step by step, so that weights and tags can be taken at the end of every epoch."""
    runs, taken = [], {key: [] for key in keys}  # type: ignore[var-annotated]
    for step in range(case.steps):
        inputs = {k: s.window(step, step + 1) for k, s in case.inputs.items()}
        third = {k: v[:, step : step + 1] for k, v in case.third_factors.items()}
        run = session.run(inputs, steps=1, third_factors=third)
        runs.append(run)
        for key in keys:
            connection, _, part = key.removesuffix("@epochs").rpartition(".")
            rule = case.program.connection(connection).plasticity
            if rule is not None and (step + 1) % rule.t_epoch == 0:
                taken[key].append(run.weights[connection] if part == "weights" else run.tags[f"{connection}.{part}"])
    whole = replace(
        runs[-1], steps=case.steps,
        spikes={k: EventStream.concatenate([r.spikes[k] for r in runs]) for k in runs[0].spikes},
        states={k: np.concatenate([r.states[k] for r in runs]) for k in runs[0].states},
    )  # fmt: skip
    return whole, {k: np.array(v) for k, v in taken.items()}


def _differences(case: GoldenCase, run: Run, history: Mapping[str, npt.NDArray[Any]]) -> Iterator[Difference]:
    for key, expected in case.expected.items():
        name, _, part = key.rpartition(".")
        timed = part in _TIMED
        if part == "spikes":
            actual: npt.NDArray[Any] = run.spikes[name].dense()
        elif timed:
            actual = run.states[key]
        elif key in history:
            actual = history[key]
        else:
            actual = run.weights[name] if part == "weights" else {**run.tags, **run.traces}[key]
        if actual.shape != expected.shape:
            raise FormatError(f"{key} has shape {expected.shape}", where=case.name, need=str(actual.shape))
        wrong = np.argwhere(actual != expected)
        if len(wrong):
            at = tuple(int(i) for i in wrong[0])
            step = at[0] + 1 if timed else None
            yield Difference(key, step, at[1:] if timed else at, int(expected[at]), int(actual[at]), len(wrong))


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > _SIZE_LIMIT:
            raise FormatError("unpacked, the case is too large", where=str(path), need=size, limit=_SIZE_LIMIT)
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except FileNotFoundError:
        raise FormatError("there is no such file", where=str(path)) from None
    except (zipfile.BadZipFile, OSError, EOFError, zipfile.LargeZipFile) as error:
        raise FormatError(f"this is no golden case: {error}", where=str(path)) from None


def _resolve(value: Any, arrays: Mapping[str, npt.NDArray[Any]], where: str) -> Any:
    """Replace every "@name" by its array."""
    if isinstance(value, str) and value.startswith("@"):
        if value[1:] not in arrays:
            raise FormatError(f"array '{value[1:]}' is missing", where=where)
        return arrays[value[1:]]
    if isinstance(value, dict):
        return {k: _resolve(v, arrays, where) for k, v in value.items()}
    if isinstance(value, list):
        return [_resolve(v, arrays, where) for v in value]
    return value


def _case(document: dict[str, Any], path: Path) -> GoldenCase:
    where = f"{path}: {document['name']}"
    if document["arithmetic"] != "loihi":
        raise UnsupportedError(f"cases of arithmetic '{document['arithmetic']}' are not read yet", where=where)
    populations = tuple(_population(p, where) for p in document["populations"])
    connections = tuple(_connection(c, where) for c in document["connections"])
    inputs = {
        p["name"]: EventStream.from_dense(p["data"]) for p in document["populations"] if p["kind"] == "input"
    }  # fmt: skip
    third = {}
    for c in document["connections"]:
        given = (c.get("learning") or {}).get("third_factor")
        if given:
            third[c["name"]] = np.array([given["y1"], given["y2"], given["y3"]], np.int32)
    try:
        program = Program(str(document["name"]), populations, connections)
    except NeurotrainError as error:
        raise FormatError(f"the network contradicts itself: {error}", where=where) from None
    expected = dict(document["expected"])
    return GoldenCase(program.name, str(document["source"]), int(document["steps"]), program, inputs, third, expected)


def _population(doc: dict[str, Any], where: str) -> Population:
    kind = doc["kind"]
    if kind not in PARAMETERS:
        raise UnsupportedError(f"populations of kind '{kind}' are not simulated", where=where)
    values = {}
    for key in PARAMETERS[kind]:
        value = doc[key]
        values[key] = value.astype(np.int32) if isinstance(value, np.ndarray) else int(value)
    return Population(doc["name"], kind, tuple(int(s) for s in doc["shape"]), values)


def _connection(doc: dict[str, Any], where: str) -> Connection:
    kind, plasticity = doc["kind"], None
    if kind == "learning_dense":
        kind, plasticity = "dense", _plasticity(doc["learning"])
    if kind not in CONNECTION_KINDS:
        raise UnsupportedError(f"connection '{doc['name']}' is of kind '{kind}', which is not simulated", where=where)
    weights = np.asarray(doc["weights"])
    if kind == "conv":
        geometry = Convolution(_pair(doc["stride"]), _pair(doc["padding"]), _pair(doc["dilation"]), int(doc["groups"]))
        return Connection(
            doc["name"], kind, doc["pre"], doc["post"], weights, num_message_bits=int(doc["num_message_bits"]),
            port=doc.get("port", "current"), conv=geometry,
        )  # fmt: skip
    delays = None
    if kind in ("delay_dense", "delay_sparse"):
        delays = np.broadcast_to(np.asarray(doc["delays"], np.int32), weights.shape).astype(np.int32)
    return Connection(
        doc["name"], kind, doc["pre"], doc["post"], weights, int(doc["weight_exp"]), int(doc["num_weight_bits"]),
        doc.get("sign_mode"), int(doc["num_message_bits"]), delays, int(doc.get("max_delay") or 0), plasticity,
        doc.get("port", "current"),
    )  # fmt: skip


def _pair(value: Any) -> tuple[int, int]:
    along_x, along_y = value
    return int(along_x), int(along_y)


def _plasticity(doc: dict[str, Any]) -> Plasticity:
    traces = {key: float(doc[key]) for key in TRACE_KEYS if key in doc}
    return Plasticity(
        doc["kind"], doc.get("dw"), doc.get("dd"), doc.get("dt"), traces, int(doc["t_epoch"]), int(doc["rng_seed"]),
        doc.get("initial_tag_1"), doc.get("initial_tag_2"),
    )  # fmt: skip
