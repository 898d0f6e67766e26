"""Chip files of the user's: what is read, and how faults are told."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurotrain_hw.chips import KEYS, faults, load_chip
from neurotrain_hw.errors import FormatError, UnknownNameError, UnsupportedError, ValueRangeError

GOOD = """\
schema = 1

[chip]
id = "tiny"
name = "Tiny"
kind = "digital-sync"
time_model = "timestep"

[structure]
cores = 2
neurons_per_core = "unknown"

[learning]
supported = true
synaptic_state = ["weight:8s", "trace:5u"]

[energy]
scope = "per-term"
synop_pj = 10

[provenance]
"chip.*" = {source = "sheet", status = "V"}
"structure.*" = {source = "sheet", status = "S"}
"learning.*" = {source = "sheet", status = "V"}
"energy.*" = {source = "sheet", status = "D"}

[sources]
sheet = "data sheet 1.0"
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "tiny.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_chip_file_of_the_user_is_read_with_source_and_status(tmp_path: Path) -> None:
    chip = load_chip(write(tmp_path, GOOD))
    cores = chip.figure("structure.cores")
    assert (cores.value, cores.source, cores.status, cores.source_id) == (2, "data sheet 1.0", "S", "sheet")
    assert chip.number("energy.synop_pj") == 10.0
    assert chip.flag("learning.supported") is True
    state = chip.state("learning.synaptic_state")
    assert state is not None
    assert [(f.name, f.bits, f.signed) for f in state] == [("weight", 8, True), ("trace", 5, False)]


def test_a_text_with_a_slash_or_toml_is_a_path(tmp_path: Path) -> None:
    assert load_chip(str(write(tmp_path, GOOD))).id == "tiny"
    assert load_chip(os.path.relpath(tmp_path / "tiny.toml")).id == "tiny"


def test_unknown_and_absent_figures_are_unknown(tmp_path: Path) -> None:
    chip = load_chip(write(tmp_path, GOOD))
    for key in ("structure.neurons_per_core", "memory.sram_core_bytes"):
        figure = chip.figure(key)
        assert (figure.value, figure.known, figure.status) == (None, False, "U")
        assert chip.integer(key) is None
        with pytest.raises(UnsupportedError, match=rf"chip 'tiny'.*{key}.*to place neurons.*tiny\.toml"):
            chip.require_integer(key, "to place neurons")


def test_a_key_outside_the_schema_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"memory\.sram_core_bytes"):
        load_chip("loihi2").figure("memory.sram_core_byte")


def test_a_figure_asked_for_as_another_type_is_refused() -> None:
    with pytest.raises(ValueRangeError, match="integers"):
        load_chip("loihi2").integer("synapse.weight_bits_allowed")


def test_an_unknown_chip_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean loihi2"):
        load_chip("loihi-2")


@pytest.mark.parametrize("name", ["../targets/loihi2", "no_such_file.toml"])
def test_a_path_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(FormatError, match="there is no such file"):
        load_chip(name)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("cores = 2", 'cores = "two"', 10, "'structure.cores'.*'two'.*an integer of at least 0"),
        ("cores = 2", "cores = -2", 10, "an integer of at least 0"),
        ("cores = 2", "cores = true", 10, "an integer of at least 0"),
        ("cores = 2", "cores = 2.0", 10, "an integer of at least 0"),
        ("cores = 2", "core = 2", 10, "there is no such key.*Did you mean structure.cores"),
        ("cores = 2", f"cores = {2**64}", 10, "more than 64 bits"),
        ("synop_pj = 10", "synop_pj = nan", 19, "a number of at least 0"),
        ("synop_pj = 10", "synop_pj = inf", 19, "a number of at least 0"),
        ('scope = "per-term"', 'scope = "per term"', 18, "one of 'per-term', 'affine'"),
        ('"trace:5u"', '"trace:5"', 15, "name, bits, s"),
        ("supported = true", "supported = 1", 14, "true or false"),
        ("[energy]", "[enegry]", 17, "there is no such section.*Did you mean energy"),
        ('"chip.*" = {source = "sheet"', '"chip.*" = {source = "shet"', 22, "no source 'shet'.*Did you mean sheet"),
        ('status = "D"', 'status = "Z"', 25, "status one of V, S, D, M, X, U"),
        ('"energy.*"', '"enrgy.*"', 25, "there is no such key.*Did you mean energy"),
        ('"energy.*" = {source = "sheet", status = "D"}', "", 18, "has no source"),
        ("schema = 1", "schema = 2", 1, "schema = 1"),
        ('id = "tiny"', 'id = "unknown/.."', 4, "no name for a chip"),
        ('name = "Tiny"', 'name = "unknown"', 5, "cannot be unknown"),
        ('kind = "digital-sync"', "", 3, "the key is missing"),
        ("cores = 2", "cores = [2", 11, "not TOML"),
        ("cores = 2", "cores = 2\ncores = 3", 11, "not TOML"),
    ],
)
def test_a_fault_names_file_line_key_and_what_was_expected(
    tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(FormatError, match=says):
        load_chip(path)
    assert any(f"tiny.toml:{line}" in str(fault) for fault in faults(path))


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("cores = 2", "cores = -1").replace("synop_pj", "synap_pj"))
    assert len(faults(path)) == 2


def test_faults_of_a_calibration_name_the_right_entry(tmp_path: Path) -> None:
    good = '\n[[calibration]]\ntask = "a"\nfigures = {mw = 1.0}\nsource = "sheet"\nstatus = "V"\nindependent = true\n'
    path = write(tmp_path, GOOD + good + good.replace('"sheet"', '"sheat"').replace("task", "tusk"))
    text = "\n".join(str(fault) for fault in faults(path))
    lines = (GOOD + good).count("\n")
    assert f"tiny.toml:{lines + 5}, key 'calibration[2].source'" in text
    assert "key 'calibration[2].task': the key is missing" in text
    assert "Did you mean task" in text


def test_a_file_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"too large.*262144 bytes"):
        load_chip(write(tmp_path, GOOD + "# " + "x" * 300_000))


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.toml"
    os.mkfifo(fifo)
    with pytest.raises(FormatError, match="there is no such file"):
        load_chip(fifo)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"a = " + b"[" * 20_000, b"a = " + b"9" * 5_000, b"\x00", b"chip = 3", b"calibration = 1"]
)
def test_what_is_no_chip_file_gives_a_typed_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FormatError):
        load_chip(write(tmp_path, content))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_read_or_refused_by_name(tmp_path: Path, data: st.DataObject) -> None:
    """Any line replaced by any assignment or any text: a chip, or a FormatError, and nothing else."""
    lines = GOOD.splitlines()
    scalars = st.one_of(
        st.integers(), st.floats().map(str), st.sampled_from(["true", '"x"', '"unknown"', "1979-05-27"])
    )
    values = st.one_of(scalars.map(str), st.lists(scalars.map(str), max_size=3).map(lambda v: f"[{', '.join(v)}]"))
    names = st.one_of(st.sampled_from([k.partition(".")[2] for k in KEYS]), st.sampled_from(['"chip.*"', "sheet", "x"]))
    line = st.one_of(st.text(max_size=20), st.tuples(names, values).map(" = ".join))
    lines[data.draw(st.integers(0, len(lines) - 1))] = data.draw(line)
    path = write(tmp_path, "\n".join(lines).encode("utf-8", "surrogateescape"))
    found = faults(path)
    if found:
        with pytest.raises(FormatError):
            load_chip(path)
    else:
        assert load_chip(path).name
