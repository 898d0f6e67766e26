"""`neurotrain-hw export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurotrain_hw.cli import output


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that `train` wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    format: Annotated[str, typer.Option("--format", "-f", help="nir: a NIR graph with its meaning.")] = "nir",
    as_json: output.JsonOption = False,
) -> None:
    """Write the network of a training run as a file that other tools read.

    The NIR file holds weights and time constants in standard fields, and in its metadata what NIR leaves unsaid: the
    step, when neurons reset, and the integers behind quantised weights. It is read back before it is written in its
    place, so what arrives is what was trained.

    Example:

        neurotrain-hw export runs/digits-fc-bptt-seed0 --out digits.nir
    """
    with output.user_errors(as_json):
        from neurotrain_hw.interchange.export import describe, export_run

        graph = export_run(run, out, format=format)
        nodes = describe(graph)
        if as_json:
            output.print_json({"file": str(out), "format": format, "dt_s": graph.meaning.dt_s, "nodes": nodes})
        else:
            output.table(
                "Network",
                ["node", "kind", "shape", "what NIR leaves unsaid"],
                [[row["name"], row["kind"], row["shape"], row["meaning"]] for row in nodes],
            )
            typer.echo(f"wrote {out} ({graph.meaning.dt_s:g} s per step)")
