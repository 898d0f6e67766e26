"""`neurotrain-hw export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurotrain_hw.cli import output


def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder that `train` wrote, or a program of `compile` (.nhw).")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="Of a run, nir: a NIR graph with its meaning. Of a program, netx: lava-dl's file; lava: a script.",
        ),
    ] = "nir",
    as_json: output.JsonOption = False,
) -> None:
    """Write the network of a training run, or a compiled program, as a file that other tools read.

    The NIR file holds weights and time constants in standard fields, and in its metadata what NIR leaves unsaid: the
    step, when neurons reset, and the integers behind quantised weights. It is read back before it is written in its
    place, so what arrives is what was trained.

    A program keeps its integers: as a .net file for lava-dl, or as a script that builds and runs it with Lava's own
    processes. What the format cannot hold is refused, with the layer and the reason.

    Examples:

        neurotrain-hw export runs/digits-fc-bptt-seed0 --out digits.nir

        neurotrain-hw export digits.nhw --format netx --out digits.net

        neurotrain-hw export digits.nhw --format lava --out digits.py
    """
    with output.user_errors(as_json):
        if run.suffix == ".nhw":
            _program(run, out, format, as_json)
            return
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


def _program(file: Path, out: Path, format: str, as_json: bool) -> None:
    from neurotrain_hw.compiler.export import export_program
    from neurotrain_hw.program.file import load_program

    notes = export_program(load_program(file), out, format=format)
    if as_json:
        output.print_json({"file": str(out), "format": format, "notes": notes})
        return
    for note in notes:
        typer.echo(f"note: {note}")
    typer.echo(f"wrote {out}")
