"""lava-dl's `.net` files (HDF5, "netx"): layers of integers, read and written.

Format: lava-dl, `lib/dl/netx/hdf5.py` and `netx/README.md`. `/layer/<i>` has a `type`, a `shape` in the order
C, H, W, and what its type needs; neurons are described in `/layer/<i>/neuron`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import FormatError, UnsupportedError
from neurotrain_hw.files import replacing
from neurotrain_hw.interchange.hdf5 import Limits, Tree, Value, read_tree

I64 = npt.NDArray[np.int64]
LayerKind = Literal["input", "dense", "dense_rec", "dense_comp", "conv", "flatten"]
NeuronKind = Literal["CUBA", "SDNN", "RF", "RF_PHASE"]

_KINDS: tuple[LayerKind, ...] = ("input", "dense", "dense_rec", "dense_comp", "conv", "flatten")
_WEIGHTS = {"dense": ("weight",), "dense_rec": ("weight", "weight_rec"), "conv": ("weight",)}
_GEOMETRY = ("stride", "padding", "dilation")
MAX_NEURONS = 1 << 24  # of one layer
_CONSTANTS = ("iDecay", "vDecay", "vThMant", "refDelay", "sinDecay", "cosDecay", "messageBits")


@dataclass(frozen=True)
class NetxNeuron:
    """The neurons of a layer.

    `constants`: those of iDecay and vDecay (12 bits, 4096 forgets at once), vThMant, refDelay, sinDecay, cosDecay (12
    bits), messageBits that the file holds. `activation` of SDNN; `sigma_output`: it sends its sum and not what changed.
    """

    kind: NeuronKind
    constants: Mapping[str, int]
    activation: str = ""
    sigma_output: bool = False


@dataclass(frozen=True, eq=False)
class NetxLayer:
    """One layer.

    `shape`: (C, H, W) or (n,) of its neurons. `weights`: `weight`, `weight_rec`, or `real` and `imag`, int64: of dense
    layers (out, in), of conv (out, in / groups, height, width). `bias` (C,), (n,) or None; `delay` a number, (out,),
    (in,) or (out, in), in steps. `geometry`: stride, padding, dilation along (height, width). `neuron` None: the file
    has none.
    """

    kind: LayerKind
    shape: tuple[int, ...] = ()
    weights: Mapping[str, I64] = field(default_factory=dict)
    bias: I64 | None = None
    delay: I64 | None = None
    geometry: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    groups: int = 1
    neuron: NetxNeuron | None = None


def read_netx(path: Path, *, limits: Limits | None = None) -> tuple[NetxLayer, ...]:
    """The layers of a `.net` file, in order.

    FormatError names the layer and key that is missing or wrong; UnsupportedError a type of layer or neuron that
    lava-dl itself does not run.
    """
    return layers_of(read_tree(path, limits=limits), where=str(path))


def layers_of(tree: Tree, *, where: str) -> tuple[NetxLayer, ...]:
    """The layers in a file's tree; raises as `read_netx` does."""
    layers = tree.get("layer")
    if not isinstance(layers, dict) or not layers:
        raise FormatError("it has no group 'layer'", where=where, need="a network that lava-dl exported")
    numbers = [str(k) for k in range(len(layers))]
    if set(layers) != set(numbers):
        raise FormatError(f"layers {sorted(layers)[:8]}", where=f"{where}: layer", need=f"0 to {len(layers) - 1}")
    return tuple(_Reader(layers[k], f"{where}: layer/{k}").layer() for k in numbers)


def write_netx(layers: Sequence[NetxLayer], path: Path) -> None:
    """Write layers as a `.net` file, beside and then renamed into place."""
    import h5py

    with replacing(path) as beside, h5py.File(beside, "w") as file:
        for number, layer in enumerate(layers):
            group = file.create_group(f"layer/{number}")
            kind = "dense" if layer.kind == "dense_comp" else layer.kind  # lava-dl goes by the keys of its weights
            group["type"] = np.array([kind.encode()], "S10")
            if layer.shape:
                group["shape"] = np.array(layer.shape, np.int64)
            for name, values in layer.weights.items():
                group[f"weight/{name}" if name in ("real", "imag") else name] = (
                    int(values[0]) if layer.kind == "input" else values.astype(np.float32)
                )
            for name, array in (("bias", layer.bias), ("delay", layer.delay)):
                if array is not None:
                    group[name] = array.astype(np.float32)
            for name, pair in layer.geometry.items():
                group[name] = np.array(pair, np.int64)
            if layer.kind == "conv":
                group["groups"] = layer.groups
            if layer.neuron is not None:
                _write_neuron(group.create_group("neuron"), layer.neuron)


