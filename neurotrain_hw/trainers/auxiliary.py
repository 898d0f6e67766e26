"""Which layers an auxiliary network is made of: the largest subset of those behind, under a memory bound (no torch).

An auxiliary network of a subnetwork is copies of some of the hidden layers behind it, in their order and with weights
of their own, and a linear head; a copy takes what comes from the copy before it. The largest subset that fits the bound
is taken; of subsets as large, the one nearest to evenly spaced, as AugLocal (the same authors, for networks without
time) spaces them: of d copies the i-th is layer round(l + (L - l) / d * i), with l the subnetwork's last layer and L
the last hidden one; then the first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from neurotrain_hw.errors import FormatError, UnsupportedError, ValueRangeError
from neurotrain_hw.networks.spec import LayerSpec, ModelSpec, Shape
from neurotrain_hw.trainers.constants import StdlSettings


@dataclass(frozen=True)
class Subnetwork:
    """Positions of a subnetwork's `layers`, and of those that its auxiliary network copies; 0 is the first layer.

    `bytes`: what the auxiliary network takes, as `auxiliary_bytes` counts. The last subnetwork has none: it ends with
    the network's own output.
    """

    layers: tuple[int, ...]
    copied: tuple[int, ...] = ()
    bytes: int = 0


def subnetworks(spec: ModelSpec, constants: StdlSettings) -> list[Subnetwork]:
    """The cut of a network: groups of `subnetwork` hidden layers, the output layer with the last of them.

    Raises UnsupportedError where not even a head fits, ValueRangeError for a group of no layers.
    """
    if constants.subnetwork < 1:
        raise ValueRangeError(f"got {constants.subnetwork}", where="stdl: subnetwork", need="at least 1")
    hidden = len(spec.layers) - 1
    groups = [tuple(range(k, min(k + constants.subnetwork, hidden))) for k in range(0, hidden, constants.subnetwork)]
    if not groups:
        return [Subnetwork((0,))]
    found = [_chosen(spec, constants, group) for group in groups[:-1]]
    return [*found, Subnetwork((*groups[-1], hidden))]


def auxiliary_bytes(copies: Sequence[LayerSpec], shape: Shape, classes: int, *, samples: int) -> int:
    """Bytes of copies behind `shape` and a head: weights and gradients, and a batch's membranes and spikes.

    4 * (2 * weights + samples * (2 * neurons + 2 * classes)). Raises FormatError where a copy does not fit the shape.
    """
    weights = state = 0
    for layer in copies:
        weights += layer.weights(shape)
        shape = layer.after(shape)
        if min(shape) < 1:
            raise FormatError("nothing is left of the maps", where=layer.name)
        weights += layer.bias * shape[0]
        state += 2 * math.prod(shape)
    return 4 * (2 * (weights + classes * math.prod(shape)) + samples * (state + 2 * classes))


def _chosen(spec: ModelSpec, constants: StdlSettings, group: tuple[int, ...]) -> Subnetwork:
    last, end = group[-1], len(spec.layers) - 2
    following = range(last + 1, end + 1)
    for size in range(len(following), -1, -1):
        fitting = [
            (_away(subset, last, end), subset, needed)
            for subset in combinations(following, size)
            if (needed := _bytes(spec, constants, last, subset)) is not None and needed <= constants.auxiliary_bytes
        ]
        if fitting:
            _, subset, needed = min(fitting)
            return Subnetwork(group, subset, needed)
    head = _bytes(spec, constants, last, ())
    raise UnsupportedError(
        f"not even the head behind layer {last + 1} fits the auxiliary network's memory", where=f"stdl on {spec.name}",
        need=f"{head:,} bytes", limit=f"{constants.auxiliary_bytes:,}",
        remedy="Allow more (--set auxiliary_bytes=...), or take a smaller batch.",
    )  # fmt: skip


def _bytes(spec: ModelSpec, constants: StdlSettings, last: int, subset: tuple[int, ...]) -> int | None:
    """None where the copies do not fit each other."""
    copies = [spec.layers[k] for k in subset]
    classes = spec.sizes[-1] // constants.population
    try:
        return auxiliary_bytes(copies, spec.shapes[last + 1], classes, samples=constants.batch)
    except FormatError:
        return None


def _away(subset: tuple[int, ...], last: int, end: int) -> int:
    """Layers between a subset and the evenly spaced one."""
    even = (round(last + (end - last) / len(subset) * i) for i in range(1, len(subset) + 1))
    return sum(abs(one - other) for one, other in zip(subset, even, strict=True))
