"""Verbs that only look something up load nothing heavy: what the goals for their speed come down to.

Seconds depend on the machine and on what runs beside; which packages a process has loaded does not.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "torch", "numba", "llvmlite", "scipy", "sklearn", "snntorch", "brevitas", "tonic", "h5py", "nir", "plotly",
    "jinja2", "dask", "optuna",
)  # fmt: skip
PROGRAM = """
import json, sys
sys.argv[0] = "neurotrain-hw"
code = 0
try:
    from neurotrain_hw.__main__ import main
    main()
except SystemExit as end:
    code = end.code or 0
print("\\n" + json.dumps({"code": code, "modules": sorted({name.partition(".")[0] for name in sys.modules})}))
"""
VERBS = [
    ("--help", 0),
    ("targets list", 0),
    ("targets show loihi2", 0),
    ("rules list", 0),
    ("models list", 0),
    ("datasets list", 0),
    ("datasets show shd --json", 0),
    ("audit --rule eprop-random --model digits-fc --target loihi2", 0),
    ("audit --rule bptt --model mnist-fc --target loihi2 --json", 1),
    ("run no-such-file.nhw --json", 2),
    ("compare no-such-file.nir -t loihi2 --json", 2),
]


@pytest.mark.parametrize(("line", "code"), VERBS, ids=[line for line, _ in VERBS])
def test_a_quick_verb_loads_nothing_heavy(line: str, code: int) -> None:
    found = _after(line)
    assert found["code"] == code
    assert not set(HEAVY) & set(found["modules"])


def test_help_needs_not_even_numpy() -> None:
    assert not {"numpy", "rich"} & set(_after("--help")["modules"])


def test_the_end_of_the_process_does_not_take_apart_what_was_loaded() -> None:
    code = """
import atexit, gc, sys
atexit.register(lambda: print("frozen:", gc.get_freeze_count() > 0))  # registered first, so called last
from neurotrain_hw.__main__ import main
sys.argv = ["neurotrain-hw", "--help"]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "frozen: True"


def test_the_list_of_heavy_packages_is_spelt_as_they_are() -> None:
    """Against a slip of the pen: all of them are top-level names that a full installation has."""
    from importlib.metadata import packages_distributions

    assert set(packages_distributions()) >= set(HEAVY)


def _after(line: str) -> dict:
    """Exit code and loaded packages of a process that ran one command line."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *line.split()], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
