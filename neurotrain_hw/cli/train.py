"""`neurotrain-hw train`: a model, a rule and a dataset in, a run folder out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurotrain_hw.cli import output, train_figures, train_memory
from neurotrain_hw.errors import ValueRangeError

if TYPE_CHECKING:
    from neurotrain_hw.trainers import Report, RuleSettings, UserModule

ModelOption = Annotated[str, typer.Option(help="Name of a model (`models list`) or a model file.")]
RuleOption = Annotated[str, typer.Option(help="Name of a rule; docs/how-to/train.md compares them.")]
ModuleOption = Annotated[
    str | None, typer.Option(help="A torch module of your own in place of a model: FILE.py:NAME. Runs its code.")
]
ShapeOption = Annotated[str | None, typer.Option(help="With --module: shape of one step of a sample, as in 1,28,28.")]
DatasetOption = Annotated[
    str | None, typer.Option(help="Name of a dataset (`datasets list`), or an .npz file. [default: the model's]")
]
EncodingOption = Annotated[
    str | None,
    typer.Option(help="How samples become input: rate, latency, delta, ... [default: the rule's, or the dataset's]"),
]
BitsOption = Annotated[
    str | None, typer.Option(help="Width of the weights, 1 to 12, or 'float'. [default: the model's]")
]
StepsOption = Annotated[int | None, typer.Option(help="Time steps of a sample. [default: the model's]")]
EpochsOption = Annotated[int | None, typer.Option(help="Passes over the training samples. [default: the rule's]")]
SeedOption = Annotated[int, typer.Option(help="Seed of weights, order and spikes.")]
OutOption = Annotated[Path | None, typer.Option(help="Run folder. [default: runs/MODEL-RULE-seedN]")]
DataOption = Annotated[
    Path | None, typer.Option(help="Folder with the dataset's files. [default: $NEUROTRAIN_HW_DATA]")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="A constant of the rule, as in --set learning_rate=0.002; repeatable.")
]
DeviceOption = Annotated[str, typer.Option(help="cpu, cuda or cuda:NUMBER.")]
AuditOption = Annotated[
    bool, typer.Option("--audit-memory", help="Do not train: measure the memory that learning needs, and how it grows.")
]
AuditStepsOption = Annotated[str, typer.Option(help="Lengths of a sample for --audit-memory.")]
AuditBatchOption = Annotated[int, typer.Option(help="Samples in a batch for --audit-memory.")]


def train(
    model: ModelOption = "digits-fc",
    rule: RuleOption = "bptt",
    module: ModuleOption = None,
    input_shape: ShapeOption = None,
    dataset: DatasetOption = None,
    encoding: EncodingOption = None,
    bits: BitsOption = None,
    steps: StepsOption = None,
    epochs: EpochsOption = None,
    seed: SeedOption = 0,
    out: OutOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    device: DeviceOption = "cpu",
    audit_memory: AuditOption = False,
    audit_steps: AuditStepsOption = "100,200,400,800,1600",
    audit_batch: AuditBatchOption = 1,
    as_json: output.JsonOption = False,
) -> None:
    """Train a spiking network with quantised weights, and write a run folder.

    The folder gets run.json (settings, versions, figures), weights.npz (float weights, integers, scales) and
    model.nir (the network for `compile`). The validation figure is there to choose by; the test set is read once, at
    the end. Ctrl-C is safe: the same command goes on after the last whole epoch, and a finished run is not repeated.

    A rule that cannot train a model says why. Constants change with --set: optimiser, learning-rate schedule, loss,
    decoding of the outputs, activity regularisation, and the rule's own. Examples:

        neurotrain-hw train --model digits-fc --rule eprop --seed 1

        neurotrain-hw train --model mnist-conv --rule ottt --set optimiser=sgd --set momentum=0.9 --device cuda

    With --audit-memory nothing is trained: the bytes that the rule forms to learn from one batch are measured at
    several lengths of a sample, a line is fitted, and the exit code is 1 if memory does not grow as the rule declares:

        neurotrain-hw train --audit-memory --model digits-fc --rule bptt --audit-steps 100,400,1600
    """
    with output.user_errors(as_json, interrupted="" if audit_memory else _GO_ON):
        constants = _constants(rule, set_ or [])
        chosen = _model(model, module, input_shape)
        if audit_memory:
            train_memory.audit(chosen, rule, constants if set_ else None, audit_steps, audit_batch, as_json)
            return
        from neurotrain_hw import trainers

        stem = module.rpartition(":")[2] if module else Path(model).stem
        folder = out or Path("runs") / f"{stem}-{rule}-seed{seed}"
        with output.StatusBar(hidden=as_json) as bar:
            run = trainers.train(
                chosen, rule, dataset=dataset, encoding=encoding, weight_bits=_bits(bits), steps=steps, epochs=epochs,
                seed=seed, folder=folder, data_folder=data, constants=constants, device=device,
                progress=_follow(bar, quiet=as_json),
            )  # fmt: skip
        if as_json:
            output.print_json({"folder": run.folder, **run.document})
        else:
            train_figures.show(run)


def _model(model: str, module: str | None, input_shape: str | None) -> str | UserModule:
    from neurotrain_hw.trainers import UserModule

    if module is None:
        if input_shape is not None:
            raise ValueRangeError("a model has its own", where="--input-shape", remedy="Leave it out.")
        return model
    sides = [side.strip() for side in (input_shape or "").split(",")]
    if not all(side.isdigit() and int(side) > 0 for side in sides):
        raise ValueRangeError(f"got '{input_shape or ''}'", where="--input-shape", need="as in 64 or 1,28,28")
    return UserModule(module, tuple(int(side) for side in sides))


_GO_ON = "The same command goes on after the last whole epoch."


def _constants(rule: str, changes: list[str]) -> RuleSettings:
    from neurotrain_hw.trainers.changes import changed

    for change in changes:
        if "=" not in change:
            raise ValueRangeError(f"got '{change}'", where="--set", need="name=value")
    return changed(rule, dict(change.split("=", 1) for change in changes))


def _bits(text: str | None) -> Any:
    if text is None:
        return "model"
    if text == "float":
        return None
    if not text.isdigit():
        raise ValueRangeError(f"got '{text}'", where="--bits", need="a whole number or 'float'")
    return int(text)


def _follow(bar: output.StatusBar, *, quiet: bool) -> Callable[[Report], None]:
    """Show Reports: the bar moves, and every epoch leaves a line."""

    def follow(report: Report) -> None:
        output.check_interrupt()
        epoch = f"epoch {report.epoch}/{report.epochs}"
        bar.update(epoch, (report.epoch - 1 + report.share) / report.epochs)
        if report.validation is not None and not quiet:
            bar.print(f"{epoch}  loss {report.loss:.3f}  validation {report.validation:.2%}", err=True)

    return follow
