"""Finding a CPython 3.10, the installed environment, and the check of both."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from neurotrain_hw import lava
from neurotrain_hw.errors import LavaUnavailableError
from neurotrain_hw.lava import environment


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty PATH, no pyenv and no environment; returns a folder to put things into."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setenv("NEUROTRAIN_HW_LAVA_VENV", str(tmp_path / "venv"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def _script(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    path.chmod(0o755)
    return path


def _pretends_to_be_310(path: Path) -> Path:
    return _script(path, f"/bin/echo cpython; /bin/echo 3; /bin/echo 10; /bin/echo {shlex.quote(str(path))}")


def test_without_python310_the_error_says_how_to_get_one(nothing_installed: Path) -> None:
    """Every way in fails with the same remedy."""
    for attempt in (lava.find_python310, lava.install, lambda: lava.find_python310("python3.10")):
        with pytest.raises(LavaUnavailableError, match=r"uv python install 3\.10"):
            attempt()
    with pytest.raises(LavaUnavailableError, match="neurotrain-hw lava install"):
        lava.lava_python()
    assert not (nothing_installed / "venv").exists()


def test_another_version_is_not_taken(nothing_installed: Path) -> None:
    """Neither where it is named nor where it calls itself python3.10 on PATH, as a shim may."""
    with pytest.raises(LavaUnavailableError, match=r"no CPython 3\.10"):
        lava.find_python310(sys.executable)
    (nothing_installed / "bin" / "python3.10").symlink_to(sys.executable)
    with pytest.raises(LavaUnavailableError, match=r"no CPython 3\.10"):
        lava.find_python310()


def test_path_comes_before_uv_before_pyenv(nothing_installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source is used when those before it have nothing; a shim that fails is passed over."""
    home = _pretends_to_be_310(nothing_installed / "home" / ".pyenv" / "versions" / "3.10.9" / "bin" / "python3.10")
    assert lava.find_python310() == home
    root = _pretends_to_be_310(nothing_installed / "pyenv" / "versions" / "3.10.13" / "bin" / "python3.10")
    monkeypatch.setenv("PYENV_ROOT", str(nothing_installed / "pyenv"))
    assert lava.find_python310() == root
    from_uv = _pretends_to_be_310(nothing_installed / "managed" / "python3.10")
    _script(nothing_installed / "bin" / "uv", f"/bin/echo {shlex.quote(str(from_uv))}")
    assert lava.find_python310() == from_uv
    shim = _script(nothing_installed / "bin" / "python3.10", "exit 127")
    assert lava.find_python310() == from_uv
    _pretends_to_be_310(shim)
    assert lava.find_python310() == shim


def test_install_leaves_foreign_folders_alone(nothing_installed: Path) -> None:
    """A folder that holds something else is never cleared."""
    precious = nothing_installed / "venv" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("years of work", encoding="utf-8")
    with pytest.raises(LavaUnavailableError, match="something else"):
        lava.install()
    assert precious.read_text(encoding="utf-8") == "years of work"


def test_install_makes_the_environment_once(nothing_installed: Path) -> None:
    """With stand-ins for Python and pip: the pinned requirements are installed, a second call does nothing."""
    log, venv = nothing_installed / "log", nothing_installed / "venv"
    pip = f'/bin/echo "$@" >> {log}'
    base = _script(
        nothing_installed / "python",
        'if [ "$1" = -E ]; then /bin/echo cpython; /bin/echo 3; /bin/echo 10; /bin/echo "$0"; exit; fi',
        f"/bin/mkdir -p {venv}/bin; /bin/echo '#!/bin/sh' > {venv}/bin/python",
        f"/bin/echo {shlex.quote(pip)} >> {venv}/bin/python; /bin/chmod +x {venv}/bin/python",
    )
    lines: list[str] = []
    assert lava.install(base, progress=lines.append) == venv / "bin" / "python"
    assert "pip install" in log.read_text(encoding="utf-8")
    assert "requirements.txt" in log.read_text(encoding="utf-8")
    log.unlink()
    assert lava.install(progress=lines.append) == venv / "bin" / "python" == lava.lava_python()
    assert not log.exists()
    assert len(lines) == 4


def test_a_failing_step_is_told_with_its_last_lines(nothing_installed: Path) -> None:
    """Here `python -m venv` fails, as on systems that split it off."""
    base = _script(
        nothing_installed / "python",
        'if [ "$1" = -E ]; then /bin/echo cpython; /bin/echo 3; /bin/echo 10; /bin/echo "$0"; exit; fi',
        "/bin/echo 'ensurepip is not available' >&2; exit 1",
    )
    with pytest.raises(LavaUnavailableError, match="ensurepip is not available"):
        lava.install(base)
    with pytest.raises(LavaUnavailableError):
        lava.lava_python()


def test_every_requirement_is_pinned() -> None:
    """Exact versions only, those that Lava 0.10.0 and CPython 3.10 need among them."""
    text = (Path(environment.__file__).parent / "requirements.txt").read_text(encoding="utf-8")
    pins = dict(line.split("==") for line in text.splitlines() if line and not line.startswith("#"))
    assert pins["lava-nc"] == "0.10.0"
    assert pins["numpy"] == "1.26.4"
    assert {"scipy", "networkx", "asteval", "scikit-learn"} <= set(pins)


def test_check_runs_lava(lava_python: Path) -> None:
    """A neuron that adds 30 a step passes 100 at every fourth."""
    found = lava.check(lava_python)
    assert found.ok
    assert found.found == (5, 9, 13, 17, 21, 25, 29, 33, 37)
    assert found.versions["lava-nc"] == "0.10.0"
    assert found.versions["python"].startswith("3.10.")
