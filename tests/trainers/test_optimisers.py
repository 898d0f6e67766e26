"""Optimisers, schedules and clipping as constants of a rule; every optimiser resumes to the same bits."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from neurotrain_hw.data import Splits, load_digits_split
from neurotrain_hw.errors import FormatError
from neurotrain_hw.networks import ModelSpec, parse_model
from neurotrain_hw.trainers import Report, default_settings, loop, train
from neurotrain_hw.trainers.optimisers import make_optimizer, set_rate, state_bytes, updater

SPLITS = load_digits_split()
FEW = Splits("digits", SPLITS.train.first(96), SPLITS.validation.first(20), SPLITS.test.first(20), 10)
SPEC: ModelSpec = parse_model(
    {
        "summary": "", "inputs": 64, "steps": 5, "dataset": "digits",
        "layers": [{"name": "out", "neurons": 10, "beta": 0.875}],
    },
    name="small", where="",
)  # fmt: skip
KINDS = {
    "adam": {"optimiser": "adam"},
    "decayed": {"optimiser": "adamw", "weight_decay": 0.1},
    "adamax": {"optimiser": "adamax", "schedule": "cosine"},
    "plain": {"optimiser": "sgd", "schedule": "constant"},
    "momentum": {"optimiser": "sgd", "momentum": 0.9, "weight_decay": 1e-3, "clip_norm": 0.1},
}


def weights(folder: Path) -> bytes:
    with np.load(folder / "weights.npz") as stored:
        return b"".join(stored[name].tobytes() for name in stored.files)


@pytest.mark.parametrize("kind", KINDS)
def test_every_optimiser_resumes_to_the_same_bits(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "load_dataset", lambda name, **_: FEW)
    constants = replace(default_settings("bptt"), learning_rate=0.02, **KINDS[kind])

    def stop(report: Report) -> None:
        if report.epoch == 2:
            raise KeyboardInterrupt

    whole = train(SPEC, "bptt", epochs=2, folder=tmp_path / "whole", constants=constants)
    with pytest.raises(KeyboardInterrupt):
        train(SPEC, "bptt", epochs=2, folder=tmp_path / "cut", constants=constants, progress=stop)
    resumed = train(SPEC, "bptt", epochs=2, folder=tmp_path / "cut", constants=constants)
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert resumed.history == whole.history
    assert len(resumed.document["timing"]["epoch_seconds"]) == 2


def test_a_checkpoint_of_another_form_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its optimiser's state would be lost without a word."""
    monkeypatch.setattr(loop, "load_dataset", lambda name, **_: FEW)
    np.savez(tmp_path / "checkpoint.npz", document=np.array('{"settings": {}, "history": [], "seconds": 0}'))
    with pytest.raises(FormatError, match="Delete it"):
        train(SPEC, "bptt", folder=tmp_path)


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [("linear", [1, 0.75, 0.5, 0]), ("cosine", [1, (1 + math.sqrt(0.5)) / 2, 0.5, 0]), ("constant", [1, 1, 1, 1])],
)
def test_schedules(schedule: str, wanted: list[float]) -> None:
    constants = replace(default_settings("bptt"), schedule=schedule, learning_rate=0.2)
    optimizer = make_optimizer([torch.nn.Parameter(torch.ones(2))], constants)
    rates = []
    for done in (0, 0.25, 0.5, 1):
        set_rate(optimizer, constants, done)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.2 * each for each in wanted], abs=1e-12)


def test_clipping_and_decay_and_momentum_by_hand() -> None:
    constants = replace(
        default_settings("bptt"), optimiser="sgd", learning_rate=0.5, momentum=0.9, weight_decay=0.1, clip_norm=2.0
    )
    first, second = torch.nn.Parameter(torch.tensor([1.0, 2.0])), torch.nn.Parameter(torch.tensor([3.0]))
    optimizer = make_optimizer([first, second], constants)
    update = updater(optimizer, constants)
    weight, velocity = np.array([1.0, 2.0, 3.0]), np.zeros(3)
    for gradient in ([3.0, 0.0, 4.0], [0.3, 0.1, -0.2]):  # of length 5, which is cut to 2; and a short one
        first.grad, second.grad = torch.tensor(gradient[:2]), torch.tensor(gradient[2:])
        update()
        length = np.linalg.norm(gradient)
        velocity = 0.9 * velocity + np.array(gradient) * min(1, 2 / length) + 0.1 * weight
        weight = weight - 0.5 * velocity
        np.testing.assert_allclose([*first.detach(), *second.detach()], weight, rtol=1e-5)
    assert state_bytes(optimizer) == 3 * 4


def test_an_older_run_folder_is_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that did not exist when it was written have the values that they meant."""
    monkeypatch.setattr(loop, "load_dataset", lambda name, **_: FEW)
    train(SPEC, "bptt", epochs=1, folder=tmp_path)
    document = json.loads((tmp_path / "run.json").read_text())
    for name in ("schedule", "momentum", "weight_decay", "clip_norm", "decoding", "population", "rate_level"):
        del document["settings"]["constants"][name]
    del document["settings"]["encoding"], document["settings"]["model"]["input_shape"]
    for name in ("kind", "recurrent", "neuron", "reset", "state"):
        del document["settings"]["model"]["layers"][0][name]
    for name in ("loss", "layers", "neurobench", "memory", "graph", "timing"):
        del document[name]
    (tmp_path / "run.json").write_text(json.dumps(document))
    again = train(SPEC, "bptt", epochs=1, folder=tmp_path, progress=lambda report: pytest.fail("trained again"))
    assert again.model == SPEC
    with pytest.raises(FormatError, match="another constants"):
        changed = replace(default_settings("bptt"), schedule="constant")
        train(SPEC, "bptt", epochs=1, folder=tmp_path, constants=changed)
