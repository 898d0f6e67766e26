"""`neurotrain-hw train`: a model, a rule and a dataset in, a run folder out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurotrain_hw.cli import output
from neurotrain_hw.errors import ValueRangeError

if TYPE_CHECKING:
    from neurotrain_hw.trainers import Report, TrainedRun

ModelOption = Annotated[str, typer.Option(help="Name of a model (`models list`) or a model file.")]
RuleOption = Annotated[str, typer.Option(help="bptt (surrogate gradient through time) or eprop (online).")]
DatasetOption = Annotated[str | None, typer.Option(help="digits or mnist. [default: the model's]")]
BitsOption = Annotated[
    str | None, typer.Option(help="Width of the weights, 2 to 12, or 'float'. [default: the model's]")
]
StepsOption = Annotated[int | None, typer.Option(help="Time steps of a sample. [default: the model's]")]
EpochsOption = Annotated[int | None, typer.Option(help="Passes over the training samples. [default: the rule's]")]
SeedOption = Annotated[int, typer.Option(help="Seed of weights, order and spikes.")]
OutOption = Annotated[Path | None, typer.Option(help="Run folder. [default: runs/MODEL-RULE-seedN]")]
DataOption = Annotated[
    Path | None, typer.Option(help="Folder with the dataset's files, for mnist. [default: $NEUROTRAIN_HW_DATA]")
]


def train(
    model: ModelOption = "digits-fc",
    rule: RuleOption = "bptt",
    dataset: DatasetOption = None,
    bits: BitsOption = None,
    steps: StepsOption = None,
    epochs: EpochsOption = None,
    seed: SeedOption = 0,
    out: OutOption = None,
    data: DataOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Train a spiking network with quantised weights, and write a run folder.

    The folder gets run.json (settings, versions, figures), weights.npz (float weights, integers, scales) and
    model.nir (the network for `compile`). The validation figure is there to choose by; the test set is read once, at
    the end. Ctrl-C is safe: the same command goes on after the last whole epoch, and a finished run is not repeated.

    Example: neurotrain-hw train --model digits-fc --rule eprop --seed 1
    """
    with output.user_errors(as_json, interrupted="The same command goes on after the last whole epoch."):
        from neurotrain_hw import trainers

        folder = out or Path("runs") / f"{Path(model).stem}-{rule}-seed{seed}"
        with _Bar(hidden=as_json) as bar:
            run = trainers.train(
                model, rule, dataset=dataset, weight_bits=_bits(bits), steps=steps, epochs=epochs, seed=seed,
                folder=folder, data_folder=data, progress=bar,
            )  # fmt: skip
        if as_json:
            output.print_json({"folder": run.folder, **run.document})
        else:
            _show(run)


def _bits(text: str | None) -> Any:
    if text is None:
        return "model"
    if text == "float":
        return None
    if not text.isdigit():
        raise ValueRangeError(f"got '{text}'", where="--bits", need="a whole number or 'float'")
    return int(text)


def _show(run: TrainedRun) -> None:
    rows = [
        (kind, *(f"{figures[part]:.2%}" for part in ("train", "validation", "test")))
        for kind, figures in run.accuracy.items()
    ]
    title = f"{run.model.name} trained with {run.rule}, seed {run.seed}, {run.document['seconds']:.0f} s"
    output.table(title, ("weights", "train", "validation", "test"), rows)
    typer.echo(f"{run.folder}: run.json, weights.npz, model.nir")


class _Bar:
    """A progress bar on standard error, fed with Reports."""

    def __init__(self, *, hidden: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=console,
            disable=hidden or not console.is_terminal, transient=True,
        )  # fmt: skip
        self._task = self._progress.add_task("training", total=1.0)
        self._plain = not hidden and not console.is_terminal

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def __call__(self, report: Report) -> None:
        output.check_interrupt()
        done = (report.epoch - 1 + report.share) / report.epochs
        self._progress.update(self._task, completed=done, description=f"epoch {report.epoch}/{report.epochs}")
        if report.validation is None:
            return
        line = f"epoch {report.epoch}/{report.epochs}  loss {report.loss:.3f}  validation {report.validation:.2%}"
        if self._plain:
            typer.echo(line, err=True)
        else:
            self._progress.console.print(line, highlight=False)
