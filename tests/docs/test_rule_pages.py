"""The pages of the rules: written from the rule files, up to date, and all in the navigation."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from neurotrain_hw.rules import load_rule, rule_names

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_rule_pages", ROOT / "tools" / "write_rule_pages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_what_the_rule_files_say(tool: ModuleType) -> None:
    assert tool.stale() == [], "run: python tools/write_rule_pages.py"


def test_every_page_is_in_the_index_and_in_the_navigation() -> None:
    names = ["index", *rule_names()]
    nav = re.findall(r"reference/rules/([a-z0-9-]+)\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert nav == names
    index = (ROOT / "docs/reference/rules/index.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\]\(([a-z0-9-]+)\.md\)", index)) == names[1:]


@pytest.mark.parametrize("name", rule_names())
def test_a_page_tells_equation_sums_source_and_what_is_missing(name: str) -> None:
    rule, page = load_rule(name), (ROOT / f"docs/reference/rules/{name}.md").read_text(encoding="utf-8")
    plain = page.replace("\\", "")
    assert all(part in page for part in re.split(r"[,;]  ", rule.equation))
    assert all(f"{target} = {total}" in page for target, total in rule.sums.items())
    assert all(text in plain for text in (rule.source, rule.note, rule.approximate, rule.status))


def test_a_changed_a_missing_and_an_extra_page_are_stale_and_mended(tool: ModuleType, tmp_path: Path) -> None:
    assert tool.write(tmp_path) == sorted(tool.pages()) and tool.stale(tmp_path) == []
    (tmp_path / "oja.md").write_text("by hand")
    (tmp_path / "bcm.md").unlink()
    (tmp_path / "no-rule.md").write_text("left over")
    assert tool.stale(tmp_path) == ["bcm.md", "no-rule.md", "oja.md"]
    assert tool.write(tmp_path) == ["bcm.md", "no-rule.md", "oja.md"] and tool.stale(tmp_path) == []


def test_signs_of_markdown_are_escaped_outside_code(tool: ModuleType) -> None:
    assert tool._prose("|x*y| and `a*b` of [s_t]") == r"\|x\*y\| and `a*b` of \[s\_t\]"
