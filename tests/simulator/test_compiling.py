"""Whoever waits for a compilation is told so, once, and nobody else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from numba import njit

from neurotrain_hw.simulator import kernels
from neurotrain_hw.simulator.compiling import announced

STEP = """
from neurotrain_hw import simulate
from neurotrain_hw.program import Population, Program

simulate(Program("p", (Population("in", "input", (1,)),), ()), {}, steps=1)
"""


def test_a_compilation_is_announced_and_what_is_compiled_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    @njit
    def inner(x):
        return x + 1

    @njit
    def outer(x):
        return inner(x) * 2

    with announced():
        assert outer(3) == 8
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("Compiling the simulator for this processor")
    assert second.startswith("Compiled the simulator in ") and second.endswith("kept on disk.")
    with announced():
        assert outer(4) == 10
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("modules", [kernels._LOOP, *(part.modules for part in kernels.PARTS.values())])
def test_the_key_of_compiled_code_covers_all_that_it_is_made_of(modules: tuple[str, ...]) -> None:
    """A module that a kernel takes code or constants from, and that the key leaves out, would leave old code in use."""
    folder = Path(kernels.__file__).parent
    for name in set(modules) - {"kernels"}:
        imported = re.findall(
            r"^from neurotrain_hw\.simulator\.(\w+) import", (folder / f"{name}.py").read_text(), re.M
        )
        assert set(imported) - {"addresses", "arithmetic"} <= set(modules), name
    assert {"kernels", "tables", "views"} <= set(modules)


@pytest.mark.slow
def test_the_first_use_on_a_machine_says_so_and_the_second_says_nothing(tmp_path: Path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    said = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", STEP], env=environment, capture_output=True, text=True, check=True)
        said.append(done.stderr.splitlines())
    assert [line.split()[0] for line in said[0]] == ["Compiling", "Compiled"]
    assert said[1] == []
