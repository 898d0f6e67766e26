"""MkDocs hook: where a page says `<!-- command line -->`, write what `--help` of every verb prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

MARKER = "<!-- command line -->"
WIDTH = 78  # what a terminal of 80 columns leaves


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marker; MkDocs calls this for every page."""
    return markdown.replace(MARKER, command_line_reference()) if MARKER in markdown else markdown


def command_line_reference() -> str:
    """Markdown with one section per verb: what `neurotrain-hw VERB --help` prints."""
    from neurotrain_hw.cli import app

    return "\n".join(_sections(typer.main.get_command(app), parent=None, name="neurotrain-hw"))


def _sections(command: Any, *, parent: Any, name: str) -> Iterator[str]:
    settings = {**command.context_settings, "terminal_width": WIDTH}
    context = command.context_class(command, info_name=name, parent=parent, **settings)
    path = context.command_path
    yield f"{'#' * (len(path.split()) + 1)} {path.removeprefix('neurotrain-hw ')}\n"
    yield f"```text\n$ {path} --help\n{command.get_help(context).strip()}\n```\n"
    for inner_name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _sections(inner, parent=context, name=inner_name)
