"""The protocol: samples one after the other, online, batch 1; validation after every epoch; test once at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurotrain_hw.data import EVALUATION_SEED, Samples, Splits, encode_rate, to_streams
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Program, Timing
from neurotrain_hw.simulator import Counters, Session

LEAD = 2
"""Steps from the input to the output layer, by which targets lag behind the samples."""


@dataclass(frozen=True, eq=False)
class Stream:
    """A stretch of samples in a row, as the learning program takes it: spikes and, LEAD steps later, targets."""

    spikes: EventStream
    targets: EventStream

    @property
    def steps(self) -> int:
        """Length in time steps."""
        return self.spikes.steps

    def inputs(self) -> dict[str, EventStream]:
        """By the names of the program's inputs."""
        return {"in": self.spikes, "target": self.targets}


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a network learned.

    `validation`: accuracy before learning and after each epoch. `best`: the epoch with the highest (the first, where
    several), whose weights are kept in `weights`, int32 (n_post, n_pre) per connection, and whose `test` accuracy is
    given. `samples`: training samples seen per epoch. `counters`: of all learning steps.
    """

    program: Program
    seed: int
    samples: int
    validation: tuple[float, ...]
    best: int
    test: float
    weights: dict[str, npt.NDArray[np.int32]]
    counters: Counters


def teach(
    program: Program,
    levels: npt.NDArray[np.int32],
    data: Splits,
    *,
    epochs: int,
    seed: int,
    threads: int = 1,
    progress: Callable[[int, float], None] | None = None,
) -> Lesson:
    """Show the training samples `epochs` times, each time in a new order and a new rate code drawn from `seed`.

    `levels` int32 (T,): target of the right class. The epoch is chosen on validation; the test set is read once, with
    that epoch's weights. `progress` is called with the epoch and its validation accuracy.
    """
    session = Session(program, record=())
    validation = [accuracy(session.frozen(), data.validation, threads=threads)]
    best, kept = 0, session.frozen()
    for epoch, stream in enumerate(
        lessons(program.sample_timing, levels, data.train, epochs=epochs, seed=seed), start=1
    ):
        session.run(stream.inputs(), steps=stream.steps)
        validation.append(accuracy(session.frozen(), data.validation, threads=threads))
        if progress is not None:
            progress(epoch, validation[-1])
        if validation[-1] > validation[best]:
            best, kept = epoch, session.frozen()
    return Lesson(
        program, seed, len(data.train), tuple(validation), best, accuracy(kept, data.test, threads=threads),
        kept.weights(), session.counters,
    )  # fmt: skip


def lessons(
    timing: Timing, levels: npt.NDArray[np.int32], train: Samples, *, epochs: int, seed: int
) -> Iterator[Stream]:
    """One stream per epoch; they join without a gap, so the targets of an epoch's last steps open the next."""
    steps, classes = timing.sample_steps, int(train.y.max()) + 1
    tail = np.zeros((LEAD, classes), np.int32)
    for epoch in range(epochs):
        order = np.random.default_rng([seed, 1, epoch]).permutation(len(train))
        coded = encode_rate(train.x[order], steps=steps, seed=[seed, 2, epoch])
        wanted = np.zeros((len(train), steps, classes), np.int32)
        wanted[np.arange(len(train)), :, train.y[order]] = levels
        lagging = np.concatenate([tail, wanted.reshape(-1, classes)])
        tail = lagging[-LEAD:]
        spikes = EventStream.from_dense(coded.reshape(-1, coded.shape[2]))
        yield Stream(spikes, EventStream.from_dense(lagging[:-LEAD]))


def accuracy(session: Session, samples: Samples, *, threads: int = 1) -> float:
    """Share of samples classified right by a frozen session, each sample from a fresh state, in the fixed rate code."""
    timing = session.program.sample_timing
    depth = timing.depth["out"]
    streams = to_streams(encode_rate(samples.x, steps=timing.sample_steps, seed=EVALUATION_SEED))

    def classify(stream: EventStream) -> int:
        run = session.fresh().run({"in": stream}, steps=timing.sample_steps + depth)
        return int(np.argmax(run.spikes["out"].window(depth, depth + timing.sample_steps).counts()))

    with ThreadPoolExecutor(threads) as pool:
        predicted = np.array(list(pool.map(classify, streams)))
    return float(np.mean(predicted == samples.y))
