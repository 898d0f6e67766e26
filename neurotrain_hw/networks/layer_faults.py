"""What a layer may not be: keys that contradict each other, and layers that do not fit what arrives (no torch)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurotrain_hw.networks.spec import LayerSpec

Shape = tuple[int, ...]
# number formats that `state` may name
STATES = ("loihi",)
# kinds whose membrane may keep all that it gets
LEAKLESS = ("lif", "integrator")
# (key, what is wrong, what is needed)
Fault = tuple[str, str, str]


def layer_fault(layer: LayerSpec, shape: Shape) -> Fault | None:
    """The first fault of a layer whose input has `shape`; None for a good one."""
    return next((fault for found in (_own(layer), _fit(layer, shape)) for fault in found), None)


def pooled(shape: Shape, pool: int) -> Shape:
    """A shape (channels, height, width) after pooling in squares; what fills no square is left out."""
    return shape if pool == 1 else (shape[0], *(side // pool for side in shape[1:]))


def window(side: int, kernel: int, stride: int, padding: int) -> int:
    """Places of a kernel along one side."""
    return (side + 2 * padding - kernel) // stride + 1


def _own(layer: LayerSpec) -> Iterator[Fault]:
    """Keys against each other."""
    if layer.kind == "dense":
        if layer.neurons < 1:
            yield "neurons", f"got {layer.neurons}", "a whole number of at least 1"
        for key, value, default in (
            ("channels", layer.channels, 0), ("kernel", layer.kernel, 1), ("stride", layer.stride, 1),
            ("padding", layer.padding, 0), ("pool", layer.pool, 1),
        ):  # fmt: skip
            if value != default:
                yield key, f"a dense layer has none, got {value}", "kind 'conv', or no such key"
    elif layer.channels < 1:
        yield "channels", f"got {layer.channels}", "a whole number of at least 1"
    elif layer.recurrent == "all-to-all":
        yield "recurrent", "'all-to-all' in a convolution", "'none' or 'one-to-one'"
    if layer.gain != 1 and not layer.weight_standardised:
        yield "gain", f"got {layer.gain:g} for weights that are not standardised", "weight_standardised = true"
    yield from _neuron(layer)


def _neuron(layer: LayerSpec) -> Iterator[Fault]:
    kind = layer.neuron
    if not 0 <= layer.beta <= 1 or (layer.beta == 1 and kind not in LEAKLESS):
        yield "beta", f"got {layer.beta:g}", "a number of at least 0 and below 1"
    if layer.reset == "once" and kind not in ("lif", "synaptic"):
        yield "reset", f"'once' for neurons of kind '{kind}'", "neuron 'lif' or 'synaptic'"
    if layer.alpha and kind not in ("synaptic", "alpha"):
        yield "alpha", f"a neuron of kind '{kind}' has no current of its own", "neuron 'synaptic' or 'alpha'"
    if (layer.adaptation or layer.adaptation_decay) and kind != "adaptive":
        yield "adaptation", f"a neuron of kind '{kind}' keeps its threshold", "neuron 'adaptive'"
    if kind == "alpha" and not layer.alpha > layer.beta > 0:
        yield "alpha", f"alpha {layer.alpha:g}, beta {layer.beta:g}", "alpha above beta, and beta above 0"
    if kind == "alpha" and layer.reset == "subtract":
        yield "reset", "'subtract' for neurons of kind 'alpha', which keep no membrane", "'zero' or 'none'"
    if kind in ("alpha", "lapicque") and layer.learn_beta:
        yield "learn_beta", f"snnTorch's neurons of kind '{kind}' learn none", "another kind of neuron"
    if kind == "integrator" and layer.recurrent != "none":
        yield "recurrent", "an integrator sends no spikes", "'none'"
    yield from _state(layer)


def _state(layer: LayerSpec) -> Iterator[Fault]:
    if layer.state is None:
        return
    if layer.state not in STATES:
        yield "state", f"got '{layer.state}'", f"one of {', '.join(STATES)}"
    if layer.neuron not in ("lif", "synaptic"):
        yield "state", f"neurons of kind '{layer.neuron}' are not the chip's", "neuron 'lif' or 'synaptic'"
    if layer.reset != "zero":
        yield "reset", f"'{layer.reset}' in the chip's number format", "'zero'"
    if layer.weight_bits is None or layer.weight_bits > 8:
        yield "weight_bits", "the chip's weights are integers of at most 8 bits", "1..8"
    for key in ("learn_beta", "learn_threshold", "bias"):
        if getattr(layer, key):
            yield key, "not in the chip's number format", "false"
    if layer.pool > 1:
        yield "pool", "a pool of currents multiplies out with the weights, which then have more bits", "input_pool"
    if layer.input_pool > 1 and layer.pooling == "max":
        yield "pooling", "no chip's synapses form a maximum", "'average'"
    if layer.recurrent != "none" and not (layer.power_of_two and layer.weight_scale == "tensor"):
        yield "recurrent", "two scales share a membrane, where they must be powers of two apart", "power_of_two = true"


def _fit(layer: LayerSpec, shape: Shape) -> Iterator[Fault]:
    """The layer against what arrives."""
    if len(shape) != 3:
        for key, wrong in (("kind", layer.kind == "conv"), ("input_pool", layer.input_pool > 1)):
            if wrong:
                yield key, f"what arrives has shape {shape}", "maps (channels, height, width)"
        return
    arriving = pooled(shape, layer.input_pool)
    if min(arriving) < 1:
        yield "input_pool", f"got {layer.input_pool} over maps of {shape[1]}x{shape[2]}", "a smaller square"
    elif layer.kind == "conv":
        sides = [window(side, layer.kernel, layer.stride, layer.padding) for side in arriving[1:]]
        if min(sides) < 1:
            yield "kernel", f"got {layer.kernel} over maps of {arriving[1]}x{arriving[2]}", "a smaller one, or padding"
        elif min(sides) < layer.pool:
            yield "pool", f"got {layer.pool} over maps of {sides[0]}x{sides[1]}", "a smaller square"
