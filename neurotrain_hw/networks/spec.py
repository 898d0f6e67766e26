"""Network architectures as data: `models/*.toml` read into frozen dataclasses (no torch)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neurotrain_hw.errors import FormatError, UnknownNameError
from neurotrain_hw.files import shipped

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
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FormatError("there is no such file", where=str(path), need="a model file (TOML)") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"not TOML: {error}", where=str(path)) from None
    return parse_model(document, name=path.stem, where=str(path))


def parse_model(document: Mapping[str, Any], *, name: str, where: str) -> ModelSpec:
    """Check a document against the schema of model files; `where` (a file name) stands in errors (FormatError)."""
    top = _Table(document, where, known=("summary", "dataset", "inputs", "steps", "dt_s", "surrogate", "layers"))
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


def _layer(table: _Table) -> LayerSpec:
    return LayerSpec(
        name=table.identifier("name"),
        neurons=table.whole("neurons", low=1),
        beta=table.share("beta"),
        threshold=table.positive("threshold", default=1.0),
        weight_bits=table.whole("weight_bits", low=2, high=MOST_WEIGHT_BITS) if table.has("weight_bits") else None,
    )


class _Table:
    """One TOML table and its place; each getter checks type and range and names file, key and what was expected."""

    def __init__(self, values: object, where: str, *, known: Iterable[str]) -> None:
        if not isinstance(values, Mapping):
            raise FormatError(f"got {values!r}", where=where, need="a table")
        self._values, self._where = values, where
        known = list(known)
        for key in values:
            if key not in known:
                raise FormatError("unknown key", where=self._at(key), need=f"one of {', '.join(known)}")

    def has(self, key: str) -> bool:
        return key in self._values

    def text(self, key: str, *, default: str | None = None) -> str:
        value = self._get(key, default, need="a text")
        if not isinstance(value, str):
            raise self._wrong(key, value, "a text")
        return value

    def identifier(self, key: str) -> str:
        need = "a name of letters, digits, '_' and '-'"
        value = self.text(key)
        if not value.replace("_", "a").replace("-", "a").isalnum():
            raise self._wrong(key, value, need)
        return value

    def choice(self, key: str, choices: tuple[str, ...], *, default: str) -> str:
        value = self.text(key, default=default)
        if value not in choices:
            raise self._wrong(key, value, f"one of {', '.join(choices)}")
        return value

    def whole(self, key: str, *, low: int, high: int | None = None) -> int:
        need = f"a whole number of at least {low}" if high is None else f"a whole number in {low}..{high}"
        value = self._get(key, None, need=need)
        if type(value) is not int or value < low or (high is not None and value > high):
            raise self._wrong(key, value, need)
        return value

    def positive(self, key: str, *, default: float) -> float:
        value = self._get(key, default, need="a number above 0")
        if type(value) not in (int, float) or not 0 < value < float("inf"):
            raise self._wrong(key, value, "a number above 0")
        return float(value)

    def share(self, key: str) -> float:
        need = "a number of at least 0 and below 1"
        value = self._get(key, None, need=need)
        if type(value) not in (int, float) or not 0 <= value < 1:
            raise self._wrong(key, value, need)
        return float(value)

    def table(self, key: str, *, known: Iterable[str]) -> _Table:
        return _Table(self._values.get(key, {}), self._at(key), known=known)

    def tables(self, key: str, *, known: Iterable[str]) -> list[_Table]:
        values = self._get(key, None, need="at least one [[layers]]")
        if not isinstance(values, list) or not values:
            raise self._wrong(key, values, "at least one [[layers]]")
        return [_Table(value, f"{self._at(key)}[{k}]", known=known) for k, value in enumerate(values)]

    def _get(self, key: str, default: object, *, need: str) -> Any:
        value = self._values.get(key, default)
        if value is None:
            raise FormatError("this key is missing", where=self._at(key), need=need)
        return value

    def _wrong(self, key: str, value: object, need: str) -> FormatError:
        return FormatError(f"got {value!r}", where=self._at(key), need=need)

    def _at(self, key: str) -> str:
        return f"{self._where}{'.' if self._where.endswith(']') or ': ' in self._where else ': '}{key}"
