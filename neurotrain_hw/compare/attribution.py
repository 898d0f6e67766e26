"""Which effect of the chip's integers costs how much: each of them alone, and all but each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from neurotrain_hw.compare.activity import Activity, Array, classes
from neurotrain_hw.compare.effects import ALL, EFFECTS, NONE
from neurotrain_hw.compare.emulator import Effects, Emulated, Emulator

BASE, EVERYTHING = "none", "all"


@dataclass
class Variant:
    """The emulator with some of the effects: `right` of `samples` classified as labelled (None without labels),
    `decisions`: samples put into another class than without effects; `differing`: spikes that differ, by layer."""

    name: str
    effects: Effects
    samples: int = 0
    right: int | None = None
    decisions: int = 0
    differing: dict[str, int] = field(default_factory=dict)

    @property
    def accuracy(self) -> float | None:
        """Share of right ones."""
        return None if self.right is None or not self.samples else self.right / self.samples

    @property
    def mismatches(self) -> int:
        """Differing spikes of all layers."""
        return sum(self.differing.values())


@dataclass(frozen=True)
class Share:
    """What one effect, or one layer with all effects, does: `alone`, switched on alone; `without`, all but it on.

    `loss_alone`: points of accuracy lost when it is on alone; `gain_without`: points won back when it is off; None
    without labels. `differing_alone`, `differing_without`: spikes that differ from the network without effects.
    `explains`: its differing spikes alone against those of all effects together (may sum to more or less than 1:
    effects are not independent); None where nothing differs.
    """

    name: str
    text: str
    accuracy_alone: float | None
    accuracy_without: float | None
    loss_alone: float | None
    gain_without: float | None
    decisions_alone: int
    decisions_without: int
    differing_alone: int
    differing_without: int
    explains: float | None


@dataclass(frozen=True)
class Attribution:
    """The whole table. `accuracy_none`, `accuracy_all`: without effects and with all; `loss`: their difference in
    points; `spikes`: of the network without effects, `differing` of them and of new ones with all effects.

    `cause`: the effect whose single presence and absence matter most; None where nothing differs.
    """

    samples: int
    accuracy_none: float | None
    accuracy_all: float | None
    loss: float | None
    decisions: int
    spikes: int
    differing: int
    effects: tuple[Share, ...]
    layers: tuple[Share, ...]
    cause: str | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        parts = {key: [asdict(share) for share in getattr(self, key)] for key in ("effects", "layers")}
        return asdict(self) | parts


class Attributor:
    """Runs every variant on piece after piece of the recordings."""

    def __init__(self, emulator: Emulator, layers: Sequence[str], output: str) -> None:
        """`layers`: those of the source; what else there is goes with all of them."""
        names = self.layers = tuple(layers)
        others = [layer.name for layer in emulator.network.layers if layer.name not in names]
        self.emulator, self.output = emulator, emulator.network.layer(output)
        self.scale = emulator.integers[output].unit * self.output.gain
        self.spikes = 0
        alike = all(
            emulator.firing(layer, chip=True) == emulator.firing(layer, chip=False) for layer in emulator.network.layers
        )
        self.same = {"+reset": BASE, "-reset": EVERYTHING} if alike else {}
        self.variants = [Variant(BASE, NONE), Variant(EVERYTHING, ALL)]
        for effect in EFFECTS:
            self.variants += [Variant(f"+{effect}", {effect}), Variant(f"-{effect}", ALL - {effect})]
        if len(names) > 1:
            for name in names:
                rest = {other: ALL for other in (*names, *others) if other != name}
                alone = dict.fromkeys((name, *others), ALL)
                self.variants += [Variant(f"+layer {name}", alone), Variant(f"-layer {name}", rest)]

    def add(
        self, inputs: Mapping[str, Array], labels: Array | None, *, known: Mapping[str, Emulated] | None = None
    ) -> None:  # fmt: skip
        """Take in recordings (T, B, *shape) by input; `known`: variants that were run already, `none` and `all`."""
        base: tuple[Mapping[str, Array], Array] | None = None
        record = () if self.output.spikes else (self.output.name,)
        ran = dict(known or {})
        for variant in self.variants:
            like = self.same.get(variant.name, variant.name)
            run = ran[like] if like in ran else self.emulator.run(inputs, variant.effects, record=record)
            if like in (BASE, EVERYTHING):
                ran[like] = run
            found = classes(self.output, Activity("equations", run.sent, v=run.v), self.scale)
            if base is None:
                base = run.sent, found
                self.spikes += sum(int(run.sent[name].sum(dtype=np.int64)) for name in self.layers)
            variant.samples += len(found)
            if labels is not None:
                variant.right = (variant.right or 0) + int(np.count_nonzero(found == labels))
            variant.decisions += int(np.count_nonzero(found != base[1]))
            for name in self.layers:
                differing = int(np.count_nonzero(run.sent[name] != base[0][name]))
                variant.differing[name] = variant.differing.get(name, 0) + differing

    def result(self) -> Attribution:
        """What was found."""
        found = {variant.name: variant for variant in self.variants}
        none, everything = found[BASE], found[EVERYTHING]
        effects = tuple(_share(found, effect, effect, text) for effect, text in EFFECTS.items())
        layers = tuple(
            _share(found, f"layer {name}", name, "all effects in this layer")
            for name in self.layers
            if f"+layer {name}" in found
        )
        return Attribution(
            none.samples, none.accuracy, everything.accuracy, _points(none, everything), everything.decisions,
            self.spikes, everything.mismatches, effects, layers,
            _cause(effects, _points(none, everything), everything.mismatches),
        )  # fmt: skip


def _share(found: Mapping[str, Variant], key: str, name: str, text: str) -> Share:
    none, everything, alone, without = (found[k] for k in (BASE, EVERYTHING, f"+{key}", f"-{key}"))
    return Share(
        name, text, alone.accuracy, without.accuracy, _points(none, alone), _points(without, everything),
        alone.decisions, without.decisions, alone.mismatches, without.mismatches,
        alone.mismatches / everything.mismatches if everything.mismatches else None,
    )  # fmt: skip


def _points(better: Variant, worse: Variant) -> float | None:
    if better.accuracy is None or worse.accuracy is None:
        return None
    return 100 * (better.accuracy - worse.accuracy)


def _cause(effects: Sequence[Share], loss: float | None, differing: int) -> str | None:
    """The effect that costs most alone plus wins most when left out: accuracy where any is lost, else spikes."""
    by_accuracy = [(e.loss_alone or 0.0) + (e.gain_without or 0.0) for e in effects]
    if loss is not None and loss > 0 and max(by_accuracy) > 0:
        return effects[int(np.argmax(by_accuracy))].name
    by_spikes = [e.differing_alone + differing - e.differing_without for e in effects]
    return effects[int(np.argmax(by_spikes))].name if max(by_spikes) > 0 else None
