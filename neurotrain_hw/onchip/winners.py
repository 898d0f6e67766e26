"""Unsupervised learning: neurons that inhibit one another, thresholds that adapt, labels from the training data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler import place
from neurotrain_hw.compiler.learning import weight_rounding
from neurotrain_hw.data import EVALUATION_SEED, Samples, Splits, encode_rate
from neurotrain_hw.events import EventStream
from neurotrain_hw.onchip.evaluation import spikes_by_sample
from neurotrain_hw.program import Connection, Population, Program
from neurotrain_hw.rules import Rule
from neurotrain_hw.simulator import Session

I32 = npt.NDArray[np.int32]
_LATENCY = 1
"""Steps from the input to the neurons."""
_STRETCH = 20_000
"""Steps that are run, and recorded, at a time."""


@dataclass(frozen=True)
class WinnerNetwork:
    """Sizes and constants of the competing neurons (`atrlif`), in the chip's integers.

    A sample is `shown` steps of spikes and `silent` steps in which membranes and traces fade. `theta`, `theta_step`,
    `theta_decay`, `refractory_decay`: as theta_0, theta_step, dtheta and dr of `Population`. `inhibition`: what a
    spike takes from every other neuron, in weight units, shifted by `inhibition_exp`. `weights`: range of the random
    first weights, whose sums are shifted by `weight_exp`. `shares`: parts of the learned thresholds that classifying
    tries; validation decides. `power`: every sample is scaled to this sum of squares, and cut at 1, so that it drives a
    neuron that has learned it as much as any other; None: samples stay as they are. `labelled`: that many training
    samples, the first ones, give the labels; None: all.
    """

    inputs: int
    neurons: int = 100
    shown: int = 20
    silent: int = 25
    dv: int = 400
    theta: int = 12816
    theta_step: int = 151
    theta_decay: int = 1
    refractory_decay: int = 4096
    inhibition: int = 80
    inhibition_exp: int = 6
    weights: tuple[int, int] = (40, 160)
    weight_exp: int = 0
    shares: tuple[float, ...] = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25)
    power: float | None = None
    labelled: int | None = None

    @property
    def steps(self) -> int:
        """Steps of a sample."""
        return self.shown + self.silent


@dataclass(frozen=True, eq=False)
class WinnerLesson:
    """What competing neurons learned.

    `validation`: accuracy before learning and after each epoch. `test`: with the weights, thresholds (`theta` int32
    (n,), mantissas), labels (int64 (n,), -1 for a neuron that training samples left silent) and share of epoch `best`.
    """

    seed: int
    validation: tuple[float, ...]
    best: int
    test: float
    weights: I32
    theta: I32
    labels: npt.NDArray[np.int64]
    share: float


def build_winners(
    network: WinnerNetwork, rule: Rule, chip: Chip, *, seed: int, weights: I32 | None = None, theta: I32 | None = None
) -> Program:
    """The program that learns, placed on a chip; with `weights` and `theta` the one that classifies: nothing changes.

    Weights that have learned lose their odd values when they are loaded again, as on the chip.
    """
    frozen = weights is not None
    n = network.neurons
    if weights is None:
        weights = np.random.default_rng(seed).integers(*network.weights, (n, network.inputs), dtype=np.int32)
    parameters = {
        "du": 4095, "dv": network.dv, "dtheta": network.theta_decay, "dr": network.refractory_decay,
        "theta_0": network.theta if theta is None else theta, "theta_step": 0 if frozen else network.theta_step,
        "bias_mant": 0, "bias_exp": 0,
    }  # fmt: skip
    learns = rule.plasticity(rng_seed=4 * seed + 7, rounding=weight_rounding(chip, rule))
    others = -network.inhibition * (1 - np.eye(n, dtype=np.int16))
    program = Program(
        "winners",
        (Population("in", "input", (network.inputs,)), Population("winners", "atrlif", (n,), parameters)),
        (
            Connection("in-winners", "dense", "in", "winners", weights.astype(np.int16), network.weight_exp,
                       sign_mode="mixed", plasticity=None if frozen else learns),
            Connection("lateral", "dense", "winners", "winners", others.astype(np.int16), network.inhibition_exp,
                       sign_mode="inhibitory"),
        ),
        ("winners",), chip.id,
    )  # fmt: skip
    return place(program, chip)


def teach_winners(
    network: WinnerNetwork,
    rule: Rule,
    chip: Chip,
    data: Splits,
    *,
    epochs: int,
    seed: int,
    progress: Callable[[int, float], None] | None = None,
) -> WinnerLesson:
    """Show the training samples without their labels; then label the neurons by what they answer to.

    Labels come from training samples alone. The epoch and the share of the thresholds are chosen on validation, the
    test set is read once. Epochs and codes are drawn from `seed` and `progress` is told as in `teach`.
    """
    program = build_winners(network, rule, chip, seed=seed)
    session = Session(program, record=("winners.theta",))
    learned = program.connection("in-winners").matrix(), np.full(network.neurons, network.theta, np.int32)
    tried = [_judge(network, rule, chip, data, seed, *learned)]
    kept = [(*learned, *tried[0][1:])]
    for epoch in range(epochs):
        order = np.random.default_rng([seed, 1, epoch]).permutation(len(data.train))
        stream = _stream(network, data.train.x[order], [seed, 2, epoch])
        weights, theta = _shown(session, stream)
        tried.append(_judge(network, rule, chip, data, seed, weights, theta))
        kept.append((weights, theta, *tried[-1][1:]))
        if progress is not None:
            progress(epoch + 1, tried[-1][0])
    validation = tuple(reached for reached, _, _ in tried)
    best = int(np.argmax(validation))
    weights, theta, labels, share = kept[best]
    answers = _answers(network, rule, chip, seed, weights, _part(theta, share), data.test)
    test = float(np.mean(_classify(answers, labels, data.classes) == data.test.y))
    return WinnerLesson(seed, validation, best, test, weights, theta, labels, share)


def _shown(session: Session, stream: EventStream) -> tuple[I32, I32]:
    """Weights and threshold mantissas after a stream, run in stretches: thresholds are recorded at every step."""
    for start in range(0, stream.steps, _STRETCH):
        part = stream.window(start, min(start + _STRETCH, stream.steps))
        run = session.run({"in": part}, steps=part.steps)
    return run.weights["in-winners"], (run.states["winners.theta"][-1] >> 6).astype(np.int32)


def _judge(
    network: WinnerNetwork, rule: Rule, chip: Chip, data: Splits, seed: int, weights: I32, theta: I32
) -> tuple[float, npt.NDArray[np.int64], float]:
    """Validation accuracy, labels, and the share of the thresholds that does best on validation."""
    found, known = [], data.train.first(len(data.train) if network.labelled is None else network.labelled)
    for share in network.shares:
        part = _part(theta, share)
        labels = _labels(_answers(network, rule, chip, seed, weights, part, known), known.y, data.classes)
        answers = _answers(network, rule, chip, seed, weights, part, data.validation)
        reached = float(np.mean(_classify(answers, labels, data.classes) == data.validation.y))
        found.append((reached, labels, share))
    return max(found, key=lambda one: one[0])


def _answers(
    network: WinnerNetwork, rule: Rule, chip: Chip, seed: int, weights: I32, theta: I32, samples: Samples
) -> npt.NDArray[np.int64]:
    """Spikes of each neuron for each sample, int64 (N, n), in the fixed code."""
    program = build_winners(network, rule, chip, seed=seed, weights=weights, theta=theta)
    stream = _stream(network, samples.x, EVALUATION_SEED)
    run = Session(program, record=("winners.spikes",)).run({"in": stream}, steps=stream.steps + _LATENCY)
    spikes = run.spikes["winners"]
    return spikes_by_sample(spikes, steps=network.steps, late=_LATENCY)


def _labels(answers: npt.NDArray[np.int64], y: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.int64]:
    """The class whose samples a neuron answers to most on average, -1 for a silent neuron."""
    mean = np.array([answers[y == label].mean(axis=0) for label in range(classes)])
    return np.where(mean.max(axis=0) > 0, mean.argmax(axis=0), -1)


def _classify(answers: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.int64]:
    """The class whose neurons spike most on average."""
    mean = [
        answers[:, labels == label].mean(axis=1) if (labels == label).any() else np.zeros(len(answers))
        for label in range(classes)
    ]
    return np.asarray(np.argmax(mean, axis=0))


def _stream(network: WinnerNetwork, x: npt.NDArray[np.float32], seed: int | Sequence[int]) -> EventStream:
    if network.power is not None:
        sums = np.square(x).sum(axis=1, keepdims=True)
        x = np.minimum(x * np.sqrt(network.power / np.maximum(sums, 1e-6)), 1)
    coded = EventStream.from_dense(encode_rate(x, steps=network.shown, seed=seed).reshape(-1, x.shape[1]))
    step = np.minimum(np.arange(network.steps), network.shown) + network.shown * np.arange(len(x))[:, None]
    indptr = np.append(coded.indptr[step], coded.indptr[-1])
    return EventStream(indptr, coded.index, coded.n)


def _part(theta: I32, share: float) -> I32:
    return np.asarray(np.floor(theta * share), np.int32)
