"""`neurotrain-hw learn`: a rule, a chip and a dataset in, a run folder with what was learned on the chip out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from neurotrain_hw.cli import memory, output

if TYPE_CHECKING:
    from collections.abc import Mapping

RuleOption = Annotated[str, typer.Option(help="Rule of the hidden layer: a name (`rules list`) or a rule file.")]
TargetOption = Annotated[str, typer.Option(help="A chip's name (`targets list`), or a chip file.")]
DatasetOption = Annotated[str, typer.Option(help="digits or mnist.")]
HiddenOption = Annotated[
    int | None, typer.Option(min=1, help="Hidden neurons. [default: 128 for digits, 256 for mnist]")
]
SeedsOption = Annotated[int, typer.Option(min=1, max=100, help="How many seeds, from 0; more may be added later.")]
EpochsOption = Annotated[
    int | None, typer.Option(min=1, help="Passes over the training samples. [default: 15 for digits, 8 for mnist]")
]
PatienceOption = Annotated[
    int | None, typer.Option(min=1, help="Stop after so many epochs without a better validation accuracy.")
]
BitsOption = Annotated[
    int | None,
    typer.Option("--weight-bits", min=2, max=8, help="Keep weights on the grid of so many bits. [default: 8 and sign]"),
]
RoundingOption = Annotated[
    str | None, typer.Option(help="shared (random number), independent, or nearest. [default: the chip's]")
]
ControlOption = Annotated[bool, typer.Option("--control/--no-control", help="Teach the readout alone, too.")]
TwinOption = Annotated[bool, typer.Option("--twin/--no-twin", help="Teach the same network in real numbers, too.")]
AnywayOption = Annotated[bool, typer.Option("--anyway", help="Learn although the chip's own engine could not.")]
JobsOption = Annotated[int, typer.Option(min=1, help="Lessons at the same time.")]
OutOption = Annotated[Path | None, typer.Option(help="Run folder. [default: runs/learn-RULE-DATASET]")]
DataOption = Annotated[
    Path | None, typer.Option(help="Folder with the dataset's files, for mnist. [default: $NEUROTRAIN_HW_DATA]")
]
ROWS = {"chip": "on chip", "twin": "float twin", "control": "control: readout only"}


def learn(
    rule: RuleOption = "eprop-random",
    target: TargetOption = "loihi2",
    dataset: DatasetOption = "digits",
    hidden: HiddenOption = None,
    seeds: SeedsOption = 3,
    epochs: EpochsOption = None,
    patience: PatienceOption = None,
    weight_bits: BitsOption = None,
    rounding: RoundingOption = None,
    control: ControlOption = True,
    twin: TwinOption = True,
    budget: memory.BudgetOption = None,
    anyway: AnywayOption = False,
    jobs: JobsOption = 2,
    out: OutOption = None,
    data: DataOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Learn a dataset on the simulated chip, in its own integers, one sample after the other.

    The hidden layer learns by the rule, the readout by the delta rule, both on the chip. Beside them stand the same
    network in real numbers (float twin) and a network whose hidden layer stays random (control). The epoch is chosen on
    validation samples; the test set is read once. The folder gets learn.json and, for each seed, learned-seedN.nhw, the
    network that learned, for `run`; `report` makes a page of it. A rule that the chip cannot run, or has no room for,
    is refused before anything is run (exit code 1). Ctrl-C is safe: the same command goes on where it stopped, and a
    finished course is not repeated. Examples:

        neurotrain-hw learn --rule eprop-random --dataset digits --seeds 2

        neurotrain-hw report runs/learn-eprop-random-digits
    """
    with output.user_errors(as_json, interrupted="The same command goes on where this one stopped."):
        from neurotrain_hw.learn import LearnSettings
        from neurotrain_hw.learn import learn as hold
        from neurotrain_hw.learn.course import Told

        folder = out or Path("runs") / f"learn-{Path(rule).stem}-{dataset}"
        settings = LearnSettings(
            rule, target, budget, dataset, hidden, seeds, epochs, patience, weight_bits, cast("Any", rounding),
            control=control, twin=twin, anyway=anyway,
        )  # fmt: skip
        with output.StatusBar(hidden=as_json) as bar:

            def say(line: str) -> None:
                output.check_interrupt()
                if not as_json:
                    bar.print(line, err=True)

            document = hold(settings, folder, jobs=jobs, data_folder=data, told=Told(say, bar.update))
        if as_json:
            output.print_json({"folder": folder, **document})
        else:
            _show(document, folder)


def _show(document: Mapping[str, Any], folder: Path) -> None:
    settings, network = document["settings"], document["network"]
    sizes = "-".join(str(network[key]) for key in ("inputs", "hidden", "outputs"))
    seeds = f"{settings['seeds']} seed{'s' * (settings['seeds'] != 1)}"
    bits, epochs = settings["weight_bits"], f"{settings['epochs']} epoch{'s' * (settings['epochs'] != 1)}"
    weights = "weights of 8 bits and sign" if bits is None else f"weights on the grid of {bits} bits"
    typer.echo(f"{settings['rule']} on {settings['dataset']}: {sizes} on {document['chip']}, {seeds}")
    typer.echo(f"{weights}, rounding {document['rounding']}, at most {epochs}")
    rows = [
        (ROWS[kind], _mean(found), ", ".join(f"{one['test']:.2%}" for one in document["lessons"][kind]),
         ", ".join(str(one["best"]) for one in document["lessons"][kind]))
        for kind, found in document["results"].items()
    ]  # fmt: skip
    rows.append(("chance", f"{document['chance']:.0%}", "", ""))
    output.table("Test accuracy", ("", "mean and 95% interval", "by seed", "epoch"), rows)
    output.table(
        "Weight updates of all lessons on the chip, by layer",
        ("layer", "rule", "proposed", "applied", "rounded to nothing", "saturated"),
        [
            (r["layer"], r["rule"], f"{r['proposed']:,}",
             *(_count(r[key], r["proposed"]) for key in ("applied", "rounded_away", "saturated")))
            for r in document["updates"]
        ],
    )  # fmt: skip
    for warning in document["warnings"]:
        typer.echo(f"note: {warning}")
    last = settings["seeds"] - 1
    learned = "learned-seed0.nhw" + (f" to learned-seed{last}.nhw" if last else "")
    typer.echo(f"{folder}: learn.json, {learned}")
    typer.echo(f"A page of it: neurotrain-hw report {folder}")


def _mean(found: Mapping[str, Any]) -> str:
    half = found["half_width"]
    return f"{found['mean']:.2%}" if half is None else f"{100 * found['mean']:.2f} ± {half:.2%}"


def _count(count: int, of: int) -> str:
    """`8,192 (4.28%)`; what is there is never shown as nothing."""
    if not count or not of:
        return f"{count:,}"
    return f"{count:,} ({f'{count / of:.2%}' if count >= of / 10_000 else '<0.01%'})"
