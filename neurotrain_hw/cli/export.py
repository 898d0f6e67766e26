"""`neurotrain-hw export`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurotrain_hw.cli import output
from neurotrain_hw.errors import UnknownNameError, ValueRangeError

if TYPE_CHECKING:
    from neurotrain_hw.interchange import Graph

_MOST_VALUES = 1 << 28  # of an example


def export(
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="A run folder that `train` wrote, or a program of `compile` (.nhw)."),
    ] = None,
    module: Annotated[
        str | None,
        typer.Option(
            help="Instead of RUN, a torch module of yours: FILE.py:NAME or PACKAGE.MODULE:NAME, a module, or a class "
            "or function that gives one without arguments. This runs the code in that file."
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Weights for --module: a state_dict (.pt, .pth) or arrays of its names (.npz).")
    ] = None,
    shape: Annotated[
        str | None,
        typer.Option(help="Shape of the input of --module in one step, without batch and time, such as 2,34,34."),
    ] = None,
    example: Annotated[
        str | None,
        typer.Option(help="Instead of --shape, of all that forward takes, with batch and time, such as 10,1,784."),
    ] = None,
    dt: Annotated[float | None, typer.Option(help="Seconds per step of --module; 0.0001 if not given.")] = None,
    leaky_as: Annotated[
        str, typer.Option(help="Neurons of --module without a current as LIF, or as CubaLIF (for Norse).")
    ] = "LIF",
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
    """Write the network of a training run, a torch module, or a compiled program as a file that other tools read.

    The NIR file holds weights and time constants in standard fields, and in its metadata what NIR leaves unsaid: the
    step, when neurons reset, and the integers behind quantised weights. It is read back before it is written in its
    place, so what arrives is what was trained.

    A torch module may hold torch's layers, Brevitas' quantised ones and snnTorch's neurons; a forward that loops over
    time is taken for what it does in one step. What NIR cannot hold is refused, with the module and the reason; what
    other readers of the file will see differently is told.

    A program keeps its integers: as a .net file for lava-dl, or as a script that builds and runs it with Lava's own
    processes. What the format cannot hold is refused, with the layer and the reason.

    Examples:

        neurotrain-hw export runs/digits-fc-bptt-seed0 --out digits.nir

        neurotrain-hw export --module net.py:Net --weights net.pt --shape 2,34,34 --out net.nir

        neurotrain-hw export digits.nhw --format netx --out digits.net

        neurotrain-hw export digits.nhw --format lava --out digits.py
    """
    with output.user_errors(as_json):
        _check_source(run, module, {"--weights": weights, "--shape": shape, "--example": example, "--dt": dt})
        if run is not None and run.suffix == ".nhw":
            _program(run, out, format, as_json)
            return
        from neurotrain_hw.interchange.export import FORMATS, export_run

        if module is None:
            _tell(export_run(run or "", out, format=format), out, format, as_json)
            return
        if format not in FORMATS:
            raise UnknownNameError("export format of a module", format, FORMATS)
        from neurotrain_hw.interchange import write_nir
        from neurotrain_hw.networks import to_graph
        from neurotrain_hw.networks.user_modules import load_user_module, load_weights

        network = load_user_module(module)
        if weights is not None:
            load_weights(network, weights)
        graph = to_graph(
            network,
            _sizes(shape, "--shape"),
            example=_zeros(example),
            dt_s=dt,
            leaky_as=leaky_as,  # type: ignore[arg-type]
        )
        write_nir(out, graph)
        _tell(graph, out, format, as_json)


def _check_source(run: Path | None, module: str | None, options: dict[str, object]) -> None:
    """One network, and options that go with it."""
    if (run is None) == (module is None):
        raise ValueRangeError("give one of the two", where="RUN, --module", need="the network to export")
    given = [name for name, value in options.items() if value is not None]
    if module is None and given:
        raise ValueRangeError("goes with --module only", where=given[0])


def _sizes(text: str | None, where: str) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts) or len(parts) > 8:
        raise ValueRangeError(f"'{text}' is no shape", where=where, need="sizes such as 2,34,34")
    sizes = tuple(int(part) for part in parts)
    if math.prod(sizes) > _MOST_VALUES:
        raise ValueRangeError(f"{math.prod(sizes):,} values", where=where, limit=f"{_MOST_VALUES:,}")
    return sizes


def _zeros(text: str | None) -> Any:
    sizes = _sizes(text, "--example")
    if sizes is None:
        return None
    import torch

    return torch.zeros(sizes)


def _tell(graph: Graph, out: Path, format: str, as_json: bool) -> None:
    from neurotrain_hw.interchange.export import describe

    nodes = describe(graph)
    if as_json:
        about = {"file": str(out), "format": format, "dt_s": graph.meaning.dt_s, "nodes": nodes}
        output.print_json(about | {"notes": list(graph.notes)})
        return
    output.table(
        "Network",
        ["node", "kind", "shape", "what NIR leaves unsaid"],
        [[row["name"], row["kind"], row["shape"], row["meaning"]] for row in nodes],
    )
    for note in graph.notes:
        typer.echo(f"note: {note}")
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
