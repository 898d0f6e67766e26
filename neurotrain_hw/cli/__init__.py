"""The command line: one module per verb, nothing but argument handling; heavy imports wait until a verb runs."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="neurotrain-hw",
    help="Spiking networks from training to neuromorphic hardware, exactly: export, compile, run, learn, audit.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Entry point of `neurotrain-hw`."""
    app()
