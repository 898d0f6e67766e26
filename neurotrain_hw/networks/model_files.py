"""Architectures from `models/*.toml`, and from files of one's own (no torch)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from neurotrain_hw.errors import FormatError, UnknownNameError
from neurotrain_hw.files import shipped
from neurotrain_hw.networks.layer_faults import LEAKLESS, STATES
from neurotrain_hw.networks.spec import MOST_WEIGHT_BITS, LayerSpec, ModelSpec, Surrogate, fitted
from neurotrain_hw.schema import Table, read_toml

SURROGATES = ("fast_sigmoid", "atan")
_KEYS = ("summary", "dataset", "inputs", "input_shape", "steps", "dt_s", "surrogate", "layers")
_CHOICES = ("kind", "pooling", "recurrent", "neuron", "reset", "weight_scale")
_SIZES = {"channels": 1, "kernel": 1, "stride": 1, "padding": 0, "input_pool": 1, "pool": 1}


def model_names() -> list[str]:
    """Names of the architectures that come with the package."""
    return sorted(path.stem for path in shipped("models").glob("*.toml"))


def load_model(name_or_path: str | Path) -> ModelSpec:
    """Read an architecture by its name (`digits-fc`) or from a TOML file of one's own.

    Raises UnknownNameError for a name that does not exist, FormatError (file, key, expected) for a malformed file.
    """
    path = _locate(name_or_path)
    document = read_toml(path, kind="a model file")
    return parse_model(document, name=path.stem, where=str(path))


def parse_model(document: Mapping[str, Any], *, name: str, where: str) -> ModelSpec:
    """Check a document against the schema of model files; `where` (a file name) stands in errors (FormatError)."""
    top = Table(document, where, known=_KEYS)
    shape = _input_shape(top)
    tables = top.tables("layers", known=[field.name for field in fields(LayerSpec)])
    layers = tuple(_layer(table) for table in tables)
    names = ["input", *(layer.name for layer in layers)]
    for position, layer in enumerate(layers):
        if layer.name in names[: position + 1]:
            raise FormatError(f"'{layer.name}' is taken", where=f"{where}: layers[{position}].name", need="a new name")
    surrogate = top.table("surrogate", known=("kind", "slope"))
    return ModelSpec(
        name=name,
        summary=top.text("summary"),
        inputs=0,
        input_shape=shape,
        layers=fitted(shape, layers, where=where),
        steps=top.whole("steps", low=1),
        dt_s=top.positive("dt_s", default=1e-3),
        dataset=top.text("dataset", default=""),
        surrogate=Surrogate(
            kind=surrogate.choice("kind", SURROGATES, default=Surrogate.kind),
            slope=surrogate.positive("slope", default=Surrogate.slope),
        ),
    )


def _locate(name_or_path: str | Path) -> Path:
    if isinstance(name_or_path, Path) or name_or_path.endswith(".toml") or "/" in name_or_path:
        return Path(name_or_path)
    if name_or_path not in model_names():
        raise UnknownNameError("model", name_or_path, model_names())
    return shipped("models") / f"{name_or_path}.toml"


def _input_shape(top: Table) -> tuple[int, ...]:
    if not top.has("input_shape"):
        return (top.whole("inputs", low=1),)
    shape = top.wholes("input_shape", low=1)
    if len(shape) not in (1, 3):
        raise FormatError(f"got {list(shape)}", where=top.at("input_shape"), need="[n] or [channels, height, width]")
    if top.has("inputs"):
        raise FormatError("input_shape says it already", where=top.at("inputs"), need="one of the two")
    return shape


def _layer(table: Table) -> LayerSpec:
    kind = table.choice("kind", _choices("kind"), default=LayerSpec.kind)
    neuron = table.choice("neuron", _choices("neuron"), default=LayerSpec.neuron)
    values: dict[str, Any] = {"name": table.identifier("name")}
    if kind == "dense":
        values["neurons"] = table.whole("neurons", low=1)
    elif table.has("neurons"):
        raise FormatError("follows from the shape of a convolution", where=table.at("neurons"), need="no such key")
    else:
        values |= {"channels": table.whole("channels", low=1), "kernel": table.whole("kernel", low=1)}
    values |= {key: table.whole(key, low=low) for key, low in _SIZES.items() if table.has(key)}
    whole = neuron in LEAKLESS and table.has("beta") and table.plain("beta") == 1
    values["beta"] = 1.0 if whole else table.share("beta")
    values["alpha"] = table.share("alpha") if neuron in ("synaptic", "alpha") or table.has("alpha") else 0.0
    adaptive = neuron == "adaptive"
    if adaptive or table.has("adaptation"):
        values["adaptation"] = table.positive("adaptation")
    if adaptive or table.has("adaptation_decay"):
        values["adaptation_decay"] = table.share("adaptation_decay")
    values |= {key: table.positive(key, default=1.0) for key in ("threshold", "gain")}
    values |= {key: table.choice(key, _choices(key), default=getattr(LayerSpec, key)) for key in _CHOICES}
    if neuron == "integrator" and table.has("reset") and values["reset"] != "none":
        raise FormatError("an integrator never spikes", where=table.at("reset"), need="'none', or no such key")
    flags = [field.name for field in fields(LayerSpec) if field.default is False]
    values |= {key: table.flag(key, default=False) for key in flags}
    if table.has("weight_bits"):
        values["weight_bits"] = table.whole("weight_bits", low=1, high=MOST_WEIGHT_BITS)
    if table.has("state"):
        values["state"] = table.choice("state", STATES)
    return LayerSpec(**values)


def _choices(key: str) -> tuple[str, ...]:
    return get_args(get_type_hints(LayerSpec)[key])
