"""Files that are wrong, damaged or hostile: a Graph or a typed error that names the place, never anything else."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from graphs import chain

from neurotrain_hw.errors import FormatError, NeurotrainError
from neurotrain_hw.interchange import Graph, Limits, hdf5, read_nir, write_nir
from neurotrain_hw.interchange.decode import decode
from neurotrain_hw.reference import run_graph


def outcome(path: Path, **arguments: object) -> Graph | NeurotrainError:
    """The graph of a file, or the error; anything else is raised."""
    try:
        return read_nir(path, **arguments)  # type: ignore[arg-type]
    except NeurotrainError as error:
        return error


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A well-formed file of 4-3-2 neurons."""
    write_nir(tmp_path / "good.nir", chain([4, 3, 2]))
    return tmp_path / "good.nir"


@pytest.fixture(scope="module")
def read_once(tmp_path_factory: pytest.TempPathFactory) -> hdf5.Tree:
    """The groups of the good file."""
    path = tmp_path_factory.mktemp("nir") / "good.nir"
    write_nir(path, chain([4, 3, 2]))
    return hdf5.read_tree(path)


@pytest.fixture
def tree(read_once: hdf5.Tree) -> hdf5.Tree:
    """A copy of them, to be spoilt."""
    return copy.deepcopy(read_once)


@pytest.fixture
def edited(good: Path) -> Callable[[Callable[[h5py.File], object]], NeurotrainError]:
    """Reads the good file after an edit, in the dialect nir, and gives the error."""

    def edit(change: Callable[[h5py.File], object]) -> NeurotrainError:
        with h5py.File(good, "r+") as file:
            change(file)
        found = outcome(good, dialect="nir", dt_s=1e-3)
        assert isinstance(found, NeurotrainError), "it was read"
        assert str(good) in str(found)
        return found

    return edit


def is_input(node: object) -> bool:
    return type(node).__name__ == "Input"


NODES = "node/nodes"
TAU = np.full(3, 0.01)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("node", None, "'node' is missing"),
        ("node/type", None, "'type' is missing"),
        ("node/type", "LIF", "expected NIRGraph"),
        ("node/nodes", None, "'nodes' is missing"),
        ("node/edges", None, "'edges' is missing"),
        ("node/edges", np.zeros((2, 2)), "not a list of pairs"),
        ("node/edges", [["input", "l1_weights"], ["l1_weights", "nowhere"]], "'nowhere'"),
        ("node/edges", [["input", "l1_weights"], ["input", "l1_weights"]], "there twice"),
        ("node/edges", [["input", "l1_weights"]], "no edge"),
        (f"{NODES}/l1/type", "LFI", "LIF"),
        (f"{NODES}/l1/tau", None, "'tau' is missing"),
        (f"{NODES}/l1/tau", np.array([0.01, -1.0, 0.01]), "down to -1"),
        (f"{NODES}/l1/tau", np.array([0.01, 0.0, 0.01]), "down to 0"),
        (f"{NODES}/l1/tau", np.array([0.01, np.nan, 0.01]), "not finite"),
        (f"{NODES}/l1/tau", np.array([0.01, np.inf, 0.01]), "not finite"),
        (f"{NODES}/l1/tau", np.full(4, 0.01), "different shapes"),
        (f"{NODES}/l1/tau", "slow", "not an array"),
        (f"{NODES}/l1/tau", np.zeros(0), "holds nothing"),
        (f"{NODES}/l1/colour", TAU, "'colour' is not one of a LIF"),
        (f"{NODES}/l1_weights/weight", np.ones(3), "expected \\(n_post, n_pre\\)"),
        (f"{NODES}/l1_weights/weight", np.ones((4, 3)), "sends shape \\(4,\\)"),
        (f"{NODES}/input/shape", np.array([0]), "not a shape"),
        (f"{NODES}/input/shape", np.array([1.5]), "not a shape"),
        (f"{NODES}/input/type", "Output", "no Input"),
        (f"{NODES}/output/shape", np.array([7]), "takes \\(7,\\)"),
        (f"{NODES}/l1_weights", np.ones(3), "expected a group"),
    ],
)
def test_a_malformed_field_is_named(tree, path, value, words):
    *parents, key = path.split("/")
    group = tree
    for parent in parents:
        group = group[parent]
    group.pop(key, None)
    if value is not None:
        group[key] = value
    with pytest.raises(FormatError, match=words) as raised:
        decode(tree, where="x.nir")
    assert str(raised.value).startswith("x.nir")


def test_values_that_are_no_numbers_are_refused(edited):
    def change(file: h5py.File) -> None:
        del file[f"{NODES}/l1/tau"]
        file[f"{NODES}/l1/tau"] = np.full(3, 1j)

    assert "l1/tau" in str(edited(change)) and "neither numbers nor text" in str(edited(lambda file: None))


@pytest.mark.parametrize("size", [0, 1, 8, 100, 2000])
def test_a_truncated_file(good, size):
    good.write_bytes(good.read_bytes()[:size])
    assert isinstance(outcome(good), FormatError)


def test_a_pickle_called_nir_is_refused_unread(tmp_path):
    (tmp_path / "x.nir").write_bytes(b"PK\x03\x04" + bytes(100))
    error = outcome(tmp_path / "x.nir")
    assert isinstance(error, FormatError) and "zip archive" in str(error)


