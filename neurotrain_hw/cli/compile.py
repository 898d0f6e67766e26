"""`neurotrain-hw compile`."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurotrain_hw.cli import lowering, memory, output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neurotrain_hw.chips import Chip
    from neurotrain_hw.compiler import LayerRow
    from neurotrain_hw.memory import MemoryMap
    from neurotrain_hw.program import Program


def compile_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The network: a NIR file, a run folder, or a .net of lava-dl.")
    ],
    target: Annotated[str, typer.Option("--target", "-t", help="Name of a chip (see `targets list`) or a chip file.")],
    steps: Annotated[int, typer.Option("--steps", "-s", help="Time steps of one sample.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The program to write, FILE.nhw.")],
    dialect: lowering.DialectOption = None,
    dt: lowering.DtOption = None,
    time_unit: lowering.TimeUnitOption = None,
    reset: lowering.ResetOption = None,
    weight_exp: lowering.WeightExpOption = None,
    quantise: lowering.QuantiseOption = None,
    bits: lowering.BitsOption = None,
    mixed: Annotated[
        bool,
        typer.Option("--mixed", help="Fewer bits where they cost least, until it fits the memory (--budget, --chips)."),
    ] = False,
    per_channel: lowering.PerChannelOption = False,
    power_of_two: lowering.PowerOfTwoOption = False,
    calibrate: lowering.CalibrateOption = None,
    nearest: lowering.NearestOption = False,
    input_bits: Annotated[
        int, typer.Option("--input-bits", min=0, max=24, help="Bits of the whole numbers that inputs carry; 0: spikes.")
    ] = 0,
    chips: memory.ChipsOption = "1",
    budget: memory.BudgetOption = None,
    every_core: Annotated[bool, typer.Option("--map", help="Show the memory map of every core.")] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Turn a network into the integers of a chip, placed on its cores, with a map of its memory.

    Weights that were trained with quantisation keep their integers; others are scaled to the chip's bits after
    training. What rounding does to weights, decays and thresholds is told in numbers. A network that the chip cannot
    run exactly is refused with the node, the reason and a remedy; one that is too large with what it needs by
    purpose, the limits that it breaks, and changes with which it fits (exit code 1).

    A file named .net is read as one of lava-dl (netx), whose weights and neurons are integers already and stay as they
    are.

    Examples:

        neurotrain-hw compile digits.nir -t loihi2 --steps 32 -o digits.nhw

        neurotrain-hw compile digits.nir -t loihi2 --steps 32 -o digits.nhw --budget 8KiB --chips auto

        neurotrain-hw compile braille.nir -t loihi2 --steps 256 -o braille.nhw --quantise spikes --calibrate some.npz

        neurotrain-hw compile digits.nir -t loihi2 --steps 32 -o digits.nhw --budget 8KiB --mixed
    """
    with output.user_errors(as_json):
        from neurotrain_hw.compiler import layer_rows, lower, lower_mixed, place
        from neurotrain_hw.interchange import read_nir
        from neurotrain_hw.memory import memory_map
        from neurotrain_hw.program.file import save_program

        chip, most = memory.chip_for(target, budget), memory.number_of_chips(chips)
        lowered, read_as = None, "netx"
        if file.suffix == ".net":
            asked = {
                "--dialect": dialect, "--dt": dt, "--reset": reset, "--weight-exp": weight_exp, "--bits": bits,
                "--quantise": quantise, "--calibrate": calibrate, "--per-channel": per_channel or None,
                "--power-of-two": power_of_two or None, "--nearest": nearest or None,
                "--mixed": mixed or None, "--time-unit": time_unit,
            }  # fmt: skip
            program = _netx(file, chip, steps, input_bits, [name for name, value in asked.items() if value is not None])
        else:
            graph = read_nir(file, dialect=dialect, dt_s=dt, reset=reset, time_unit=time_unit)
            settings = lowering.quantisation(quantise, bits, per_channel, power_of_two)
            given: dict[str, Any] = {
                "steps": steps, "settings": replace(settings, weight_exp=weight_exp), "nearest": nearest,
                "calibration": lowering.calibration(calibrate, steps), "input_bits": input_bits, "name": file.stem,
            }  # fmt: skip
            lowered = lower_mixed(graph, chip, chips=most, **given) if mixed else lower(graph, chip, **given)
            program, read_as = lowered.program, graph.dialect
        program = place(_noted(program, budget), chip, chips=most)
        save_program(program, out)
        layers = () if lowered is None else layer_rows(lowered, program)
        found = memory_map(program, chip)
        if as_json:
            output.print_json(_document(out, read_as, program, layers, found))
        else:
            if lowered is None:
                _print_connections(program)
            else:
                _print_layers(layers)
            memory.print_map(found, every_core=every_core or found.cores <= memory.MOST_CORES)
            # warnings last, where they are seen
            for note in sorted(program.notes, key=lambda text: text.startswith("warning: ")):
                typer.echo(note if note.startswith("warning: ") else f"note: {note}")
            typer.echo(f"wrote {out}: {memory.used(found)} of {chip.name}")


