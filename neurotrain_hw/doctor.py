"""What is installed, what is missing and what to do about it, found without importing anything heavy."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from neurotrain_hw.errors import LavaUnavailableError
from neurotrain_hw.files import shipped

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
EXTRAS = ("train", "report", "campaign", "docs", "dev")
_GROUPS = ("core", *EXTRAS, "tools", "data")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for: `ok` says whether it is there, `core` whether nothing works without it."""

    group: str
    name: str
    ok: bool
    found: str
    remedy: str = ""
    core: bool = False


def examine() -> list[Finding]:
    """Look at Python, the packages of the core and of every extra, Lava, Chromium, shared data and caches."""
    findings = [
        _python(), *_packages(), *_shipped_folders(), _lava(), _chromium(), _shared(), _numba_cache(),
    ]  # fmt: skip
    return sorted(findings, key=lambda finding: _GROUPS.index(finding.group))


def core_is_fine(findings: list[Finding]) -> bool:
    """Whether everything is there that no verb can do without."""
    return all(finding.ok for finding in findings if finding.core)


def find_chromium() -> Path | None:
    """The first Chromium on PATH, or None."""
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return Path(path)
    return None


def _python() -> Finding:
    ok = sys.version_info >= (3, 11)
    return Finding(
        "core", "Python", ok, platform.python_version(), "" if ok else "Use Python 3.11 or newer.", core=True
    )


def _packages() -> Iterator[Finding]:
    """One finding per requirement in our own metadata, so that this list cannot go stale."""
    try:
        requirements = metadata.requires("neurotrain-hw") or []
    except metadata.PackageNotFoundError:
        yield Finding("core", "neurotrain-hw", False, "not installed", "Run: pip install neurotrain-hw", core=True)
        return
    for text in requirements:
        name = re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0]
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", text)
        group = extra.group(1) if extra else "core"
        if group in ("core", *EXTRAS) and name != "neurotrain-hw":
            yield _package(name, group)


def _package(name: str, group: str) -> Finding:
    core = group == "core"
    try:
        return Finding(group, name, True, metadata.version(name), core=core)
    except metadata.PackageNotFoundError:
        wanted = "neurotrain-hw" if core else f"'neurotrain-hw[{group}]'"
        return Finding(group, name, False, "not installed", f"Run: pip install {wanted}", core=core)


def _shipped_folders() -> Iterator[Finding]:
    for folder in ("targets", "models"):
        path = shipped(folder)
        count = len(list(path.glob("*.toml"))) if path.is_dir() else 0
        remedy = "" if count else "The installation is incomplete: install neurotrain-hw again."
        yield Finding("core", folder, count > 0, f"{count} files in {path}", remedy, core=True)


def _lava() -> Finding:
    try:
        from neurotrain_hw.lava.environment import lava_python

        return Finding("tools", "Lava", True, str(lava_python()))
    except ImportError as error:  # the core is broken, which other findings tell; this one must not hide them
        return Finding("tools", "Lava", False, f"not looked for: {error}", "Mend the core first.")
    except LavaUnavailableError as error:
        return Finding("tools", "Lava", False, "not found", error.remedy or "Run: neurotrain-hw lava install")


def _chromium() -> Finding:
    found = find_chromium()
    if found is None:
        remedy = "Only tests need it: install your system's package chromium to run them all."
        return Finding("tools", "Chromium", False, "not found", remedy)
    return Finding("tools", "Chromium", True, str(found))


def _shared() -> Finding:
    folder = Path(os.environ.get("NEUROTRAIN_HW_SHARED", shipped("targets").parent.parent / "shared"))
    if folder.is_dir():
        return Finding("data", "shared folder", True, str(folder.resolve()))
    remedy = "Only golden cases and larger datasets need it: set NEUROTRAIN_HW_SHARED to where it lies."
    return Finding("data", "shared folder", False, f"not at {folder}", remedy)


def _numba_cache() -> Finding:
    """Where Numba keeps compiled kernels: beside the simulator's sources, unless NUMBA_CACHE_DIR says otherwise."""
    spec = find_spec("neurotrain_hw.simulator")
    beside = Path(next(iter(spec.submodule_search_locations or ["."]))) / "__pycache__" if spec else Path()
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or beside)
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    kernels = sum(1 for _ in folder.rglob("*.nbi")) if folder.is_dir() else 0
    if os.access(existing, os.W_OK):
        return Finding("data", "Numba cache", True, f"{kernels} kernels in {folder}")
    remedy = "Kernels are compiled anew or kept in the user's cache: set NUMBA_CACHE_DIR to a writable folder."
    return Finding("data", "Numba cache", False, f"{folder} is not writable", remedy)