def _write_neuron(group: Any, neuron: NetxNeuron) -> None:
    group["type"] = neuron.kind
    for name, value in neuron.constants.items():
        group[name] = value
    if neuron.activation:
        group["activation"] = neuron.activation
    if neuron.sigma_output:
        group["sigma_output"] = True


class _Reader:
    """Reads one layer's group; `where` names it in errors."""

    def __init__(self, tree: Value, where: str) -> None:
        if not isinstance(tree, dict):
            raise FormatError("it is no group", where=where)
        self.tree: Tree = tree
        self.where = where

    def layer(self) -> NetxLayer:
        kind = self._text("type")
        if kind not in _KINDS:
            raise UnsupportedError(
                f"a layer of type '{kind}', which lava-dl's netx does not run either", where=self.where,
                need=", ".join(_KINDS),
            )  # fmt: skip
        if kind == "flatten":
            return NetxLayer(kind)
        shape = tuple(int(v) for v in self._integers("shape").ravel()) if "shape" in self.tree else ()
        if any(size < 1 for size in shape) or len(shape) not in (0, 1, 3) or math.prod(shape) > MAX_NEURONS:
            raise FormatError(
                f"shape {str(shape)[:60]}", where=self.where,
                need=f"(n,) or (C, H, W), each 1 or more, together at most {MAX_NEURONS}",
            )  # fmt: skip
        weights = self._weights(kind)
        bias, delay = (self._integers(key) if key in self.tree else None for key in ("bias", "delay"))
        geometry = {key: self._pair(key) for key in _GEOMETRY} if kind == "conv" else {}
        groups = self._number("groups") if kind == "conv" and "groups" in self.tree else 1
        neuron = _Reader(self.tree["neuron"], f"{self.where}/neuron").neuron() if "neuron" in self.tree else None
        if kind != "input" and not shape:
            raise FormatError("the key 'shape' is missing", where=self.where)
        return NetxLayer("dense_comp" if "imag" in weights else kind, shape, weights, bias, delay, geometry, groups,
                         neuron)  # fmt: skip

    def neuron(self) -> NetxNeuron:
        kind = self._text("type")
        constants = {key: self._number(key) for key in _CONSTANTS if key in self.tree}
        found: NeuronKind
        needed: tuple[str, ...]
        if kind in ("LOIHI", "CUBA"):
            found, needed = "CUBA", ("iDecay", "vDecay", "vThMant")
        elif kind == "SDNN":
            found, needed = "SDNN", ("vThMant",)
        elif "RF" in kind:
            found, needed = ("RF_PHASE" if "PHASE" in kind else "RF"), ("sinDecay", "cosDecay", "vThMant")
        else:
            raise UnsupportedError(
                f"neurons of type '{kind}', which lava-dl's netx does not run either", where=self.where,
                need="LOIHI, CUBA, SDNN, RF, RF_PHASE",
            )  # fmt: skip
        for key in needed:
            if key not in constants:
                raise FormatError(f"the key '{key}' is missing", where=self.where)
        activation = self._text("activation") if "activation" in self.tree else ""
        return NetxNeuron(found, constants, activation, "sigma_output" in self.tree)

    def _weights(self, kind: str) -> dict[str, I64]:
        if kind == "input":
            return {"weight": self._integers("weight")} if "weight" in self.tree else {}
        parts = self.tree.get("weight")
        if isinstance(parts, dict):
            inner = _Reader(parts, f"{self.where}/weight")
            return {name: inner._integers(name) for name in ("real", "imag")}
        if kind == "dense_comp":
            raise FormatError("'weight' is no group", where=self.where, need="weight/real and weight/imag")
        return {name: self._integers(name) for name in _WEIGHTS[kind]}

    def _number(self, key: str) -> int:
        values = self._integers(key)
        if values.size != 1:
            raise FormatError(f"'{key}' has {values.size} values", where=self.where, need="1")
        return int(values.ravel()[0])

    def _pair(self, key: str) -> tuple[int, int]:
        values = self._integers(key).ravel()
        if values.size not in (1, 2):
            raise FormatError(f"'{key}' has {values.size} values", where=self.where, need="1 or 2")
        return int(values[0]), int(values[-1])

    def _integers(self, key: str) -> I64:
        value = self.tree.get(key)
        if not isinstance(value, np.ndarray):
            raise FormatError(f"the key '{key}' is missing or no array of numbers", where=self.where)
        if value.size == 0:
            raise FormatError(f"'{key}' has shape {value.shape}, which holds nothing", where=self.where)
        if not np.all(np.isfinite(value)) or np.any(value != np.trunc(value)) or np.any(np.abs(value) > 2**31):
            raise FormatError(f"'{key}' holds values that are no integers of 32 bits", where=self.where)
        return value.astype(np.int64)

    def _text(self, key: str) -> str:
        value = self.tree.get(key)
        while isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, str):
            raise FormatError(f"the key '{key}' is missing or no text", where=self.where)
        return value
