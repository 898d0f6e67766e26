"""Learning from reward alone: neurons that stand for classes answer, and the host rewards the one that it took."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler import place
from neurotrain_hw.compiler.learning import weight_rounding
from neurotrain_hw.compiler.neurons import chip_arithmetic
from neurotrain_hw.data import EVALUATION_SEED, Samples, Splits, encode_rate
from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.onchip.evaluation import answers
from neurotrain_hw.onchip.twin import FloatTwin
from neurotrain_hw.program import Connection, Population, Program, Timing
from neurotrain_hw.rules import Rule, modulator_of
from neurotrain_hw.simulator import Session

Counts = npt.NDArray[np.generic]
_AFTER = 3
"""Steps after the last answer: the action arrives in the first, the neuron that it names spikes in the second, when
the reward is read, and in the third the next sample's first spikes are on their way."""
_FULL = 127
"""The largest reward that a modulator takes."""


@dataclass(frozen=True)
class RewardNetwork:
    """Input and one layer of LIF neurons, `neurons` / classes of them for each class, in the chip's integers.

    A sample is `shown` steps of spikes and 4 more for answer, action and reward. `dv`: membrane decay of 12 bits.
    `vth`: threshold mantissa. `weights`: range of the random first weights. `baseline_rate`: how fast the host's mean
    of the hits follows them.
    """

    inputs: int
    classes: int
    neurons: int = 100
    shown: int = 20
    dv: int = 82
    vth: int = 1000
    weights: tuple[int, int] = (-30, 60)
    baseline_rate: float = 0.01

    @property
    def steps(self) -> int:
        """Steps of a sample."""
        return self.shown + 1 + _AFTER

    def __post_init__(self) -> None:
        if self.classes < 1 or self.neurons % self.classes:
            raise ValueRangeError(
                f"{self.neurons} neurons for {self.classes} classes", where="RewardNetwork",
                need="as many neurons for each class",
            )  # fmt: skip


@dataclass(frozen=True, eq=False)
class RewardLesson:
    """What a network learned from rewards.

    `validation`: accuracy before learning and after each epoch; `test` with the weights (n, n_in) of epoch `best`,
    integers of the chip or, of the twin, float64. `hits`: share of actions per epoch that were right.
    """

    seed: int
    validation: tuple[float, ...]
    best: int
    test: float
    weights: npt.NDArray[np.generic]
    hits: tuple[float, ...]


