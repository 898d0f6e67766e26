"""The chip files that come with the package."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from neurotrain_hw import files
from neurotrain_hw.chips import KEYS, STATUS, chip_names, faults, load_chip
from neurotrain_hw.chips.keys import SECTIONS

CHIPS = ["akida1", "brainscales2", "edge_sram", "loihi1", "loihi2", "odin", "reckon", "speck", "spinnaker2",
         "truenorth", "xylo_audio2"]  # fmt: skip


def test_eleven_chips_are_shipped() -> None:
    assert chip_names() == CHIPS


@pytest.mark.parametrize("name", CHIPS)
def test_a_shipped_file_passes_its_own_check_and_is_named_after_its_chip(name: str) -> None:
    path = files.shipped("targets") / f"{name}.toml"
    assert faults(path) == []
    assert load_chip(name).id == name


@pytest.mark.parametrize("name", CHIPS)
def test_every_figure_has_a_source_and_a_status(name: str) -> None:
    for figure in load_chip(name).figures.values():
        assert figure.source.strip(), figure.key
        assert figure.status in STATUS, figure.key
        assert (figure.status == "U") == (not figure.known), figure.key


@pytest.mark.parametrize("name", CHIPS)
def test_every_source_of_a_file_is_used(name: str) -> None:
    document = tomllib.loads((files.shipped("targets") / f"{name}.toml").read_text())
    chip = load_chip(name)
    used = {f.source_id for f in chip.figures.values() if f.source_id} | {c.source_id for c in chip.calibrations}
    assert set(document["sources"]) == used


@pytest.mark.parametrize("name", CHIPS)
def test_every_line_of_provenance_holds_for_some_figure(name: str) -> None:
    document = tomllib.loads((files.shipped("targets") / f"{name}.toml").read_text())
    exact = {p for p in document["provenance"] if not p.endswith(".*")}
    figures = {f"{s}.{k}" for s, t in document.items() if isinstance(t, dict) for k in t}
    assert exact <= figures
    for pattern in set(document["provenance"]) - exact:
        section = pattern.removesuffix(".*")
        assert {f"{section}.{k}" for k in document[section]} - exact, f"{pattern} holds for nothing"


def test_every_key_of_the_schema_is_used_by_some_chip() -> None:
    assert {key for name in CHIPS for key in load_chip(name).figures} == set(KEYS)


@pytest.mark.parametrize("name", CHIPS)
def test_figures_agree_with_the_collected_facts(name: str, shared: Path) -> None:
    """Numbers that bear the same name in the facts collected for this project are the same."""
    facts = tomllib.loads((shared / "reference" / "targets" / f"{name}.toml").read_text())
    chip, compared = load_chip(name), 0
    for section in SECTIONS:
        for key, value in facts.get(section, {}).items():
            figure = chip.figures.get(f"{section}.{key}")
            # SpiNNaker 2's two energies are those of another chip: here they have names of their own.
            if figure is None or not figure.known or isinstance(value, str | dict) or _texts(value):
                continue
            compared += 1
            assert figure.plain == value, figure.key
    assert compared >= 9


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def test_what_the_compiler_and_the_audit_need_of_loihi2() -> None:
    chip = load_chip("loihi2")
    assert chip.require_integer("memory.sram_core_bytes", "to place neurons") == 192 * 1024
    assert chip.require_integer("structure.cores", "to place neurons") == 128
    assert chip.flag("memory.unified") is True
    assert chip.integer("neuron.u_bits") == chip.integer("neuron.v_bits") == 24
    assert chip.integer("learning.trace_bits") == 7
    assert chip.text("learning.third_factor") == "per-neuron"
    state = chip.state("learning.synaptic_state")
    assert state is not None and [(f.name, f.bits, f.signed) for f in state] == [
        ("weight", 9, True), ("tag_2", 9, True), ("tag_1", 9, True)]  # fmt: skip


def test_an_unknown_figure_names_a_source_only_where_somebody_looked() -> None:
    chip = load_chip("loihi2")
    assert "arXiv 2111.03746" in chip.figure("energy.synop_pj").source
    assert chip.figure("structure.axons_in_per_core").source == "not published, as far as found"


def test_loihi1_holds_its_table_of_energies() -> None:
    """Davies et al. 2018, Table 2."""
    chip = load_chip("loihi1")
    table = {"synop": 23.6, "neuron_active": 81.0, "neuron_inactive": 52.0, "spike_in_tile": 1.7,
             "synaptic_update": 120.0, "hop_ew": 3.0, "hop_ns": 4.0}  # fmt: skip
    assert {k: chip.number(f"energy.{k}_pj") for k in table} == table
    assert chip.integer("memory.synapse_bytes_per_core") == 16384 * 64 // 8


def test_chips_and_energy_are_read_without_heavy_packages() -> None:
    code = (
        "import json, sys; from neurotrain_hw import energy; from neurotrain_hw.chips import chip_names, load_chip; "
        "[load_chip(n) for n in chip_names()]; "
        "print(json.dumps([m for m in ('torch', 'numba', 'numpy', 'rich', 'typer', 'h5py') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_the_reference_page_lists_every_key_and_status() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "targets.md").read_text(encoding="utf-8")
    for key in KEYS.values():
        kind = key.kind + (": " + ", ".join(f"`{c}`" for c in key.choices) if key.choices else "")
        assert f"| `{key.key}` | {kind} | {key.meaning} |" in page
    for letter, words in STATUS.items():
        assert f"| {letter} | {words} |" in page


def test_the_small_file_of_the_reference_page_is_good(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "targets.md").read_text(encoding="utf-8")
    path = tmp_path / "tiny.toml"
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])
    assert faults(path) == []
