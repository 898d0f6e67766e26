"""`neurotrain-hw targets`: the chips there are, what is known of each, and a check of a chip file of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurotrain_hw.cli import output

if TYPE_CHECKING:
    from neurotrain_hw.chips import Chip

app = typer.Typer(
    help="The chips: list them, show every figure with its source, check a chip file of your own.",
    no_args_is_help=True,
)


@app.command("list")
def list_chips(as_json: output.JsonOption = False) -> None:
    """List the chips: cores, neurons, memory, weights, learning, and what their energy figures rest on.

    A figure that nobody has published is shown as `unknown`. Example:

        neurotrain-hw targets list
    """
    with output.user_errors(as_json):
        from neurotrain_hw.chips import chip_names, load_chip

        chips = [load_chip(name) for name in chip_names()]
        if as_json:
            output.print_json([{"id": c.id, "name": c.name} | {k: c.figure(k).plain for k in _OVERVIEW} for c in chips])
            return
        columns = ("chip", "name", "cores", "neurons/core", "memory/core", "weight bits", "learning", "third factor",
                   "energy")  # fmt: skip
        output.table("Chips", columns, [_overview(chip) for chip in chips])
        typer.echo("Every figure with its source: neurotrain-hw targets show CHIP")


@app.command("show")
def show_chip(
    chip: Annotated[str, typer.Argument(metavar="CHIP", help="A chip's name, or the path of a chip file.")],
    as_json: output.JsonOption = False,
) -> None:
    """Show every figure of a chip with its source and status, and the measurements published for it.

    The status letter says how far to trust a figure: V read directly, S quoted by another text, D derived,
    M from memory, X chosen here, U unknown. Examples:

        neurotrain-hw targets show loihi2

        neurotrain-hw targets show my_chip.toml --json
    """
    with output.user_errors(as_json):
        from neurotrain_hw.chips import KEYS, STATUS, load_chip

        found = load_chip(chip)
        if as_json:
            output.print_json(_document(found))
            return
        shown = [f for f in found.figures.values() if f.key not in ("chip.id", "chip.name")]
        rows = [(f.key, f.words, f.status, f.source_id, KEYS[f.key].meaning) for f in shown]
        output.table(f"{found.name} ({found.id})", ("figure", "value", "st", "source", "meaning"), rows)
        if found.calibrations:
            measured = [
                (c.task, "; ".join(f"{k} {_plain(v)}" for k, v in c.figures.items()), c.status,
                 "independent" if c.independent else "consistency check", c.source_id)
                for c in found.calibrations
            ]  # fmt: skip
            output.table("Published measurements", ("task", "figures", "st", "use", "source"), measured)
        output.table("Sources", ("source", "text"), found.sources.items())
        typer.echo("Status: " + "; ".join(f"{letter} {words}" for letter, words in STATUS.items()))


@app.command("check")
def check_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Chip files (TOML).")],
    as_json: output.JsonOption = False,
) -> None:
    """Check chip files against the schema: every fault with its line, key and the expected type.

    Ends with 0 if all files are good, 1 if one has a fault, 2 if one is not there. Example:

        neurotrain-hw targets check my_chip.toml
    """
    with output.user_errors(as_json):
        from neurotrain_hw.chips import faults

        found = {str(path): faults(path) for path in files}
        if as_json:
            output.print_json(
                [{"file": p, "ok": not errors, "faults": [e.as_dict() for e in errors]} for p, errors in found.items()]
            )
        else:
            for path, errors in found.items():
                typer.echo(f"{path}: " + (f"{len(errors)} fault(s)" if errors else "good"))
                for error in errors:
                    typer.echo(f"  {error}")
        if any(found.values()):
            output.stop(output.EXIT_NEGATIVE)


_OVERVIEW = (
    "chip.kind", "structure.cores", "structure.neurons_per_core", "memory.sram_core_bytes",
    "memory.synapse_bytes_per_core", "synapse.weight_bits_allowed", "learning.supported", "learning.rule_family",
    "learning.third_factor", "energy.scope", "energy.basis",
)  # fmt: skip


def _overview(chip: Chip) -> tuple[str, ...]:
    memory = chip.integer("memory.sram_core_bytes")
    synapses = chip.integer("memory.synapse_bytes_per_core")
    if memory is not None:
        size = _bytes(memory)
    else:
        size = "unknown" if synapses is None else f"{_bytes(synapses)} (synapses)"
    learns = chip.flag("learning.supported")
    bits = chip.integers("synapse.weight_bits_allowed")
    return (
        chip.id, chip.name, chip.figure("structure.cores").words, chip.figure("structure.neurons_per_core").words, size,
        "unknown" if bits is None else _ranges(bits),
        chip.figure("learning.rule_family").words, chip.figure("learning.third_factor").words if learns else "none",
        chip.figure("energy.scope").words,
    )  # fmt: skip


def _document(chip: Chip) -> dict[str, object]:
    return {
        "id": chip.id,
        "name": chip.name,
        "path": str(chip.path),
        "figures": {
            key: {"value": f.plain, "known": f.known, "status": f.status, "source": f.source,
                  "source_id": f.source_id}
            for key, f in chip.figures.items()
        },
        "calibrations": [
            {"task": c.task, "figures": {k: _plain(v) for k, v in c.figures.items()}, "source": c.source,
             "status": c.status, "independent": c.independent}
            for c in chip.calibrations
        ],
    }  # fmt: skip


def _bytes(count: int) -> str:
    return f"{count / 1024:.4g} KiB" if count % 64 == 0 else f"{count} B"


def _ranges(values: tuple[int, ...]) -> str:
    """Whole numbers with runs drawn together: 1-6, 8."""
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
