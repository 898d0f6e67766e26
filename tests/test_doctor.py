"""The doctor: what it says is here must be here, and what it misses must have a remedy."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from neurotrain_hw import doctor

ROOT = Path(__file__).resolve().parent.parent


def test_every_requirement_of_pyproject_is_looked_at() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {("core", _name(text)) for text in project["dependencies"]}
    for extra, texts in project["optional-dependencies"].items():
        if extra != "all":
            wanted |= {(extra, _name(text)) for text in texts}
    looked_at = {(finding.group, finding.name) for finding in doctor.examine()}
    assert wanted <= looked_at


def test_versions_are_those_that_are_installed() -> None:
    found = {finding.name: finding for finding in doctor.examine()}
    assert found["numpy"].found == metadata.version("numpy")
    assert found["numpy"].ok


def test_a_missing_core_package_is_a_negative_answer_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = metadata.version

    def without_nir(name: str) -> str:
        if name == "nir":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(metadata, "version", without_nir)
    findings = doctor.examine()
    assert not doctor.core_is_fine(findings)
    (nir,) = [finding for finding in findings if finding.name == "nir"]
    assert not nir.ok
    assert "pip install neurotrain-hw" in nir.remedy


def test_a_missing_extra_leaves_the_core_fine_and_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = metadata.version

    def without_torch(name: str) -> str:
        if name == "torch":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(metadata, "version", without_torch)
    findings = doctor.examine()
    assert doctor.core_is_fine(findings)
    (torch,) = [finding for finding in findings if finding.name == "torch"]
    assert torch.remedy == "Run: pip install 'neurotrain-hw[train]'"


def test_whatever_is_missing_has_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("NEUROTRAIN_HW_SHARED", str(tmp_path / "nowhere"))
    missing = [finding for finding in doctor.examine() if not finding.ok]
    assert {"Chromium", "shared folder"} <= {finding.name for finding in missing}
    assert all(finding.remedy for finding in missing)


def test_nothing_heavy_is_imported() -> None:
    code = "import sys; from neurotrain_hw import doctor; doctor.examine(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numba", "sklearn", "h5py", "plotly"} & set(done.stdout.split())


def _name(requirement: str) -> str:
    return requirement.split("[")[0].split(">")[0].split("=")[0].strip()
