"""constraints.txt: exact, complete, and in agreement with pyproject.toml and with itself."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    """Version by canonical name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def test_every_requirement_of_pyproject_is_pinned_to_a_version_that_it_allows(pins: dict[str, str]) -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = document["project"]
    texts = [*project["dependencies"], *document["build-system"]["requires"]]
    texts += [text for extra in project["optional-dependencies"].values() for text in extra]
    for text in texts:
        requirement = Requirement(text)
        if requirement.name != project["name"]:
            assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), text


def test_every_requirement_of_a_pinned_package_is_pinned_to_a_version_that_it_allows(pins: dict[str, str]) -> None:
    for name in pins:
        for text in metadata.requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                version = pins.get(canonicalize_name(requirement.name))
                assert version is not None, f"{name} needs {text}, which is not pinned"
                assert requirement.specifier.contains(version), f"{name} needs {text}, pinned is {version}"


def test_torch_is_pinned_without_a_local_version_and_torchaudio_not_at_all(pins: dict[str, str]) -> None:
    assert pins["torch"] == "2.13.0"
    assert "torchaudio" not in pins
