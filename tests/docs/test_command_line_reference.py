"""The reference of the command line is made from the verbs: every verb is in it, with its options."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def reference() -> str:
    """What the MkDocs hook writes into docs/reference/cli.md."""
    spec = importlib.util.spec_from_file_location("mkdocs_command_line", ROOT / "tools/mkdocs_command_line.py")
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    page = (ROOT / "docs/reference/cli.md").read_text()
    written = hook.on_page_markdown(page)
    assert hook.MARKER in page
    assert hook.MARKER not in written
    return str(written)


VERBS = """
    demo, train, learn, export, compile, run, compare, verify, audit, report, targets list, models list, rules list,
    datasets list, datasets show, datasets check,
    lava install, lava check, doctor
"""


@pytest.mark.parametrize("verb", [verb.strip() for verb in VERBS.split(",")])
def test_every_verb_is_in_the_reference(reference: str, verb: str) -> None:
    assert f"$ neurotrain-hw {verb} --help" in reference


@pytest.mark.parametrize("verb", ["", "doctor", "targets show"])
def test_the_reference_shows_what_help_prints(reference: str, verb: str) -> None:
    command = [str(Path(sys.executable).parent / "neurotrain-hw"), *verb.split(), "--help"]
    narrow = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=narrow)
    assert " ".join(done.stdout.split()) in " ".join(reference.split())
