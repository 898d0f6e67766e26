"""`neurotrain-hw audit`: can this rule train this network on this chip?"""

from __future__ import annotations

from typing import Annotated

import typer

from neurotrain_hw.cli import memory, output

_FEEDBACK = ("stored", "generated")


def audit(
    rule: Annotated[str, typer.Option(help="A rule's name (`rules list`), or a rule file.")],
    model: Annotated[str, typer.Option(help="A network's name (`models list`), or a model file.")],
    target: Annotated[str, typer.Option(help="A chip's name (`targets list`), or a chip file.")],
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of a sample; else those of the model.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Samples at once.")] = 1,
    budget: memory.BudgetOption = None,
    chips: Annotated[int, typer.Option(min=1, help="Chips of the kind.")] = 1,
    weight_bits: Annotated[
        int | None, typer.Option("--weight-bits", min=1, help="Bits of all weights; else those of the model.")
    ] = None,
    feedback: Annotated[
        str, typer.Option(help="Fixed random feedback: stored, or generated from a seed where the chip can.")
    ] = "stored",
    sources: Annotated[bool, typer.Option("--sources", help="Show where each limit comes from.")] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Judge a rule on a network and a chip: runs natively, on the chip's processor, off-chip only, or does not fit.

    One row per requirement: need, limit, answer, reason, remedy. Where the chip file calls a figure unknown, the
    answer is unknown, never a pass. Memory is counted as `compile` counts it; a remedy for too little of it was tried
    and fits. Ends with 0 if the rule is shown to run there, else with 1. Examples:

        neurotrain-hw audit --rule drtp --model digits-fc --target loihi2

        neurotrain-hw audit --rule eprop-random --model digits-fc --target edge_sram --budget 12KiB

        neurotrain-hw audit --rule bptt --model mnist-fc --target spinnaker2
    """
    with output.user_errors(as_json):
        from neurotrain_hw.audit import NetworkShape
        from neurotrain_hw.audit import audit as judge
        from neurotrain_hw.errors import UnknownNameError
        from neurotrain_hw.networks import load_model
        from neurotrain_hw.rules import load_rule

        if feedback not in _FEEDBACK:
            raise UnknownNameError("way to keep feedback", feedback, _FEEDBACK, where="--feedback")
        spec = load_model(model)
        network = NetworkShape.from_model(spec)
        verdict = judge(
            load_rule(rule),
            network if weight_bits is None else network.with_weight_bits(weight_bits),
            memory.chip_for(target, budget),
            steps=steps or spec.steps,
            batch=batch,
            chips=chips,
            generated=feedback == "generated",
        )
        if as_json:
            output.print_json(verdict.as_dict() | {"runs_there": verdict.runs_there})
        else:
            columns = ("requirement", "need", "limit", "answer", "reason", "remedy", *(["source"] if sources else []))
            rows = [
                (r.requirement, r.need, r.limit, r.result.value, r.reason, r.remedy, *([r.source] if sources else []))
                for r in verdict.rows
            ]
            title = f"{verdict.rule} on {verdict.network}, {verdict.chip}, {verdict.steps} steps"
            output.table(title, columns, rows)
            typer.echo(f"{title}: {verdict.outcome}")
            if verdict.note:
                typer.echo(verdict.note)
        if not verdict.runs_there:
            output.stop(output.EXIT_NEGATIVE)
