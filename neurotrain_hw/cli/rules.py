"""`neurotrain-hw rules`: the learning rules there are, what each needs, and a check of a rule or file of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurotrain_hw.cli import output

if TYPE_CHECKING:
    from neurotrain_hw.rules import Needs, Rule

app = typer.Typer(
    help="The learning rules: list them, show what one does and needs, check a rule of your own.",
    no_args_is_help=True,
)


@app.command("list")
def list_rules(as_json: output.JsonOption = False) -> None:
    """List the rules: learning signal, who computes it, locality, memory, and what runs each of them in this version.

    Example:

        neurotrain-hw rules list
    """
    with output.user_errors(as_json):
        from neurotrain_hw.rules import load_rule, needs_of, rule_names

        rules = [load_rule(name) for name in rule_names()]
        if as_json:
            output.print_json([_overview(rule, needs_of(rule)) for rule in rules])
            return
        columns = (
            "rule",
            "learns",
            "learning signal",
            "computed by",
            "in time",
            "in space",
            "memory over T",
            "runs in",
        )
        rows = [_overview(rule, needs_of(rule)) for rule in rules]
        output.table("Rules", columns, [[v for k, v in row.items() if k in _LISTED] for row in rows])
        typer.echo("* y1..y3 must be given from outside (`third_factors` of simulate).")
        typer.echo("Equation, factors and needs of one: neurotrain-hw rules show RULE")


@app.command("show")
def show_rule(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="A rule's name, or the path of a rule file.")],
    as_json: output.JsonOption = False,
) -> None:
    """Show a rule: its equation, its sums of products, when each factor is read, and what it needs of a chip.

    `--json` has all of it; `--json` and the file in the library are two forms of one definition. Examples:

        neurotrain-hw rules show pair-stdp

        neurotrain-hw rules show my_rule.toml --json
    """
    with output.user_errors(as_json):
        from neurotrain_hw.rules import load_rule, needs_of
        from neurotrain_hw.rules.describe import definition_rows, needs_rows, remarks

        found = load_rule(rule)
        needs = needs_of(found)
        if as_json:
            output.print_json(_document(found, needs))
            return
        typer.echo(f"{found.title} ({found.name})\n{found.summary}\n\n  {found.equation}\n")
        for target, total in found.sums.items():
            typer.echo(f"  {target} = {total}")
        output.table("Definition", ("part", "value"), definition_rows(found))
        output.table("Needs", ("of a chip", "value"), needs_rows(needs))
        for name, text in remarks(found).items():
            typer.echo(f"{name}: {text}")


@app.command("check")
def check_rule(
    rule: Annotated[str, typer.Argument(metavar="FILE|TEXT", help="A rule file (TOML), or a sum of products.")],
    as_json: output.JsonOption = False,
) -> None:
    """Check a rule file, or a sum of products, and say how it is read; a fault is shown with its column.

    `right_shifts` are the bits by which the engine shifts each product right, uncompensated. Ends with 0 if all is
    good, 1 if there is a fault, 2 if the file is not there. Examples:

        neurotrain-hw rules check "2^-2*x1*y0 - 2^-2*y1*x0"

        neurotrain-hw rules check my_rule.toml
    """
    with output.user_errors(as_json):
        from neurotrain_hw.errors import FormatError
        from neurotrain_hw.rules import load_rule, parse_sum

        path = Path(rule) if rule.endswith(".toml") or Path(rule).is_file() else None
        try:
            sums = load_rule(path).sums if path else {"text": parse_sum(rule)}
        except FormatError as fault:
            if path and not path.is_file():
                raise
            output.print_json({"ok": False} | fault.as_dict()) if as_json else typer.echo(str(fault))
            output.stop(output.EXIT_NEGATIVE)
        read = {k: {"canonical": str(v), "right_shifts": [p.shift for p in v.products]} for k, v in sums.items()}
        if as_json:
            output.print_json({"ok": True} | read)
            return
        for target, parts in read.items():
            typer.echo(f"{target}: {parts['canonical']}   right_shifts {parts['right_shifts']}")
        typer.echo("good")


_LISTED = ("rule", "learns", "signal", "computed_by", "temporal", "spatial", "memory", "runs_in")


def _overview(rule: Rule, needs: Needs) -> dict[str, object]:
    star = " *" if rule.engines and rule.modulation.formed == "given" and "simulator" in rule.engines else ""
    return {
        "rule": rule.name,
        "title": rule.title,
        "learns": rule.taxonomy.learning,
        "signal": rule.modulation.signal,
        "computed_by": rule.modulation.computed_by,
        "temporal": rule.taxonomy.temporal,
        "spatial": rule.taxonomy.spatial,
        "memory": needs.growth,
        "runs_in": ", ".join(rule.engines) + star if rule.engines else "nothing yet",
        "status": rule.status,
    }


def _document(rule: Rule, needs: Needs) -> dict[str, object]:
    import tomllib

    return {"name": rule.name, **tomllib.loads(rule.to_toml()), "status": rule.status, "needs": _needs_document(needs)}


def _needs_document(needs: Needs) -> dict[str, object]:
    from dataclasses import asdict

    bits = {"synapse": needs.bits_per_synapse(), "pre": needs.bits_per_pre(), "post": needs.bits_per_post()}
    return {**asdict(needs), "growth": needs.growth, "bits_per": bits}
