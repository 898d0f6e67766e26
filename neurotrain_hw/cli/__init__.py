"""The command line: one module per verb, nothing but argument handling; heavy imports wait until a verb runs."""

from __future__ import annotations

import typer

from neurotrain_hw.cli import (
    audit,
    compile,
    demo,
    doctor,
    export,
    lava,
    models,
    report,
    rules,
    run,
    targets,
    train,
    verify,
)

app = typer.Typer(
    name="neurotrain-hw",
    help="Spiking networks from training to neuromorphic hardware, exactly: export, compile, run, learn, audit.",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: wraps paragraphs, keeps [brackets], and need not import rich
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _verb in (
    demo.demo,
    train.train,
    export.export,
    compile.compile_,
    run.run,
    verify.verify,
    audit.audit,
    report.report,
    doctor.doctor,
):
    app.command(_verb.__name__.rstrip("_"))(_verb)
for _name, _group in (("targets", targets.app), ("models", models.app), ("rules", rules.app), ("lava", lava.app)):
    app.add_typer(_group, name=_name)
