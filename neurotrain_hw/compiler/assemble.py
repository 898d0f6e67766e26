"""Integers of layers to a program: populations, connections, and how samples lie in time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.ideal import IdealInput, IdealLayer, IdealNetwork
from neurotrain_hw.compiler.integers import IntegerLayer, IntegerSynapses
from neurotrain_hw.compiler.neurons import chip_arithmetic
from neurotrain_hw.compiler.ways import Way, taps
from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.program import Connection, Convolution, IntOrArray, Population, Program, Timing
from neurotrain_hw.program.numbering import numbers

I64 = npt.NDArray[np.int64]

_IMAGE_AXES = (2, 1, 0)  # (W, H, C) on the chip, as Lava's convolutions have it, is (C, H, W) in the source


def assemble(
    network: IdealNetwork, layers: tuple[IntegerLayer, ...], chip: Chip, *, steps: int, input_bits: int = 0,
    name: str = "",
) -> Program:  # fmt: skip
    """The program of a network whose layers are integers; not yet placed.

    `steps`: steps T of a sample. `input_bits`: bits of the whole numbers that inputs carry; 0: spikes. Populations bear
    the names of the layers, connections those of the weights. Raises UnsupportedError and ValueRangeError for what a
    chip of Loihi's kind cannot hold.
    """
    images = _images(network)
    build = _Builder(network, chip, steps, input_bits, images)
    for source in network.inputs:
        build.input(source)
    for layer in layers:
        build.layer(layer)
    return Program(
        name=name or network.layers[-1].name, populations=tuple(build.populations),
        connections=tuple(build.connections), outputs=network.outputs, chip=chip.id, scales=build.scales,
        timing=Timing(steps, dict(network.depth), apart=build.apart), notes=(*network.notes, *build.notes),
        source_axes=dict.fromkeys(sorted(images), _IMAGE_AXES),
    )  # fmt: skip


def _images(network: IdealNetwork) -> set[str]:
    """Inputs and layers that a convolution begins or ends at: they are numbered as convolutions count."""
    kept = [s for s in network.synapses if s.conv is not None and not s.delay]
    return {s.pre for s in kept} | {s.post for s in kept}


@dataclass(frozen=True)
class _Numbering:
    """The shape of a population on the chip, and the chip's number of each of the source's neurons."""

    shape: tuple[int, ...]
    numbers: I64


class _Builder:
    def __init__(self, network: IdealNetwork, chip: Chip, steps: int, input_bits: int, images: set[str]) -> None:
        self.network, self.chip, self.steps, self.input_bits, self.images = network, chip, steps, input_bits, images
        self.populations: list[Population] = []
        self.connections: list[Connection] = []
        self.scales: dict[str, float | tuple[float, ...]] = {}
        self.notes: list[str] = []
        self.apart = any(s.latency > 0 for s in network.synapses)
        self._parts: dict[str, IdealInput | IdealLayer] = {p.name: p for p in network.inputs}
        self._parts |= {layer.name: layer for layer in network.layers}
        self._at = {name: self._numbering(part) for name, part in self._parts.items()}

    def _numbering(self, part: IdealInput | IdealLayer) -> _Numbering:
        if part.name not in self.images:
            return _Numbering(part.shape, np.arange(part.n))
        c, h, w = part.shape if len(part.shape) == 3 else (part.shape[0], 1, part.shape[1])
        return _Numbering((w, h, c), numbers((w, h, c), _IMAGE_AXES))

    def input(self, source: IdealInput) -> None:
        self.populations.append(Population(source.name, "input", self._at[source.name].shape))

    def layer(self, layer: IntegerLayer) -> None:
        ideal, name, at = layer.source, layer.source.name, self._at[layer.source.name]
        self.notes += [*(f"{name}: {text}" for text in ideal.departures), *layer.notes]

        def on_chip(values: npt.NDArray[np.int32]) -> IntOrArray:
            found = np.empty_like(values)
            found[at.numbers] = values
            return int(found[0]) if np.all(found == found[0]) else found

        parameters: dict[str, IntOrArray] = {
            "du": on_chip(layer.du), "dv": on_chip(layer.dv), "vth": on_chip(layer.vth),
            "bias_mant": on_chip(layer.bias_mant), "bias_exp": layer.bias_exp,
        }  # fmt: skip
        for key in ("du", "dv", "vth"):
            if isinstance(parameters[key], np.ndarray):
                self.notes.append(f"{name}: {key} differs between neurons, which Lava's own LIF process cannot hold")
        arithmetic = chip_arithmetic(self.chip)
        if ideal.reset == "zero_held" or ideal.reset == "once":
            kind = "lif_refractory"
            parameters["refractory_period"] = self._refractory(name) if ideal.reset == "once" else 1
            self.apart = True
            if ideal.bias.any():
                raise UnsupportedError(
                    "it leaks to another potential than 0 and loses what arrives after a spike, which no "
                    "neuron of the chip does that is cleared before its first step", where=f"node '{name}'",
                    need="v_leak of 0, or reset 'zero'", remedy="Train with one of them.",
                )  # fmt: skip
        else:
            kind = "lif_reset"
            parameters |= {"reset_interval": self.steps, "reset_offset": self.network.depth[name] + 1}
            arithmetic = replace(arithmetic, reset=ideal.reset)
            if ideal.reset == "subtract":
                self.notes.append(f"{name}: its reset by subtraction needs a neuron program; Lava's LIF resets to zero")
        if ideal.reaches:
            arithmetic = replace(arithmetic, threshold="reached")
            self.notes.append(f"{name}: it spikes at its threshold, not above it as Lava's LIF does")
        self.populations.append(Population(name, kind, at.shape, parameters, arithmetic=arithmetic))  # type: ignore[arg-type]
        scale = np.empty(ideal.n)
        scale[at.numbers] = layer.unit * ideal.gain
        self.scales[name] = float(scale[0]) if np.all(scale == scale[0]) else tuple(float(v) for v in scale)
        for synapses in layer.synapses:
            if synapses.source.name.endswith("-rest") and not synapses.q.any():  # nothing was left to it
                continue
            self.connections.append(self._connection(synapses))
            self.notes += synapses.notes

    def _refractory(self, name: str) -> int:
        """Steps without another spike that leave one to a sample."""
        most = self.chip.integer("neuron.refractory_max")
        if most is not None and most < self.steps - 1:
            raise UnsupportedError(
                "it spikes once in a sample, which is longer than the chip's refractory period", where=f"node '{name}'",
                need=f"{self.steps - 1} steps", limit=f"{most} on {self.chip.name}",
                remedy="Train with fewer steps per sample, or compile for loihi2.",
            )  # fmt: skip
        return self.steps

    def _connection(self, synapses: IntegerSynapses) -> Connection:
        source, pre, post = synapses.source, self._at[synapses.source.pre], self._at[synapses.source.post]
        message_bits = self.input_bits if any(source.pre == part.name for part in self.network.inputs) else 0
        weights = synapses.q.astype(np.int64) * synapses.grid
        if source.conv is not None and not source.delay:
            kernel = np.ascontiguousarray(weights[:, :, ::-1, ::-1].transpose(0, 3, 2, 1)).astype(np.int32)
            (sy, sx), (py, px), (dy, dx) = source.conv.stride, source.conv.padding, source.conv.dilation
            return Connection(
                source.name, "conv", source.pre, source.post, kernel, weight_exp=synapses.weight_exp,
                num_weight_bits=synapses.stored_bits, num_message_bits=message_bits,
                conv=Convolution((sx, sy), (px, py), (dx, dy), source.conv.groups),
            )  # fmt: skip
        n_post, n_pre = post.numbers.size, pre.numbers.size
        if source.conv is not None:
            weights = _unrolled(synapses, weights, self._parts[source.pre].shape, self._parts[source.post].shape)
        placed = np.empty((n_post, n_pre), np.int16)
        placed[np.ix_(post.numbers, pre.numbers)] = weights
        kind = ("dense", "sparse", "delay_dense", "delay_sparse")[2 * bool(source.delay) + (source.conv is not None)]
        connection = Connection(
            source.name, kind, source.pre, source.post, placed, weight_exp=synapses.weight_exp,  # type: ignore[arg-type]
            num_weight_bits=synapses.stored_bits, sign_mode=synapses.sign_mode, num_message_bits=message_bits,
            delays=np.full((n_post, n_pre), self._delay(synapses), np.int32) if source.delay else None,
        )  # fmt: skip
        return connection.packed()

    def _delay(self, synapses: IntegerSynapses) -> int:
        delay, bits = synapses.source.delay, self.chip.integer("synapse.delay_bits_max")
        most = 63 if bits is None else min((1 << bits) - 1, 63)
        if delay > most:
            raise ValueRangeError(
                f"what it carries must arrive {delay} steps later", where=f"node '{synapses.source.name}'", need=delay,
                limit=f"{most} on {self.chip.name}", remedy="Shorten the delay, or the way beside it.",
            )  # fmt: skip
        return delay


def _unrolled(synapses: IntegerSynapses, kernel: I64, pre: tuple[int, ...], post: tuple[int, ...]) -> I64:
    """The matrix of a kernel, (n_post, n_pre), in the source's numbering."""
    volume = post if len(post) == 3 else (post[0], 1, post[1])
    way = Way(pre, post, kernel.astype(np.float64), np.ones(len(kernel)), synapses.source.conv, volume)
    rows, columns, values = taps(way)
    found = np.zeros((int(np.prod(post)), int(np.prod(pre))), np.int64)
    np.add.at(found, (rows, columns), values.astype(np.int64))
    return found
