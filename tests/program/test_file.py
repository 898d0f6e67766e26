"""Program files: what is saved comes back; what is damaged or hostile is refused quickly, in little memory."""

from __future__ import annotations

import dataclasses
import io
import json
import random
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plastic_programs import random_plastic_program
from program_forms import KINDS, LIF, random_weights, with_all_forms
from programs import random_program

from neurotrain_hw import archive
from neurotrain_hw.errors import FormatError, NeurotrainError
from neurotrain_hw.program import (
    Arithmetic,
    Connection,
    CoreSlice,
    MemoryRow,
    Modulator,
    Plasticity,
    Population,
    Program,
    Timing,
)
from neurotrain_hw.program.file import load_program, save_program
from neurotrain_hw.program.random_network import random_sparse
from neurotrain_hw.program.synapses import Convolution, PackedWeights, SparseWeights, pack_weights


def _full(seed: int = 1) -> Program:
    """A program with something in every field."""
    program, *_ = random_plastic_program(seed) if seed % 2 else random_program(seed)
    n, program = program.population("out").n, with_all_forms(program, seed)
    return dataclasses.replace(
        program, chip="loihi2", placement=(CoreSlice("out", 0, n, 0, 3),), notes=("decay of 'out' was rounded: 0.1 ‰",),
        memory=(MemoryRow(0, 3, "weights", 8 * n, "synapses", None), MemoryRow(0, 3, "state", 1, "core", 99)),
        scales={"out": 0.125, "in": 3.0}, timing=Timing(20, {"out": 2, "in": 0}),
    )  # fmt: skip


def _small() -> Program:
    """A program written down number by number, with every form of weights in it."""
    rows = SparseWeights(np.array([0, 2, 3]), np.array([0, 2, 1], np.int32), np.array([-3, 127, 5], np.int8), 3, 1)
    later = dataclasses.replace(rows, delay=np.array([0, 4, 63], np.uint8))
    packed = PackedWeights(np.array([[0x2F, 0x01], [0x70, 0x08]], np.uint8), 3, 4, 5, True, False)
    kernel, geometry = np.arange(-4, 4, dtype=np.int16).reshape(2, 2, 2, 1), Convolution((1, 2), (0, 1), (1, 1), 1)
    arithmetic = Arithmetic("reached", "subtract", "saturate", "wrap")
    wire = {"pre": "in", "post": "n", "sign_mode": "mixed"}
    table = Modulator("feedback", "segments", psi_bounds=(-9, 9), psi_values=(0, 31, 1))
    rule = Plasticity("3f", "u0*x1*y1")
    fed_back = {"port": "signal", "pre_port": "error", "transpose_of": "forth", "signs_only": True}
    return Program(
        "small",
        (
            Population("in", "input", (2,)),
            Population("n", "lif", (3,), {**LIF, "vth": np.array([1, 2, 131071], np.int32)}, arithmetic=arithmetic),
            Population("image", "input", (3, 2, 1)),
            Population("map", "sigma_delta", (2, 2, 2), KINDS["sigma_delta"]),
            Population("h", "lif", (2,), LIF, table),
            Population("out", "lif", (1,), LIF, Modulator("error", target="label", error_sent="sign")),
            Population("label", "input", (1,)),
        ),
        (
            Connection("dense", "dense", weights=np.array([[300, -1], [2, 3], [0, -300]]), weight_exp=-2, **wire),
            Connection("packed", "dense", weights=packed, num_weight_bits=4, **wire),
            Connection("rows", "sparse", weights=rows, **wire),
            Connection("later", "delay_sparse", weights=later, max_delay=63, **wire),
            Connection("conv", "conv", "image", "map", kernel, num_message_bits=8, conv=geometry),
            Connection("forth", "dense", "h", "out", np.array([[3, -4]]), port="none", plasticity=rule),
            Connection("back", "dense", "out", "h", np.zeros((2, 1), np.int8), **fed_back),
        ),
        ("n",),
        "loihi2",
        (CoreSlice("n", 0, 3, 1, 127),),
        (MemoryRow(1, 127, "weights", 8, "core memory", None),),
        {"n": 0.5, "h": (0.25, 2.0)},
        Timing(7, {"in": 0, "n": 1}, apart=True),
        ("a note",),
        {"image": (2, 1, 0)},
    )


