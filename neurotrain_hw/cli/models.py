"""`neurotrain-hw models`: the network architectures that come with the package, and checks of one's own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurotrain_hw.cli import output

if TYPE_CHECKING:
    from neurotrain_hw.networks import LayerSpec, ModelSpec

app = typer.Typer(name="models", help="Network architectures: list, show, check.", no_args_is_help=True)

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Name of a model, or a model file (TOML).")]


@app.command("list")
def list_models(as_json: output.JsonOption = False) -> None:
    """List the architectures that come with the package.

    Example: neurotrain-hw models list
    """
    with output.user_errors(as_json):
        from neurotrain_hw.networks import load_model, model_names

        specs = [load_model(name) for name in model_names()]
        if as_json:
            output.print_json([asdict(spec) for spec in specs])
            return
        rows = [(s.name, _sizes(s), s.synapses, s.steps, s.dataset, s.summary) for s in specs]
        output.table("models", ("name", "neurons", "weights", "steps", "dataset", "what it is"), rows)


@app.command("show")
def show_model(model: ModelArgument, as_json: output.JsonOption = False) -> None:
    """Show the layers of one architecture.

    Example: neurotrain-hw models show digits-fc
    """
    with output.user_errors(as_json):
        from neurotrain_hw.networks import load_model

        spec = load_model(model)
        if as_json:
            output.print_json(asdict(spec))
            return
        rows = [
            (
                layer.name, _in_words(layer), _shape(after), layer.weights(before), layer.beta, layer.threshold,
                layer.weight_bits or "float",
            )
            for layer, before, after in zip(spec.layers, spec.shapes, spec.shapes[1:], strict=False)
        ]  # fmt: skip
        inputs = f"{_shape(spec.input_shape)} inputs"
        title = f"{spec.name}: {spec.summary}; {inputs}, {spec.steps} steps of {spec.dt_s:g} s"
        output.table(title, ("layer", "kind", "neurons", "weights", "beta", "threshold", "weight bits"), rows)


@app.command("check")
def check_model(model: ModelArgument, as_json: output.JsonOption = False) -> None:
    """Check a model file against the schema; names key and expected value of the first fault.

    Ends with 0 if the file is good, 1 if it has a fault, 2 if it is not there.

    Example: neurotrain-hw models check my-model.toml
    """
    with output.user_errors(as_json):
        from neurotrain_hw.errors import FormatError
        from neurotrain_hw.networks import load_model

        try:
            spec = load_model(model)
        except FormatError as fault:
            if not Path(model).is_file():
                raise
            output.print_json({"ok": False} | fault.as_dict()) if as_json else typer.echo(str(fault))
            output.stop(output.EXIT_NEGATIVE)
        if as_json:
            output.print_json({"ok": True, "model": spec.name})
        else:
            typer.echo(f"{spec.name}: good, {_sizes(spec)}, {spec.synapses} weights")


def _sizes(spec: ModelSpec) -> str:
    """Neurons from input to output; a deep network's by its ends."""
    sizes = spec.sizes if len(spec.sizes) <= 6 else (*spec.sizes[:2], "...", *spec.sizes[-2:])
    return "-".join(map(str, sizes))


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _in_words(layer: LayerSpec) -> str:
    """What a layer is, such as `conv 5x5, average pool 2, lif`."""
    words = [] if layer.input_pool == 1 else [f"{layer.pooling} pool {layer.input_pool} of arriving spikes"]
    words.append("dense" if layer.kind == "dense" else f"conv {layer.kernel}x{layer.kernel}")
    if layer.pool > 1:
        words.append(f"{layer.pooling} pool {layer.pool}")
    if layer.recurrent != "none":
        words.append(f"recurrent {layer.recurrent}")
    words.append(layer.neuron)
    if layer.weight_standardised:
        words.append("weights standardised")
    return ", ".join(words + ([f"state as on {layer.state}"] if layer.state else []))
