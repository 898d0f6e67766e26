"""`--budget` and `--chips` on the verbs that choose a chip, and the memory map that they show."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import typer
from click.testing import Result
from graphs import chain
from typer.testing import CliRunner

from benchmarks.cases import learning_digits
from neurotrain_hw.chips import load_chip
from neurotrain_hw.cli.audit import audit
from neurotrain_hw.cli.compile import compile_
from neurotrain_hw.cli.run import run
from neurotrain_hw.compiler import compile_graph, place
from neurotrain_hw.interchange import write_nir
from neurotrain_hw.program.file import load_program, save_program

app = typer.Typer()
app.command("compile")(compile_)
app.command("audit")(audit)
app.command("run")(run)
LEARNER = ("audit", "--rule", "eprop-random", "--model", "digits-fc")


def call(*arguments: object) -> Result:
    """The result of a command line."""
    return CliRunner().invoke(app, [str(part) for part in arguments])


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A NIR file: 82,514 bits on Loihi 2."""
    write_nir(tmp_path / "model.nir", chain([64, 128, 10]))
    return tmp_path / "model.nir"


def test_compile_for_another_memory(network: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.nhw"
    result = call("compile", network, "-t", "loihi2", "-s", 4, "-o", out, "--budget", "4KiB", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)["memory_map"]
    assert len(found["cores"]) == 3 and found["chips"] == 1
    for core in found["cores"]:
        assert [pool["limit_bits"] for pool in core["pools"]] == [4096 * 8]
        assert sum(part["bits"] for part in core["purposes"]) == core["pools"][0]["need_bits"]
    assert load_program(out).notes[-1] == "the memory of a core is assumed to be 4KiB (--budget)"


def test_compile_shows_every_core_on_demand_and_what_it_leaves_out(network: Path, tmp_path: Path) -> None:
    common = ("compile", network, "-t", "loihi2", "-s", 4, "-o", tmp_path / "x.nhw", "--budget", "1KiB")
    brief, full = call(*common), call(*common, "--map")
    assert "Memory of the fullest of 1 chip, 11 cores" in brief.stdout and "Memory map" not in brief.stdout
    assert "Memory map" in full.stdout and full.stdout.count("neuron parameters") > 10
    for result in (brief, full):
        assert "Not counted: programs of neurons (no chip file gives their size); routing" in result.stdout


def test_as_many_chips_as_it_takes(tmp_path: Path) -> None:
    write_nir(tmp_path / "wide.nir", chain([1, 1_100_000]))
    common = ("compile", tmp_path / "wide.nir", "-t", "loihi2", "-s", 4, "-o", tmp_path / "x.nhw")
    one = call(*common)
    assert one.exit_code == 1 and "  - 2 chips (--chips 2)" in one.stderr
    auto = call(*common, "--chips", "auto")
    assert auto.exit_code == 0 and "x.nhw: 2 chips, " in auto.stdout.replace("\n", "")
    assert call(*common, "--chips", "2").exit_code == 0


@pytest.mark.parametrize("chips", ["0", "-1", "two", "1.5", "1000000", ""])
def test_what_is_no_number_of_chips(network: Path, tmp_path: Path, chips: str) -> None:
    result = call("compile", network, "-t", "loihi2", "-s", 4, "-o", tmp_path / "x.nhw", "--chips", chips)
    assert result.exit_code == 2 and "1 to 999,999, or auto" in result.stderr


@pytest.mark.parametrize("verb", ["compile", "audit", "run"])
def test_what_is_no_size(verb: str, network: Path, tmp_path: Path) -> None:
    chip = load_chip("loihi2")
    save_program(place(compile_graph(chain([64, 10]), chip, steps=4), chip), tmp_path / "p.nhw")
    arguments = {
        "compile": (network, "-t", "loihi2", "-s", 4, "-o", tmp_path / "x.nhw"),
        "audit": (*LEARNER[1:], "--target", "loihi2"),
        "run": (tmp_path / "p.nhw",),
    }[verb]
    result = call(verb, *arguments, "--budget", "64kb")
    assert result.exit_code == 2 and "'64kb' is no size" in result.stderr and "as in 64KiB" in result.stderr


def test_a_program_is_refused_before_it_runs(tmp_path: Path) -> None:
    """Table and remedies on standard error and as JSON; no dataset is loaded for it."""
    program, _ = learning_digits()
    path = tmp_path / "p.nhw"
    save_program(program, path)
    result = call("run", path, "--dataset", "nonsense", "--budget", "100B")
    assert result.exit_code == 1 and "nonsense" not in result.output
    assert "one neuron with its synapses is too large for a core (need 1,255 bits" in result.stderr
    document = json.loads(call("run", path, "--budget", "100B", "--json").stdout)
    rows = {row["purpose"]: row for row in document["table"]}
    assert rows["core memory, all of it"]["need"] == 1255 and rows["core memory, all of it"]["limit"] == 800
    assert rows["wider weights"]["where"] == "chip 0 core 0"
    assert document["remedies"] == ["274 bytes of memory in a core (--budget 274B)"]


def test_a_run_within_the_budget_says_so(tmp_path: Path) -> None:
    chip = load_chip("loihi2")
    save_program(place(compile_graph(chain([64, 10]), chip, steps=4), chip), tmp_path / "p.nhw")
    result = call("run", tmp_path / "p.nhw", "--samples", 1, "--budget", "1KiB")
    assert result.exit_code == 0
    assert "core memory: the fullest of 1 chip, 1 core needs 5,657 of 8,192 bits" in result.stdout


def test_a_program_that_breaks_its_own_map_or_lies_nowhere(tmp_path: Path) -> None:
    chip = load_chip("loihi2")
    program = compile_graph(chain([64, 10]), chip, steps=4)
    path = tmp_path / "p.nhw"
    save_program(dataclasses.replace(program, placement=(), memory=()), path)
    assert call("run", path, "--samples", 1).exit_code == 0
    placed = place(program, chip)
    row = dataclasses.replace(placed.memory[0], limit_bits=1)
    save_program(dataclasses.replace(placed, memory=(row, *placed.memory[1:])), path)
    result = call("run", path, "--samples", 1)
    assert result.exit_code == 1 and "the core memory is too small" in result.stderr
    save_program(dataclasses.replace(program, chip="mine"), path)
    result = call("run", path, "--budget", "1KiB")
    assert result.exit_code == 2 and "the program is for 'mine'" in result.stderr


def test_the_audit_says_what_fits_and_it_does() -> None:
    """13,152 bytes suffice; 12 KiB do with feedback from a seed, on two chips, and with weights of 6 bits."""
    common = (*LEARNER, "--target", "edge_sram", "--json")
    assert call(*common, "--budget", "13152B").exit_code == 0
    refused = call(*common, "--budget", "12KiB")
    assert refused.exit_code == 1
    rows = {row["requirement"]: row for row in json.loads(refused.stdout)["rows"]}
    assert (rows["cores"]["need"], rows["cores"]["limit"], rows["cores"]["result"]) == ("2", "1", "fail")
    remedy = rows["memory with learning"]["remedy"]
    for words in ("(--feedback generated)", "(--chips 2)", "(--budget 13152B)", "(--weight-bits 6)"):
        assert words in remedy
    assert "where they do not learn" not in remedy  # the audit has no option for that
    assert call(*common, "--budget", "12KiB", "--weight-bits", 6).exit_code == 0
    assert call(*common, "--budget", "12KiB", "--weight-bits", 8).exit_code == 1
    assert call(*common, "--budget", "12KiB", "--feedback", "generated").exit_code == 0
    assert call(*common, "--budget", "12KiB", "--chips", "2").exit_code == 0
    assert call(*LEARNER, "--target", "loihi2", "--feedback", "generated").exit_code == 2
    assert "Did you mean" in call(*LEARNER, "--target", "loihi2", "--feedback", "generate").stderr


def test_the_audit_narrows_weights_on_demand() -> None:
    common = (*LEARNER, "--target", "loihi2", "--json", "--weight-bits")
    engines = {row["requirement"]: row for row in json.loads(call(*common[:-1]).stdout)["rows"]}
    assert engines["memory: wider weights"]["reason"].startswith("9472 x 1 b")
    rows = {row["requirement"]: row for row in json.loads(call(*common, 4).stdout)["rows"]}
    assert "memory: wider weights" not in rows  # what is learned stays on the grid of 4 bits
    rows = {row["requirement"]: row for row in json.loads(call(*common, 9).stdout)["rows"]}
    assert rows["weight bits"]["result"] == "fail" and "--weight-bits 8" in rows["weight bits"]["remedy"]
