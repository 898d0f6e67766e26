"""The source of a graph as a run of its own: the torch network of a run folder, or spikes that were recorded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from neurotrain_hw.compare.activity import Activity, Array
from neurotrain_hw.compare.runs import recorded, run_torch
from neurotrain_hw.compiler.ideal import IdealNetwork
from neurotrain_hw.data.recordings import read_spikes
from neurotrain_hw.errors import UnknownNameError, ValueRangeError


class Source(Protocol):
    """Something that says what the source did on recordings (B, T, *shape), the first..last of all."""

    def check(self, network: IdealNetwork, samples: int, steps: int) -> None:
        """UnknownNameError for a layer that the network has not, ValueRangeError for another size."""
        ...

    def run(self, x: Array, first: int, last: int) -> Activity:
        """Its spikes by layer, the run `source`."""
        ...


class TorchSource:
    """The network of a folder that `neurotrain-hw train` wrote; MissingExtraError without torch."""

    def __init__(self, folder: Path) -> None:
        from neurotrain_hw.trainers.run_folder import load_run

        self._module: Any = load_run(folder).network()

    def check(self, network: IdealNetwork, samples: int, steps: int) -> None:
        """Its layers are the network's."""
        _check({layer.name: layer.neurons for layer in self._module.spec.layers}, network, "run folder")

    def run(self, x: Array, first: int, last: int) -> Activity:
        """Spikes of all layers."""
        return run_torch(self._module, x)


class RecordedSource:
    """Spikes (N, T, *shape) by layer that another tool recorded on the same recordings."""

    def __init__(self, spikes: Mapping[str, Array]) -> None:
        self._spikes = spikes

    def check(self, network: IdealNetwork, samples: int, steps: int) -> None:
        """Its layers are of the network, and hold all recordings and steps."""
        _check({name: math.prod(array.shape[2:]) for name, array in self._spikes.items()}, network, "recorded spikes")
        for name, array in self._spikes.items():
            if array.shape[:2] != (samples, steps):
                raise ValueRangeError(
                    f"'{name}' has {array.shape[0]} recordings of {array.shape[1]} steps", where="recorded spikes",
                    need=f"{samples} of {steps}",
                )  # fmt: skip

    def run(self, x: Array, first: int, last: int) -> Activity:
        """Spikes of the layers that were recorded."""
        return recorded(self._spikes, first, last)

    @classmethod
    def read(cls, path: Path, *, samples: int | None = None, steps: int) -> RecordedSource:
        """The first recordings and steps of the arrays of an `.npz` file; FormatError names what does not fit."""
        found = read_spikes(path)
        return cls({name: array[:samples, :steps] for name, array in found.items()})


def _check(sizes: Mapping[str, int], network: IdealNetwork, where: str) -> None:
    known = {layer.name: layer.n for layer in network.layers}
    if not sizes:
        raise ValueRangeError("no layer at all", where=where, need=", ".join(known))
    for name, n in sizes.items():
        if name not in known:
            raise UnknownNameError("layer", name, known, where=where)
        if n != known[name]:
            raise ValueRangeError(f"'{name}' has {n} neurons", where=where, need=known[name])
