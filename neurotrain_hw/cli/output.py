"""What the verbs share: JSON or tables on standard output, progress and errors on standard error, exit codes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from neurotrain_hw.errors import NeurotrainError

if TYPE_CHECKING:
    from rich.console import Console

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]

_WIDTH = 140
"""Characters in a line where the output is no terminal."""

_WORD = 28
"""Longer words, such as paths, may be broken."""

EXIT_OK, EXIT_NEGATIVE, EXIT_USAGE = 0, 1, 2


def print_json(document: Any) -> None:
    """One JSON document on standard output (NumPy scalars and paths become plain values)."""
    typer.echo(json.dumps(document, indent=2, default=_plain))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on standard output; columns whose cells are all numbers are aligned right.

    On a terminal too narrow for whole words side by side, each row is a paragraph instead.
    """
    from rich.console import Console
    from rich.table import Table

    cells = [["" if c is None else str(c) for c in row] for row in rows]
    console = Console(markup=False, highlight=False)  # a cell may hold [text] that is no markup
    if not console.is_terminal:
        console = Console(width=_WIDTH, markup=False, highlight=False)
    widths = _widths([(name, *texts) for name, *texts in zip(columns, *cells, strict=True)], console.width)
    if widths is None:
        _paragraphs(console, title, columns, cells)
        return
    view = Table(title=title, title_justify="left", title_style="bold")
    for k, column in enumerate(columns):
        numeric = bool(cells) and all(_numeric(row[k]) for row in cells)
        view.add_column(column, justify="right" if numeric else "left", overflow="fold", width=widths[k])
    for row in cells:
        view.add_row(*row)
    console.print(view)


def _paragraphs(console: Console, title: str, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.table import Table

    console.print(title, style="bold")
    for first, *rest in cells:
        console.print(f"\n{columns[0]} {first}", style="bold")
        view = Table.grid(padding=(0, 2))
        for name, text in zip(columns[1:], rest, strict=True):
            if text:
                view.add_row(f"  {name}", text)
        console.print(view)


def _widths(columns: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """A width for each column in which no word is broken and which all fit into `room`; None if there is none."""
    least = [min(max((len(word) for text in texts for word in text.split()), default=1), _WORD) for texts in columns]
    wanted = [max(max(map(len, texts)) - width, 0) for texts, width in zip(columns, least, strict=True)]
    spare = room - sum(least) - 3 * len(least) - 1  # a border and two spaces for each column
    if spare < 0:
        return None
    share = min(1.0, spare / max(sum(wanted), 1))
    return [width + int(share * more) for width, more in zip(least, wanted, strict=True)]


class StatusBar:
    """A bar on standard error while something takes long, below the lines that are printed; none without a terminal."""

    def __init__(self, *, hidden: bool = False) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        console = Console(stderr=True, markup=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), console=console,
            disable=hidden or not console.is_terminal, transient=True,
        )  # fmt: skip
        self._task = self._progress.add_task("", total=1.0, visible=False)

    def __enter__(self) -> StatusBar:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def update(self, what: str, share: float) -> None:
        """Show how much (0..1) of `what` is done; the bar goes away when all is."""
        self._progress.update(self._task, description=what, completed=share, visible=share < 1)

    def print(self, line: str, *, err: bool = False) -> None:
        """A line above the bar, on standard output or standard error."""
        self._progress.update(self._task, visible=False)
        self._progress.refresh()
        typer.echo(line, err=err)


def stop(code: int) -> NoReturn:
    """End the verb with an exit code."""
    raise typer.Exit(code)


_interrupted = False


def on_interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Handler of Ctrl-C: as Python's own, but remembered, since some libraries swallow it while they are loaded."""
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


def check_interrupt() -> None:
    """Raise KeyboardInterrupt where Ctrl-C was pressed and swallowed; to be called now and then by what takes long."""
    if _interrupted:
        raise KeyboardInterrupt


@contextmanager
def user_errors(as_json: bool = False, *, interrupted: str = "") -> Iterator[None]:
    """Turn a NeurotrainError into one message on standard error and its exit code; Ctrl-C into exit code 130.

    What the operating system refuses (a file without permission, a full disk) is a usage error, too. `interrupted`:
    how to go on after Ctrl-C.
    """
    try:
        yield
        sys.stdout.flush()
    except NeurotrainError as error:
        _fail(error, as_json)
    except BrokenPipeError:
        raise  # whoever read our output has gone: typer ends quietly
    except OSError as error:
        _fail(NeurotrainError(error.strerror or str(error), where=str(error.filename or "")), as_json)
    except KeyboardInterrupt:
        typer.echo(f"interrupted: nothing half-written was left behind{interrupted and '. ' + interrupted}", err=True)
        raise typer.Exit(130) from None


def _fail(error: NeurotrainError, as_json: bool) -> NoReturn:
    typer.secho(f"error: {error}", err=True, fg=typer.colors.RED if sys.stderr.isatty() else None)
    try:
        if as_json:
            print_json(error.as_dict())
        sys.stdout.flush()
    except OSError:  # standard output is at fault: the message above is all that can be said
        _drop_output()
    raise typer.Exit(error.exit_code) from None


def _drop_output() -> None:
    """Throw away what standard output has buffered and does not take: Python's last flush would fail on it again."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _numeric(text: str) -> bool:
    return (
        text.replace(",", "").replace(".", "").replace("-", "").replace("%", "").replace(" ", "").isdigit() or not text
    )


def _plain(value: object) -> object:
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return value.item()
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
