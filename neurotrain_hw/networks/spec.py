"""Network architectures as data: frozen dataclasses of layers, and the shapes that follow from them (no torch)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from neurotrain_hw.errors import FormatError
from neurotrain_hw.networks.layer_faults import layer_fault, pooled, window

Shape = tuple[int, ...]
Kind = Literal["dense", "conv"]
Recurrence = Literal["none", "one-to-one", "all-to-all"]
Neuron = Literal["lif", "lapicque", "synaptic", "alpha", "adaptive", "integrator"]
Reset = Literal["zero", "subtract", "none", "once"]
# float32 weights hold scale * integer to within 1/1000 of a step up to here
MOST_WEIGHT_BITS = 12


@dataclass(frozen=True)
class Surrogate:
    """The derivative that stands in for the spike's in BPTT: snnTorch's surrogate of this kind and slope (> 0)."""

    kind: str = "fast_sigmoid"
    slope: float = 5.0


@dataclass(frozen=True)
class LayerSpec:
    """One layer: synapses, fully connected or convolutional, and the neurons that they drive.

    A spiking layer's membrane takes `v' = beta*v + I`, spikes where `v' > threshold`, and is reset before its next
    step. docs/how-to/add-a-model.md has the equations of every kind of neuron.

    Synapses. `kind`: "dense" with `neurons`, or "conv" with `channels`, square kernels of `kernel`, `stride`,
    `padding`; then `neurons` is worked out. `input_pool`: side of the squares in which arriving spikes are pooled,
    `pool`: the same for the currents of a convolution, `pooling` says how. `recurrent`: synapses among the layer's own
    neurons, whose spikes arrive one step later. `bias`: a learned constant current.

    Neurons. `beta`: membrane decay per step, 0 <= beta <= 1 (1 for "lif" and "integrator" alone). `threshold` > 0, in
    units of the membrane. `alpha`: decay of the synaptic current ("synaptic", "alpha"). `adaptation`: growth of an
    adaptive threshold per spike, `adaptation_decay`: the share of it left a step later. `learn_beta`,
    `learn_threshold`: one learned value per neuron, or per channel of a convolution. `reset`: "once" leaves a neuron
    its first spike alone.

    Weights. `weight_bits`: width of the signed, symmetric integers (1..12; 1: sign times scale), None for floats.
    `weight_scale`: one scale per tensor or per output channel; `power_of_two` restricts it. `weight_standardised`:
    mean 0 and variance 1 / fan-in per output channel, times `gain`. `state`: the chip number format ("loihi") to which
    membrane and current are fake-quantised, None for floats.
    """

    name: str
    neurons: int = 0
    beta: float = 0.0
    threshold: float = 1.0
    weight_bits: int | None = None
    kind: Kind = "dense"
    channels: int = 0
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    input_pool: int = 1
    pool: int = 1
    pooling: Literal["average", "max"] = "average"
    recurrent: Recurrence = "none"
    neuron: Neuron = "lif"
    alpha: float = 0.0
    adaptation: float = 0.0
    adaptation_decay: float = 0.0
    reset: Reset = "zero"
    bias: bool = False
    learn_beta: bool = False
    learn_threshold: bool = False
    weight_scale: Literal["tensor", "channel"] = "tensor"
    power_of_two: bool = False
    weight_standardised: bool = False
    gain: float = 1.0
    state: str | None = None

    def __post_init__(self) -> None:
        if not self.spikes:
            object.__setattr__(self, "reset", "none")

    @property
    def spikes(self) -> bool:
        """Whether it sends spikes; an integrator is read by its membrane."""
        return self.neuron != "integrator"

    def after(self, shape: Shape) -> Shape:
        """Shape of the layer for an input of `shape`; FormatError where they do not fit."""
        if self.kind == "dense":
            return (self.neurons,)
        _, height, width = pooled(shape, self.input_pool)
        sides = (window(side, self.kernel, self.stride, self.padding) // self.pool for side in (height, width))
        return self.channels, *sides

    def fan_in(self, shape: Shape) -> int:
        """Forward synapses per neuron, for an input of `shape`."""
        arriving = pooled(shape, self.input_pool)
        return math.prod(arriving) if self.kind == "dense" else arriving[0] * self.kernel * self.kernel

    def connections(self, shape: Shape) -> int:
        """Forward synapses between neurons: convolutions and pools unrolled, padding left out."""
        if self.kind == "dense":
            squares = self.input_pool * self.input_pool if len(shape) == 3 else 1
            return self.neurons * math.prod(pooled(shape, self.input_pool)) * squares
        reach = (self.pool - 1) * self.stride + self.kernel  # of a neuron, over as many places of the kernel
        sides = zip(pooled(shape, self.input_pool)[1:], self.after(shape)[1:], strict=True)
        taps = [
            sum(
                0 <= place * self.stride * self.pool - self.padding + tap < side
                for place in range(places)
                for tap in range(reach)
            )
            for side, places in sides
        ]
        return self.channels * shape[0] * math.prod(taps) * self.input_pool**2

    def weights(self, shape: Shape) -> int:
        """Number of weights, recurrent ones included, biases not."""
        forward = (self.neurons if self.kind == "dense" else self.channels) * self.fan_in(shape)
        return forward + self.recurrent_weights

    @property
    def recurrent_weights(self) -> int:
        """Number of synapses among the layer's own neurons."""
        return {"none": 0, "one-to-one": self.neurons, "all-to-all": self.neurons * self.neurons}[self.recurrent]


