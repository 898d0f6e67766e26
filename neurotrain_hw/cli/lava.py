"""`neurotrain-hw lava`: install Lava's own environment, check it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurotrain_hw.cli import output

app = typer.Typer(help="Intel's Lava, in an interpreter of its own: install it, check it.", no_args_is_help=True)


@app.command()
def install(
    python: Annotated[
        Path | None,
        typer.Option(
            "--python", help="A CPython 3.10. Default: python3.10 on PATH, else what uv has, else what pyenv has."
        ),
    ] = None,
    as_json: output.JsonOption = False,
) -> None:
    """Make an environment for Lava (lava-nc 0.10.0, which runs on CPython 3.10 and NumPy 1 only).

    It lies in your user data folder, or where the variable NEUROTRAIN_HW_LAVA_VENV says. Every version in it is
    pinned. Where it is complete already, nothing happens. Everything but runs in Lava works without it.

    Example:

        neurotrain-hw lava install --python ~/.pyenv/versions/3.10.13/bin/python
    """
    with output.user_errors(as_json):
        from neurotrain_hw.lava import environment

        interpreter = environment.install(python, progress=lambda line: typer.echo(line, err=True))
        if as_json:
            output.print_json({"python": str(interpreter), "folder": str(environment.venv_folder())})
        else:
            typer.echo("Next: neurotrain-hw lava check")


@app.command()
def check(as_json: output.JsonOption = False) -> None:
    """Run one neuron in Lava and compare its spike times with a formula.

    Exit code 0: they agree; 1: Lava runs, but its spikes are not as expected; 2: Lava is missing or broken.

    Example: neurotrain-hw lava check --json
    """
    with output.user_errors(as_json):
        from neurotrain_hw.lava import environment

        found = environment.check()
        if as_json:
            document = {"ok": found.ok, "python": str(found.python), "versions": dict(found.versions)}
            output.print_json(document | {"expected_spikes": found.expected, "found_spikes": found.found})
        else:
            rows = [["interpreter", found.python], *found.versions.items()]
            output.table("Lava", ["what", "found"], [*rows, ["spikes at steps", ", ".join(map(str, found.found))]])
            expected = ", ".join(map(str, found.expected))
            typer.echo("Lava runs, with spikes as expected." if found.ok else f"Expected spikes at steps {expected}.")
        if not found.ok:
            output.stop(output.EXIT_NEGATIVE)