def test_a_file_of_version_5_is_read_and_written_as_it_was(tmp_path: Path) -> None:
    """A recorded file: a change of the format must come with another version, and with another file here."""
    golden = Path(__file__).parents[1] / "golden" / "program-5.nhw"
    _same(_small(), load_program(golden))
    save_program(_small(), tmp_path / "a.nhw")
    assert (tmp_path / "a.nhw").read_bytes() == golden.read_bytes()


@pytest.mark.parametrize("seed", range(30))
def test_every_field_comes_back(tmp_path: Path, seed: int) -> None:
    program = _full(seed)
    save_program(program, tmp_path / "a.nhw")
    _same(program, load_program(tmp_path / "a.nhw"))


def test_equal_programs_give_equal_bytes(tmp_path: Path) -> None:
    save_program(_full(), tmp_path / "a.nhw")
    twin = _full()
    backwards = dataclasses.replace(
        twin, scales=dict(reversed(twin.scales.items())),
        populations=tuple(
            dataclasses.replace(p, parameters=dict(reversed(p.parameters.items()))) for p in twin.populations
        ),
        connections=tuple(
            dataclasses.replace(c, weights=np.asfortranarray(c.weights).astype(c.weights.dtype.newbyteorder(">")))
            if isinstance(c.weights, np.ndarray)
            else c
            for c in twin.connections
        ),
    )  # fmt: skip
    save_program(backwards, tmp_path / "b.nhw")
    save_program(load_program(tmp_path / "a.nhw"), tmp_path / "c.nhw")
    first = (tmp_path / "a.nhw").read_bytes()
    assert first == (tmp_path / "b.nhw").read_bytes() == (tmp_path / "c.nhw").read_bytes()
    save_program(dataclasses.replace(twin, name="other"), tmp_path / "d.nhw")
    assert first != (tmp_path / "d.nhw").read_bytes()


def test_numpy_reads_the_arrays(tmp_path: Path) -> None:
    """The members are ordinary .npy files."""
    program = _full()
    save_program(program, tmp_path / "a.nhw")
    with np.load(tmp_path / "a.nhw") as file:
        arrays = [file[k] for k in file.files if k != "program.json"]
    weights = program.connections[0].weights
    assert any(a.dtype == weights.dtype and np.array_equal(a, weights) for a in arrays)


def test_loaded_arrays_are_read_only(tmp_path: Path) -> None:
    save_program(_full(), tmp_path / "a.nhw")
    with pytest.raises(ValueError, match="read-only"):
        load_program(tmp_path / "a.nhw").connections[0].weights[0, 0] = 1


def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    program = Program("p", (Population("in", "input", (1,)), Population("out", "lif", (1,), {
        "du": 0, "dv": 0, "vth": 1, "bias_mant": 0, "bias_exp": 0,
    })), (Connection("c", "dense", "in", "out", np.ones((1, 1), np.uint64)),))  # fmt: skip
    with pytest.raises(FormatError, match="uint64"):
        save_program(program, tmp_path / "a.nhw")
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.nhw").write_bytes(b"")
    (tmp_path / "text.nhw").write_text("hello")
    (tmp_path / "folder.nhw").mkdir()
    for name, message in (
        ("none", "no such file"), ("empty", "no readable program"), ("text", "no readable"), ("folder", "a folder"),
    ):  # fmt: skip
        with pytest.raises(FormatError, match=rf"{name}\.nhw: .*{message}"):
            load_program(tmp_path / f"{name}.nhw")


Members = dict[str, bytes]


def _edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Members], Members]:
    """Change the document of a program file."""

    def apply(members: Members) -> Members:
        document = json.loads(members["program.json"])
        change(document)
        return {**members, "program.json": json.dumps(document).encode()}

    return apply


