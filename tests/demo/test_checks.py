"""The demo's own checks can fail: a spike, a weight or a scale that differs is counted or named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurotrain_hw.chips import load_chip
from neurotrain_hw.data import EVALUATION_SEED, Splits, encode_rate, load_dataset
from neurotrain_hw.demo import learning
from neurotrain_hw.demo.chip import accuracy_against_events, differing_spikes
from neurotrain_hw.demo.training import check_round_trip, run_folder
from neurotrain_hw.errors import FormatError
from neurotrain_hw.events import EventStream
from neurotrain_hw.inference import Inference, infer
from neurotrain_hw.onchip import OnChipNetwork, build_program, target_levels
from neurotrain_hw.program import Connection, Population, Program, Timing
from neurotrain_hw.rules import load_rule
from neurotrain_hw.simulator import Run, simulate
from neurotrain_hw.trainers import train


@pytest.fixture(scope="module")
def data() -> Splits:
    found = load_dataset("digits")
    return replace(found, train=found.train.first(30), test=found.test.first(40))


def test_every_spike_that_differs_is_counted() -> None:
    rng = np.random.default_rng(0)
    one = {
        name: EventStream.from_dense((rng.random((50, n)) < 0.2).astype(np.int32)) for name, n in (("h", 8), ("o", 3))
    }
    assert differing_spikes(one, dict(one)) == 0
    dense = one["h"].dense()
    dense[7, 2] ^= 1
    dense[49, 0] ^= 1
    assert differing_spikes(one, one | {"h": EventStream.from_dense(dense)}) == 2


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train("digits-fc", "eprop", epochs=1, seed=0, folder=run_folder(folder, "eprop", 0))
    return folder


def test_a_network_that_came_back_whole_passes(trained: Path) -> None:
    text, _ = check_round_trip(trained, ["eprop"], [0])
    assert f"all {64 * 128 + 128 * 10:,} integer weights" in text


@pytest.mark.parametrize(
    ("key", "layer"), [("hidden/integers", "hidden"), ("out/integers", "out"), ("out/scale", "out")]
)
def test_a_network_that_came_back_changed_is_named(trained: Path, key: str, layer: str) -> None:
    path = run_folder(trained, "eprop", 0) / "weights.npz"
    whole = path.read_bytes()
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    changed = arrays[key].copy()
    changed.flat[-1] += 1
    try:
        np.savez(path, **(arrays | {key: changed}))
        with pytest.raises(FormatError, match=f"'{layer}' came back changed"):
            check_round_trip(trained, ["eprop"], [0])
    finally:
        path.write_bytes(whole)


def test_one_learned_weight_that_differs_from_lava_is_counted(data: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lava is played by the simulator here, with one weight and one spike changed."""
    rules = load_rule("eprop-random"), load_rule("delta")
    network = OnChipNetwork(64, 16, 10, output_vth=512)
    program = build_program(network, *rules, load_chip("loihi2"), seed=0)
    changes = {"weights": 0, "spikes": 0}

    def played(*args: Any, engine: str = "chip", **more: Any) -> Run:
        run = simulate(*args, **more)
        if engine == "chip":
            return run
        weights, dense = {k: w.copy() for k, w in run.weights.items()}, run.spikes["out"].dense()
        weights["in-hidden"][3, 5] += changes["weights"]
        dense[11, 4] ^= changes["spikes"]
        return replace(run, weights=weights, spikes={**run.spikes, "out": EventStream.from_dense(dense)})

    monkeypatch.setattr(learning, "simulate", played)
    found = []
    for changes["weights"], changes["spikes"] in ((0, 0), (1, 0), (0, 1)):
        result = learning.compare_with_lava(program, target_levels(network, rules[1]), data, 0, steps=100)
        found.append((result["differing_weights"], result["differing_spikes"]))
    assert found == [(0, 0), (1, 0), (0, 1)]


def test_accuracy_against_events_ends_at_the_accuracy_of_the_whole_sample(data: Splits) -> None:
    result = infer(_small_program(), data.test)
    curve = accuracy_against_events(result, data.test)
    assert curve["accuracy"][-1] == result.accuracy
    n = len(data.test)
    shown = int(encode_rate(data.test.x, steps=6, seed=EVALUATION_SEED).sum())
    assert result.spikes["h"].count > 100
    assert curve["events"][-1] == pytest.approx((shown * 12 + result.spikes["h"].count * 10) / n)
    assert curve["events"][0] == pytest.approx(_events_of_first_step(result, data) / n)
    assert curve["events"] == sorted(curve["events"])


def _events_of_first_step(result: Inference, data: Splits) -> int:
    shown = encode_rate(data.test.x, steps=6, seed=EVALUATION_SEED)[:, 0].sum()
    hidden = result.spikes["h"].dense()[::6].sum()
    return int(shown) * 12 + int(hidden) * 10


def _small_program() -> Program:
    rng = np.random.default_rng(1)

    def layer(name: str, n: int, depth: int) -> Population:
        parameters = {"du": 4095, "dv": 410, "vth": 300, "bias_mant": 0, "bias_exp": 0, "reset_interval": 6}
        return Population(name, "lif_reset", (n,), parameters | {"reset_offset": depth + 1})

    def dense(name: str, pre: str, post: str, shape: tuple[int, int]) -> Connection:
        return Connection(
            name, "dense", pre, post, (rng.integers(-60, 90, shape) * 2).astype(np.int16), sign_mode="mixed"
        )

    return Program(
        "small", (Population("in", "input", (64,)), layer("h", 12, 1), layer("o", 10, 2)),
        (dense("a", "in", "h", (12, 64)), dense("b", "h", "o", (10, 12))), ("o",),
        timing=Timing(6, {"h": 1, "o": 2}),
    )  # fmt: skip


def test_samples_alone_and_in_a_row_give_the_same_spikes(data: Splits) -> None:
    """What `infer` reads in each sample's own steps is what the same samples give in one run without a gap."""
    program, n = _small_program(), len(data.test)
    row = encode_rate(data.test.x, steps=6, seed=EVALUATION_SEED).reshape(6 * n, 64)
    whole = simulate(program, {"in": EventStream.from_dense(row)}, steps=6 * n + 2, record=["h.spikes", "o.spikes"])
    alone = infer(program, data.test)
    for name, depth in (("h", 1), ("o", 2)):
        assert alone.spikes[name] == whole.spikes[name].window(depth, depth + 6 * n)
        assert alone.spikes[name].count > 20
