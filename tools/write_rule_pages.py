"""Write docs/reference/rules: a page per rule of the library and an index, from the rule files.

python tools/write_rule_pages.py            # write what changed
python tools/write_rule_pages.py --check    # exit 1 if a page is not as it should be
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from neurotrain_hw.rules import Rule, load_rule, needs_of, rule_names
from neurotrain_hw.rules.describe import definition_rows, needs_rows, remarks

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference" / "rules"

GROUPS = {
    "Spikes and traces alone": ("none", "injected"),
    "Reward": ("reward", "perturbation"),
    "Output errors": (
        "error", "error-symmetric", "error-random", "error-adaptive", "error-sign", "error-triggered", "backpropagated",
    ),
    "Labels": ("target-projection",),
    "Signals of the layer or the neuron itself": ("layer-local", "goodness", "activity"),
}  # fmt: skip
"""Chapters of the index, by learning signal."""


def pages() -> dict[str, str]:
    """Every page by its file name."""
    rules = [load_rule(name) for name in rule_names()]
    return {"index.md": _index(rules)} | {f"{rule.name}.md": _page(rule) for rule in rules}


def stale(folder: Path = FOLDER) -> list[str]:
    """Names of the files that are missing, differ from what they should be, or belong to no rule."""
    wanted = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    return sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))


def write(folder: Path = FOLDER) -> list[str]:
    """Write what is stale, and take away pages without a rule; returns their names."""
    wanted, changed = pages(), stale(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in changed:
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return changed


def _index(rules: list[Rule]) -> str:
    parts = [
        "<!-- Written by tools/write_rule_pages.py from the rule files; change those. -->",
        "# Rules",
        f"The {len(rules)} rules of the library. `neurotrain-hw rules list` shows them with their locality, "
        "`rules show RULE` one of them, and `audit` what a chip says to it. *Runs in* names what runs the rule, signal "
        "included, in this version; where it says \"nothing yet\" for a sum of products, its synapses still learn on "
        "the simulator from third factors given from outside. How rules are written: [the rule "
        "language](../rule-language.md).",
    ]  # fmt: skip
    for title, signals in GROUPS.items():
        rows = [
            (
                f"[`{r.name}`]({r.name}.md)",
                _prose(r.summary),
                r.modulation.signal,
                ", ".join(r.engines) or "nothing yet",
            )
            for r in rules
            if r.modulation.signal in signals
        ]
        parts += [f"## {title}", _table(("rule", "what it does", "signal", "runs in"), rows)]
    return "\n\n".join(parts) + "\n"


def _page(rule: Rule) -> str:
    parts = [
        f"<!-- Written by tools/write_rule_pages.py from {rule.name}.toml; change that. -->",
        f"# {rule.title}",
        _prose(rule.summary),
        _code(rule.equation.replace(",  ", "\n").replace(";  ", "\n")),
    ]
    if rule.sums:
        shifts = {k: [p.shift for p in s.products] for k, s in rule.sums.items()}
        parts += [
            f"As sums of products, for {_ARTICLE[rule.kind or '']} engine:",
            _code("\n".join(f"{target} = {total}" for target, total in rule.sums.items())),
            "The engine shifts the products right by "
            + ", and ".join(f"{', '.join(map(str, v))} ({k})" for k, v in shifts.items())
            + " bits before it scales them ([why](../rule-language.md#scale)).",
        ]
    for name, text in remarks(rule).items():
        parts.append(f"**{_HEADINGS[name]}.** {_prose(text)}")
    parts += ["## Definition", _table(("part", "value"), _rows(definition_rows(rule)))]
    parts += ["## What it needs of a chip", _table(("of a chip", "value"), _rows(needs_rows(needs_of(rule))))]
    parts.append(f"File: `neurotrain_hw/rules/library/{rule.name}.toml`. All rules: [index](index.md).")
    return "\n\n".join(parts) + "\n"


_ARTICLE = {"2f": "a two-factor", "3f": "a three-factor"}
_HEADINGS = {"Source": "Source", "Approximate": "Where it departs from its source", "Note": "Note"}


def _rows(rows: Iterable[tuple[str, object]]) -> list[tuple[str, str]]:
    return [(_prose(name), _prose(str(value))) for name, value in rows]


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _code(text: str) -> str:
    return "```text\n" + text + "\n```"


def _prose(text: str) -> str:
    """Text whose signs Markdown would take for its own are escaped, outside `code`."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(p if p.startswith("`") else re.sub(r"([*_|<\[\]])", r"\\\1", p) for p in pieces)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is stale")
    if parser.parse_args().check:
        names = stale()
        print("\n".join(names) or "all pages are up to date")
        sys.exit(1 if names else 0)
    print("\n".join(write()) or "all pages were up to date")
