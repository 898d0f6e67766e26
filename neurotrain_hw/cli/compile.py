"""`neurotrain-hw compile`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurotrain_hw.cli import output

if TYPE_CHECKING:
    from neurotrain_hw.compiler import LayerRow, PoolRow
    from neurotrain_hw.interchange import Graph
    from neurotrain_hw.program import MemoryRow, Program


def compile_(
    file: Annotated[Path, typer.Argument(metavar="FILE.nir", help="The network, as a NIR file.")],
    target: Annotated[str, typer.Option("--target", "-t", help="Name of a chip (see `targets list`) or a chip file.")],
    steps: Annotated[int, typer.Option("--steps", "-s", help="Time steps of one sample.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The program to write, FILE.nhw.")],
    dialect: Annotated[
        str | None,
        typer.Option("--dialect", help="How a file that was not written by neurotrain-hw is meant: nir or snntorch."),
    ] = None,
    dt: Annotated[
        float | None, typer.Option("--dt", help="Seconds per step, for the dialect nir, whose files do not hold it.")
    ] = None,
    weight_exp: Annotated[
        int | None, typer.Option("--weight-exp", help="Shift of the weights (default: chosen for each layer).")
    ] = None,
    chips: Annotated[int, typer.Option("--chips", help="How many chips of the kind may be used.")] = 1,
    as_json: output.JsonOption = False,
) -> None:
    """Turn a NIR network into the integers of a chip, placed on its cores, with a map of its memory.

    Weights that were trained with quantisation keep their integers; others are scaled to the chip's bits after
    training. What rounding does to weights, decays and thresholds is told in numbers. A network that the chip cannot
    run exactly is refused with the node, the reason and a remedy; one that is too large with the layer, the need and
    the limit (exit code 1).

    Example:

        neurotrain-hw compile digits.nir -t loihi2 --steps 32 -o digits.nhw
    """
    with output.user_errors(as_json):
        from neurotrain_hw.chips import load_chip
        from neurotrain_hw.compiler import compile_graph, layer_rows, place, pool_rows
        from neurotrain_hw.interchange import read_nir
        from neurotrain_hw.program.file import save_program

        chip = load_chip(target)
        graph = read_nir(file, dialect=dialect, dt_s=dt)
        program = compile_graph(graph, chip, steps=steps, weight_exp=weight_exp, name=file.stem)
        program = place(program, chip, chips=chips)
        save_program(program, out)
        layers, pools = layer_rows(graph, program), pool_rows(program.memory)
        if as_json:
            output.print_json(_document(out, graph, program, layers, pools))
        else:
            _print_tables(layers, program.memory, pools)
            for note in program.notes:
                typer.echo(f"note: {note}")
            typer.echo(f"wrote {out}")


def _document(
    out: Path, graph: Graph, program: Program, layers: tuple[LayerRow, ...], pools: tuple[PoolRow, ...]
) -> dict[str, Any]:
    return {
        "program": str(out),
        "chip": program.chip,
        "dialect": graph.dialect,
        "steps": program.timing.sample_steps if program.timing else None,
        "layers": [asdict(row) for row in layers],
        "placement": [asdict(part) for part in program.placement],
        "memory": [asdict(row) for row in program.memory],
        "pools": [asdict(row) for row in pools],
        "notes": list(program.notes),
    }


def _print_tables(layers: tuple[LayerRow, ...], memory: tuple[MemoryRow, ...], pools: tuple[PoolRow, ...]) -> None:
    output.table(
        "Layers",
        ["weights", "neurons", "shape", "bits", "exp", "weight error", "zeros", "decay", "threshold", "cores"],
        [
            [
                row.weights, row.neurons, f"{row.n_post} x {row.n_pre}", row.bits, row.weight_exp,
                f"{row.weight_error:.2%}", f"{row.zero_share:.1%}",
                f"{row.decay:.5g} (asked {row.decay_wanted:.5g})",
                f"{row.threshold:.5g} (asked {row.threshold_wanted:.5g})", row.cores,
            ]
            for row in layers
        ],
    )  # fmt: skip
    purposes: dict[tuple[str, str], int] = {}
    for memory_row in memory:
        key = (memory_row.pool, memory_row.purpose)
        purposes[key] = purposes.get(key, 0) + memory_row.need_bits
    output.table(
        "Memory by purpose, all cores",
        ["memory", "purpose", "bits"],
        [[pool, purpose, f"{bits:,}"] for (pool, purpose), bits in purposes.items()],
    )
    fullest = {pool.pool: max((p for p in pools if p.pool == pool.pool), key=lambda p: p.need_bits) for pool in pools}
    output.table(
        f"Memory of the fullest of {len({(p.chip, p.core) for p in pools})} cores",
        ["memory", "chip", "core", "bits needed", "bits there", "share"],
        [
            [
                pool.pool, pool.chip, pool.core, f"{pool.need_bits:,}",
                "unknown" if pool.limit_bits is None else f"{pool.limit_bits:,}",
                "" if pool.limit_bits is None else f"{pool.need_bits / pool.limit_bits:.1%}",
            ]
            for pool in fullest.values()
        ],
    )  # fmt: skip
