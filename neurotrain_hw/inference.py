"""Show a dataset to a program: accuracy, counters and energy, on the simulator or on Lava."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import chip_names, load_chip
from neurotrain_hw.data import EVALUATION_SEED, Samples, encode_rate, load_dataset, to_streams
from neurotrain_hw.energy import Energy, estimate, proxy
from neurotrain_hw.errors import UnknownNameError, UnsupportedError, ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Population, Program, Timing
from neurotrain_hw.simulator import Counters, Run, simulate, simulate_batch

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Inference:
    """What came out: per sample the class and its label, int64 (N,), and what the run cost.

    `spikes`: per population, the spikes of all samples one after the other, T steps each (the population's own
    window). `counters` is None for Lava, which does not count. `energies`: by the chip's own figures and, where its
    file names one, by another chip's as a labelled proxy.
    """

    program: Program
    engine: str
    predicted: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    spikes: dict[str, EventStream]
    counters: Counters | None = None
    energies: tuple[Energy, ...] = ()

    @property
    def accuracy(self) -> float:
        """Share of samples whose class is the label."""
        return float(np.mean(self.predicted == self.labels))

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return {
            "program": self.program.name,
            "engine": self.engine,
            "samples": len(self.labels),
            "accuracy": self.accuracy,
            "predicted": self.predicted,
            "labels": self.labels,
            "spikes": {k: s.count for k, s in self.spikes.items()},
            "counters": None if self.counters is None else self.counters.as_dict(),
            "energy": [e.as_dict() for e in self.energies],
        }


def load_samples(dataset: str, split: str, *, limit: int | None = None) -> Samples:
    """One split of a dataset; UnknownNameError for a name that does not exist."""
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    samples: Samples = getattr(load_dataset(dataset), split)
    return samples if limit is None else samples.first(limit)


def infer(
    program: Program, samples: Samples, *, engine: str = "chip", seed: int | None = None, threads: int = 1
) -> Inference:
    """Run every sample, rate-coded with `seed`, and read the class off the output's spike counts.

    Raises UnsupportedError for a program without timing (it was not compiled from a layered network) and
    ValueRangeError where the samples do not fit its input.
    """
    source, timing = _input_of(program), program.sample_timing
    if not program.outputs:
        raise UnsupportedError(
            "it does not say which population is the output", where=f"program '{program.name}'",
            remedy="Compile it from a NIR file, or use neurotrain_hw.simulate.",
        )  # fmt: skip
    if samples.x.shape[1] != source.n:
        raise ValueRangeError(
            f"samples have {samples.x.shape[1]} values", where=f"input '{source.name}'", need=source.n
        )
    coded = encode_rate(samples.x, steps=timing.sample_steps, seed=EVALUATION_SEED if seed is None else seed)
    streams = to_streams(coded)
    output = program.outputs[0]
    names = [f"{p.name}.spikes" for p in program.populations if p.kind != "input"]
    if engine == "lava":
        return _in_one_run(program, timing, samples, streams, names)
    if engine != "chip":
        raise UnknownNameError("engine", engine, ("chip", "lava"))
    steps = timing.sample_steps + max(timing.depth.values())
    runs = simulate_batch(program, [{source.name: s} for s in streams], steps=steps, record=names, threads=threads)
    spikes = {name.removesuffix(".spikes"): _windows(runs, timing, name.removesuffix(".spikes")) for name in names}
    counters = Counters.total(run.counters for run in runs if run.counters is not None)
    return Inference(
        program, engine, _classes(spikes[output], timing.sample_steps), samples.y, spikes, counters,
        _energies(counters, program.chip),
    )  # fmt: skip


def _in_one_run(
    program: Program, timing: Timing, samples: Samples, streams: Sequence[EventStream], names: list[str]
) -> Inference:
    """All samples one after the other: the populations' own resets separate them."""
    source, output = _input_of(program).name, program.outputs[0]
    steps = timing.sample_steps * len(streams) + max(timing.depth.values())
    run = simulate(program, {source: EventStream.concatenate(streams)}, steps=steps, record=names, engine="lava")
    spikes = {}
    for name in names:
        population = name.removesuffix(".spikes")
        depth = timing.depth[population]
        spikes[population] = run.spikes[population].window(depth, depth + timing.sample_steps * len(streams))
    return Inference(program, "lava", _classes(spikes[output], timing.sample_steps), samples.y, spikes)


def _windows(runs: Sequence[Run], timing: Timing, population: str) -> EventStream:
    depth = timing.depth[population]
    return EventStream.concatenate([r.spikes[population].window(depth, depth + timing.sample_steps) for r in runs])


def _classes(spikes: EventStream, steps: int) -> npt.NDArray[np.int64]:
    """Most spikes within each sample's T steps wins; ties go to the lowest index."""
    counts = spikes.dense().reshape(-1, steps, spikes.n).sum(axis=1)
    classes: npt.NDArray[np.int64] = np.argmax(counts, axis=1).astype(np.int64)
    return classes


def _input_of(program: Program) -> Population:
    """The one input that samples are shown to."""
    targets = {p.modulator.target for p in program.populations if p.modulator is not None}
    found = [name for name in program.inputs if name not in targets]
    if len(found) != 1:
        raise UnsupportedError(f"it has the inputs {', '.join(found) or 'none'}", where=program.name, need="one input")
    return program.population(found[0])


def _energies(counters: Counters, chip: str) -> tuple[Energy, ...]:
    if chip not in chip_names():  # none, or one of a file that is not at hand
        return ()
    described = load_chip(chip)
    other = proxy(counters, described)
    return (estimate(counters, described),) if other is None else (estimate(counters, described), other)
