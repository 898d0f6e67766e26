"""The command line: one module per verb, nothing but argument handling; heavy imports wait until a verb runs."""

from __future__ import annotations

from typing import Annotated

import typer

from neurotrain_hw.cli import (
    audit,
    compare,
    compile,
    datasets,
    demo,
    doctor,
    export,
    lava,
    learn,
    models,
    report,
    rules,
    run,
    targets,
    train,
    verify,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        typer.echo(f"neurotrain-hw {metadata.version('neurotrain-hw')}")
        raise typer.Exit


app = typer.Typer(
    name="neurotrain-hw",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: wraps paragraphs, keeps [brackets], and need not import rich
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Spiking networks from training to neuromorphic hardware, exactly: export, compile, run, learn, audit."""


for _verb in (
    demo.demo,
    train.train,
    learn.learn,
    export.export,
    compile.compile_,
    run.run,
    compare.compare,
    verify.verify,
    audit.audit,
    report.report,
    doctor.doctor,
):
    app.command(_verb.__name__.rstrip("_"))(_verb)
for _name, _group in (
    ("targets", targets.app),
    ("models", models.app),
    ("rules", rules.app),
    ("datasets", datasets.app),
    ("lava", lava.app),
):
    app.add_typer(_group, name=_name)
