"""Two runs side by side: the first place where they part, how many spikes differ, how much each layer spikes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.compare.activity import Activity, Array


@dataclass(frozen=True)
class Divergence:
    """Where two runs first part: recording and neuron count from 0, steps of the recording from 1.

    `variable`: spikes, u or v. `values`: by run, what is known there of the neuron: spikes, u, v, each after the step,
    and `raised`, the membrane that the spike was decided on. `threshold`: beside `raised`, in the same units.
    """

    sample: int
    step: int
    layer: str
    neuron: int
    variable: str
    values: Mapping[str, Mapping[str, float]]
    threshold: float | None = None

    def __str__(self) -> str:
        told = "; ".join(f"{run}: {_told(values)}" for run, values in self.values.items())
        level = "" if self.threshold is None else f" (threshold {self.threshold:.6g})"
        return (
            f"recording {self.sample}, step {self.step}, layer '{self.layer}', neuron {self.neuron}, {self.variable}: "
            f"{told}{level}"
        )


@dataclass
class LayerTally:
    """One layer in two runs: `compared` neurons times steps, `differing` spikes among them, `spikes_a` and `spikes_b`.

    `first_step`: the earliest step (from 1) in which a spike or state differs, in any recording; None: nowhere.
    `breaks_first`: recordings in which this layer is the first that differs.
    """

    layer: str
    neurons: int
    compared: int = 0
    differing: int = 0
    spikes_a: int = 0
    spikes_b: int = 0
    first_step: int | None = None
    breaks_first: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain values; rates in spikes per neuron and step, `differing_share` of the spikes of a."""
        shares = {
            "rate_a": self.spikes_a / self.compared if self.compared else None,
            "rate_b": self.spikes_b / self.compared if self.compared else None,
            "agreement": 1 - self.differing / self.compared if self.compared else None,
            "differing_share": self.differing / self.spikes_a if self.spikes_a else None,
        }
        return asdict(self) | shares


@dataclass
class Pair:
    """Two runs `a` and `b`, tallied over recordings in the order in which `add` gets them.

    `exact`: both hold the chip's integers, so u and v are compared with ==, too. `apart`: recordings in which anything
    differs. `decisions`: recordings that they put into different classes.
    """

    a: str
    b: str
    exact: bool
    layers: dict[str, LayerTally] = field(default_factory=dict)
    samples: int = 0
    apart: int = 0
    decisions: int = 0
    first: Divergence | None = None

    def add(self, a: Activity, b: Activity, order: Sequence[str], *, classes: tuple[Array, Array] | None) -> bool:
        """Take in the next recordings; whether `first` is among them. `order`: layers as a step computes them."""
        shown = [name for name in order if name in a.sent and name in b.sent]
        steps, batch = a.sent[shown[0]].shape[:2]
        earliest = np.full((len(shown), batch), steps)
        for k, name in enumerate(shown):
            differs = self._tally(name, a, b)
            found = differs.any(axis=2)
            earliest[k] = np.where(found.any(axis=0), found.argmax(axis=0), steps)
            tally = self.layers[name]
            if earliest[k].min() < steps:
                tally.first_step = min(int(earliest[k].min()) + 1, tally.first_step or steps)
        breaking = earliest.argmin(axis=0)
        parted = earliest.min(axis=0) < steps
        for k in breaking[parted]:
            self.layers[shown[k]].breaks_first += 1
        if classes is not None:
            self.decisions += int(np.count_nonzero(classes[0] != classes[1]))
        new = self.first is None and bool(parted.any())
        if new:
            sample = int(parted.argmax())
            name = shown[breaking[sample]]
            self.first = self._divergence(a, b, name, int(earliest[:, sample].min()), sample)
        self.apart += int(np.count_nonzero(parted))
        self.samples += batch
        return new

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "a": self.a, "b": self.b, "exact": self.exact, "samples": self.samples, "samples_apart": self.apart,
            "decisions_apart": self.decisions, "first": None if self.first is None else asdict(self.first),
            "layers": [tally.as_dict() for tally in self.layers.values()],
        }  # fmt: skip

    def _tally(self, name: str, a: Activity, b: Activity) -> npt.NDArray[np.bool_]:
        left, right = a.sent[name], b.sent[name]
        spikes: npt.NDArray[np.bool_] = left != right
        tally = self.layers.setdefault(name, LayerTally(name, left.shape[2]))
        tally.compared += left.size
        tally.differing += int(np.count_nonzero(spikes))
        tally.spikes_a += int(left.sum(dtype=np.int64))
        tally.spikes_b += int(right.sum(dtype=np.int64))
        if not self.exact:
            return spikes
        return np.asarray(spikes | (a.u[name] != b.u[name]) | (a.v[name] != b.v[name]))

    def _divergence(self, a: Activity, b: Activity, name: str, step: int, sample: int) -> Divergence:
        at = (step, sample)
        variables = ["u", "spikes", "v"] if self.exact else ["spikes"]  # in the order in which a step computes them
        for variable in variables:
            left, right = (_variable(run, variable)[name][at] for run in (a, b))
            if np.any(left != right):
                neuron = int((left != right).argmax())
                break
        values = {run.run: _values(run, name, (*at, neuron)) for run in (a, b)}
        return Divergence(self.samples + sample, step + 1, name, neuron, variable, values)


def _variable(run: Activity, name: str) -> Mapping[str, Array]:
    return {"spikes": run.sent, "u": run.u, "v": run.v}[name]


def _values(run: Activity, layer: str, at: tuple[int, ...]) -> dict[str, float]:
    found = {name: _variable(run, name) for name in ("spikes", "u", "v")}
    return {name: found[name][layer][at].item() for name in found if layer in found[name]}


def _told(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('raised', 'v before the reset')} {value:.6g}" for name, value in values.items())
