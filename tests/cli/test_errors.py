"""Faults that a user makes, each at its verb: one message that names what, where and what to do; never a traceback."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
import torch
from graphs import chain
from typer.testing import CliRunner, Result

from neurotrain_hw.chips import load_chip
from neurotrain_hw.cli import app
from neurotrain_hw.compiler import compile_graph, place
from neurotrain_hw.files import shipped
from neurotrain_hw.interchange import write_nir
from neurotrain_hw.program.file import save_program

MODEL = """
summary = "one layer"
dataset = "digits"
inputs = 64
steps = 4
[[layers]]
name = "out"
neurons = 10
beta = 0.9
"""


def refused(code: int, *arguments: object) -> str:
    """The message of a command that must end with `code` by an error of ours: one line, and the same as JSON."""
    result = _run(*arguments)
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.stderr.startswith("error: ")
    assert result.stdout == ""
    document = json.loads(_run(*arguments, "--json").stdout)
    assert set(document) - {"table", "remedies"} == {"error", "what", "where", "need", "limit", "remedy"}
    assert document["what"] in result.stderr
    return result.stderr


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(part) for part in arguments])


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A NIR file in a run folder."""
    write_nir(tmp_path / "run/model.nir", chain([64, 16, 10]))
    return tmp_path / "run/model.nir"


@pytest.fixture
def program(network: Path, tmp_path: Path) -> Path:
    """The same, compiled."""
    chip = load_chip("loihi2")
    save_program(place(compile_graph(chain([64, 16, 10]), chip, steps=4), chip), tmp_path / "small.nhw")
    return tmp_path / "small.nhw"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("targets show loihi3", "no chip called 'loihi3'. Did you mean loihi2"),
        ("models show digit-fc", "no model called 'digit-fc'. Did you mean digits-fc"),
        ("rules show e-prop", "no rule called 'e-prop'. Did you mean eprop"),
        ("audit --rule epro --model digits-fc --target loihi2", "Did you mean eprop"),
        ("audit --rule eprop --model digits-f --target loihi2", "Did you mean digits-fc"),
        ("audit --rule eprop --model digits-fc --target loihi", "Did you mean loihi"),
        ("train --model digit-fc", "Did you mean digits-fc"),
        ("train --rule bpt", "Did you mean bptt"),
        ("train --dataset digit", "no dataset called 'digit'. Did you mean digits"),
        ("run PROGRAM --dataset digit", "no dataset called 'digit'. Did you mean digits"),
        ("run PROGRAM --split tests", "no split called 'tests'. Did you mean test"),
        ("run PROGRAM --engine lav", "no engine called 'lav'. Did you mean lava"),
        ("compile NETWORK -t loihi3 -s 4 -o x.nhw", "Did you mean loihi2"),
        ("compile NETWORK -t loihi2 -s 4 -o x.nhw --dialect snntorh", "Did you mean snntorch"),
        ("export RUN -o x.nir -f onnx", "no export format called 'onnx'"),
    ],
)
def test_an_unknown_name_gets_the_nearest(
    line: str, words: str, network: Path, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"NETWORK": network, "RUN": network.parent, "PROGRAM": program}
    assert words in refused(2, *(places.get(part, part) for part in line.split()))
    assert not list(tmp_path.glob("x.*"))


TOML_FAULTS = {
    "no TOML": ('summary = "x\n', "not TOML"),
    "a text for a number": (MODEL.replace("10", '"ten"'), "layers[0].neurons: got 'ten' (expected a whole number"),
    "out of range": (MODEL.replace("0.9", "1.5"), "layers[0].beta: got 1.5 (expected a number of at least 0"),
    "a missing key": (MODEL.replace("steps = 4\n", ""), "steps: this key is missing (expected a whole number"),
    "an unknown key": (MODEL + "tau = 3\n", "layers[0].tau: unknown key (expected one of name, neurons"),
}


