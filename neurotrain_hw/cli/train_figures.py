"""What `neurotrain-hw train` shows of a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from neurotrain_hw.cli import output

if TYPE_CHECKING:
    from neurotrain_hw.trainers import TrainedRun


def show(run: TrainedRun) -> None:
    """Accuracies; and, of runs that have them, losses, activity, operations, time and memory."""
    parts = ("train", "validation", "test")
    rows = [(kind, *(f"{figures[part]:.2%}" for part in parts)) for kind, figures in run.accuracy.items()]
    title = f"{run.model.name} trained with {run.rule}, seed {run.seed}, {run.document['seconds']:.0f} s"
    output.table(title, ("weights", *parts), rows)
    if "neurobench" in run.document:
        losses = run.document["loss"]["quantised"]
        typer.echo("loss: " + ", ".join(f"{part} {losses[part]:.4f}" for part in parts))
        _activity(run.document)
        _needs(run.document)
    graph = run.document.get("graph", {"file": "model.nir"})
    typer.echo(f"{run.folder}: run.json, weights.npz{', ' + graph['file'] if graph['file'] else ''}")
    if not graph["file"]:
        typer.echo(f"no model.nir: {graph['why']}")


def _activity(document: Mapping[str, Any]) -> None:
    rows = [
        (
            layer["layer"],
            layer["neurons"],
            f"{layer['spikes_per_sample']:.1f}",
            "-" if layer["activation_sparsity"] is None else f"{layer['activation_sparsity']:.1%}",
            *(f"{layer['synaptic_operations'][kind]:,.0f}" for kind in ("effective_acs", "effective_macs", "dense")),
            f"{layer['membrane_updates']:,.0f}",
        )
        for layer in document["layers"]
    ]
    columns = (
        "layer", "neurons", "spikes", "sparsity", "accumulates", "multiply-accumulates", "dense", "membrane updates",
    )  # fmt: skip
    output.table("per test sample", columns, rows)


def _needs(document: Mapping[str, Any]) -> None:
    found, memory, timing = document["neurobench"], document["memory"], document["timing"]
    parts = ("weights", "optimiser", "rule", "gradients", "activations_and_traces", "input")
    seconds = sorted(timing["epoch_seconds"])
    typer.echo(
        f"NeuroBench: footprint {found['footprint_bytes']:,} bytes, connection sparsity "
        f"{found['connection_sparsity']:.1%}, activation sparsity "
        f"{'-' if found['activation_sparsity'] is None else format(found['activation_sparsity'], '.1%')}"
    )
    typer.echo(
        f"an epoch takes {seconds[len(seconds) // 2]:.2f} s to learn, {timing['samples_per_second']:,.0f} samples/s "
        f"on {timing['device']}"
    )
    split = ", ".join(f"{part.replace('_', ' ')} {memory[part]:,}" for part in parts)
    typer.echo(f"a batch of {memory['samples']} takes at most {memory['peak']:,} bytes: {split}")
