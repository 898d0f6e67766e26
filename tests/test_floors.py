"""The floors of the house: the chip side works where torch is not installed, and `--help` loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

CHIP_SIDE = (
    "rules chips interchange reference memory compiler compare simulator lava energy audit program archive events "
    "errors files doctor"
)

IMPORT_ALL = """
import importlib, pkgutil, sys
for absent in ("torch", "snntorch", "brevitas", "nirtorch"):
    sys.modules[absent] = None  # importing it now raises ImportError
count = 0
for name in sys.argv[1:]:
    module = importlib.import_module(f"neurotrain_hw.{name}")
    count += 1
    for inner in pkgutil.walk_packages(getattr(module, "__path__", []), module.__name__ + "."):
        if ".lava.worker" not in inner.name:  # runs in Lava's own interpreter
            importlib.import_module(inner.name)
            count += 1
print(count)
"""


def test_every_module_of_the_chip_side_imports_without_torch() -> None:
    names = CHIP_SIDE.split()
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL, *names], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 2 * len(names)


def test_registering_all_verbs_loads_nothing_heavy() -> None:
    code = "import sys, neurotrain_hw.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "numba", "scipy", "sklearn", "h5py", "nir", "plotly", "jinja2", "rich", "dask", "optuna"}
    assert not heavy & set(done.stdout.split())