@pytest.mark.parametrize(("text", "words"), TOML_FAULTS.values(), ids=TOML_FAULTS)
def test_a_malformed_model_names_file_key_and_expectation(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    for verb in (("train", "--model"), ("models", "show"), ("audit", "--rule", "bptt", "--target", "odin", "--model")):
        message = refused(2, *verb, path)
        assert f"{path}: " in message
        assert words in message
    checked = _run("models", "check", path)
    assert checked.exit_code == 1
    assert words in checked.stdout


def test_a_malformed_chip_names_file_line_key_and_expectation(network: Path, tmp_path: Path) -> None:
    path = _chip_with(tmp_path, "cores", '"many"')
    message = refused(2, "compile", network, "-t", path, "-s", 4, "-o", tmp_path / "x.nhw")
    assert re.search(rf"{path}:\d+, key 'structure.cores': the value is 'many' \(expected an integer", message)
    assert _run("targets", "check", path).exit_code == 1


def test_a_malformed_rule_names_file_key_and_expectation(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('title = "mine"\nlearns = 3\n')
    message = refused(2, "rules", "show", path)
    assert f"{path}: learns: unknown key (expected one of" in message
    assert _run("rules", "check", path).exit_code == 1
    assert _run("rules", "check", "x0**2").exit_code == 1


@pytest.mark.parametrize("verb", ["models show", "rules show", "targets show", "models check", "rules check"])
def test_a_file_that_is_not_there_or_a_folder_or_no_text(verb: str, tmp_path: Path) -> None:
    assert "there is no such file" in refused(2, *verb.split(), tmp_path / "none.toml")
    (tmp_path / "folder.toml").mkdir()
    assert str(tmp_path / "folder.toml") in refused(2, *verb.split(), tmp_path / "folder.toml")


def _truncated(path: Path, network: Path) -> None:
    path.write_bytes(network.read_bytes()[:5000])


def _pickled(path: Path, network: Path) -> None:
    path.write_bytes(pickle.dumps({"weights": [1, 2, 3]}))


def _checkpoint(path: Path, network: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, path)


def _foreign(path: Path, network: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = [1, 2, 3]


def _without_edges(path: Path, network: Path) -> None:
    path.write_bytes(network.read_bytes())
    with h5py.File(path, "a") as file:
        del file["node/edges"]


NIR_FAULTS: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "truncated": (_truncated, "truncated file"),
    "pickled": (_pickled, "expected an HDF5 file"),
    "PyTorch checkpoint": (_checkpoint, "checkpoints are never unpickled here"),
    "other HDF5": (_foreign, "key 'node' is missing (expected /node with type NIRGraph, nodes and edges)"),
    "edges missing": (_without_edges, "edges"),
    "empty": (lambda path, network: path.touch(), "is empty (expected an HDF5 file)"),
}


@pytest.mark.parametrize(("write", "words"), NIR_FAULTS.values(), ids=NIR_FAULTS)
def test_a_malformed_nir_file_names_file_key_and_expectation(
    write: Callable[[Path, Path], None], words: str, network: Path, tmp_path: Path
) -> None:
    path = tmp_path / "bad.nir"
    write(path, network)
    message = refused(2, "compile", path, "-t", "loihi2", "-s", 4, "-o", tmp_path / "x.nhw")
    assert f"{path}: " in message
    assert words in message
    assert not (tmp_path / "x.nhw").exists()


def test_a_program_or_golden_case_that_is_none(network: Path, tmp_path: Path) -> None:
    assert "no readable program file" in refused(2, "run", network)
    assert "there is no such file" in refused(2, "run", tmp_path / "none.nhw")
    assert "there is no such file" in refused(2, "verify", tmp_path / "none.npz")
    assert "no golden case" in refused(2, "verify", tmp_path / "run")
    assert _run("verify", network).exit_code == 1


def test_a_network_larger_than_the_chip_is_a_negative_answer(network: Path, tmp_path: Path) -> None:
    """Layer, need, limit and remedy; first a chip of the user's with too little memory, then a network too wide."""
    out = tmp_path / "x.nhw"
    tiny = _chip_with(tmp_path, "sram_core_bytes", "60")
    message = refused(1, "compile", network, "-t", tiny, "-s", 4, "-o", out)
    for part in ("l1", "limit 480", "need"):
        assert part in message
    write_nir(tmp_path / "wide.nir", chain([1, 1_100_000]))
    message = refused(1, "compile", tmp_path / "wide.nir", "-t", "loihi2", "-s", 4, "-o", out)
    assert "l1" in message
    assert re.search(r"need [\d,]+.*limit [\d,]+.*\)\n  purpose +where", message)
    assert "It fits with:\n  - 2 chips (--chips 2)" in message
    assert not out.exists()


def test_a_dataset_that_is_not_there(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEUROTRAIN_HW_DATA", raising=False)
    out = tmp_path / "folder"
    for verb in (("train", "--model", "mnist-fc", "--out", out), ("run", program, "--dataset", "mnist")):
        message = refused(2, *verb)
        for part in ("MNIST", "t10k-images-idx3-ubyte.gz", "NEUROTRAIN_HW_DATA"):
            assert part in message
    assert str(tmp_path) in refused(2, "train", "--model", "mnist-fc", "--data", tmp_path, "--out", out)
    assert not out.exists()


def test_lava_that_is_not_there(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROTRAIN_HW_LAVA_VENV", str(tmp_path / "nowhere"))
    for verb in (("lava", "check"), ("run", program, "--engine", "lava", "--samples", 1)):
        assert "Lava is not installed. Run: neurotrain-hw lava install" in refused(2, *verb)


def test_a_python_that_is_no_cpython_310(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROTRAIN_HW_LAVA_VENV", str(tmp_path / "venv"))
    assert "uv python install 3.10" in refused(2, "lava", "install", "--python", "/bin/true")
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize("place", [".", "file/below", "/dev/null"])
def test_an_output_that_cannot_be_written(
    place: str, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder, a place below a file, a device: named before anything is replaced."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "run/run.json").write_text("{}")
    for verb in (("compile", network, "-t", "loihi2", "-s", 4), ("export", network.parent)):
        assert f"error: {place}: " in refused(2, *verb, "-o", place)
    assert Path("/dev/null").is_char_device()
    assert not list(tmp_path.glob("**/*.part"))


@pytest.mark.parametrize("verb", ["train", "demo"])
def test_a_run_folder_that_cannot_be_made(verb: str, tmp_path: Path) -> None:
    """Said before anything is trained."""
    (tmp_path / "file").touch()
    assert "cannot be written" in refused(2, verb, "--out", tmp_path / "file")
    assert "cannot be written" in refused(2, verb, "--out", tmp_path / "file/below")


def test_a_full_disk(network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operating system's own answer, at the moment when the program is written."""

    def full(*_: object, **__: object) -> None:
        with Path("/dev/full").open("wb", buffering=0) as device:
            device.write(b"x")

    monkeypatch.setattr("neurotrain_hw.archive.np.lib.format.write_array", full)
    message = refused(2, "compile", network, "-t", "loihi2", "-s", 4, "-o", tmp_path / "x.nhw")
    assert f"{tmp_path / 'x.nhw'}: cannot be written: No space left on device. Free some space" in message
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_numbers_out_of_range(program: Path, tmp_path: Path) -> None:
    out = tmp_path / "folder"
    for option, value, words in (
        ("--bits", "99", "1..12"), ("--bits", "eight", "a whole number or 'float'"), ("--steps", "0", "at least 1"),
        ("--epochs", "0", "at least 1"), ("--seed", "-1", "at least 0"),
    ):  # fmt: skip
        assert words in refused(2, "train", option, value, "--out", out)
    assert not out.exists()
    assert _run("run", program, "--seed", "-1").exit_code == 2
    assert _run("run", program, "--samples", "0").exit_code == 2


def _chip_with(folder: Path, key: str, value: str) -> Path:
    """Loihi 2 with one figure changed, in a file of the user's."""
    text = (shipped("targets") / "loihi2.toml").read_text()
    changed, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text, count=1)
    assert count == 1
    (folder / "mine.toml").write_text(changed)
    return folder / "mine.toml"
