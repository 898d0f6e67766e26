"""NIR files: written with their meaning, read with it or in a dialect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nir
import numpy as np

from neurotrain_hw.errors import FormatError, NeurotrainError, UnsupportedError, ValueRangeError
from neurotrain_hw.files import replacing
from neurotrain_hw.interchange.decode import decode
from neurotrain_hw.interchange.dialects import DIALECTS, check_name, check_nodes, detect, read_in
from neurotrain_hw.interchange.graph import Graph
from neurotrain_hw.interchange.hdf5 import Limits, read_tree
from neurotrain_hw.interchange.meaning import METADATA_KEY, digest, from_text, to_text


def write_nir(path: str | Path, graph: Graph) -> None:
    """Write a graph with its meaning; the file is read back strictly by nir itself before it takes its place.

    Raises ValueRangeError for what the format cannot hold: a node name with '/', an array without axes.
    """
    path = Path(path)
    _check_writable(graph.nir)
    with_meaning = nir.NIRGraph(dict(graph.nir.nodes), list(graph.nir.edges), metadata=dict(graph.nir.metadata))
    mark = digest(with_meaning)
    with_meaning.metadata[METADATA_KEY] = to_text(graph.meaning, digest=mark)
    with replacing(path) as beside:
        nir.write(str(beside), with_meaning)
        if digest(nir.read(str(beside))) != mark:
            raise FormatError("nir reads back another graph than was written", where=str(path))


def read_nir(
    path: str | Path, *, dialect: str | None = None, dt_s: float | None = None, limits: Limits | None = None
) -> Graph:
    """Read a NIR file, which need not be trusted.

    The meaning comes from our metadata where the file has them and they fit it; else from `dialect` (`nir` with
    steps of `dt_s`, `snntorch`), or from a dialect that the numbers show. `Graph.notes` says what was done. A
    dialect that is given goes before the metadata. Raises FormatError (file, node, field, expected) for a
    malformed file, UnsupportedError where the file does not say how it is meant, DataUnavailableError where there
    is no file.
    """
    path = Path(path)
    if dialect is not None:
        check_name(dialect)
    network = decode(read_tree(path, limits=limits), where=str(path))
    text = network.metadata.get(METADATA_KEY)
    if dialect is not None:
        meaning = read_in(network, dialect, dt_s=dt_s, where=str(path))
        aside = ", and the file's own meaning set aside" if text is not None else ""
        return Graph(network, meaning, (f"read in the dialect {dialect}, as asked{aside}",), dialect)
    if text is None:
        return _detected(network, (), dt_s, path)
    if not isinstance(text, str):
        raise FormatError("is not a text", where=f"{path}: metadata.{METADATA_KEY}")
    meaning, mark = from_text(text, where=f"{path}: metadata.{METADATA_KEY}")
    if mark != digest(network):
        note = "the file's own meaning was ignored: weights, parameters or edges were changed after it was written"
        return _detected(network, (note,), dt_s, path)
    if dt_s is not None and dt_s != meaning.dt_s:
        raise ValueRangeError(f"dt_s is {dt_s}, the file says {meaning.dt_s}", where=str(path))
    try:
        return Graph(network, meaning)
    except NeurotrainError as error:
        raise FormatError(str(error), where=f"{path}: metadata.{METADATA_KEY}") from error


def _detected(network: nir.NIRGraph, notes: tuple[str, ...], dt_s: float | None, path: Path) -> Graph:
    check_nodes(network, where=str(path))
    found = detect(network)
    if found is None:
        why = notes[0] if notes else "the file does not say how time is discretised and neurons reset"
        raise UnsupportedError(
            why, where=str(path), remedy=f"Give the dialect that it was written in: {' or '.join(DIALECTS)}."
        )
    dialect, note = found
    return Graph(network, read_in(network, dialect, dt_s=dt_s, where=str(path)), (*notes, note), dialect)


def _check_writable(graph: nir.NIRGraph) -> None:
    for name, node in graph.nodes.items():
        if "/" in name:
            raise ValueRangeError("HDF5 cannot hold a '/' in a name", where=f"node '{name}'")
        if isinstance(node, nir.NIRGraph):
            _check_writable(node)
            continue
        values: dict[str, Any] = node.to_dict()
        for key, value in values.items():
            if isinstance(value, np.ndarray) and value.ndim == 0:
                raise ValueRangeError(
                    f"field '{key}' has no axes", where=f"node '{name}'", need="one value per neuron",
                )  # fmt: skip
