"""Whatever a file's tree holds, reading it gives a graph or layers, or a typed error."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra import numpy as arrays
from nir_mutations import KINDS, NETX_FIELDS, NIR_FIELDS

from neurotrain_hw import load_chip
from neurotrain_hw.compiler.netx import compile_netx
from neurotrain_hw.errors import FormatError, NeurotrainError
from neurotrain_hw.interchange import read_nir
from neurotrain_hw.interchange.decode import decode
from neurotrain_hw.interchange.dialects import DIALECTS, read_in
from neurotrain_hw.interchange.netx_file import layers_of, read_netx
from neurotrain_hw.interchange.signs import detect

CHIP = load_chip("loihi2")
NUMBERS = arrays.arrays(
    st.sampled_from(["f4", "f8", "i1", "i8", "u1", "f2"]), arrays.array_shapes(min_dims=0, max_dims=4, max_side=4),
)  # fmt: skip
NAMES = st.sampled_from(["a", "b", "input", "output", "a.b"])
VALUES = NUMBERS | st.sampled_from([*KINDS, "", "same", "relu"]) | st.just([]) | st.just({})
EDGES = st.lists(st.lists(NAMES, min_size=2, max_size=2), max_size=5)
NODE = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    st.sampled_from(KINDS), st.dictionaries(st.sampled_from([*NIR_FIELDS, "metadata"]), VALUES, max_size=9),
)  # fmt: skip
GRAPH = st.builds(
    lambda nodes, edges: {"node": {"type": "NIRGraph", "nodes": nodes, "edges": edges}},
    st.dictionaries(NAMES, NODE | VALUES, max_size=4), EDGES | VALUES,
)  # fmt: skip
LAYER = st.builds(
    lambda kind, fields, neuron: {**fields, "type": kind, **({"neuron": neuron} if neuron else {})},
    st.sampled_from(["input", "dense", "dense_rec", "dense_comp", "conv", "flatten"]) | VALUES,
    st.dictionaries(st.sampled_from(NETX_FIELDS), VALUES, max_size=9),
    st.dictionaries(st.sampled_from(NETX_FIELDS), VALUES, max_size=9),
)  # fmt: skip
LAYERS = st.lists(LAYER | VALUES, max_size=4).map(lambda found: {"layer": {str(k): v for k, v in enumerate(found)}})
ANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@ANY
@given(GRAPH, st.sampled_from(list(DIALECTS)), st.sampled_from([None, 1e-4, 0.1]))
def test_any_tree_is_a_graph_or_a_typed_error(tree: Any, dialect: str, dt_s: float | None) -> None:
    with np.errstate(all="ignore"):
        try:
            graph = decode(tree, where="x.nir").graph
            detect(graph)
            read_in(graph, dialect, dt_s=dt_s, where="x.nir")
        except NeurotrainError as error:
            assert str(error)


@ANY
@given(LAYERS)
def test_any_tree_is_a_program_of_lava_dl_or_a_typed_error(tree: Any) -> None:
    try:
        compile_netx(layers_of(tree, where="x.net"), CHIP, steps=4)
    except NeurotrainError as error:
        assert str(error)


class Touch:
    """What an unpickler would do: it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def containers(payload: bytes) -> dict[str, bytes]:
    """The payload as the files that hold pickles: bare, of torch, of NumPy, compressed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:  # what torch.save writes since 1.6
        archive.writestr("archive/data.pkl", payload)
        archive.writestr("archive/version", "3\n")
    saved = io.BytesIO()
    np.savez(saved, weight=np.ones(3))
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        head = "{'descr': '|O', 'fortran_order': False, 'shape': (), }".ljust(117).encode() + b"\n"
        archive.writestr("weight.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + payload)
    return {
        "pickle": payload, "torch": packed.getvalue(), "npz": saved.getvalue(), "npz_of_objects": held.getvalue(),
        "gzip": gzip.compress(payload), "empty": b"", "text": b"import os\n",
        "zip_of_nothing": b"PK\x05\x06" + bytes(18),
    }  # fmt: skip


@pytest.mark.parametrize("suffix", [".nir", ".net"])
@pytest.mark.parametrize("name", containers(b""))
def test_pickles_and_archives_are_refused_and_never_opened(tmp_path, name, suffix):
    marker = tmp_path / "was unpickled"
    payload = pickle.dumps(Touch(marker))
    path = tmp_path / f"x{suffix}"
    path.write_bytes(containers(payload)[name])
    with pytest.raises(FormatError, match="an HDF5 file") as raised:
        (read_nir if suffix == ".nir" else read_netx)(path)
    assert str(path) in str(raised.value) and not marker.exists()
    pickle.loads(payload)  # noqa: S301 - ours: it would have left its mark
    assert marker.exists()
