"""`neurotrain-hw run`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurotrain_hw.cli import memory, output

if TYPE_CHECKING:
    from neurotrain_hw.inference import Inference


def run(
    program: Annotated[Path, typer.Argument(metavar="PROGRAM", help="A program file, as `compile` writes it.")],
    inputs: Annotated[
        Path | None,
        typer.Option(
            "--inputs",
            help="Recordings to show it, FILE.npz: x (samples, steps, ...) and labels y, where there are any.",
        ),
    ] = None,
    dataset: Annotated[
        str, typer.Option(help="The dataset to show it: a name of `datasets list`, or an .npz file.")
    ] = "digits",
    encoding: Annotated[
        str | None, typer.Option(help="How it was trained to see the dataset. [default: rate; of events: binary]")
    ] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    samples: Annotated[int | None, typer.Option(min=1, help="Only the first so many samples.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of a random encoding; by default the one of all figures.")
    ] = None,
    decoding: Annotated[str, typer.Option(help="How the class is read: rate (most spikes) or first-spike.")] = "rate",
    engine: Annotated[str, typer.Option(help="chip: the integer simulator; lava: Lava itself.")] = "chip",
    threads: Annotated[int, typer.Option(min=1, help="Samples run at the same time (engine chip).")] = 2,
    budget: memory.BudgetOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Run a program on a dataset or on recordings: accuracy, spikes, synaptic events and what is known of their energy.

    Every sample is shown for the T steps that the program was compiled for. The simulator starts each from a fresh
    state; Lava gets them one after the other in one run, with the resets that the program holds (programs with loops or
    delays: each in a run of its own): the spikes are the same. A program that does not fit its chip, or `--budget`, is
    refused before it runs (exit code 1). Examples:

        neurotrain-hw run digits.nhw --dataset digits --engine chip

        neurotrain-hw run braille.nhw --inputs braille.npz
    """
    with output.user_errors(as_json):
        from neurotrain_hw.program.file import load_program

        loaded = load_program(program)  # first, as a wrong path should not wait for the simulator to load
        loaded = memory.checked(loaded, budget)
        if budget is not None and not as_json:
            memory.print_fit(loaded)

        from neurotrain_hw.data.recordings import read_recordings
        from neurotrain_hw.inference import infer, infer_recordings, load_samples

        if inputs is not None:
            recordings = read_recordings(inputs).first(samples)
            start = time.perf_counter()
            result = infer_recordings(loaded, recordings, engine=engine, threads=threads, decoding=decoding)
        else:
            steps = loaded.sample_timing.sample_steps
            chosen = load_samples(dataset, split, limit=samples, encoding=encoding, steps=steps)
            start = time.perf_counter()
            result = infer(loaded, chosen, engine=engine, seed=seed, threads=threads, decoding=decoding)
        seconds = time.perf_counter() - start
        if as_json:
            output.print_json(result.as_dict() | {"seconds": seconds})
            return
        _show(result, seconds)


def _show(result: Inference, seconds: float) -> None:
    words = f"accuracy {100 * result.accuracy:.2f} %" if result.labels.size else "without labels"
    typer.echo(f"{result.program.name} on {len(result.predicted)} samples ({result.engine}, {seconds:.1f} s): {words}")
    if result.counters is None:
        typer.echo("Lava does not count events; run with --engine chip for them.")
        return
    n = len(result.predicted)
    events = [
        (k, f"{c.synaptic_events:,}", f"{c.synaptic_events / n:,.1f}")
        for k, c in result.counters.connections.items()
    ]  # fmt: skip
    output.table("Synaptic events", ("connection", "events", "per sample"), events)
    rows = [
        (k, f"{p.spikes:,}", f"{p.updates_active:,}", f"{p.updates_idle:,}", _count(p.spikes_on_core),
         _count(p.spikes_off_core))
        for k, p in result.counters.populations.items()
    ]  # fmt: skip
    columns = ("population", "spikes", "updates active", "updates idle", "to own core", "to other cores")
    output.table("Neurons", columns, rows)
    if not result.energies:
        chip = result.program.chip
        typer.echo(
            f"Energy: unknown, as {f'the file of chip {chip!r} is not at hand' if chip else 'it is for no chip'}"
        )
    for energy in result.energies:
        total = "unknown" if energy.total_pj is None else f"{energy.total_pj / n:,.0f} pJ per sample"
        known = "" if energy.total_pj is not None else f"; known terms: {_per_sample(energy.known_pj, n)}"
        typer.echo(f"Energy, {energy.label}: {total}{known}")
        if energy.missing:
            typer.echo(f"  without a figure: {', '.join(energy.missing)}")


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _per_sample(known: float | None, n: int) -> str:
    return "none" if not known else f"at least {known / n:,.0f} pJ per sample"
