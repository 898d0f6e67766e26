"""Reads what a run needs from a program file: its document, and the integers of populations and connections."""

import json
import zipfile

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix


def read_program(path):
    """The document of a program file (program/file.py), with its arrays in place of the references to them."""
    with zipfile.ZipFile(path) as archive:
        document = json.loads(archive.read("program.json").decode("utf-8"))
        return _resolve(document["program"], archive)


def parameter(population, key, kind=np.int32):
    """A parameter as one value per neuron, (n,)."""
    n = int(np.prod(population["shape"]))
    return np.broadcast_to(np.asarray(population["parameters"][key]).astype(kind), (n,)).copy()


def compact(population, key):
    """A parameter as one int where all neurons agree, else int64 (n,): Lava passes these on without a cast."""
    value = np.asarray(population["parameters"][key], np.int64)
    return int(value.flat[0]) if np.all(value == value.flat[0]) else value


def dense_weights(connection):
    """The weights of a connection whose program states them as an array, int32.

    What a chip clips to 8 bits is clipped to 10 first, so that a wider integer does not wrap.
    """
    weights = connection["weights"]
    if connection["kind"] != "conv" and connection["plasticity"] is None:
        weights = np.clip(weights, -512, 512)
    return weights.astype(np.int32)


def sparse_weights(connection):
    """(weights, delays), csr (n_post, n_pre) each; no delays where all are 0. Nothing dense is built from rows."""
    weights, delays = connection["weights"], connection["delays"]
    if isinstance(weights, dict):
        values = weights["mantissa"].astype(np.int32) << weights["shift"]
        values = -values if weights["negative"] else values
        matrix = _rows(weights, values)
        late = None if weights["delay"] is None else _rows(weights, weights["delay"].astype(int))
    else:
        full = dense_weights(connection)
        matrix = csr_matrix(full)
        late = None if delays is None else csr_matrix(np.where(full != 0, delays, 0).astype(int))
    matrix.eliminate_zeros()
    if late is not None:
        late.eliminate_zeros()
    return matrix, late if late is not None and late.nnz else None


def _rows(weights, values):
    """SparseWeights list synapses by pre neuron, which is csc of (n_post, n_pre); Lava takes csr."""
    shape = (weights["n_post"], weights["pointer"].size - 1)
    return csc_matrix((values, weights["post"], weights["pointer"]), shape=shape).tocsr()


def _resolve(value, archive):
    if isinstance(value, dict) and set(value) == {"array", "type", "shape"}:
        with archive.open(f"{value['array']}.npy") as member:
            return np.lib.format.read_array(member, allow_pickle=False)
    if isinstance(value, dict):
        return {k: _resolve(v, archive) for k, v in value.items()}
    if isinstance(value, list):
        return [_resolve(v, archive) for v in value]
    return value
