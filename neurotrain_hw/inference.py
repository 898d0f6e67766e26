"""Show a dataset to a program: accuracy, counters and energy, on the simulator or on Lava."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import chip_names, load_chip
from neurotrain_hw.data import EVALUATION_SEED, Samples, load_dataset, to_streams
from neurotrain_hw.data.recordings import Recordings
from neurotrain_hw.energy import Energy, estimate, proxy
from neurotrain_hw.errors import UnknownNameError, UnsupportedError, ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Population, Program, Timing
from neurotrain_hw.program.numbering import chip_numbers, to_chip, to_source
from neurotrain_hw.simulator import Counters, Run, simulate, simulate_batch

SPLITS = ("train", "validation", "test")
DECODINGS = ("rate", "first-spike")


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
        """Share of samples whose class is the label; NaN where there are no labels."""
        return float(np.mean(self.predicted == self.labels)) if self.labels.size else math.nan

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return {
            "program": self.program.name,
            "engine": self.engine,
            "samples": len(self.predicted),
            "accuracy": self.accuracy if self.labels.size else None,
            "predicted": self.predicted,
            "labels": self.labels,
            "spikes": {k: s.count for k, s in self.spikes.items()},
            "counters": None if self.counters is None else self.counters.as_dict(),
            "energy": [e.as_dict() for e in self.energies],
        }


def load_samples(
    dataset: str, split: str, *, limit: int | None = None, encoding: str | None = None, steps: int | None = None
) -> Samples:
    """One split of a dataset as `load_dataset` finds it; UnknownNameError for a name that does not exist."""
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    samples: Samples = getattr(load_dataset(dataset, encoding=encoding, steps=steps), split)
    return samples if limit is None else samples.first(limit)


def shown_spikes(samples: Samples, *, steps: int, seed: int | None = None) -> npt.NDArray[np.uint8]:
    """What a chip is shown of samples, uint8 (N, T, n), in the fixed encoding of all figures or with another seed.

    Raises UnsupportedError for the encoding that gives values.
    """
    found = samples.spikes(slice(None), steps=steps, seed=EVALUATION_SEED if seed is None else seed)
    if found.dtype != np.uint8:
        raise UnsupportedError(
            f"the encoding '{samples.encoding.name}' gives values, not spikes", where="input of a chip",
            remedy="Let the first layer make spikes of them in software, or choose another encoding.",
        )  # fmt: skip
    return found.reshape(len(samples), steps, -1)


def infer(
    program: Program, samples: Samples, *, engine: str = "chip", seed: int | None = None, threads: int = 1,
    decoding: str = "rate",
) -> Inference:  # fmt: skip
    """Run every sample, encoded with `seed`, and read the class off the output.

    `decoding` as in `infer_streams`. Raises UnsupportedError for a program without timing (it was not compiled from a
    layered network) and for an encoding that gives no spikes, ValueRangeError where the samples do not fit its input.
    """
    source, timing = _input_of(program), program.sample_timing
    inputs = math.prod(samples.encoding.shape(samples.shape))
    if inputs != source.n:
        raise ValueRangeError(f"samples have {inputs} values", where=f"input '{source.name}'", need=source.n)
    coded = shown_spikes(samples, steps=timing.sample_steps, seed=seed)
    return infer_streams(program, to_streams(coded), samples.y, engine=engine, threads=threads, decoding=decoding)


def infer_recordings(
    program: Program, recordings: Recordings, *, engine: str = "chip", threads: int = 1, decoding: str = "rate"
) -> Inference:  # fmt: skip
    """The same with recordings, whose neurons are numbered as in the source graph; without labels, `labels` is empty.

    Raises ValueRangeError where they have other steps or another shape than the program was compiled for.
    """
    source, timing = _input_of(program), program.sample_timing
    if int(np.prod(recordings.shape)) != source.n or recordings.steps != timing.sample_steps:
        raise ValueRangeError(
            f"recordings of {recordings.steps} steps of shape {recordings.shape}", where=f"input '{source.name}'",
            need=f"{timing.sample_steps} steps of {source.n} values",
            remedy="Compile with --steps as the recordings have, or give others.",
        )  # fmt: skip
    labels = np.zeros(0, np.int64) if recordings.y is None else recordings.y
    return infer_streams(program, recordings.streams(), labels, engine=engine, threads=threads, decoding=decoding)


def infer_streams(
    program: Program, streams: Sequence[EventStream], labels: npt.NDArray[np.int64], *, engine: str = "chip",
    threads: int = 1, decoding: str = "rate",
) -> Inference:  # fmt: skip
    """Run every stream of T steps, numbered as in the source graph, from a fresh state.

    The class is the output neuron with the most spikes, or (`decoding` "first-spike") the one that spikes first; of an
    output that never spikes (LI), the one whose membrane is highest after the last step. Ties go to the lowest number.
    """
    source, timing = _input_of(program), program.sample_timing
    if not program.outputs:
        raise UnsupportedError(
            "it does not say which population is the output", where=f"program '{program.name}'",
            remedy="Compile it from a NIR file, or use neurotrain_hw.simulate.",
        )  # fmt: skip
    if engine not in ("chip", "lava"):
        raise UnknownNameError("engine", engine, ("chip", "lava"))
    if decoding not in DECODINGS:
        raise UnknownNameError("decoding", decoding, DECODINGS)
    streams = [to_chip(program, source.name, stream) for stream in streams]
    layers = [name for name in timing.depth if program.population(name).kind != "input"]
    names = [f"{name}.spikes" for name in layers]
    output = program.outputs[0]
    reads_membrane = _never_spikes(program.population(output))
    if reads_membrane:
        names.append(f"{output}.v")
    if engine == "lava" and not timing.apart:
        runs = [_in_one_run(program, timing, streams, names)]
    else:
        steps = timing.sample_steps + max(timing.depth.values())
        inputs = [{source.name: stream} for stream in streams]
        if engine == "lava":
            runs = [simulate(program, each, steps=steps, record=names, engine="lava") for each in inputs]
        else:
            runs = simulate_batch(program, inputs, steps=steps, record=names, threads=threads)
    spikes = {name: _windows(program, runs, timing, name) for name in layers}
    classes = _classes(spikes[output], timing.sample_steps, decoding)
    if reads_membrane:
        classes = _highest(program, runs, timing, output)
    if engine == "lava":
        return Inference(program, engine, classes, labels, spikes)
    counters = Counters.total(run.counters for run in runs if run.counters is not None)
    return Inference(program, engine, classes, labels, spikes, counters, _energies(counters, program.chip))


def _in_one_run(program: Program, timing: Timing, streams: Sequence[EventStream], names: list[str]) -> Run:
    """All samples one after the other: the populations' own resets separate them."""
    source = _input_of(program).name
    steps = timing.sample_steps * len(streams) + max(timing.depth.values())
    return simulate(program, {source: EventStream.concatenate(streams)}, steps=steps, record=names, engine="lava")


