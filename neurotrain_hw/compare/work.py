"""The work of a comparison: every run on piece after piece of the recordings, tallied as they come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurotrain_hw.chips import Chip
from neurotrain_hw.compare.activity import Activity, Array, classes
from neurotrain_hw.compare.attribution import BASE, EVERYTHING, Attributor
from neurotrain_hw.compare.effects import ALL, NONE
from neurotrain_hw.compare.emulator import Emulated, Emulator
from neurotrain_hw.compare.firing import source_firing
from neurotrain_hw.compare.formats import STATE_BITS, Magnitudes, state_fillings, weight_fillings
from neurotrain_hw.compare.pairs import Divergence, Pair
from neurotrain_hw.compare.result import Comparison, RunRow
from neurotrain_hw.compare.runs import RUNS, run_chip, run_lava, run_reference
from neurotrain_hw.compare.source import Source
from neurotrain_hw.compiler.ideal import IdealNetwork
from neurotrain_hw.compiler.lower import Lowered
from neurotrain_hw.compiler.neurons import chip_arithmetic
from neurotrain_hw.data.recordings import Recordings
from neurotrain_hw.interchange import Graph
from neurotrain_hw.program import Program


class _Tally:
    """Right answers and spikes of one run."""

    def __init__(self) -> None:
        self.samples = self.right = self.spikes = 0

    def add(self, spikes: int, found: Array, labels: Array | None) -> None:
        self.samples += len(found)
        self.spikes += spikes
        self.right += 0 if labels is None else int(np.count_nonzero(found == labels))


class Work:
    """Tallies of all runs and pairs, recordings taken in piece by piece."""

    def __init__(
        self, graph: Graph, lowered: Lowered, chip: Chip, recordings: Recordings, program: Program | None,
        source: Source | None, attribute: bool, threads: int,
    ) -> None:  # fmt: skip
        self.graph, self.lowered, self.recordings, self.threads = graph, lowered, recordings, threads
        self.network, self.source = lowered.network, source
        self.program, self.other = program or lowered.program, program is not None
        self.order = _order(self.network)
        self.own = [name for name in self.order if name in graph.nodes]  # without a source of biases
        self.output = self.network.layer(self.network.outputs[0])
        self.emulator = Emulator(
            self.network, lowered.layers, arithmetic=chip_arithmetic(chip), source=source_firing(graph, self.network)
        )
        self.scale = {layer.source.name: layer.unit * layer.source.gain for layer in lowered.layers}
        self.attributor = Attributor(self.emulator, self.own, self.output.name) if attribute else None
        self.pairs: dict[tuple[str, str], Pair] = {}
        self.tallies: dict[str, _Tally] = {}
        self.magnitudes = {
            name: {key: Magnitudes((1 << STATE_BITS) - 1) for key in ("u", "v")} for name in self.order
        }  # fmt: skip
        self.beyond = dict.fromkeys(self.order, (0, 0))
        self.emulator_differs = 0

    def take(self, first: int, last: int) -> None:
        """Recordings first..last through all runs but Lava."""
        x, labels = self._part(first, last)
        reference = run_reference(self.graph, self.network, x)
        chip = run_chip(self.program, self.network, x, threads=self.threads)
        compiled = chip
        self._count(reference, labels)
        self._count(chip, labels)
        if self.source is not None:
            source = self.source.run(x, first, last)
            self._count(source, labels)
            self._pair(source, reference, x)
        if self.other:
            compiled = run_chip(self.lowered.program, self.network, x, run="compiled", threads=self.threads)
            self._count(compiled, labels)
            self._pair(compiled, chip, x, exact=True)
        given = {self.network.inputs[0].name: np.moveaxis(x, 1, 0)}
        read = () if self.output.spikes else (self.output.name,)
        equations = self.emulator.run(given, NONE, record=read)
        self._pair(reference, Activity("equations", equations.sent, v=equations.v), x)
        self._pair(reference, chip, x)
        integers = self.emulator.run(given, ALL, record=self.order)
        self._states(integers, compiled)
        if self.attributor is not None:
            self.attributor.add(given, labels, known={BASE: equations, EVERYTHING: integers})

    def lava(self, count: int) -> None:
        """The first recordings through Lava, against the simulator."""
        x, labels = self._part(0, count)
        chip = run_chip(self.program, self.network, x, threads=self.threads)
        lava = run_lava(self.program, self.network, x)
        self._count(lava, labels)
        self._pair(chip, lava, x, exact=True)

    def result(self) -> Comparison:
        rows = [
            RunRow(run, RUNS[run], tally.samples, self._accuracy(tally), tally.spikes)
            for run, tally in ((run, self.tallies[run]) for run in RUNS if run in self.tallies)
        ]
        fillings = []
        for layer in self.lowered.layers:
            name = layer.source.name
            if name not in self.own:
                continue
            fillings += [*weight_fillings(layer), *state_fillings(layer, self.magnitudes[name], self.beyond[name])]
        return Comparison(
            self.program.name, self.program.chip, self.recordings.steps, len(self.recordings), tuple(rows),
            tuple(self.pairs.values()), tuple(fillings),
            None if self.attributor is None else self.attributor.result(),
            {layer.name: layer.departures for layer in self.network.layers if layer.departures},
            self.emulator_differs, self.program.notes,
        )  # fmt: skip

    def _part(self, first: int, last: int) -> tuple[Array, Array | None]:
        x, y = self.recordings.x[first:last], self.recordings.y
        shaped = x.reshape(*x.shape[:2], *self.network.inputs[0].shape)
        return shaped, None if y is None else y[first:last]

    def _accuracy(self, tally: _Tally) -> float | None:
        return None if self.recordings.y is None or not tally.samples else tally.right / tally.samples

    def _classes(self, activity: Activity) -> Array | None:
        name = self.output.name
        if name not in (activity.sent if self.output.spikes else activity.v):
            return None
        whole = activity.run in ("chip", "compiled", "lava", "equations")
        return classes(self.output, activity, self.scale[name] if whole else 1.0)

    def _count(self, activity: Activity, labels: Array | None) -> None:
        found = self._classes(activity)
        if found is not None:
            spikes = sum(int(activity.sent[name].sum(dtype=np.int64)) for name in self.own if name in activity.sent)
            self.tallies.setdefault(activity.run, _Tally()).add(spikes, found, labels)

    def _pair(self, a: Activity, b: Activity, x: Array, *, exact: bool = False) -> None:
        pair = self.pairs.setdefault((a.run, b.run), Pair(a.run, b.run, exact))
        found = self._classes(a), self._classes(b)
        before = pair.samples
        decided = None if found[0] is None or found[1] is None else (found[0], found[1])
        if pair.add(a, b, self.order, classes=decided) and pair.first is not None and not exact:
            pair.first = self._explained(pair.first, x[pair.first.sample - before], a)

    def _explained(self, found: Divergence, x: Array, a: Activity) -> Divergence:
        """A divergence with membranes in the source's units, as they were when the spike was decided."""
        at = (found.step - 1, 0, found.neuron)
        scale = float(self.scale[found.layer][found.neuron])
        given = {self.network.inputs[0].name: x[:, None]}
        values = {run: dict(told) for run, told in found.values.items()}
        for run, effects in (("reference", NONE), ("equations", NONE), ("chip", ALL)):
            if run not in values or (run == "chip" and self.other):
                continue
            emulated = self.emulator.run(given, effects, record=[found.layer])
            # what it was decided on in a float32 run is known as long as float64 spikes alike
            if emulated.sent[found.layer][at] == values[run]["spikes"]:
                values[run]["raised"] = float(emulated.raised[found.layer][at]) * scale
        for run in ("chip", "equations"):
            if "v" in values.get(run, {}):
                values[run]["v"] *= scale
        for told in values.values():
            told.pop("u", None)  # the chip's current has the gain of both filters in it
        layer = self.network.layer(found.layer)
        threshold = float(layer.threshold[found.neuron] * layer.gain[found.neuron])
        return replace(found, values=values, threshold=threshold if np.isfinite(threshold) else None)

    def _states(self, emulated: Emulated, compiled: Activity) -> None:
        for name in self.order:
            self.emulator_differs += sum(
                int(np.count_nonzero(mine != theirs))
                for mine, theirs in (
                    (emulated.sent[name], compiled.sent[name]), (emulated.u[name], compiled.u[name]),
                    (emulated.v[name], compiled.v[name]),
                )
            )  # fmt: skip
            self.magnitudes[name]["u"].add(emulated.u[name])
            self.magnitudes[name]["v"].add(emulated.raised[name])
            self.beyond[name] = tuple(np.add(self.beyond[name], emulated.beyond[name]).tolist())


def _order(network: IdealNetwork) -> list[str]:
    """Layers from the input to the output, as far as loops allow; what a step needs of itself comes first."""
    before = {layer.name: {s.pre for s in network.onto(layer.name)} - {layer.name} for layer in network.layers}
    done = [source.name for source in network.inputs]
    left = list(before)
    while left:
        name = next((name for name in left if before[name] <= set(done)), left[0])
        left.remove(name)
        done.append(name)
    return done[len(network.inputs) :]
