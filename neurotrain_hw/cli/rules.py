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
    """List the rules: learning signal, locality, memory over time, and what runs each of them in this version.

    Example:

        neurotrain-hw rules list
    """
    with output.user_errors(as_json):
        from neurotrain_hw.rules import load_rule, needs_of, rule_names

        rules = [load_rule(name) for name in rule_names()]
        if as_json:
            output.print_json([_overview(rule, needs_of(rule)) for rule in rules])
            return
        columns = ("rule", "title", "learns", "learning signal", "temporal", "spatial", "memory over T", "runs in")
        output.table("Rules", columns, [tuple(_overview(rule, needs_of(rule)).values()) for rule in rules])
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

        found = load_rule(rule)
        needs = needs_of(found)
        if as_json:
            output.print_json(_document(found, needs))
            return
        typer.echo(f"{found.title} ({found.name})\n{found.summary}\n\n  {found.equation}\n")
        for target, text in found.sums.items():
            typer.echo(f"  {target} = {text}")
        output.table("Definition", ("part", "value"), _definition(found))
        output.table("Needs", ("of a chip", "value"), _needs(needs))
        for line in (f"Source: {found.source}", found.note and f"Note: {found.note}"):
            if line:
                typer.echo(line)


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


def _overview(rule: Rule, needs: Needs) -> dict[str, object]:
    return {
        "rule": rule.name,
        "title": rule.title,
        "learns": rule.taxonomy.learning,
        "signal": rule.modulation.signal,
        "temporal": rule.taxonomy.temporal,
        "spatial": rule.taxonomy.spatial,
        "memory": needs.growth,
        "runs_in": ", ".join(rule.engines) or "nothing yet",
    }


def _definition(rule: Rule) -> list[tuple[str, object]]:
    from neurotrain_hw.rules import LEARNING_SIGNALS, SAMPLED

    taxonomy, modulation = rule.taxonomy, rule.modulation
    rows: list[tuple[str, object]] = [
        ("runs in", ", ".join(rule.engines) or "nothing yet"),
        (
            "training",
            f"{taxonomy.training}, {taxonomy.learning}; in time {taxonomy.temporal}, in space {taxonomy.spatial}",
        ),
        ("mechanisms", ", ".join(taxonomy.mechanisms)),
        ("weights change", f"{rule.changes}, rounding {rule.rounding}"),
    ]
    rows += [(f"trace {k}", f"impulse {t.impulse:g}, tau {t.tau:g} steps") for k, t in rule.traces.items()]
    if modulation.signal != "none":
        rows.append(("learning signal", f"{modulation.signal}: {LEARNING_SIGNALS[modulation.signal]}"))
        rows.append(
            ("third factor", f"psi {modulation.psi}, computed by {modulation.computed_by}; {modulation.meaning}")
        )
    rows += [(f"{name} is read", f"{word}: {SAMPLED[word]}") for name, word in rule.sampling.items()]
    return rows + [(f"default {k}", v) for k, v in rule.defaults.items()]


def _needs(needs: Needs) -> list[tuple[str, object]]:
    gates = {"x0": "pre spike", "y0": "post spike", "u": "epoch"}
    cost = [f"{gates[g]}: {o.multiplications} mul, {o.additions} add" for g, o in needs.operations.items()]
    return [
        ("engine form", needs.form or "none: it is no sum of products"),
        ("traces per pre neuron", " ".join(needs.pre_traces) or "none"),
        ("traces per post neuron", " ".join(needs.post_traces) or "none"),
        ("factors sent by the post neuron", " ".join(needs.third_factors) or "none"),
        ("tags per synapse", " ".join(needs.tags) or "none"),
        ("further bits per synapse", ", ".join(f"{k} {v}" for k, v in needs.synapse_bits.items()) or "none"),
        ("membrane at every update", _yes(needs.membrane_at_update)),
        ("weight transport", _yes(needs.weight_transport)),
        ("feedback matrix", _yes(needs.feedback_matrix)),
        ("column access at post spikes", _yes(needs.column_access)),
        ("sweep over all synapses", _yes(needs.sweep)),
        ("random numbers per synapse and update", needs.random_numbers),
        ("operations per synapse", "; ".join(cost) or "not counted"),
        (
            "memory over the steps of a sample",
            f"{needs.growth}" + (f": {', '.join(needs.history)}" if needs.history else ""),
        ),
    ]


def _document(rule: Rule, needs: Needs) -> dict[str, object]:
    import tomllib
    from dataclasses import asdict

    return {"name": rule.name, **tomllib.loads(rule.to_toml()), "needs": {**asdict(needs), "growth": needs.growth}}


def _yes(value: bool) -> str:
    return "yes" if value else "no"
