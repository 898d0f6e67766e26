"""What every test can ask for: the shared data folder, a Python that has Lava, a Chromium, and `--slow`.

A test whose fixture is not there is skipped with the reason. `NEUROTRAIN_HW_REQUIRE=lava,shared,chromium` (any of the
three) turns such a skip into a failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from neurotrain_hw import doctor
from neurotrain_hw.errors import LavaUnavailableError

pytest_plugins = ("pytester",)
ROOT = Path(__file__).resolve().parent.parent

# Before anything imports NumPy or torch: two pytest workers on a small machine must not each start a thread per core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NEUROTRAIN_HW_OFFLINE", "1")  # no test waits for a network
os.environ.setdefault("NEUROTRAIN_HW_LAVA_VENV", str(ROOT / ".lava-venv"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--slow`."""
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is marked slow, unless asked for."""
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow; run with --slow (make test-slow)")
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of golden cases and real data: NEUROTRAIN_HW_SHARED, or `../shared` beside the checkout."""
    folder = Path(os.environ.get("NEUROTRAIN_HW_SHARED", ROOT.parent / "shared")).resolve()
    if not folder.is_dir():
        _unavailable("shared", f"no shared data folder at {folder}; set NEUROTRAIN_HW_SHARED")
    return folder


@pytest.fixture(scope="session")
def lava_python() -> Path:
    """The Python interpreter of the Lava environment."""
    from neurotrain_hw.lava import environment

    try:
        return environment.lava_python()
    except LavaUnavailableError as error:
        _unavailable("lava", str(error))


@pytest.fixture(scope="session")
def _lava_server() -> Iterator[Callable[..., Any] | None]:
    from lava_server import served

    from neurotrain_hw.lava import environment

    try:
        python = environment.lava_python()
    except LavaUnavailableError:
        yield None  # what asks for `lava_python` is skipped
        return
    with served(python) as worker:
        yield worker


@pytest.fixture(scope="module")
def quick_lava(_lava_server: Callable[..., Any] | None) -> Iterator[None]:
    """Runs of Lava need not import it each time; what starts, ends and kills the worker is tested without this."""
    with pytest.MonkeyPatch.context() as patch:
        if _lava_server is not None:
            patch.setattr("neurotrain_hw.lava.client._worker", _lava_server)
        yield


@pytest.fixture(scope="session")
def chromium() -> Path:
    """A Chromium that can be started headless."""
    found = doctor.find_chromium()
    if found is None:
        _unavailable("chromium", f"none of {', '.join(doctor.CHROMIUM_NAMES)} is on PATH")
    return found


def _unavailable(name: str, reason: str) -> NoReturn:
    required = os.environ.get("NEUROTRAIN_HW_REQUIRE", "").replace(" ", "").split(",")
    if name in required:
        pytest.fail(f"{reason} (required by NEUROTRAIN_HW_REQUIRE)", pytrace=False)
    pytest.skip(reason)
