"""The float network on calibration data: its spikes, and how far its currents and membranes reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.compiler.drive import drive
from neurotrain_hw.compiler.headroom import Peaks
from neurotrain_hw.compiler.ideal import IdealLayer, IdealNetwork, IdealSynapses
from neurotrain_hw.compiler.layer_run import IdealState
from neurotrain_hw.errors import ValueRangeError

FloatArray = npt.NDArray[np.float64]

_ELEMENTS = 1 << 24  # of arrays (samples, steps, n) at a time: 128 MiB in float64


@dataclass(frozen=True, eq=False)
class Calibration:
    """A run of the float network: what each population sent, (samples, steps, n), its shape, and each layer's peaks."""

    sent: Mapping[str, npt.NDArray[Any]]
    shapes: Mapping[str, tuple[int, ...]]
    peaks: Mapping[str, Peaks]

    @property
    def size(self) -> tuple[int, int]:
        """Samples and steps."""
        samples, steps = next(iter(self.sent.values())).shape[:2]
        return int(samples), int(steps)

    def parts(self, neurons: int) -> Iterator[Calibration]:
        """The samples in parts so small that one number per step and neuron of a layer takes little memory."""
        samples, steps = self.size
        size = max(1, _ELEMENTS // (steps * neurons))
        for k in range(0, samples, size):
            yield Calibration({name: sent[k : k + size] for name, sent in self.sent.items()}, self.shapes, self.peaks)

    def arriving(self, synapses: IdealSynapses) -> npt.NDArray[Any]:
        """What a connection carries to its layer, (samples, steps, n_pre): `latency` steps late, zeros before.

        A population that is not of the float network stands for a constant current: it sends in every step.
        """
        sent = self.sent.get(synapses.pre)
        if sent is None:
            return np.ones((*self.size, synapses.weight.shape[1]), np.uint8)
        return _late(sent, synapses.latency)

    def sums(self, synapses: IdealSynapses, weight: npt.NDArray[Any]) -> FloatArray:
        """Weighted sums (samples, steps, n_post) of other weights in the place of the connection's own."""
        sent = self.arriving(synapses)
        shape = self.shapes.get(synapses.pre, sent.shape[2:])
        found = drive(weight, synapses.conv, sent.reshape(-1, sent.shape[2]), shape)
        return found.reshape(*self.size, -1)

    def mean_square(self, synapses: IdealSynapses) -> float:
        """The mean square of what a connection carries."""
        return float(np.mean(self.arriving(synapses).astype(np.float64) ** 2))


def calibrate(network: IdealNetwork, x: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]) -> Calibration:
    """Run the float network, in float64, on x (samples, steps, *shape), or one such array per input.

    Raises ValueRangeError where the arrays do not fit the network's inputs.
    """
    given = x if isinstance(x, Mapping) else {network.inputs[0].name: x}
    sent = {entry.name: _checked(given, entry.name, entry.shape) for entry in network.inputs}
    if len({array.shape[:2] for array in sent.values()}) != 1:
        raise ValueRangeError("the inputs differ in samples or steps", where="calibration data")
    shapes = {entry.name: entry.shape for entry in network.inputs} | {la.name: la.shape for la in network.layers}
    found: dict[str, list[npt.NDArray[Any]]] = {layer.name: [] for layer in network.layers}
    peaks = {layer.name: Peaks(np.zeros(layer.n), np.zeros(layer.n)) for layer in network.layers}
    for part in Calibration(sent, shapes, {}).parts(max(layer.n for layer in network.layers)):
        of_part = dict(part.sent)
        run = Calibration(of_part, shapes, {})
        for group in _groups(network):
            for state in _run_group(network, group, run, of_part):
                name = state.layer.name
                found[name].append(of_part[name])
                peaks[name] = Peaks(
                    np.maximum(peaks[name].current, state.largest_current),
                    np.maximum(peaks[name].membrane, state.largest_membrane),
                )
    return Calibration(sent | {name: np.concatenate(part) for name, part in found.items()}, shapes, peaks)


def effective(synapses: IdealSynapses) -> FloatArray:
    """`row_scale * weight`, in the weight's shape."""
    return np.asarray(synapses.weight * synapses.row_scale.reshape(-1, *(1,) * (synapses.weight.ndim - 1)))


def _run_group(
    network: IdealNetwork, group: Sequence[IdealLayer], run: Calibration, sent: dict[str, npt.NDArray[Any]]
) -> list[IdealState]:
    """Layers that loop among themselves, step by step; what comes from outside the group is summed beforehand."""
    samples, steps = run.size
    names = {layer.name for layer in group}
    states = [IdealState.zeros(layer, samples) for layer in group]
    outside, inside = [], []
    for layer in group:
        total = np.zeros((samples, steps, layer.n))
        for s in network.onto(layer.name):
            if s.pre not in names:
                total += run.sums(s, effective(s))
        outside.append(total)
        inside.append([(s, effective(s)) for s in network.onto(layer.name) if s.pre in names])
        sent[layer.name] = np.zeros((samples, steps, layer.n), np.uint8)
    for t in range(steps):
        for state, total, loops in zip(states, outside, inside, strict=True):
            x = total[:, t]
            for s, weight in loops:
                if t >= s.latency:
                    x = x + drive(weight, s.conv, sent[s.pre][:, t - s.latency], run.shapes[s.pre])
            sent[state.layer.name][:, t] = state.step(x)
    return states


def _groups(network: IdealNetwork) -> list[list[IdealLayer]]:
    """The layers in order, those that a connection leads back over taken together."""
    place = {layer.name: k for k, layer in enumerate(network.layers)}
    last = list(range(len(network.layers)))
    for s in network.synapses:
        if s.pre in place and s.post in place and place[s.pre] >= place[s.post]:
            last[place[s.post]] = max(last[place[s.post]], place[s.pre])
    groups: list[list[IdealLayer]] = []
    end = -1
    for k, layer in enumerate(network.layers):
        if k > end:
            groups.append([])
        groups[-1].append(layer)
        end = max(end, last[k])
    return groups


def _late(sent: npt.NDArray[Any], latency: int) -> npt.NDArray[Any]:
    if not latency:
        return sent
    out = np.zeros_like(sent)
    out[:, latency:] = sent[:, : sent.shape[1] - latency]
    return out


def _checked(given: Mapping[str, npt.NDArray[Any]], name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    where = f"calibration data for '{name}'"
    if name not in given:
        raise ValueRangeError("there is none", where=where, need="an array (samples, steps, *shape) per input")
    array = np.asarray(given[name])
    if array.ndim < 2 or array.shape[2:] not in (shape, (int(np.prod(shape)),)) or not array.size:
        raise ValueRangeError(
            f"an array of shape {array.shape}", where=where, need=f"(samples, steps, {', '.join(map(str, shape))})"
        )
    return array.reshape(*array.shape[:2], -1)
