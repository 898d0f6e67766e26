"""lava-dl networks (`.net`) as programs: neurons and weights as lava-dl's netx makes them in Lava.

Mapping: lava-dl, `lib/dl/netx/hdf5.py` and `blocks/process.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.neurons import chip_arithmetic
from neurotrain_hw.errors import FormatError, UnsupportedError
from neurotrain_hw.interchange.netx_file import NetxLayer, NetxNeuron
from neurotrain_hw.program import (
    Connection,
    Convolution,
    IntOrArray,
    Population,
    PopulationKind,
    Program,
    SparseWeights,
    Timing,
)

I64 = npt.NDArray[np.int64]

MAX_DELAY = 62
BIAS_EXP = 6
STATE_EXP = 6
DECAY_BITS = 12
MESSAGE_BITS = {"CUBA": 0, "SDNN": 16, "RF": 0, "RF_PHASE": 0}
"""Bits of what neurons send, where the file does not say: 0 are spikes."""
INTEGRATOR = NetxNeuron("CUBA", {"iDecay": 0, "vDecay": 4096, "vThMant": 1 << 17})
"""What lava-dl takes for a dense layer without neurons."""


def compile_netx(
    layers: Sequence[NetxLayer], chip: Chip, *, steps: int | None = None, spike_exp: int = 6,
    input_message_bits: int = 0, name: str = "netx",
) -> Program:  # fmt: skip
    """The program of a lava-dl network.

    `steps`: time steps of a sample, with which the LIF layers are reset, each in its own window; None: no resets.
    `spike_exp`: binary places of what sigma-delta neurons send; `input_message_bits`: bits of what the input sends to
    weights, 0 for spikes. All three are arguments in lava-dl, too. Where the chip spikes, above or at the threshold,
    and how it overflows is in the chip's file. An input layer with neurons gets its values from the input `in`, which
    sends weight * x + bias of `Program.notes`. FormatError for layers that do not fit each other, UnsupportedError for
    what no Program can hold.
    """
    build = _Builder(chip, steps, spike_exp, input_message_bits)
    for number, layer in enumerate(layers):
        build.add(number, layer)
    if len(build.populations) < 2:
        raise FormatError("it has no layer of neurons", where="network")
    depth = {p.name: k for k, p in enumerate(build.populations)}
    return Program(
        name, tuple(build.populations), tuple(build.connections), (build.populations[-1].name,), chip.id,
        timing=None if steps is None else Timing(steps, depth), notes=tuple(build.notes),
    ).packed()  # fmt: skip


@dataclass
class _Before:
    """What the next layer reads: a population, the bits of its messages, and whether it is to be flattened."""

    name: str
    shape: tuple[int, ...]
    message_bits: int = 0
    flat: bool = False

    def columns(self) -> I64 | None:
        """Numbers of the neurons in the order in which a dense layer counts them after `flatten`: C, H, W."""
        if not self.flat or len(self.shape) != 3:
            return None
        return np.arange(math.prod(self.shape)).reshape(self.shape).transpose(2, 1, 0).ravel()


class _Builder:
    def __init__(self, chip: Chip, steps: int | None, spike_exp: int, input_message_bits: int) -> None:
        self.chip, self.steps, self.spike_exp, self.input_message_bits = chip, steps, spike_exp, input_message_bits
        self.populations: list[Population] = []
        self.connections: list[Connection] = []
        self.notes: list[str] = []
        self.before: _Before | None = None

    def add(self, number: int, layer: NetxLayer) -> None:
        where = f"layer {number} ({layer.kind})"
        if layer.kind == "input":
            self._input(number, layer, where)
        elif layer.kind == "flatten":
            self._reading(0, where).flat = True
        elif layer.kind == "conv":
            self._conv(number, layer, where)
        else:
            self._dense(number, layer, where)

    def _input(self, number: int, layer: NetxLayer, where: str) -> None:
        if self.populations:
            raise FormatError("it is not the first layer", where=where)
        shape = _xyz(layer.shape)
        self._open(shape)
        if layer.neuron is None:
            return
        weight = _one(layer.weights.get("weight"), 64, f"{where}: weight")
        bias = _one(layer.bias, 0, f"{where}: bias")
        if layer.neuron.kind == "CUBA" and layer.neuron.constants["iDecay"] != 4096:
            raise UnsupportedError(
                "its values are a bias to neurons, and arrive as a current that these would keep", where=where,
                need="iDecay 4096",
            )  # fmt: skip
        n = math.prod(shape)
        neurons = self._neurons(number, layer.neuron, shape, None, where, first=True)
        identity = SparseWeights(np.arange(n + 1), np.arange(n, dtype=np.int32), np.ones(n, np.uint8), n)
        self.connections.append(Connection("in-0", "sparse", "in", neurons.name, identity, sign_mode="excitatory",
                                           num_message_bits=24))  # fmt: skip
        self.notes.append(f"{where}: send {weight} * x + {bias} of the sample's values x, in every step that they last")

    def _dense(self, number: int, layer: NetxLayer, where: str) -> None:
        n = math.prod(layer.shape)
        neuron = layer.neuron or INTEGRATOR
        parts = {key: self._matrix(w, n, where) for key, w in layer.weights.items()}
        first = next(iter(parts.values()))
        before = self._reading(first.shape[1], where)
        order = before.columns()
        population = self._neurons(number, neuron, (n,), layer.bias, where)
        for key, given in parts.items():
            weights, source = given, before.name
            if key == "weight_rec":
                source = population.name
            elif order is not None:
                weights = np.empty_like(given)
                weights[:, order] = given
            delay = None if layer.delay is None else self._delays(layer.delay, weights, where)
            self._connect(f"{source}-{population.name}" + ("-imag" if key == "imag" else ""), source, population.name,
                          weights, delay, before.message_bits, imaginary=key == "imag", where=where)  # fmt: skip
        self._now(population, neuron)

    def _conv(self, number: int, layer: NetxLayer, where: str) -> None:
        kernel, shape = layer.weights["weight"], _xyz(layer.shape)
        before = self._reading(0, where)
        if kernel.ndim not in (4, 5) or math.prod(kernel.shape[4:]) != 1 or len(before.shape) != 3:
            raise FormatError(f"weights of shape {kernel.shape} on neurons {before.shape}", where=where,
                              need="(out, in / groups, height, width) on a volume")  # fmt: skip
        kernel = kernel.reshape(kernel.shape[:4])[:, :, ::-1, ::-1].transpose(0, 3, 2, 1)
        stride, padding, dilation = (layer.geometry[key][::-1] for key in ("stride", "padding", "dilation"))
        geometry = Convolution(stride, padding, dilation, layer.groups)
        population = self._neurons(number, layer.neuron or INTEGRATOR, shape, layer.bias, where)
        self.connections.append(
            Connection(f"{before.name}-{population.name}", "conv", before.name, population.name,
                       np.ascontiguousarray(kernel).astype(np.int16), num_message_bits=before.message_bits,
                       conv=geometry)
        )  # fmt: skip
        self._now(population, layer.neuron or INTEGRATOR)

    def _connect(
        self, name: str, pre: str, post: str, weights: I64, delay: I64 | None, message_bits: int, *, imaginary: bool,
        where: str,
    ) -> None:  # fmt: skip
        exp = 0
        if weights.min(initial=0) < 0 < weights.max(initial=0):
            clipped = np.clip(weights, -256, 254)
            if np.any(clipped != weights):
                self.notes.append(f"{where}: {np.count_nonzero(clipped != weights)} weights clipped to -256..254")
            weights = clipped
            if np.any(weights % 2) and weights.min() >= -128 and weights.max() <= 127:
                weights, exp = weights * 2, -1  # odd weights of both signs, whose lowest bit the chip would drop
        if pre == post and len(weights) != weights.shape[1]:
            raise FormatError(f"recurrent weights of shape {weights.shape}", where=where, need="(n, n)")
        self.connections.append(
            Connection(name, "dense" if delay is None else "delay_dense", pre, post, weights.astype(np.int16), exp,
                       num_message_bits=message_bits, delays=None if delay is None else delay.astype(np.int32),
                       max_delay=0 if delay is None else MAX_DELAY, port="imag" if imaginary else "current")
        )  # fmt: skip

    def _neurons(
        self, number: int, neuron: NetxNeuron, shape: tuple[int, ...], bias: I64 | None, where: str, *,
        first: bool = False,
    ) -> Population:  # fmt: skip
        kind, parameters = self._parameters(neuron, number, first)
        if bias is not None and bias.any():
            if kind not in ("lif", "lif_reset", "sigma_delta"):
                raise UnsupportedError(f"a bias on {kind} neurons", where=where, need="no bias")
            if bias.size not in (1, shape[-1], math.prod(shape)):
                raise FormatError(f"a bias of {bias.size} values", where=where, need=f"1, {shape[-1]} or 1 each")
            one = bias.reshape(shape) if bias.size == math.prod(shape) else np.broadcast_to(bias.ravel(), shape)
            parameters["bias" if kind == "sigma_delta" else "bias_mant"] = one.ravel().astype(np.int32)
        if neuron.constants.get("refDelay", 1) > 1:
            self.notes.append(f"{where}: refDelay {neuron.constants['refDelay']} is left out, as lava-dl's netx does")
        population = Population(f"{number}", kind, shape, parameters, arithmetic=chip_arithmetic(self.chip))
        self.populations.append(population)
        if first:
            self._now(population, neuron)
        return population

    def _parameters(self, neuron: NetxNeuron, number: int, first: bool) -> tuple[PopulationKind, dict[str, IntOrArray]]:
        c = neuron.constants
        if neuron.kind == "CUBA":
            lif: dict[str, IntOrArray] = {
                "du": c["iDecay"] - 1, "dv": c["vDecay"], "vth": c["vThMant"], "bias_mant": 0, "bias_exp": BIAS_EXP,
            }  # fmt: skip
            if self.steps is None:
                return "lif", lif
            return "lif_reset", lif | {"reset_interval": self.steps, "reset_offset": len(self.populations) + 1}
        exponents: dict[str, IntOrArray] = {"spike_exp": self.spike_exp, "state_exp": STATE_EXP, "cum_error": 0}
        if neuron.kind == "SDNN":
            if neuron.sigma_output and not first:
                return "sigma", {}
            if first:
                return "delta", {"vth": c["vThMant"], **exponents}
            relu = int(neuron.activation.lower() != "unit")
            return "sigma_delta", {"vth": c["vThMant"], "bias": 0, "relu": relu, **exponents}
        sin, cos = resonator_decays(c["sinDecay"], c["cosDecay"])
        return ("rf" if neuron.kind == "RF_PHASE" else "rf_iz"), {
            "sin_decay": sin, "cos_decay": cos, "decay_bits": DECAY_BITS, "state_exp": STATE_EXP, "vth": c["vThMant"],
        }  # fmt: skip

    def _matrix(self, weights: I64, n: int, where: str) -> I64:
        if weights.ndim == 1 and n and weights.size % n == 0:
            weights = weights.reshape(n, -1)
        flat = weights.reshape(len(weights), -1) if weights.ndim > 2 else weights
        if flat.ndim != 2 or len(flat) != n:
            raise FormatError(f"weights of shape {weights.shape}", where=where, need=f"({n}, inputs)")
        return flat

    def _delays(self, delay: I64, weights: I64, where: str) -> I64:
        if np.any(delay < 0):
            raise FormatError("it has delays below 0", where=where)
        if delay.max() > MAX_DELAY:
            self.notes.append(f"{where}: delays above {MAX_DELAY} steps clipped, as lava-dl's netx does")
        delay = np.minimum(delay, MAX_DELAY)
        if delay.shape == (len(weights),):
            delay = delay[:, None]
        try:
            return np.broadcast_to(delay, weights.shape).copy()
        except ValueError:
            raise FormatError(f"delays of shape {delay.shape}", where=where, need=f"that of {weights.shape}") from None

    def _reading(self, n: int, where: str) -> _Before:
        """What the layer reads; an input of n neurons where there is none yet."""
        if self.before is None:
            if n == 0:
                raise FormatError("nothing says how many inputs it has", where=where,
                                  remedy="Put a layer of type input with a shape before it.")  # fmt: skip
            self._open((n,))
        if self.before is None or (n and math.prod(self.before.shape) != n):
            found = 0 if self.before is None else math.prod(self.before.shape)
            raise FormatError(f"weights for {n} inputs", where=where, need=f"{found}, the neurons before it")
        return self.before

    def _open(self, shape: tuple[int, ...]) -> None:
        self.populations.append(Population("in", "input", shape))
        self.before = _Before("in", shape, self.input_message_bits)

    def _now(self, population: Population, neuron: NetxNeuron) -> None:
        bits = neuron.constants.get("messageBits", MESSAGE_BITS[neuron.kind])
        self.before = _Before(population.name, population.shape, bits)


def _one(value: I64 | None, default: int, where: str) -> int:
    if value is None:
        return default
    if value.size != 1:
        raise FormatError(f"{value.size} values", where=where, need="1")
    return int(value.ravel()[0])


def _xyz(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(C, H, W) as Lava orders it: (W, H, C)."""
    return tuple(reversed(shape))


def resonator_decays(sin_decay: int, cos_decay: int) -> tuple[int, int]:
    """12-bit decays after lava-dl's way through period and decay in floating point, which may lose a bit."""
    sin, cos = sin_decay / 4096, cos_decay / 4096
    alpha = 1 - np.sqrt(sin**2 + cos**2)
    with np.errstate(divide="ignore"):  # no rotation has an infinite period
        period = 1 / (np.arctan2(sin, cos) / 2 / np.pi)
    angle = np.pi * 2 * 1 / period
    return int(np.int32((1 - alpha) * np.sin(angle) * 4096)), int(np.int32((1 - alpha) * np.cos(angle) * 4096))