def build_rewarded(network: RewardNetwork, rule: Rule, chip: Chip, *, seed: int) -> Program:
    """The program, placed on a chip: `in` -> `out` (learns), `action` (one input per neuron), `reward` (one)."""
    n = network.neurons
    parameters = {
        "du": 4095, "dv": network.dv, "vth": network.vth, "bias_mant": 0, "bias_exp": 0,
        "reset_interval": network.steps, "reset_offset": 2,
    }  # fmt: skip
    low, high = network.weights
    weights = np.random.default_rng(seed).integers(low // 2, high // 2, (n, network.inputs), dtype=np.int16) * 2
    modulator = modulator_of(rule, theta=network.vth << 6, target="reward")
    program = Program(
        "rewarded",
        (Population("in", "input", (network.inputs,)), Population("action", "input", (n,)),
         Population("reward", "input", (1,)),
         Population("out", "lif_reset", (n,), parameters, modulator, chip_arithmetic(chip))),
        (Connection("in-out", "dense", "in", "out", weights, sign_mode="mixed",
                    plasticity=rule.plasticity(rng_seed=4 * seed + 7, rounding=weight_rounding(chip, rule))),
         Connection("action-out", "dense", "action", "out", 254 * np.eye(n, dtype=np.int16), 6,
                    sign_mode="excitatory")),
        ("out",), chip.id, timing=Timing(network.steps, {"out": 1}),
    )  # fmt: skip
    return place(program, chip)


def teach_by_reward(
    network: RewardNetwork, rule: Rule, chip: Chip, data: Splits, *, epochs: int, seed: int
) -> RewardLesson:
    """Show the training samples one by one and reward what the network does; the label itself never reaches it.

    The host takes the neuron that spiked most (any of those, drawn from `seed`) as the action, makes it spike once
    more, and in that step gives all neurons the same number: 127 * (hit - mean of the hits so far), where hit is 1
    if the neuron's class (its number modulo classes) is right, else 0. Epoch chosen on validation, test read once.
    """
    return _teach(_Chip(Session(build_rewarded(network, rule, chip, seed=seed), record=("out.spikes",))),
                  network, data, epochs, seed)  # fmt: skip


def teach_twin_by_reward(
    network: RewardNetwork, rule: Rule, chip: Chip, data: Splits, *, epochs: int, seed: int, rate: float = 1.0
) -> RewardLesson:
    """The same for the program's float twin; `rate` multiplies every weight change."""
    twin = FloatTwin(build_rewarded(network, rule, chip, seed=seed), rate=rate)
    return _teach(_Twin(twin), network, data, epochs, seed)


class _Learner(Protocol):
    def run(self, inputs: Mapping[str, EventStream], steps: int) -> Counts:
        """Go on and learn; spikes of each output neuron."""

    def weights(self) -> npt.NDArray[np.generic]:
        """As they stand."""

    def answers(self, coded: npt.NDArray[np.uint8]) -> Callable[[], Counts]:
        """What answers samples (N, steps, n_in) with the weights as they stand now, whenever it is asked."""


@dataclass(frozen=True, eq=False)
class _Chip:
    session: Session

    def run(self, inputs: Mapping[str, EventStream], steps: int) -> Counts:
        return self.session.run(inputs, steps=steps).spikes["out"].counts()

    def weights(self) -> npt.NDArray[np.generic]:
        return self.session.weights()["in-out"]

    def answers(self, coded: npt.NDArray[np.uint8]) -> Callable[[], Counts]:
        frozen = self.session.frozen()
        return lambda: answers(frozen, coded)


@dataclass(frozen=True, eq=False)
class _Twin:
    twin: FloatTwin

    def run(self, inputs: Mapping[str, EventStream], steps: int) -> Counts:
        return self.twin.learn(inputs, steps=steps)

    def weights(self) -> npt.NDArray[np.generic]:
        return self.twin.weights()["in-out"]

    def answers(self, coded: npt.NDArray[np.uint8]) -> Callable[[], Counts]:
        kept = self.twin.copy()
        return lambda: kept.counts(coded, skip=1)


def _teach(learner: _Learner, network: RewardNetwork, data: Splits, epochs: int, seed: int) -> RewardLesson:
    judge, test = (_coded(network, part.x, EVALUATION_SEED) for part in (data.validation, data.test))
    validation, hits = [_accuracy(network, learner.answers(judge)(), data.validation)], []
    kept, weights, mean = learner.answers(test), learner.weights(), 1 / network.classes
    for epoch in range(epochs):
        order = np.random.default_rng([seed, 1, epoch]).permutation(len(data.train))
        ties, right = np.random.default_rng([seed, 3, epoch]), 0
        for shown, label in zip(
            _coded(network, data.train.x[order], [seed, 2, epoch]), data.train.y[order], strict=True
        ):
            counts = learner.run({"in": EventStream.from_dense(shown[:-_AFTER])}, network.shown + 1)
            action = int(ties.choice(np.flatnonzero(counts == counts.max())))
            hit = bool(counts.max() > 0 and action % network.classes == label)
            mean, reward, right = mean + network.baseline_rate * (hit - mean), round(_FULL * (hit - mean)), right + hit
            learner.run(_consequence(network, action, reward), _AFTER)
        hits.append(right / len(order))
        reached = _accuracy(network, learner.answers(judge)(), data.validation)
        if reached > max(validation):
            kept, weights = learner.answers(test), learner.weights()
        validation.append(reached)
    best = int(np.argmax(validation))
    return RewardLesson(
        seed, tuple(validation), best, _accuracy(network, kept(), data.test), weights, tuple(hits)
    )  # fmt: skip


def _consequence(network: RewardNetwork, action: int, reward: int) -> dict[str, EventStream]:
    chosen, given = np.zeros((_AFTER, network.neurons), np.int32), np.zeros((_AFTER, 1), np.int32)
    chosen[0, action], given[1, 0] = 1, reward
    return {"action": EventStream.from_dense(chosen), "reward": EventStream.from_dense(given)}


def _accuracy(network: RewardNetwork, counts: Counts, samples: Samples) -> float:
    return float(np.mean(counts.argmax(axis=1) % network.classes == samples.y))


def _coded(network: RewardNetwork, x: npt.NDArray[np.float32], seed: int | list[int]) -> npt.NDArray[np.uint8]:
    coded = np.zeros((len(x), network.steps, x.shape[1]), np.uint8)
    coded[:, : network.shown] = encode_rate(x, steps=network.shown, seed=seed)
    return coded
