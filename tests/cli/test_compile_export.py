"""The verbs `compile` and `export`: files in, files out, and what they say."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer
from graphs import chain
from typer.testing import CliRunner

from neurotrain_hw.cli.compile import compile_
from neurotrain_hw.cli.export import export
from neurotrain_hw.interchange import read_nir, write_nir
from neurotrain_hw.interchange.netx_file import NetxLayer, NetxNeuron, write_netx
from neurotrain_hw.program.file import load_program

app = typer.Typer()
app.command("compile")(compile_)
app.command("export")(export)


def run(*arguments: object):
    """The result of a command line."""
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def network(tmp_path):
    """A NIR file of ours, in a run folder."""
    path = tmp_path / "run" / "model.nir"
    write_nir(path, chain([64, 128, 10]))
    return path


def test_compile_writes_a_program_and_tells_of_it(network, tmp_path):
    out = tmp_path / "digits.nhw"
    result = run("compile", network, "--target", "loihi2", "--steps", 20, "--out", out, "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    program = load_program(out)
    assert program.chip == "loihi2" and program.timing.sample_steps == document["steps"] == 20
    assert [row["weights"] for row in document["layers"]] == [c.name for c in program.connections]
    assert sum(row["need_bits"] for row in document["memory"]) == sum(row.need_bits for row in program.memory)
    assert document["notes"] == list(program.notes)


def test_compile_prints_tables(network, tmp_path):
    result = run("compile", network, "--target", "loihi1", "--steps", 20, "--out", tmp_path / "x.nhw")
    assert result.exit_code == 0
    for word in ("Layers", "l2_weights", "synapse memory", "block overhead", "note: l1: decay 0.9 becomes"):
        assert word in result.stdout


def test_a_network_of_lava_dl_compiles_as_it_is(tmp_path):
    cuba = NetxNeuron("CUBA", {"iDecay": 4096, "vDecay": 128, "vThMant": 80})
    weights = 2 * np.random.default_rng(0).integers(-60, 61, (10, 64))
    write_netx([NetxLayer("dense", (10,), {"weight": weights}, neuron=cuba)], tmp_path / "x.net")
    told = ("compile", tmp_path / "x.net", "--target", "loihi2", "--steps", 20, "--out", tmp_path / "x.nhw")
    result = run(*told)
    assert result.exit_code == 0 and "dense, 640 weights" in result.stdout
    program = load_program(tmp_path / "x.nhw")
    np.testing.assert_array_equal(program.connections[0].matrix(), weights)
    assert program.timing.sample_steps == 20 and program.placement
    assert json.loads(run(*told, "--json").stdout)["dialect"] == "netx"
    refused = run(*told, "--dialect", "nir")
    assert refused.exit_code == 2 and "--dialect is for NIR files" in refused.stderr


def test_a_network_too_large_is_a_negative_answer_and_leaves_no_file(tmp_path):
    write_nir(tmp_path / "x.nir", chain([5000, 3]))
    result = run("compile", tmp_path / "x.nir", "--target", "loihi1", "--steps", 5, "--out", tmp_path / "x.nhw")
    assert result.exit_code == 1 and "5,000 input axons, limit 4,096" in result.stderr
    assert not (tmp_path / "x.nhw").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--target": "loihi3"}, "Did you mean"),
        ({"--dialect": "nir"}, "--dt"),
        ({"--dialect": "norse"}, "needs the length of a step"),
        ({"--steps": 0}, "at least 1"),
    ],
)
def test_usage_errors(network, tmp_path, change, words):
    options = {"--target": "loihi2", "--steps": 20, "--out": tmp_path / "x.nhw"} | change
    result = run("compile", network, *[part for option in options.items() for part in option])
    assert result.exit_code == 2 and words in result.stderr


def test_export_copies_the_network_of_a_run(network, tmp_path):
    result = run("export", network.parent, "--out", tmp_path / "y.nir")
    assert result.exit_code == 0 and "8-bit integers" in result.stdout
    assert read_nir(tmp_path / "y.nir").meaning == read_nir(network).meaning


def test_export_of_nothing_and_to_nowhere(network, tmp_path):
    result = run("export", tmp_path, "--out", tmp_path / "y.nir", "--json")
    assert result.exit_code == 2 and json.loads(result.stdout)["error"] == "DataUnavailableError"
    result = run("export", network.parent, "--format", "onnx", "--out", tmp_path / "y.onnx")
    assert result.exit_code == 2 and "onnx" in result.stderr


def test_a_program_leaves_as_a_file_of_lava_dl_and_comes_back(network, tmp_path):
    compiled = ("--target", "loihi2", "--steps", 20, "--weight-exp", 0, "--out")
    assert run("compile", network, *compiled, tmp_path / "x.nhw").exit_code == 0
    result = run("export", tmp_path / "x.nhw", "--format", "netx", "--out", tmp_path / "x.net")
    assert result.exit_code == 0 and "reset_interval=20" in result.stdout
    assert run("compile", tmp_path / "x.net", *compiled[:4], "--out", tmp_path / "y.nhw").exit_code == 0
    one, other = (load_program(tmp_path / f"{name}.nhw") for name in "xy")
    for a, b in zip(one.connections, other.connections, strict=True):
        np.testing.assert_array_equal(a.matrix() * 2.0**a.weight_exp, b.matrix() * 2.0**b.weight_exp)
    result = run("export", tmp_path / "x.nhw", "--format", "lava", "--out", tmp_path / "x.py", "--json")
    assert result.exit_code == 0 and "x.npz" in json.loads(result.stdout)["notes"][0]
    result = run("export", tmp_path / "x.nhw", "--out", tmp_path / "x.nir")
    assert result.exit_code == 2 and "lava, netx" in result.stderr


def test_fewer_bits_until_the_network_fits(tmp_path):
    """9,472 weights and the state of 138 neurons do not fit 128 cores of 80 bytes with 8 bits each."""
    write_nir(tmp_path / "x.nir", chain([64, 128, 10], bits=None))
    told = ["compile", tmp_path / "x.nir", "--target", "loihi2", "--steps", 20, "--out", tmp_path / "x.nhw", "--json"]
    small = [*told, "--budget", "80B"]
    assert run(*small).exit_code == 1
    document = json.loads(run(*small, "--mixed", "--quantise", "percentile:99.5").stdout)
    bits = [row["bits"] for row in document["layers"]]
    assert min(bits) < 8 and any("squared error of its weights" in note for note in document["notes"])
    assert load_program(tmp_path / "x.nhw").connections[0].num_weight_bits == bits[0]
    refused = run(*told, "--budget", "20B", "--mixed")
    assert refused.exit_code == 1 and "fewest bits" in refused.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--quantise", "percentile:x"), "percentile:99.9"),
        (("--quantise", "mse:3"), "--quantise"),
        (("--bits", "l9=4"), "l9"),
        (("--bits", "l1=4", "--bits", "5"), "NAME=NUMBER"),
    ],
)
def test_settings_of_quantisation_that_mean_nothing_are_refused(network, tmp_path, options, words):
    result = run("compile", network, "--target", "loihi2", "--steps", 20, "--out", tmp_path / "x.nhw", *options)
    assert result.exit_code == 2 and words in result.stderr