def _set(path: str, value: Any) -> Callable[[Members], Members]:
    """Set a value in the document: `populations.2.parameters.du`."""

    def change(document: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        at: Any = document["program"]
        for key in parents:
            at = at[int(key)] if key.isdigit() else at[key]
        at[int(last) if last.isdigit() else last] = value

    return _edit(change)


def _replaced(old: bytes, new: bytes) -> Callable[[Members], Members]:
    def apply(members: Members) -> Members:
        assert old in members["program.json"]
        return {**members, "program.json": members["program.json"].replace(old, new, 1)}

    return apply


def _array(make: Callable[[np.ndarray], bytes]) -> Callable[[Members], Members]:
    """Replace the first array's member by what `make` returns for it."""
    return lambda members: {**members, "0.npy": make(np.load(io.BytesIO(members["0.npy"])))}


def _npy(array: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, array, **options)
    return out.getvalue()


def _header(text: str) -> Callable[[Members], Members]:
    return _array(lambda a: b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + a.tobytes())


HOSTILE: dict[str, Callable[[Members], Members]] = {
    "no document": lambda m: {k: v for k, v in m.items() if k != "program.json"},
    "an array is missing": lambda m: {k: v for k, v in m.items() if k != "0.npy"},
    "an array too many": lambda m: {**m, "x.npy": m["0.npy"]},
    "not JSON": lambda m: {**m, "program.json": b"{'format': 1}"},
    "not UTF-8": lambda m: {**m, "program.json": b'{"format": "\xff"}'},
    "not an object": lambda m: {**m, "program.json": b"[1, 2]"},
    "deep nesting": lambda m: {**m, "program.json": b"[" * 500_000},
    "deep nesting of objects": lambda m: {**m, "program.json": b'{"a":' * 200_000},
    "a number of a million digits": lambda m: {**m, "program.json": b"1" * 1_000_000},
    "another format": _edit(lambda d: d.update(format="a program")),
    "an older version": _edit(lambda d: d.update(version=0)),
    "a version of another type": _edit(lambda d: d.update(version={"a": [1]})),
    "no version": _edit(lambda d: d.pop("version")),
    "no program": _edit(lambda d: d.pop("program")),
    "an extra key at the top": _edit(lambda d: d.update(extra=1)),
    "an extra key": _set("extra", 1),
    "an extra key of a population": _set("populations.0.extra", 1),
    "a missing key": _edit(lambda d: d["program"].pop("notes")),
    "a key twice": _replaced(b'"notes"', b'"name": "x", "notes"'),
    "NaN": _set("scales", {"out": float("nan")}),
    "infinity": _set("scales", {"out": float("inf")}),
    "a number that becomes infinite": _replaced(b'"out": 0.125', b'"out": 1e999'),
    "text for a number": _set("scales", {"out": "1.5"}),
    "a number for a name": _set("name", 5),
    "a number for a population's name": _set("populations.0.name", 5),
    "a list for a kind": _set("populations.0.kind", ["input"]),
    "a float for an integer": _set("populations.2.parameters.du", 1.0),
    "true for an integer": _set("connections.0.weight_exp", True),
    "an integer that no array holds": _set("populations.2.parameters.du", 10**30),
    "a negative shape": _set("connections.0.weights.shape", [-1, -1]),
    "a shape that is too large": _set("connections.0.weights.shape", [2**40, 2**40]),
    "a shape of many ones": _set("populations.0.shape", [1] * 100_000 + [2**40]),
    "a shape of floats": _set("connections.0.weights.shape", [1.0, 2.0]),
    "a shape of text": _set("connections.0.weights.shape", "12"),
    "another array's shape": _set("connections.0.weights.shape", [1, 1]),
    "an array of another type": _set("connections.0.weights.type", "int64"),
    "an unknown type": _set("connections.0.weights.type", "object"),
    "an array that is not there": _set("connections.0.weights.array", 10**6),
    "a negative array": _set("connections.0.weights.array", -1),
    "an array of a long number": _set("connections.0.weights.array", 10**4000),
    "an array twice": _edit(
        lambda d: d["program"]["connections"][1].update(weights=d["program"]["connections"][0]["weights"])
    ),
    "a reference with an extra key": _set("connections.0.weights.path", "/etc/passwd"),
    "weights of null": _set("connections.0.weights", None),
    "a rule that is a list": _set("connections.0.plasticity.dw", ["x0"]),
    "a text of a megabyte": _set("connections.0.plasticity.rule", "x" * 1_000_000),
    "an unknown trace": _set("connections.0.plasticity.traces", {"z1_tau": 1}),
    "connections as an object": _set("connections", {}),
    "a population twice": _edit(lambda d: d["program"]["populations"].append(d["program"]["populations"][0])),
    "a slice of text": _set("placement.0.first", "0"),
    "timing without depth": _set("timing", {"sample_steps": 20}),
    "a depth of text": _set("timing.depth", {"out": "2"}),
    "Fortran order": _array(lambda a: _npy(np.asfortranarray(np.ones((3, 2), a.dtype)))),
    "an array of objects, pickled": _array(lambda a: _npy(a.astype(object), allow_pickle=True)),
    "a pickle": _array(lambda a: b"\x80\x04cposix\nsystem\n."),
    "big-endian": _array(lambda a: _npy(a.astype(a.dtype.newbyteorder(">")))),
    "floats": _array(lambda a: _npy(a.astype(np.float32))),
    "version 2 of npy": _array(lambda a: _npy(a, version=(2, 0))),
    "an array of no bytes": lambda m: {**m, "0.npy": b""},
    "a header without data": _array(lambda a: _npy(a)[:-1]),
    "data beyond the array": _array(lambda a: _npy(a) + b"\0"),
    "a header that is no literal": _header("{'descr': ("),
    "a header that nests": _header("(" * 3000),
    "a header that warns": _header("{'descr': '<i4', 'fortran_order': False, 'shape': (1if 1else 2,), }\n"),
    "a header of long integers": _header("{'descr': '<i2', 'fortran_order': False, 'shape': (10L, 2L), }\n"),
    "a header of a huge shape": _header(f"{{'descr': '<i2', 'fortran_order': False, 'shape': ({2**60}, 9), }}\n"),
}  # fmt: skip


def _at(name: str, path: str, value: Any) -> Callable[[Members], Members]:
    """Set a value of the connection of that name: `weights.bits`, `conv.stride`."""

    def change(document: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        at: Any = next(c for c in document["program"]["connections"] if c["name"] == name)
        for key in parents:
            at = at[key]
        at[last] = value

    return _edit(change)


def _content(name: str, key: str, make: Callable[[np.ndarray], np.ndarray]) -> Callable[[Members], Members]:
    """Replace an array of the weights in the chip's form by what `make` returns for it; the document agrees."""

    def apply(members: Members) -> Members:
        document = json.loads(members["program.json"])
        weights = next(c for c in document["program"]["connections"] if c["name"] == name)["weights"]
        member = f"{weights[key]['array']}.npy"
        array = make(np.load(io.BytesIO(members[member])).copy())
        weights[key] |= {"type": array.dtype.name, "shape": list(array.shape)}
        return {**members, member: _npy(array), "program.json": json.dumps(document).encode()}

    return apply


def _with(change: Callable[[np.ndarray], object]) -> Callable[[np.ndarray], np.ndarray]:
    """The array after a change in place."""

    def make(array: np.ndarray) -> np.ndarray:
        change(array)
        return array

    return make


def _named(suits: Callable[[Connection], bool]) -> str:
    """A connection of `_full` with weights in the chip's form that suit."""
    return next(c.name for c in _full().connections if not isinstance(c.weights, np.ndarray) and suits(c))


PACKED = _named(lambda c: c.kind == "dense")
NARROW = _named(lambda c: c.kind == "dense" and c.num_weight_bits in (3, 5, 6, 7))
SPARSE = _named(lambda c: c.kind == "sparse" and c.num_weight_bits > 3)
DELAYED = _named(lambda c: c.kind == "delay_sparse")


def _swap_in_a_row(post: np.ndarray) -> None:
    rises = np.flatnonzero(np.diff(post) > 0)[0]
    post[[rises, rises + 1]] = post[[rises + 1, rises]]


HOSTILE |= {
    "a shape of huge integers": _set("populations.0.shape", [10**4000] * 600),
    "a target whose shape is huge": _edit(
        lambda d: next(p for p in d["program"]["populations"] if p["name"] == "target").update(shape=[10**4000] * 600)
    ),
    "an array of many axes": _set("connections.0.weights.shape", [1] * 100_000),
    "an array of huge axes": _set("connections.0.weights.shape", [10**4000] * 600),
    "an array of no axes": _set("connections.0.weights.shape", []),
    "packed weights of 3 bits": _at(PACKED, "weights.bits", 3),
    "packed weights of 0 bits": _at(PACKED, "weights.bits", 0),
    "packed weights of -8 bits": _at(PACKED, "weights.bits", -8),
    "packed weights for -1 neurons": _at(PACKED, "weights.n_post", -1),
    "packed weights for 2^62 neurons": _at(PACKED, "weights.n_post", 2**62),
    "packed weights with another shift": _at(PACKED, "weights.shift", 7),
    "packed weights shifted by a number for a truth value": _at(PACKED, "weights.signed", 1),
    "packed weights without a sign mode": _at(PACKED, "sign_mode", None),
    "packed weights of another sign mode": _at(PACKED, "weights.negative", None),
    "packed weights of a sparse connection": _at(PACKED, "kind", "sparse"),
    "packed weights of a conv": _at(PACKED, "kind", "conv"),
    "packed weights with an extra key": _at(PACKED, "weights.extra", 1),
    "packed weights of one axis": _content(PACKED, "data", np.ravel),
    "packed weights of no axes": _content(PACKED, "data", lambda a: a.ravel()[0]),
    "packed weights of three axes": _content(PACKED, "data", lambda a: a[:, :, None]),
    "packed weights of another type": _content(PACKED, "data", lambda a: a.astype(np.int8)),
    "packed weights of wider rows": _content(PACKED, "data", lambda a: np.hstack([a, a])),
    "packed weights of fewer rows": _content(PACKED, "data", lambda a: a[:-1]),
    "packed weights that nobody has": _content(NARROW, "data", lambda a: np.full_like(a, 0x88)),
    "sparse weights without pointers": _at(SPARSE, "weights.pointer", None),
    "sparse weights with an extra key": _at(SPARSE, "weights.path", "x"),
    "sparse weights in a dense connection": _at(SPARSE, "kind", "dense"),
    "sparse weights for 2^62 neurons": _at(SPARSE, "weights.n_post", 2**62),
    "sparse weights for -1 neurons": _at(SPARSE, "weights.n_post", -1),
    "sparse weights with another shift": _at(SPARSE, "weights.shift", -3),
    "sparse weights of fewer bits": _at(SPARSE, "num_weight_bits", 1),
    "delays where the kind has none": _at(DELAYED, "kind", "sparse"),
    "no delays where the kind has some": _at(DELAYED, "weights.delay", None),
    "delays beyond max_delay": _at(DELAYED, "max_delay", 1),
    "delays of 255 steps": _content(DELAYED, "delay", lambda a: np.full_like(a, 255)),
    "fewer delays": _content(DELAYED, "delay", lambda a: a[:-1]),
    "signed delays": _content(DELAYED, "delay", lambda a: a.astype(np.int8)),
    "pointers from 1": _content(SPARSE, "pointer", _with(lambda a: a.__setitem__(0, 1))),
    "pointers that fall": _content(SPARSE, "pointer", _with(lambda a: a.__setitem__(1, a[-1] + 5))),
    "pointers below 0": _content(SPARSE, "pointer", _with(lambda a: a.__setitem__(1, -(2**62)))),
    "pointers that overflow": _content(SPARSE, "pointer", _with(lambda a: a.__setitem__(slice(1, -1), 2**63 - 1))),
    "pointers that stop early": _content(SPARSE, "pointer", _with(lambda a: a.__setitem__(-1, a[-1] - 1))),
    "pointers beyond the synapses": _content(SPARSE, "pointer", _with(lambda a: a.__setitem__(-1, 2**40))),
    "no pointers": _content(SPARSE, "pointer", lambda a: a[:0]),
    "pointers of no axes": _content(SPARSE, "pointer", lambda a: a[-1]),
    "pointers of 32 bits": _content(SPARSE, "pointer", lambda a: a.astype(np.int32)),
    "pointers of two axes": _content(SPARSE, "pointer", lambda a: a[:, None]),
    "a post neuron too high": _content(SPARSE, "post", _with(lambda a: a.__setitem__(-1, 2**31 - 1))),
    "a post neuron below 0": _content(SPARSE, "post", _with(lambda a: a.__setitem__(0, -1))),
    "post neurons out of order": _content(SPARSE, "post", _with(_swap_in_a_row)),
    "a post neuron twice in a row": _content(SPARSE, "post", lambda a: np.zeros_like(a)),
    "post neurons of 64 bits": _content(SPARSE, "post", lambda a: a.astype(np.int64)),
    "post neurons of two axes": _content(SPARSE, "post", lambda a: a[:, None]),
    "a synapse without a weight": _content(SPARSE, "mantissa", lambda a: a[:-1]),
    "weights of 16 bits": _content(SPARSE, "mantissa", lambda a: a.astype(np.int16)),
    "weights of no axes": _content(SPARSE, "mantissa", lambda a: a[0]),
    "a conv without its geometry": _at("conv", "conv", None),
    "a conv with half its geometry": _at("conv", "conv", {"stride": [1, 1]}),
    "a conv of negative stride": _at("conv", "conv.stride", [-1, 1]),
    "a conv that does not move": _at("conv", "conv.stride", [0, 0]),
    "a conv of huge stride": _at("conv", "conv.stride", [10**4000, 1]),
    "a conv of huge padding": _at("conv", "conv.padding", [2**62, 2**62]),
    "a conv of padding within its range": _at("conv", "conv.padding", [2**15, 2**15]),
    "a conv of huge dilation": _at("conv", "conv.dilation", [2**31, 2**31]),
    "a conv of three axes": _at("conv", "conv.stride", [1, 1, 1]),
    "a conv with a number for a pair": _at("conv", "conv.padding", 1),
    "a conv of 0 groups": _at("conv", "conv.groups", 0),
    "a conv of groups that divide nothing": _at("conv", "conv.groups", 3),
    "a conv of many groups": _at("conv", "conv.groups", 2**15),
    "a conv of text": _at("conv", "conv.groups", "2"),
    "a conv that learns": _at("conv", "plasticity", {}),
    "a conv with a sign mode": _at("conv", "sign_mode", "mixed"),
    "a conv from a flat population": _at("conv", "pre", "x"),
    "a conv into a flat population": _at("conv", "post", "k sigma"),
    "geometry without a conv": _at(
        PACKED, "conv", {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}
    ),
    "an arithmetic that nobody has": _set("populations.2.arithmetic.threshold", "below"),
    "half an arithmetic": _set("populations.2.arithmetic", {"threshold": "above"}),
    "no arithmetic": _set("populations.2.arithmetic", None),
    "an arithmetic of an input": _set("populations.0.arithmetic.u_overflow", "saturate"),
    "an older version of this format": _edit(lambda d: d.update(version=2)),
}  # fmt: skip


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused(tmp_path: Path, change: Callable[[Members], Members]) -> None:
    path = tmp_path / "bad.nhw"
    _write(path, change(_members(tmp_path)))
    error, peak, seconds = _attempt(path)
    assert isinstance(error, FormatError), error
    assert str(error).startswith(str(path))
    assert len(str(error)) < 1000 + len(str(path))
    assert peak < 2_000_000 + 40 * path.stat().st_size
    assert seconds < 5


def test_a_file_may_end_anywhere(tmp_path: Path) -> None:
    whole = _bytes(tmp_path)
    for cut in range(0, len(whole), max(1, len(whole) // 60)):
        (tmp_path / "cut.nhw").write_bytes(whole[:cut])
        with pytest.raises(FormatError, match=r"cut\.nhw"):
            load_program(tmp_path / "cut.nhw")


def test_compressed_members_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    """A zip bomb: 8 MB of zeros in a few KB."""
    members = {**_members(tmp_path), "0.npy": _npy(np.zeros(1 << 23, np.int8))}
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        _write(tmp_path / "bomb.nhw", members, method)
        error, peak, _ = _attempt(tmp_path / "bomb.nhw")
        assert "compressed" in str(error)
        assert peak < 2_000_000


def test_members_that_lie_about_their_size_are_refused(tmp_path: Path) -> None:
    """Sizes in the directory are set to 1 GB; no more than the file is ever read."""
    raw = bytearray(_bytes(tmp_path))
    at = raw.rfind(b"PK\x01\x02")
    raw[at + 20 : at + 28] = struct.pack("<II", 1 << 30, 1 << 30)
    (tmp_path / "lie.nhw").write_bytes(raw)
    error, peak, _ = _attempt(tmp_path / "lie.nhw")
    assert isinstance(error, FormatError) and "more bytes than the file has" in str(error)
    assert peak < 2_000_000


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """Many directory entries that point at one member: each is as large as the file allows, together they are not."""
    members = {"program.json": b"{}", "0.npy": bytes(100_000)}
    _write(tmp_path / "a.nhw", members)
    raw = (tmp_path / "a.nhw").read_bytes()
    at, end = raw.rfind(b"PK\x01\x02"), raw.rfind(b"PK\x05\x06")
    entry = raw[at:end]
    first = raw.find(b"PK\x01\x02")
    copies = b"".join(entry.replace(b"0.npy", b"%d.npy" % k) for k in range(1, 10))
    directory = raw[first:end] + copies
    tail = bytearray(raw[end:])
    tail[8:12] = struct.pack("<HH", 11, 11)
    tail[12:16] = struct.pack("<I", len(directory))
    (tmp_path / "b.nhw").write_bytes(raw[:first] + directory + bytes(tail))
    with pytest.raises(FormatError, match="more bytes than the file has"):
        load_program(tmp_path / "b.nhw")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    members = _members(tmp_path)
    with zipfile.ZipFile(tmp_path / "twice.nhw", "w") as archive:
        for name, data in [*members.items(), ("0.npy", members["0.npy"])]:
            archive.writestr(name, data)
    with pytest.raises(FormatError, match="the same name"):
        load_program(tmp_path / "twice.nhw")


def test_a_file_name_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    raw = bytearray(_bytes(tmp_path))
    at = raw.rfind(b"PK\x01\x02")
    raw[at + 8 : at + 10] = struct.pack("<H", 0x800)
    raw[at + 46] = 0xFF
    (tmp_path / "name.nhw").write_bytes(raw)
    with pytest.raises(FormatError, match=r"name\.nhw"):
        load_program(tmp_path / "name.nhw")


def test_thousands_of_parts_take_linear_time(tmp_path: Path) -> None:
    """2,000 populations and connections: checks that compare each with each would take minutes."""
    n = 2000
    lif = {"du": 0, "dv": 0, "vth": 1, "bias_mant": 0, "bias_exp": 0}
    program = Program(
        "wide", tuple(Population(f"p{k}", "lif", (1,), lif) for k in range(n)),
        tuple(Connection(f"c{k}", "dense", f"p{n - 1 - k}", f"p{k}", np.ones((1, 1), np.int8)) for k in range(n)),
    )  # fmt: skip
    save_program(program, tmp_path / "wide.nhw")
    start = time.perf_counter()
    loaded = load_program(tmp_path / "wide.nhw")
    assert time.perf_counter() - start < 8
    assert len(loaded.connections) == n


def test_a_large_file_takes_its_size_in_memory_and_little_more(tmp_path: Path) -> None:
    """20 M synapses, dense and sparse: loading holds their bytes once, saving none, besides what it works in."""
    rng = np.random.default_rng(0)
    big = random_sparse(neurons=100_000, fan_out=40, seed=1)
    dense = pack_weights(random_weights(rng, (2000, 2000), "mixed").astype(np.int16), "mixed", 4)
    program = dataclasses.replace(
        big, populations=(*big.populations, Population("x", "input", (2000,)), Population("y", "lif", (2000,), LIF)),
        connections=(*big.connections, Connection("c", "dense", "x", "y", dense, num_weight_bits=4, sign_mode="mixed")),
    )  # fmt: skip
    path = tmp_path / "big.nhw"
    tracemalloc.start()
    save_program(program, path)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000 < path.stat().st_size
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    loaded = load_program(path)
    assert tracemalloc.get_traced_memory()[1] - before < path.stat().st_size + 20_000_000
    tracemalloc.stop()
    _same(program, loaded)


def test_a_program_of_too_many_parts_is_refused_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be read back is not written."""
    monkeypatch.setattr(archive, "DOCUMENT_LIMIT", 10_000)
    with pytest.raises(FormatError, match=r"program 'plastic-1'.*too many parts.*limit 10000 "):
        save_program(_full(), tmp_path / "wide.nhw")
    assert not list(tmp_path.iterdir())


def test_three_hundred_mutated_files_are_refused_or_valid(tmp_path: Path) -> None:
    assert _fuzz(tmp_path, 300, seed=0) > 3


@pytest.mark.slow
def test_ten_thousand_mutated_files_are_refused_or_valid(tmp_path: Path) -> None:
    assert _fuzz(tmp_path, 10_000, seed=1) > 100


def _fuzz(folder: Path, count: int, *, seed: int) -> int:
    """Mutate bytes of the file, or of a member before it is packed anew; returns how many files were still valid."""
    rng = random.Random(seed)
    path, valid = folder / "fuzz.nhw", 0
    for number in range(count):
        if number % 100 == 0:
            program = seed + number // 100
            whole, members = _bytes(folder, program), _members(folder, program)
        if number % 2:
            data = _mutated(rng, whole)
        else:
            name = rng.choice(["program.json", "program.json", *members])
            _write(path, {**members, name: _mutated(rng, members[name])})
            data = path.read_bytes()
        path.write_bytes(data)
        error, peak, seconds = _attempt(path, measured=number % 5 == 0)
        assert error is None or isinstance(error, FormatError), (number, repr(error))
        assert peak < 500_000 + 40 * len(data), number
        assert seconds < 5, number
        valid += error is None
    return valid


def _mutated(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(out))
        kind = rng.randrange(6)
        if kind == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at] = rng.choice(b'0123456789-[]{}",:.e \x00\xff')
        elif kind == 2:
            out[at : at + rng.randrange(1, 9)] = b""
        elif kind == 3:
            out[at:at] = rng.choice([b"9" * 20, b"NaN", b"-1", b"null", b"[[[", b"\xff\xff\xff\x7f", b"true", b'""'])
        elif kind == 4:
            out[at : at + 4] = struct.pack("<I", rng.choice([0, 1, 2**31, 2**32 - 1]))
        else:
            source = rng.randrange(len(out))
            out[at : at + 16] = out[source : source + 16]
        if not out:
            break
    return bytes(out)


def _attempt(path: Path, *, measured: bool = True) -> tuple[BaseException | None, int, float]:
    """Load a file: what was raised, the peak of memory in bytes if measured, the seconds. A Program must be usable."""
    error: BaseException | None = None
    if measured:
        tracemalloc.start()
    start = time.perf_counter()
    try:
        program = load_program(path)
        assert isinstance(program, Program) and isinstance(program.name, str)
    except Exception as caught:  # noqa: BLE001
        error = caught
    seconds = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1] if measured else 0
    tracemalloc.stop()
    assert error is None or not isinstance(error, NeurotrainError) or isinstance(error, FormatError)
    return error, peak, seconds


def _bytes(folder: Path, seed: int = 1) -> bytes:
    save_program(_full(seed), folder / "whole.nhw")
    return (folder / "whole.nhw").read_bytes()


def _members(folder: Path, seed: int = 1) -> Members:
    _bytes(folder, seed)
    with zipfile.ZipFile(folder / "whole.nhw") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _write(path: Path, members: Members, method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)


def _same(one: Any, other: Any, place: str = "program") -> None:
    """Compare field by field, arrays with their types."""
    assert type(one) is type(other) or isinstance(one, np.integer | int), place
    if dataclasses.is_dataclass(one):
        for f in dataclasses.fields(one):
            _same(getattr(one, f.name), getattr(other, f.name), f"{place}.{f.name}")
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype, place
        np.testing.assert_array_equal(one, other, err_msg=place)
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for key in one:
            _same(one[key], other[key], f"{place}.{key}")
    elif isinstance(one, tuple):
        assert len(one) == len(other), place
        for k, (a, b) in enumerate(zip(one, other, strict=True)):
            _same(a, b, f"{place}[{k}]")
    else:
        assert one == other, place