def _netx(file: Path, chip: Chip, steps: int, input_bits: int, asked: Sequence[str]) -> Program:
    """The program of a lava-dl network, which leaves nothing to choose."""
    from neurotrain_hw.compiler.netx import compile_netx
    from neurotrain_hw.errors import ValueRangeError
    from neurotrain_hw.interchange.netx_file import read_netx

    if asked:
        raise ValueRangeError(
            f"{asked[0]} is for NIR files; a .net file says itself what its integers mean", where=str(file)
        )
    if steps < 1:
        raise ValueRangeError(f"{steps} steps", where="--steps", need="1 or more")
    return compile_netx(read_netx(file), chip, steps=steps, input_message_bits=input_bits, name=file.stem)


def _noted(program: Program, budget: str | None) -> Program:
    """The program with a note of the memory that was assumed."""
    if budget is None:
        return program
    return replace(program, notes=(*program.notes, f"the memory of a core is assumed to be {budget} (--budget)"))


def _document(
    out: Path, dialect: str, program: Program, layers: tuple[LayerRow, ...], found: MemoryMap
) -> dict[str, Any]:
    return {
        "program": str(out),
        "chip": program.chip,
        "dialect": dialect,
        "steps": program.timing.sample_steps if program.timing else None,
        "layers": [asdict(row) for row in layers],
        "placement": [asdict(part) for part in program.placement],
        "memory": [asdict(row) for row in program.memory],
        "pools": [asdict(row) for row in found.pools],
        "memory_map": found.as_dict(),
        "notes": list(program.notes),
    }


def _print_connections(program: Program) -> None:
    output.table(
        "Layers",
        ["from", "neurons", "kind", "shape", "synapses", "bits"],
        [
            [
                c.pre, c.post, program.population(c.post).kind, " x ".join(map(str, program.population(c.post).shape)),
                f"{c.kind}, {int(c.stored_synapses().sum()):,} weights", c.num_weight_bits,
            ]
            for c in program.connections
        ],
    )  # fmt: skip


def _print_layers(layers: tuple[LayerRow, ...]) -> None:
    output.table(
        "Layers",
        ["weights", "neurons", "shape", "bits", "exp", "weight error", "zeros", "decay", "threshold", "cores"],
        [
            [
                row.weights, row.neurons, _shape(row), row.bits, row.weight_exp,
                f"{row.weight_error:.2%}", f"{row.zero_share:.1%}", _decays(row), _threshold(row), row.cores,
            ]
            for row in layers
        ],
    )  # fmt: skip


def _shape(row: LayerRow) -> str:
    text = " x ".join(map(str, row.shape))
    if row.kind == "conv":
        text += f" on {row.n_pre}"
    return text + (f", {row.delay} later" if row.delay else "")


def _decays(row: LayerRow) -> str:
    text = f"{row.decay:.5g} (asked {row.decay_wanted:.5g})"
    if row.current_decay or row.current_decay_wanted:
        text += f", current {row.current_decay:.5g} (asked {row.current_decay_wanted:.5g})"
    return text


def _threshold(row: LayerRow) -> str:
    if row.threshold is None or row.threshold_wanted is None:
        return "never reached: the membrane is read"
    return f"{row.threshold:.5g} (asked {row.threshold_wanted:.5g})"
