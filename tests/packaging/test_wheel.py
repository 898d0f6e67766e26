"""The wheel as a user gets it: built, installed into an environment of its own, used far from the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the build back end that is installed here (no network)."""
    folder = tmp_path_factory.mktemp("dist")
    _run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)], cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment that holds the wheel, and finds third-party packages in ours."""
    home = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    own = Path(_run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], cwd=home).strip())
    # A path in a .pth file is appended as it is: .pth files inside it (our editable install) are not read.
    (own / "third_party.pth").write_text(sysconfig.get_path("purelib") + "\n")
    _run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "-qq", "--no-deps", "--no-index", str(wheel)]
    )
    return home / "bin"


def test_wheel_holds_all_data_files_of_the_checkout(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, prefix in (("targets", "neurotrain_hw/"), ("models", "neurotrain_hw/"), ("neurotrain_hw", "")):
        expected = {prefix + str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*") if _ships(path, folder)}
        assert expected, f"nothing of {folder}/ to look for"
        assert expected <= names, f"missing from the wheel: {sorted(expected - names)}"


def test_wheel_holds_no_tests_or_tools(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"neurotrain_hw"}


@pytest.mark.parametrize("kind", ["targets", "models", "rules"])
def test_installed_wheel_lists_what_it_ships(installed: Path, tmp_path: Path, kind: str) -> None:
    listed = json.dumps(json.loads(_run([str(installed / "neurotrain-hw"), kind, "list", "--json"], cwd=tmp_path)))
    folder = ROOT / "neurotrain_hw/rules/library" if kind == "rules" else ROOT / kind
    for path in folder.glob("*.toml"):
        assert f'"{path.stem}"' in listed


def test_installed_wheel_runs_from_its_own_files(installed: Path, tmp_path: Path) -> None:
    where = _run([str(installed / "python"), "-c", "import neurotrain_hw; print(neurotrain_hw.__file__)"], cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)


def _ships(path: Path, folder: str) -> bool:
    """Data files (TOML, templates, plain text) everywhere; code only where it is part of the package."""
    if not path.is_file() or "__pycache__" in path.parts or path.name.startswith("."):
        return False
    return path.suffix == ".toml" if folder in ("targets", "models") else path.suffix not in (".nbi", ".nbc", ".pyc")


def _run(command: list[str], cwd: Path | None = None) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
