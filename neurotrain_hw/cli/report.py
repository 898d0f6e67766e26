"""`neurotrain-hw report`: what a run folder holds, as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurotrain_hw.cli import output


def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A run folder, of `demo`, `learn` or `train`.")],
    out: Annotated[Path | None, typer.Option("--out", help="The file to write; FOLDER/report.html by default.")] = None,
    as_json: output.JsonOption = False,
) -> None:
    """Make the report of a run: one HTML file with its plots and tables, that needs no network.

    Reads FOLDER/results.json, as `demo` writes it, or else learn.json of `learn` or run.json of `train`. What was not
    run and what is unknown is shown as such. Needs the extra `report`. Examples:

        neurotrain-hw report runs/demo

        neurotrain-hw report runs/learn-eprop-random-digits

        neurotrain-hw report runs/digits-fc-bptt-seed0 --out bptt.html
    """
    with output.user_errors(as_json):
        from neurotrain_hw.report import write_report

        path = write_report(folder, out)
        if as_json:
            output.print_json({"report": path, "bytes": path.stat().st_size})
        else:
            typer.echo(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB, opens without a network)")
