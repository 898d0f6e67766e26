"""The fixtures that skip: with a reason, or as a failure where the run requires what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

NEEDS_SHARED = "def test_needs_shared(shared):\n    assert shared.is_dir()\n"
SLOW = "import pytest\n\n@pytest.mark.slow\ndef test_long():\n    pass\n"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of its own with our conftest, and no shared data folder."""
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text())
    pytester.makeini("[pytest]\nmarkers = slow\naddopts = -p no:cacheprovider -p no:hypothesispytest")
    monkeypatch.setenv("NEUROTRAIN_HW_SHARED", str(pytester.path / "nowhere"))
    monkeypatch.delenv("NEUROTRAIN_HW_REQUIRE", raising=False)
    return pytester


def test_what_is_missing_is_skipped_with_the_reason(project: pytest.Pytester) -> None:
    project.makepyfile(NEEDS_SHARED)
    result = project.runpytest_inprocess("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*no shared data folder at *nowhere*"])


def test_what_is_missing_fails_where_it_is_required(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROTRAIN_HW_REQUIRE", "lava, shared")
    project.makepyfile(NEEDS_SHARED)
    result = project.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*required by NEUROTRAIN_HW_REQUIRE*"])


def test_slow_tests_run_only_when_asked_for(project: pytest.Pytester) -> None:
    project.makepyfile(SLOW)
    project.runpytest_inprocess().assert_outcomes(skipped=1)
    project.runpytest_inprocess("--slow").assert_outcomes(passed=1)
