"""Runs: reproducible, resumable to the same bits, safe to interrupt; and what they leave."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from trainer_oracles import fitting

from neurotrain_hw.data import EVALUATION_SEED, Splits, encode_rate, load_digits_split
from neurotrain_hw.errors import FormatError, UnknownNameError, ValueRangeError
from neurotrain_hw.interchange import read_nir
from neurotrain_hw.networks import ModelSpec, parse_model
from neurotrain_hw.trainers import (
    BpttSettings,
    EpropSettings,
    Report,
    TrainedRun,
    default_settings,
    load_run,
    loop,
    train,
    trainable_rules,
)

SPLITS = load_digits_split()
FEW = Splits("digits", SPLITS.train.first(160), SPLITS.validation.first(40), SPLITS.test.first(40), 10)
SPEC: ModelSpec = parse_model(
    {
        "summary": "", "inputs": 64, "steps": 6, "dataset": "digits",
        "layers": [
            {"name": "hidden", "neurons": 16, "beta": 0.875, "weight_bits": 8},
            {"name": "out", "neurons": 10, "beta": 0.875, "weight_bits": 8},
        ],
    },
    name="small", where="",
)  # fmt: skip


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "load_dataset", lambda name, **_: FEW)


def run(folder: Path, rule: str = "bptt", **options: object) -> TrainedRun:
    model = options.pop("model", SPEC)
    return train(model, rule, **{"epochs": 3, "seed": 5, "folder": folder, **options})


def arrays(folder: Path) -> dict[str, bytes]:
    with np.load(folder / "weights.npz") as stored:
        return {name: stored[name].tobytes() for name in stored.files}


def figures(found: TrainedRun) -> dict:
    return {key: value for key, value in found.document.items() if key not in ("seconds", "timing")}


# rules that keep something from batch to batch, or draw random numbers; the others have nothing more to lose
KEEPING = ("bptt", "eprop-adaptive", "etlp", "fptt", "hybrid-conversion")


@pytest.mark.parametrize(
    "rule", [r if r in KEEPING else pytest.param(r, marks=pytest.mark.slow) for r in trainable_rules()]
)
def test_an_interrupted_run_resumes_to_the_same_bits(tmp_path: Path, rule: str) -> None:
    options = {"model": replace(SPEC, layers=tuple(replace(layer, **fitting(rule)) for layer in SPEC.layers))}
    if rule == "hybrid-conversion":
        options["constants"] = replace(default_settings(rule), conversion_epochs=1)
    whole = run(tmp_path / "whole", rule, **options)

    def stop_in_the_second_epoch(report: Report) -> None:
        if report.epoch == 2 and report.share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", rule, progress=stop_in_the_second_epoch, **options)
    assert [path.name for path in (tmp_path / "cut").iterdir()] == ["checkpoint.npz"]
    seen: list[int] = []
    resumed = run(tmp_path / "cut", rule, progress=lambda report: seen.append(report.epoch), **options)
    assert set(seen) == {2, 3}
    assert arrays(tmp_path / "cut") == arrays(tmp_path / "whole")
    assert figures(resumed) == figures(whole)
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == ["model.nir", "run.json", "weights.npz"]


def test_a_finished_run_is_not_repeated(tmp_path: Path) -> None:
    first = run(tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = run(tmp_path, progress=lambda report: pytest.fail("trained again"))
    assert figures(again) == figures(first)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_another_run_in_the_folder_is_kept(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(FormatError, match="another seed"):
        run(tmp_path, seed=6)
    with pytest.raises(FormatError, match="another constants, rule"):
        run(tmp_path, "eprop")


def test_a_damaged_checkpoint_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(FormatError, match="Delete it"):
        run(tmp_path)


def test_seeds_matter_and_settings_are_written_down(tmp_path: Path) -> None:
    first, second = run(tmp_path / "a"), run(tmp_path / "b", seed=6)
    assert arrays(tmp_path / "a") != arrays(tmp_path / "b")
    settings = json.loads((tmp_path / "a" / "run.json").read_text())["settings"]
    assert (settings["seed"], settings["epochs"], settings["rule"]) == (5, 3, "bptt")
    assert settings["constants"]["learning_rate"] == BpttSettings().learning_rate
    assert settings["evaluation_seed"] == EVALUATION_SEED
    assert {"torch", "snntorch", "numpy"} <= set(first.document["versions"])
    assert second.seed == 6


def test_weights_are_those_of_the_last_epoch(tmp_path: Path) -> None:
    found = run(tmp_path, epochs=4)
    assert [epoch["epoch"] for epoch in found.history] == [1, 2, 3, 4]
    assert found.accuracy["quantised"]["validation"] == found.history[-1]["validation"]
    assert found.history[-1]["loss"] < found.history[0]["loss"]


def test_reported_accuracy_is_that_of_the_integers_in_the_nir_file(tmp_path: Path) -> None:
    found = run(tmp_path, "eprop")
    graph = read_nir(found.graph_path)
    layers = []
    for name in ("hidden", "out"):
        quantisation = graph.meaning.node(f"{name}_weights").quantisation
        layers.append(quantisation.integers(graph.nodes[f"{name}_weights"].weight) * quantisation.scale)
    right = []
    for sample, label in zip(encode_rate(FEW.test.x, steps=6, seed=EVALUATION_SEED), FEW.test.y, strict=True):
        spikes = sample.astype(float)
        for weight in layers:
            v, out = np.zeros(len(weight)), []
            for now in spikes:
                v = 0.875 * v + weight @ now
                out.append(v > 1)
                v = np.where(v > 1, 0, v)
            spikes = np.array(out, float)
        right.append(spikes.sum(axis=0).argmax() == label)
    assert found.accuracy["quantised"]["test"] == np.mean(right)


def test_a_run_gives_its_network_back(tmp_path: Path) -> None:
    found = run(tmp_path)
    loaded = load_run(tmp_path)
    assert loaded.model == SPEC
    stored = arrays(tmp_path)
    for name, weights in loaded.network().layer_weights().items():
        assert weights.shadow.tobytes() == stored[f"{name}/shadow"]
        assert weights.integers.tobytes() == stored[f"{name}/integers"]
    assert loaded.accuracy == found.accuracy


def test_float_weights(tmp_path: Path) -> None:
    found = run(tmp_path, weight_bits=None, epochs=1)
    assert found.accuracy["quantised"] == found.accuracy["float"]
    assert [layer.weight_bits for layer in found.model.layers] == [None, None]


def test_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="bptt"):
        run(tmp_path, "btt")
    with pytest.raises(UnknownNameError, match="digits-fc"):
        train("digits", "bptt", folder=tmp_path)
    with pytest.raises(ValueRangeError, match="at least 1"):
        run(tmp_path, epochs=0)
    with pytest.raises(ValueRangeError, match="at least 1"):
        run(tmp_path, steps=0)
    with pytest.raises(ValueRangeError, match="784 inputs"):
        train("mnist-fc", "bptt", dataset="digits", folder=tmp_path)
    with pytest.raises(ValueRangeError, match="BpttSettings"):
        run(tmp_path, constants=EpropSettings())
    with pytest.raises(FormatError, match="no finished run"):
        load_run(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_rule_is_in_the_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs/how-to/train.md").read_text(encoding="utf-8")
    assert [rule for rule in trainable_rules() if f"`{rule}`" not in guide] == []
