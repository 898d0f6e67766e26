"""`neurotrain-hw compare`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurotrain_hw.cli import lowering, output

if TYPE_CHECKING:
    from neurotrain_hw.compare import Comparison
    from neurotrain_hw.compare.source import Source
    from neurotrain_hw.data import Recordings


def compare(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The network: a NIR file, or a run folder.")],
    target: Annotated[str, typer.Option("--target", "-t", help="Name of a chip (see `targets list`) or a chip file.")],
    inputs: Annotated[
        Path | None, typer.Option("--inputs", "-i", help="Recordings: .npz with x (samples, steps, ...) and labels y.")
    ] = None,
    dataset: Annotated[
        str, typer.Option(help="Without --inputs, the dataset to show: a name of `datasets list`, or an .npz file.")
    ] = "digits",
    encoding: Annotated[
        str | None, typer.Option(help="How it was trained to see the dataset. [default: rate; of events: binary]")
    ] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of a random encoding.")] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Only the first so many samples.")] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", "-s", min=1, help="Steps of a sample; of recordings, all by default.")
    ] = None,
    dialect: lowering.DialectOption = None,
    dt: lowering.DtOption = None,
    reset: lowering.ResetOption = None,
    time_unit: lowering.TimeUnitOption = None,
    weight_exp: lowering.WeightExpOption = None,
    quantise: lowering.QuantiseOption = None,
    bits: lowering.BitsOption = None,
    per_channel: lowering.PerChannelOption = False,
    power_of_two: lowering.PowerOfTwoOption = False,
    calibrate: lowering.CalibrateOption = None,
    nearest: lowering.NearestOption = False,
    program: Annotated[
        Path | None, typer.Option("--program", help="A program compiled earlier, in place of the one compiled now.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="The run folder it came from: its torch network runs, too.")
    ] = None,
    recorded: Annotated[
        Path | None,
        typer.Option("--recorded", help="Spikes of the source: .npz with an array (samples, steps, n) by layer."),
    ] = None,
    engine: Annotated[str, typer.Option(help="chip: the integer simulator; lava: Lava beside it.")] = "chip",
    lava_samples: Annotated[int, typer.Option("--lava-samples", min=1, help="Samples that go through Lava.")] = 4,
    attribution: Annotated[
        bool, typer.Option("--attribution/--no-attribution", help="Find out what each effect of the integers costs.")
    ] = True,
    tolerance: Annotated[
        float | None, typer.Option(min=0, help="Points of accuracy that may be lost; more gives exit code 1.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Samples simulated at the same time.")] = 2,
    report: Annotated[Path | None, typer.Option("--report", help="Write an HTML page, too.")] = None,
    as_json: output.JsonOption = False,
) -> None:
    """Float against integers against Lava on the same inputs: where they first part, and why.

    Runs the network as its file means it, the integers that a chip makes of it, and, where asked for, the torch network
    that it came from and Lava. Shows the accuracy of each; the first spike that differs, with layer, step, neuron and
    membranes; spikes and rates by layer; how weights and membranes fill their number formats; and what each effect of
    the integers (rounding of weights, decays, thresholds and biases, truncation, overflow, reset) costs alone, and wins
    back when it alone is left out.

    Exit code 0; 1 where more than `--tolerance` points are lost. Examples:

        neurotrain-hw compare braille.nir -t loihi2 --inputs braille.npz --dialect snntorch

        neurotrain-hw compare runs/digits-fc-bptt-seed0 -t loihi2 --steps 32 --run runs/digits-fc-bptt-seed0
    """
    with output.user_errors(as_json):
        from neurotrain_hw.errors import FormatError, UnknownNameError, ValueRangeError

        if engine not in ("chip", "lava"):
            raise UnknownNameError("engine", engine, ("chip", "lava"))
        if run is not None and recorded is not None:
            raise ValueRangeError("two sources", where="--run, --recorded", need="one of them")
        if not file.exists():
            raise FormatError("there is no such file", where=str(file), need="a NIR file, or the folder of a run")
        from neurotrain_hw.interchange import read_nir

        graph = read_nir(file, dialect=dialect, dt_s=dt, reset=reset, time_unit=time_unit)
        shown = _recordings(inputs, dataset, encoding, split, seed, samples, steps)
        if tolerance is not None and shown.y is None:
            raise ValueRangeError(
                "no labels to measure accuracy with", where="--tolerance", need="an array y of labels"
            )
        if report is not None:
            from neurotrain_hw.report import check_extra

            check_extra()
        from neurotrain_hw.chips import load_chip
        from neurotrain_hw.compare import compare as compare_runs
        from neurotrain_hw.compiler.lower import lower
        from neurotrain_hw.program.file import load_program

        chip = load_chip(target)
        lowered = lower(
            graph, chip, steps=shown.steps, weight_exp=weight_exp, nearest=nearest, name=file.stem,
            settings=lowering.quantisation(quantise, bits, per_channel, power_of_two),
            calibration=lowering.calibration(calibrate, shown.steps), input_bits=_input_bits(shown),
        )  # fmt: skip
        other = None if program is None else load_program(program)
        source = _source(run, recorded, samples, shown.steps)
        with output.StatusBar(hidden=as_json) as bar:
            found = compare_runs(
                graph, lowered, chip, shown, program=other, source=source,
                lava_samples=lava_samples if engine == "lava" else 0, attribute=attribution, threads=threads,
                progress=bar.update,
            )  # fmt: skip
        document = found.as_dict()
        if report is not None:
            from neurotrain_hw.report import write_comparison

            write_comparison(document, report)
        if as_json:
            output.print_json(document)
        else:
            _show(found, document)
            if report is not None:
                typer.echo(f"report: {report}")
        if tolerance is not None and found.loss is not None and found.loss > tolerance:
            typer.echo(f"{found.loss:.2f} points are lost, more than --tolerance {tolerance:g}", err=True)
            output.stop(output.EXIT_NEGATIVE)


def _recordings(
    inputs: Path | None,
    dataset: str,
    encoding: str | None,
    split: str,
    seed: int | None,
    samples: int | None,
    steps: int | None,
) -> Recordings:
    from neurotrain_hw.data import Recordings, read_recordings
    from neurotrain_hw.errors import ValueRangeError

    if inputs is not None:
        shown = read_recordings(inputs).first(samples)
        if steps is not None and steps > shown.steps:
            raise ValueRangeError(
                f"{steps} steps", where="--steps", need=f"at most the {shown.steps} of the recordings"
            )
        return shown if steps is None else Recordings(shown.x[:, :steps], shown.y)
    if steps is None:
        raise ValueRangeError("no number of steps", where="--steps", need="steps of a sample, for a dataset")
    from neurotrain_hw.inference import load_samples, shown_spikes

    chosen = load_samples(dataset, split, limit=samples, encoding=encoding, steps=steps)
    return Recordings(shown_spikes(chosen, steps=steps, seed=seed), chosen.y)


def _input_bits(shown: Recordings) -> int:
    """Bits of the whole numbers that inputs carry; 0 for spikes."""
    most = int(shown.x.max())
    return 0 if most <= 1 else most.bit_length()


def _source(run: Path | None, recorded: Path | None, samples: int | None, steps: int) -> Source | None:
    from neurotrain_hw.compare import RecordedSource, TorchSource

    if run is not None:
        return TorchSource(run)
    return None if recorded is None else RecordedSource.read(recorded, samples=samples, steps=steps)


def _show(found: Comparison, document: Mapping[str, Any]) -> None:
    output.table(
        f"{found.network} on {found.chip or 'no chip'}: {found.samples} recordings of {found.steps} steps",
        ["run", "recordings", "accuracy", "spikes"],
        [[row.title, f"{row.samples:,}", _percent(row.accuracy), f"{row.spikes:,}"] for row in found.runs],
    )
    output.table(
        "Layers in pairs of runs",
        ["runs", "layer", "spikes", "differing", "of them", "rates", "first step", "breaks first"],
        [
            [
                f"{pair.a}, {pair.b}", layer["layer"], f"{layer['spikes_a']:,}", f"{layer['differing']:,}",
                _percent(layer["differing_share"]), f"{_rate(layer['rate_a'])}, {_rate(layer['rate_b'])}",
                layer["first_step"], f"{layer['breaks_first']:,}",
            ]
            for pair in found.pairs for layer in pair.as_dict()["layers"]
        ],
    )  # fmt: skip
    for pair in found.pairs:
        if pair.first is None:
            typer.echo(f"{pair.a} and {pair.b}: nothing differs")
        else:
            typer.echo(
                f"{pair.a} and {pair.b} part in {pair.apart} of {pair.samples} recordings, first at {pair.first}"
            )
    _show_formats(document["formats"])
    if found.attribution is not None:
        _show_attribution(document["attribution"])
    for layer, words in found.departures.items():
        typer.echo(f"{layer}: {'; '.join(words)}")
    if found.emulator_differs:
        typer.echo(
            f"the emulator is not the simulator in {found.emulator_differs} values: do not trust the attribution"
        )
    for note in found.notes:
        typer.echo(f"note: {note}")


def _show_formats(rows: Sequence[Mapping[str, Any]]) -> None:
    output.table(
        "Magnitudes in bits, against the number format",
        ["layer", "what", "1 %", "median", "99 %", "largest", "format", "threshold", "zeros", "at the end", "beyond"],
        [
            [
                row["layer"], row["what"], *(_bit(row["bits"], k) for k in (1, 3, 5, 6)), f"{row['limit_bits']:.1f}",
                "" if row["threshold_bits"] is None else f"{row['threshold_bits']:.1f}", _percent(row["zero_share"]),
                _percent(row["limit_share"]), f"{row['beyond']:,}",
            ]
            for row in rows
        ],
    )  # fmt: skip


def _show_attribution(found: Mapping[str, Any]) -> None:
    for title, key in (("What each effect costs", "effects"), ("What each layer costs", "layers")):
        if found[key]:
            output.table(
                title,
                [
                    "only", "accuracy", "points lost", "differing spikes", "of all", "all but it", "points won",
                    "differing",
                ],
                [
                    [
                        row["text"] if key == "effects" else row["name"], _percent(row["accuracy_alone"]),
                        _points(row["loss_alone"]), f"{row['differing_alone']:,}", _percent(row["explains"]),
                        _percent(row["accuracy_without"]), _points(row["gain_without"]),
                        f"{row['differing_without']:,}",
                    ]
                    for row in found[key]
                ],
            )  # fmt: skip
    lost = "" if found["loss"] is None else f"{found['loss']:.2f} points are lost and "
    cause = next((row["text"] for row in found["effects"] if row["name"] == found["cause"]), None)
    typer.echo(f"{lost}{found['differing']:,} spikes differ" + ("" if cause is None else f"; most of it: {cause}"))


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"


def _points(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _bit(bits: Sequence[float], k: int) -> str:
    return f"{bits[k]:.1f}" if bits else ""
