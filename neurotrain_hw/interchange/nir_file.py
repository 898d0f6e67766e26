"""NIR files: written with their meaning, read with it or in a dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, get_args

import nir
import numpy as np

from neurotrain_hw.errors import FormatError, NeurotrainError, UnknownNameError, UnsupportedError, ValueRangeError
from neurotrain_hw.files import replacing
from neurotrain_hw.interchange.decode import Decoded, decode
from neurotrain_hw.interchange.dialects import DIALECTS, check_name, in_milliseconds, read_in
from neurotrain_hw.interchange.graph import Graph
from neurotrain_hw.interchange.hdf5 import Limits, read_tree
from neurotrain_hw.interchange.meaning import Reset
from neurotrain_hw.interchange.meaning_text import METADATA_KEY, digest, from_text, to_text
from neurotrain_hw.interchange.signs import detect
from neurotrain_hw.interchange.strict import strict_node

TIME_UNITS = ("s", "ms")


def write_nir(path: str | Path, graph: Graph) -> None:
    """Write a graph with its meaning; the file is read back strictly by nir itself before it takes its place.

    Convolutions that nir's reader gets wrong are written in an equal form that it gets right (`strict.py`). Raises
    ValueRangeError for what the format cannot hold: a node name with '/', an array without axes; UnsupportedError for
    a convolution that has no such form.
    """
    path = Path(path)
    _check_writable(graph.nir)
    nodes = {name: strict_node(name, node) for name, node in graph.nir.nodes.items()}
    with_meaning = nir.NIRGraph(nodes, list(graph.nir.edges), metadata=dict(graph.nir.metadata))
    mark = digest(with_meaning)
    with_meaning.metadata[METADATA_KEY] = to_text(graph.meaning, digest=mark)
    with replacing(path) as beside:
        nir.write(str(beside), with_meaning)
        if digest(nir.read(str(beside))) != mark:
            raise FormatError("nir reads back another graph than was written", where=str(path))


MODEL_FILE = "model.nir"


def read_nir(
    path: str | Path,
    *,
    dialect: str | None = None,
    dt_s: float | None = None,
    reset: str | None = None,
    time_unit: str | None = None,
    limits: Limits | None = None,
) -> Graph:
    """Read a NIR file, which need not be trusted; subgraphs are flattened, times become seconds.

    A folder stands for the `model.nir` in it, as training leaves one.
    The meaning comes from our metadata where the file has them and they fit it; else from `dialect` (see
    docs/reference/nir-primitives-and-dialects.md; some need the step `dt_s` in seconds), or from a dialect that the
    file shows. `reset` says how neurons reset where NIR does not and the dialect's default is wrong. `time_unit`: what
    the file's times count, "s" as most write, or "ms". `Graph.notes` says what was done and what was put right. A
    dialect that is given goes before the metadata.
    Raises FormatError (file, node, field, expected) for a malformed file, UnsupportedError where the file does not say
    how it is meant, DataUnavailableError where there is no file.
    """
    path = Path(path)
    if path.is_dir():
        path = path / MODEL_FILE
    if dialect is not None:
        check_name(dialect)
    if reset is not None and reset not in get_args(Reset):
        raise UnknownNameError("reset", reset, get_args(Reset))
    if time_unit not in (None, *TIME_UNITS):
        raise UnknownNameError("unit of time", str(time_unit), TIME_UNITS)
    tree = read_tree(path, limits=limits)
    found = decode(tree, where=str(path))
    text = found.graph.metadata.get(METADATA_KEY)
    if dialect is not None:
        aside = ", and the file's own meaning set aside" if text is not None else ""
        note = f"read in the dialect {dialect}, as asked{aside}"
        if time_unit == "ms":
            milliseconds = in_milliseconds(found.graph, dialect, where=str(path))
            found, note = replace(found, graph=milliseconds), f"{note}; times count milliseconds, as asked"
        return _in_dialect(found, dialect, (note,), dt_s, reset, path)
    if time_unit == "ms":
        raise ValueRangeError(
            "a unit of time without a dialect",
            where=str(path),
            remedy="Give the dialect, too; nir takes the equations.",
        )
    if text is None:
        return _detected(found, (), dt_s, reset, path)
    if not isinstance(text, str):
        raise FormatError("is not a text", where=f"{path}: metadata.{METADATA_KEY}")
    meaning, mark = from_text(text, where=f"{path}: metadata.{METADATA_KEY}")
    if mark != digest(cast("Mapping[str, Any]", tree["node"])):
        note = "the file's own meaning was ignored: weights, parameters or edges were changed after it was written"
        return _detected(found, (note,), dt_s, reset, path)
    if dt_s is not None and dt_s != meaning.dt_s:
        raise ValueRangeError(f"dt_s is {dt_s}, the file says {meaning.dt_s}", where=str(path))
    if reset is not None:
        raise ValueRangeError("the file says itself how its neurons reset", where=str(path), need="no other reset")
    try:
        return Graph(found.graph, meaning, found.notes)
    except NeurotrainError as error:
        raise FormatError(str(error), where=f"{path}: metadata.{METADATA_KEY}") from error


def _detected(found: Decoded, notes: tuple[str, ...], dt_s: float | None, reset: str | None, path: Path) -> Graph:
    shown = detect(found.graph)
    if shown is None:
        why = notes[0] if notes else "the file does not say how time is discretised and neurons reset"
        raise UnsupportedError(
            why, where=str(path),
            remedy=f"Give the dialect that it was written in (on the command line --dialect): {' or '.join(DIALECTS)}.",
        )  # fmt: skip
    dialect, how = shown
    return _in_dialect(found, dialect, (*notes, f"read in the dialect {dialect}, {how}"), dt_s, reset, path)


def _in_dialect(
    found: Decoded, dialect: str, notes: tuple[str, ...], dt_s: float | None, reset: str | None, path: Path
) -> Graph:
    graph, meaning, more = read_in(found.graph, dialect, dt_s=dt_s, reset=cast("Reset | None", reset), where=str(path))
    asked = () if reset is None else (f"neurons reset: {reset}, as asked",)
    return Graph(graph, meaning, (*notes, *more, *asked, *found.notes), dialect)


def _check_writable(graph: nir.NIRGraph) -> None:
    for name, node in graph.nodes.items():
        if "/" in name:
            raise ValueRangeError("HDF5 cannot hold a '/' in a name", where=f"node '{name}'")
        if isinstance(node, nir.NIRGraph):
            _check_writable(node)
            continue
        values: dict[str, Any] = node.to_dict()
        for key, value in values.items():
            if value is None and key == "input_shape":
                raise ValueRangeError(
                    "nir cannot write a convolution without input_shape", where=f"node '{name}'", need="its input_shape"
                )
            if isinstance(value, np.ndarray) and value.ndim == 0:
                raise ValueRangeError(
                    f"field '{key}' has no axes", where=f"node '{name}'", need="one value per neuron",
                )  # fmt: skip
