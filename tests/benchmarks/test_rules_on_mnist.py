"""The lessons of the MNIST table: on a few made-up samples of its size, and on some hundred of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rules_on_mnist

from neurotrain_hw.data import Samples, Splits, load_mnist_split


@pytest.mark.parametrize("name", rules_on_mnist.RULES)
def test_every_rule_of_the_table_learns(name: str) -> None:
    lesson = rules_on_mnist.learner(name, "chip", _made_up(), 1, 0)()
    assert len(lesson.validation) == 2
    assert all(lesson.counters.connections[c].weight_updates_applied for c in ("in-hidden", "hidden-out"))


def test_competing_neurons_of_the_table_learn() -> None:
    lesson = rules_on_mnist.learner(rules_on_mnist.WINNERS, "chip", _made_up(), 1, 0)()
    assert len(lesson.validation) == 2
    assert lesson.weights.shape == (400, 784)


def test_controls_learn_no_features() -> None:
    untaught = rules_on_mnist.learner(rules_on_mnist.WINNERS, "control", _made_up(), 1, 0)()
    assert untaught.validation == (untaught.validation[0],)
    assert list(rules_on_mnist.learner("decolle", "control", _made_up(), 1, 0)().weights) == ["hidden-out"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["eprop-random", "decolle"])
def test_some_hundred_samples_teach_more_than_the_readout(name: str, shared: Path) -> None:
    data = load_mnist_split(folder=shared / "data")
    data = replace(data, train=data.train.first(1500), validation=data.validation.first(300))
    learned, control = (rules_on_mnist.learner(name, kind, data, 2, 0)() for kind in ("chip", "control"))
    assert learned.test > control.test + 0.03
    assert learned.test > 0.8


@pytest.mark.slow
def test_some_hundred_samples_teach_competing_neurons(shared: Path) -> None:
    data = load_mnist_split(folder=shared / "data")
    data = replace(data, train=data.train.first(1500), validation=data.validation.first(300), test=data.test.first(500))
    learned, control = (
        rules_on_mnist.learner(rules_on_mnist.WINNERS, kind, data, 1, 0)() for kind in ("chip", "control")
    )
    assert learned.test > control.test + 0.3


def _made_up() -> Splits:
    rng = np.random.default_rng(0)
    shapes = rng.random((10, 784), np.float32) * (rng.random((10, 784)) < 0.2)

    def some(count: int) -> Samples:
        y = np.arange(count) % 10
        return Samples(np.asarray(shapes[y] * rng.uniform(0.7, 1, (count, 1)), np.float32), y)

    return Splits("made up", some(30), some(10), some(10), 10)
