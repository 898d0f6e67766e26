"""Network architectures as data: `models/*.toml` read into frozen dataclasses (no torch)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neurotrain_hw.errors import FormatError, UnknownNameError
from neurotrain_hw.files import shipped
from neurotrain_hw.schema import Table, read_toml

SURROGATES = ("fast_sigmoid", "atan")
# float32 weights hold scale * integer to within 1/1000 of a step up to here
MOST_WEIGHT_BITS = 12


@dataclass(frozen=True)
class Surrogate:
    """The derivative that stands in for the spike's in BPTT: snnTorch's surrogate of this kind and slope (> 0)."""

    kind: str = "fast_sigmoid"
    slope: float = 5.0


@dataclass(frozen=True)
class LayerSpec:
    """One fully connected layer of LIF neurons: `v' = beta*v + W s`, spike where `v' > threshold`, then `v = 0`.

    `beta`: membrane decay per step, 0 <= beta < 1. `threshold` > 0, in units of the membrane. `weight_bits`: width of
    the signed, symmetric integer weights (2..12), or None for float weights.
    """

    name: str
    neurons: int
    beta: float
    threshold: float = 1.0
    weight_bits: int | None = None


@dataclass(frozen=True)
class ModelSpec:
    """A feed-forward spiking network: `inputs` channels, then `layers` one after the other.

    `steps`: time steps T of one sample; `dt_s`: seconds per step; `dataset`: what it is meant for ('' for none).
    """

    name: str
    summary: str
    inputs: int
    layers: tuple[LayerSpec, ...]
    steps: int
    dt_s: float = 1e-3
    dataset: str = ""
    surrogate: Surrogate = Surrogate()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Neurons from input to output, such as (64, 128, 10)."""
        return (self.inputs, *(layer.neurons for layer in self.layers))

    @property
    def synapses(self) -> int:
        """Number of weights."""
        return sum(pre * post for pre, post in zip(self.sizes, self.sizes[1:], strict=False))

    def with_weight_bits(self, bits: int | None) -> ModelSpec:
        """The same network with one weight width in all layers (None: float). Raises FormatError outside 2..12."""
        if bits is not None and not 2 <= bits <= MOST_WEIGHT_BITS:
            raise FormatError(f"got {bits}", where=f"{self.name}: weight_bits", need=f"2..{MOST_WEIGHT_BITS}")
        return replace(self, layers=tuple(replace(layer, weight_bits=bits) for layer in self.layers))


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
    top = Table(document, where, known=("summary", "dataset", "inputs", "steps", "dt_s", "surrogate", "layers"))
    layers = top.tables("layers", known=("name", "neurons", "beta", "threshold", "weight_bits"))
    surrogate = top.table("surrogate", known=("kind", "slope"))
    spec = ModelSpec(
        name=name,
        summary=top.text("summary"),
        inputs=top.whole("inputs", low=1),
        layers=tuple(_layer(table) for table in layers),
        steps=top.whole("steps", low=1),
        dt_s=top.positive("dt_s", default=1e-3),
        dataset=top.text("dataset", default=""),
        surrogate=Surrogate(
            kind=surrogate.choice("kind", SURROGATES, default=Surrogate.kind),
            slope=surrogate.positive("slope", default=Surrogate.slope),
        ),
    )
    names = ["input", *(layer.name for layer in spec.layers)]
    for position, layer in enumerate(spec.layers):
        if layer.name in names[: position + 1]:
            raise FormatError(f"'{layer.name}' is taken", where=f"{where}: layers[{position}].name", need="a new name")
    return spec


def _locate(name_or_path: str | Path) -> Path:
    if isinstance(name_or_path, Path) or name_or_path.endswith(".toml") or "/" in name_or_path:
        return Path(name_or_path)
    if name_or_path not in model_names():
        raise UnknownNameError("model", name_or_path, model_names())
    return shipped("models") / f"{name_or_path}.toml"


def _layer(table: Table) -> LayerSpec:
    return LayerSpec(
        name=table.identifier("name"),
        neurons=table.whole("neurons", low=1),
        beta=table.share("beta"),
        threshold=table.positive("threshold", default=1.0),
        weight_bits=table.whole("weight_bits", low=2, high=MOST_WEIGHT_BITS) if table.has("weight_bits") else None,
    )