def _windows(program: Program, runs: Sequence[Run], timing: Timing, population: str) -> EventStream:
    """A population's spikes in its own windows, one after the other, in the source's numbering."""
    depth = timing.depth[population]
    longest = max(timing.depth.values())
    found = [r.spikes[population].window(depth, depth + r.steps - longest) for r in runs]
    return to_source(program, population, EventStream.concatenate(found))


def _classes(spikes: EventStream, steps: int, decoding: str) -> npt.NDArray[np.int64]:
    """Most spikes within each sample's T steps, or the first spike, wins; ties go to the lowest index."""
    trains = spikes.dense().reshape(-1, steps, spikes.n)
    if decoding == "first-spike":
        times = np.where(trains.any(axis=1), (trains > 0).argmax(axis=1), steps)
        found = np.argmin(times, axis=1)
    else:
        found = np.argmax(trains.sum(axis=1), axis=1)
    classes: npt.NDArray[np.int64] = found.astype(np.int64)
    return classes


def _highest(program: Program, runs: Sequence[Run], timing: Timing, output: str) -> npt.NDArray[np.int64]:
    """The highest membrane, in the source's units, in the last step of each sample's window."""
    steps, depth, longest = timing.sample_steps, timing.depth[output], max(timing.depth.values())
    ends = [r.states[f"{output}.v"][depth + steps - 1 : depth + r.steps - longest : steps] for r in runs]
    values = np.concatenate(ends) * program.scale(output)
    classes: npt.NDArray[np.int64] = values[:, chip_numbers(program, output)].argmax(axis=1).astype(np.int64)
    return classes


def _never_spikes(population: Population) -> bool:
    """Whether no membrane of 24 bits reaches its threshold."""
    return bool(np.all(population.parameter("vth").astype(np.int64) << 6 >= (1 << 23) - 64))


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
