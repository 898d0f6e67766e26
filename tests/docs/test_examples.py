"""The Python examples of README and documentation print what the pages say they print."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/reference/python-api.md", "docs/how-to/on-chip-learning.md")
STORIES = (
    "docs/how-to/build-a-network.md",
    "docs/how-to/export.md",
    "docs/how-to/does-my-rule-fit.md",
    "docs/how-to/use-your-data.md",
)
"""Pages on which every example goes on from the ones before."""
EXAMPLE = re.compile(r"```python\n(?P<code>(?:(?!```).)*)```\n+```text\n(?P<printed>.*?)```", re.DOTALL)


def examples() -> list[object]:
    """Code with the output that a page shows below it; what goes on from an earlier example is left out."""
    found = []
    for page in PAGES:
        for number, match in enumerate(EXAMPLE.finditer((ROOT / page).read_text(encoding="utf-8"))):
            code, printed = match["code"], match["printed"]
            if "program = " in code or "audit(" in code:
                marks = [pytest.mark.slow] if "teach(" in code else []
                found.append(pytest.param(code, printed, id=f"{page}-{number}", marks=marks))
    return found


@pytest.mark.parametrize(("code", "printed"), examples())
def test_example_prints_what_the_page_shows(code: str, printed: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == printed.split()


@pytest.mark.parametrize("page", STORIES)
def test_a_story_prints_what_the_page_shows(page: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    printed = " ".join(re.findall(r"```text\n(.*?)```", text, re.DOTALL))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == printed.split()


def test_there_are_examples() -> None:
    assert len(examples()) == 5