ZIP, SHAPE, NOWHERE = "never unpickled", "sends shape", "that is not there"
CORPUS = {  # what is put right, or what is wrong; "" where the file is in order
    "047410e9_braille": "", "111b0a44_braille": "",
    "19004303_braille_flattened": "one tau_syn read as that of all (38,)",
    "232ebad8_scnn_mnist": "has no v_reset", "2b0feb3d_lif_norse": "has no v_reset",
    "3049cfa1_Braille_snntorch": ZIP, "3a3afb6f_lif_norse": "one tau read as that of all (1000,)",
    "4bea8685_braille": "the subgraph 'hidden' was flattened", "50b2fc28_braille_v2": "'lif1.output' was taken",
    "64a0b954_braille_v2a": "", "669fbfad_scnn_mnist": "has no input_shape, (34, 34) taken",
    "77b4a802_braille_subgraph": "its Input (12,) and Output (38,) left out",
    "a7c67c3a_braille": "'lif1.input' was taken", "ac9b3878_scnn_mnist": "takes (1, 8, 8, 8), (8, 15, 15) arrives",
    "aee771e1_braille_subtract_subgraph": NOWHERE, "c381ba29_braille": "no Input",
    "c5db44fe_braille_zero_subgraph": NOWHERE,
    "c777885b_braille_v2": "(256, 12) read as (12,)", "e1117a1e_scnn_mnist": "counted a batch axis",
    "ed8f57e7_braille": SHAPE, "f4edd0a1_braille": "'lif1.output' was taken",
    "rockpool_braille": "the subgraph 'hidden' was flattened", "scnn_mnist_batches": "a batch axis of its parameters",
    "spyx_scnn_mnist_e5ac": "counted a batch axis",
}  # fmt: skip
REFUSED = (ZIP, SHAPE, NOWHERE, "arrives", "no Input")


@pytest.mark.parametrize("name", CORPUS)
def test_every_old_file_of_the_corpus_is_put_right_or_refused_with_the_reason(shared, quick_reader, name):
    path = shared / f"data/nir/malformed_corpus/{name}.nir"
    found, words = outcome(path, dialect="nir", dt_s=1e-4), CORPUS[name]
    if words.endswith(REFUSED):
        assert isinstance(found, FormatError) and name in str(found) and words in str(found)
    else:
        assert isinstance(found, Graph) and words in " ".join(found.notes)
        inputs = {n: np.ones((2, *node.input_type["input"])) for n, node in found.nodes.items() if is_input(node)}
        assert all(np.isfinite(sent).all() for sent in run_graph(found, inputs).sent.values())


def test_the_corpus_is_whole(shared):
    assert {path.stem for path in (shared / "data/nir/malformed_corpus").glob("*.nir")} == set(CORPUS)


def test_negative_time_constants_and_transposed_weights_of_spyx(shared):
    error = outcome(shared / "data/nir/spyx_shd/spyx_shd.nir")
    assert isinstance(error, FormatError) and "LIF.tau" in str(error) and "-3211" in str(error)


def test_a_bomb_is_refused_before_it_is_unpacked(edited):
    def bomb(file: h5py.File) -> None:
        del file[f"{NODES}/l1_weights/weight"]
        file.create_dataset(f"{NODES}/l1_weights/weight", (1 << 20, 1 << 12), "f8", chunks=(64, 64), compression="gzip")

    assert "MiB of data" in str(edited(bomb))


def test_links_out_of_the_file_are_refused(edited, tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["tau"] = TAU

    def link(file: h5py.File) -> None:
        del file[f"{NODES}/l1/tau"]
        file[f"{NODES}/l1/tau"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "tau")

    assert "link to another place" in str(edited(link))


def test_data_kept_in_another_file_is_refused(edited, tmp_path):
    (tmp_path / "raw").write_bytes(TAU.tobytes())

    def link(file: h5py.File) -> None:
        del file[f"{NODES}/l1/tau"]
        file.create_dataset(f"{NODES}/l1/tau", (3,), "f8", external=[(str(tmp_path / "raw"), 0, 24)])

    assert "another file" in str(edited(link))


def test_a_group_that_holds_itself_is_refused(edited):
    def loop(file: h5py.File) -> None:
        file["node/again"] = file["node"]

    assert "deep" in str(edited(loop))


def test_reading_that_does_not_end_is_ended(good, monkeypatch, tmp_path):
    (tmp_path / "spin.py").write_text("while True: pass\n")
    monkeypatch.setattr(hdf5, "_CHILD", tmp_path / "spin.py")
    error = outcome(good, limits=Limits(seconds=1))
    assert isinstance(error, FormatError) and "did not end" in str(error)


def test_a_crash_of_the_library_is_told(good, monkeypatch, tmp_path):
    (tmp_path / "crash.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    monkeypatch.setattr(hdf5, "_CHILD", tmp_path / "crash.py")
    error = outcome(good)
    assert isinstance(error, FormatError) and "signal 9" in str(error)


@pytest.mark.skipif(sys.platform == "win32", reason="limits on memory are Unix's")
def test_memory_is_limited(good):
    assert isinstance(outcome(good, limits=Limits(memory_bytes=1 << 26)), FormatError)


def test_reading_and_compiling_do_not_import_torch(good):
    code = (
        "import sys, neurotrain_hw.compiler, neurotrain_hw.interchange as i; i.read_nir(sys.argv[1]); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'numba', 'typer')))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(good)], check=False).returncode == 0
