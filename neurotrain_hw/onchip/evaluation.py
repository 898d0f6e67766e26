"""Accuracy of a network that has learned: every sample from rest, many of them in one run where that is the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from neurotrain_hw.data import EVALUATION_SEED, Samples, encode_rate
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Program, Timing
from neurotrain_hw.simulator import Session

_IN_A_ROW = 500
"""Samples of one run, so that threads share a set of thousands and its dense input stays small."""


def accuracy(session: Session, samples: Samples, *, threads: int = 1) -> float:
    """Share of samples classified right by a frozen session, each sample from a fresh state, in the fixed rate code."""
    timing = session.program.sample_timing
    coded = encode_rate(samples.x, steps=timing.sample_steps, seed=EVALUATION_SEED)
    together = _IN_A_ROW if starts_afresh(session.program) else 1
    parts = [coded[k : k + together] for k in range(0, len(coded), together)]
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda part: answers(session, part), parts))
    return float(np.mean(np.concatenate(found).argmax(axis=1) == samples.y))


def answers(session: Session, coded: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Output spikes int64 (N, n_out) for samples (N, T, n), one after the other in one run of a fresh session."""
    timing: Timing = session.program.sample_timing
    steps, depth = timing.sample_steps, timing.depth["out"]
    stream = EventStream.from_dense(coded.reshape(-1, coded.shape[2]))
    run = session.fresh().run({"in": stream}, steps=stream.steps + depth)
    return spikes_by_sample(run.spikes["out"], steps=steps, late=depth)


def spikes_by_sample(spikes: EventStream, *, steps: int, late: int) -> npt.NDArray[np.int64]:
    """Spikes of each neuron for each sample, int64 (N, n), of a run of N samples of `steps` steps and `late` more.

    A sample's answer is counted in the steps that lie `late` steps behind its own.
    """
    bounds = spikes.indptr[late::steps]
    sample = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    found = sample * spikes.n + spikes.index[bounds[0] : bounds[-1]]
    return np.bincount(found, minlength=(len(bounds) - 1) * spikes.n).reshape(-1, spikes.n)


def starts_afresh(program: Program) -> bool:
    """Whether samples that follow each other without a gap are answered as each would be from rest.

    So it is where every neuron on the way to an output is reset in the step in which a sample reaches its layer, and
    messages take one step from layer to layer.
    """
    timing = program.sample_timing
    waiting, seen = list(program.outputs), set[str]()
    while waiting:
        name = waiting.pop()
        population, depth = program.population(name), timing.depth.get(name, 0)
        if name in seen or (population.kind == "input" and depth == 0):
            continue
        seen.add(name)
        if population.kind != "lif_reset" or depth == 0:
            return False
        interval, offset = population.parameter("reset_interval"), population.parameter("reset_offset")
        if not np.all((interval == timing.sample_steps) & ((offset - depth - 1) % timing.sample_steps == 0)):
            return False
        for c in program.connections:
            if c.post == name and c.port == "current":
                if c.longest_delay or timing.depth.get(c.pre, 0) != depth - 1:
                    return False
                waiting.append(c.pre)
    return True
