"""Samples that follow one another without a gap give the spikes of samples run alone."""

from __future__ import annotations

import numpy as np
import pytest
from chip_oracle import chip_spikes
from graphs import chain

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler import compile_graph, place
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Program
from neurotrain_hw.simulator import simulate

STEPS, SAMPLES = 15, 4


def compiled(**changes) -> Program:
    """A network of 20-30-6 neurons on loihi2."""
    chip = load_chip("loihi2")
    return place(compile_graph(chain([20, 30, 6], seed=5, **changes), chip, steps=STEPS), chip)


def stream_and_expected(program: Program) -> tuple[EventStream, dict[str, np.ndarray]]:
    """Samples in a row with two silent steps behind them, and the spikes of each sample alone, one after the other."""
    samples = [(np.random.default_rng(k).random((STEPS, 20)) < 0.3).astype(int) for k in range(SAMPLES)]
    alone = [chip_spikes(program, sample) for sample in samples]
    expected = {name: np.vstack([part[name] for part in alone]) for name in ("l1", "l2")}
    return EventStream.from_dense(np.vstack([*samples, np.zeros((2, 20), int)])), expected


def check(program: Program, engine: str) -> None:
    """Every spike of both layers, in the window of each."""
    stream, expected = stream_and_expected(program)
    names = tuple(f"{name}.spikes" for name in expected)
    run = simulate(program, {"input": stream}, steps=stream.steps, record=names, engine=engine)  # type: ignore[arg-type]
    for name, spikes in expected.items():
        depth = program.timing.depth[name]
        assert spikes.sum() > 50
        assert np.array_equal(run.spikes[name].dense()[depth : depth + STEPS * SAMPLES], spikes)


@pytest.mark.parametrize(
    "changes", [{}, {"bias": True}, {"beta": 0.0}, {"bits": 4, "scale": 0.0625, "spread": 4}, {"bits": None}]
)
def test_on_the_simulator(changes):
    check(compiled(**changes), "chip")


def test_in_lava(lava_python):
    check(compiled(bias=True), "lava")
