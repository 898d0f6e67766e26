"""The protocol: samples one after the other, online, batch 1; validation after every epoch; test once at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurotrain_hw.data import EVALUATION_SEED, Samples, Splits, encode_rate
from neurotrain_hw.events import EventStream
from neurotrain_hw.onchip.checkpoint import Checkpoint, Progressed, lesson_digest
from neurotrain_hw.onchip.evaluation import accuracy
from neurotrain_hw.onchip.twin import FloatTwin
from neurotrain_hw.program import Program, Timing
from neurotrain_hw.simulator import Counters, Session

Progress = Callable[[int, float], None]
"""Is told the epoch and its validation accuracy."""

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


@dataclass(frozen=True, eq=False)
class TwinLesson:
    """What the float twin learned from the same samples in the same order: as `Lesson`, `weights` in float64."""

    seed: int
    validation: tuple[float, ...]
    best: int
    test: float
    weights: dict[str, npt.NDArray[np.float64]]


def teach(
    program: Program,
    levels: npt.NDArray[np.int32],
    data: Splits,
    *,
    epochs: int,
    seed: int,
    threads: int = 1,
    progress: Progress | None = None,
    patience: int | None = None,
    checkpoint: Path | None = None,
) -> Lesson:
    """Show the training samples `epochs` times, each time in a new order and a new rate code drawn from `seed`.

    `levels` int32 (T,): target of the right class. The epoch is chosen on validation; the test set is read once, with
    that epoch's weights. `progress` is called with the epoch and its validation accuracy. `patience`: stop after so
    many epochs in a row without a better validation accuracy. `checkpoint`: a folder that holds the lesson after each
    epoch; a lesson that finds itself there goes on from it with the same bits, and FormatError says where the folder
    holds another lesson.
    """
    shelf = None if checkpoint is None else Checkpoint(checkpoint, lesson_digest(levels, data, seed))
    state = None if shelf is None else shelf.load(program)
    if state is None:
        session = Session(program, record=())
        state = Progressed(session, session.frozen(), [accuracy(session.frozen(), data.validation, threads=threads)])
    epochs_left = lessons(
        program.sample_timing, levels, data.train, epochs=epochs, seed=seed, first=state.epoch, classes=data.classes
    )  # fmt: skip
    while state.epoch < epochs and not _worn_out(state.validation, patience):
        stream = next(epochs_left)
        state.session.run(stream.inputs(), steps=stream.steps)
        reached = accuracy(state.session.frozen(), data.validation, threads=threads)
        if reached > max(state.validation):
            state.kept = state.session.frozen()
        state.validation.append(reached)
        if shelf is not None:
            shelf.save(state)
        if progress is not None:
            progress(state.epoch, reached)
    return Lesson(
        program, seed, len(data.train), tuple(state.validation), best_epoch(state.validation),
        accuracy(state.kept, data.test, threads=threads), state.kept.weights(), state.session.counters,
    )  # fmt: skip


def teach_twin(
    program: Program,
    levels: npt.NDArray[np.int32],
    data: Splits,
    *,
    epochs: int,
    seed: int,
    progress: Progress | None = None,
    patience: int | None = None,
    rate: float = 1.0,
) -> TwinLesson:
    """`teach` for the program's float twin: the same samples, order, spikes, targets and choice of the epoch.

    `rate` multiplies every weight change.
    """
    twin = FloatTwin(program, rate=rate)
    validation, kept = [twin_accuracy(twin, data.validation)], twin.copy()
    given = {"epochs": epochs, "seed": seed, "classes": data.classes}
    for stream in lessons(program.sample_timing, levels, data.train, **given):
        if _worn_out(validation, patience):
            break
        twin.learn(stream.inputs(), steps=stream.steps)
        reached = twin_accuracy(twin, data.validation)
        if reached > max(validation):
            kept = twin.copy()
        validation.append(reached)
        if progress is not None:
            progress(len(validation) - 1, reached)
    return TwinLesson(
        seed, tuple(validation), best_epoch(validation), twin_accuracy(kept, data.test), kept.weights()
    )  # fmt: skip


def lessons(
    timing: Timing,
    levels: npt.NDArray[np.int32],
    train: Samples,
    *,
    epochs: int,
    seed: int,
    first: int = 0,
    classes: int | None = None,
) -> Iterator[Stream]:
    """One stream per epoch from epoch `first` (from 0) on; they join without a gap.

    The targets of an epoch's last LEAD steps open the next. `classes` None: up to the highest label there is.
    """
    steps, classes = timing.sample_steps, classes or int(train.y.max()) + 1
    tail = np.zeros((LEAD, classes), np.int32)
    if first:
        before = np.random.default_rng([seed, 1, first - 1]).permutation(len(train))
        tail = _targets(levels, train.y[before], classes)[-LEAD:]
    for epoch in range(first, epochs):
        order = np.random.default_rng([seed, 1, epoch]).permutation(len(train))
        coded = encode_rate(train.x[order], steps=steps, seed=[seed, 2, epoch])
        lagging = np.concatenate([tail, _targets(levels, train.y[order], classes)])
        tail = lagging[-LEAD:]
        spikes = EventStream.from_dense(coded.reshape(-1, coded.shape[2]))
        yield Stream(spikes, EventStream.from_dense(lagging[:-LEAD]))


def twin_accuracy(twin: FloatTwin, samples: Samples) -> float:
    """`accuracy` of a float twin with the weights as they stand."""
    timing = twin.program.sample_timing
    coded = encode_rate(samples.x, steps=timing.sample_steps, seed=EVALUATION_SEED)
    return float(np.mean(twin.counts(coded, skip=timing.depth["out"]).argmax(axis=1) == samples.y))


def best_epoch(validation: Sequence[float]) -> int:
    """The epoch with the highest validation accuracy, the first where several; 0 is before learning."""
    return int(np.argmax(validation))


def _worn_out(validation: Sequence[float], patience: int | None) -> bool:
    return patience is not None and len(validation) - 1 - best_epoch(validation) >= patience


def _targets(levels: npt.NDArray[np.int32], y: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.int32]:
    wanted = np.zeros((len(y), len(levels), classes), np.int32)
    wanted[np.arange(len(y)), :, y] = levels
    return wanted.reshape(-1, classes)
