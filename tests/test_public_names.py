"""The public names of the package: all there, each the very object of its home, none loaded before it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import neurotrain_hw

HEAVY = ("torch", "numba", "numpy", "nir", "h5py", "sklearn", "plotly", "typer", "rich")
# Written down here once more, so that a name that is lost from the package fails the test.
HOMES = {
    "Connection": "program", "EventStream": "events", "Modulator": "program", "NeurotrainError": "errors",
    "Plasticity": "program", "Population": "program", "Program": "program", "Run": "simulator.run",
    "chip_names": "chips", "compile_graph": "compiler", "load_chip": "chips", "load_model": "networks",
    "load_program": "program.file", "load_rule": "rules", "model_names": "networks", "place": "memory",
    "read_nir": "interchange", "rule_names": "rules", "save_program": "program.file", "simulate": "simulator.engine",
    "simulate_batch": "simulator.engine", "to_graph": "networks", "write_nir": "interchange",
}  # fmt: skip


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after running `code`."""
    code += "\nimport sys; print(' '.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(("name", "home"), HOMES.items())
def test_a_name_is_the_object_of_its_home(name: str, home: str) -> None:
    assert getattr(neurotrain_hw, name) is getattr(import_module(f"neurotrain_hw.{home}"), name)


def test_all_names_are_listed() -> None:
    assert set(neurotrain_hw.__all__) == {*HOMES, "__version__"}
    assert set(neurotrain_hw.__all__) <= set(dir(neurotrain_hw))


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(neurotrain_hw.__file__).read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(HOMES)


def test_version_is_that_of_the_distribution() -> None:
    assert neurotrain_hw.__version__ == version("neurotrain-hw")


def test_subpackages_are_not_hidden_by_names() -> None:
    from neurotrain_hw import audit, lava

    assert callable(audit.audit)
    assert callable(lava.simulate)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        _ = neurotrain_hw.simulat


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import neurotrain_hw").isdisjoint(HEAVY)


def test_building_a_program_loads_neither_torch_nor_numba() -> None:
    code = "from neurotrain_hw import Program, Population, EventStream, load_chip, load_rule, load_model, place"
    assert loaded_after(code).isdisjoint({"torch", "numba", "sklearn"})