@dataclass(frozen=True)
class ModelSpec:
    """A spiking network: inputs of `input_shape`, then `layers` one after the other.

    `input_shape`: (n,) or (channels, height, width); `inputs` is its product, and may stand alone for (inputs,).
    `steps`: time steps T of one sample; `dt_s`: seconds per step; `dataset`: what it is meant for ('' for none).
    Raises FormatError where layers do not fit each other.
    """

    name: str
    summary: str
    inputs: int
    layers: tuple[LayerSpec, ...]
    steps: int
    dt_s: float = 1e-3
    dataset: str = ""
    surrogate: Surrogate = Surrogate()
    input_shape: Shape = ()

    def __post_init__(self) -> None:
        shape = tuple(self.input_shape) or (self.inputs,)
        object.__setattr__(self, "input_shape", shape)
        object.__setattr__(self, "inputs", math.prod(shape))
        object.__setattr__(self, "layers", fitted(shape, self.layers, where=self.name))

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Shapes from input to output, such as ((1, 28, 28), (12, 12, 12), (10,))."""
        found = [self.input_shape]
        for layer in self.layers:
            found.append(layer.after(found[-1]))
        return tuple(found)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Neurons from input to output, such as (64, 128, 10)."""
        return (self.inputs, *(layer.neurons for layer in self.layers))

    @property
    def synapses(self) -> int:
        """Number of weights; those of a convolution count once."""
        return sum(layer.weights(shape) for layer, shape in zip(self.layers, self.shapes, strict=False))

    def with_weight_bits(self, bits: int | None) -> ModelSpec:
        """The same network with one weight width in all layers; FormatError outside 1..12.

        None: floats, and no chip's number format for the state, which needs integers.
        """
        if bits is not None and not 1 <= bits <= MOST_WEIGHT_BITS:
            raise FormatError(f"got {bits}", where=f"{self.name}: weight_bits", need=f"1..{MOST_WEIGHT_BITS}")
        changed = {"weight_bits": bits} if bits is not None else {"weight_bits": None, "state": None}
        return replace(self, layers=tuple(replace(layer, **changed) for layer in self.layers))


def fitted(shape: Shape, layers: tuple[LayerSpec, ...], *, where: str) -> tuple[LayerSpec, ...]:
    """The layers with the number of neurons worked out; FormatError, `where: layers[k].key`, for the first fault."""
    found = []
    for position, layer in enumerate(layers):
        fault = layer_fault(layer, shape)
        if not layer.spikes and position < len(layers) - 1:
            fault = "neuron", "an integrator sends no spikes", "it as the last layer"
        if fault is not None:
            key, what, need = fault
            raise FormatError(what, where=f"{where}: layers[{position}].{key}", need=need)
        shape = layer.after(shape)
        found.append(replace(layer, neurons=math.prod(shape)))
    return tuple(found)
