"""Bytes needed for learning as the sample grows longer."""

from dataclasses import replace

import pytest
import torch

from neurotrain_hw.errors import UnknownNameError
from neurotrain_hw.networks import build, load_model, parse_model
from neurotrain_hw.trainers import default_settings, measure_learning_bytes, trainable_rules
from neurotrain_hw.trainers.declarations import declaration
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.memory import LiveBytes
from neurotrain_hw.trainers.trainer import Batch

SPEC = load_model("digits-fc")
SMALL = parse_model(
    {
        "summary": "", "inputs": 24, "steps": 20,
        "layers": [{"name": "a", "neurons": 16, "beta": 0.9}, {"name": "b", "neurons": 4, "beta": 0.9}],
    },
    name="small", where="",
)  # fmt: skip


def test_eprop_is_constant_in_time_and_bptt_is_not() -> None:
    short, long = (measure_learning_bytes("eprop", SPEC, steps) for steps in (20, 160))
    assert long < 1.02 * short
    # at least the gradients, the traces and the membranes, in float32
    assert short >= 4 * (SPEC.synapses + (64 + 128) + (128 + 10))
    short, long = (measure_learning_bytes("bptt", SPEC, steps) for steps in (20, 160))
    assert long > 4 * short


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "samples"), [*((r, 1) for r in trainable_rules()), ("eprop", 64), ("bptt", 64)])
def test_growth_from_100_to_1600_steps(rule: str, samples: int) -> None:
    """Under 2 % for every rule declared local in time, and for a window; at least twelvefold for BPTT."""
    spec = SMALL if rule == "rtrl" else load_model(declaration(rule).model)
    constants = default_settings(rule)
    if rule == "hybrid-conversion":
        constants = replace(constants, conversion_epochs=0)  # what comes after it
    if rule == "rtrl":
        constants = replace(constants, batch=samples)
    short, long = (
        measure_learning_bytes(rule, spec, steps, samples=samples, constants=constants) for steps in (100, 1600)
    )
    if declaration(rule).memory == "sample":
        assert long >= 12 * short
    else:
        assert long < 1.02 * short


def test_bptt_holds_at_least_what_autograd_saves() -> None:
    network = build(SPEC, weight_bits=None, seed=0)
    spikes = (torch.rand(400, 1, 64, generator=torch.Generator().manual_seed(0)) < 0.3).to(torch.uint8)
    apart = {p.untyped_storage().data_ptr() for p in [*network.parameters(), *network.buffers()]}
    saved: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    trainer = make_trainer("bptt", network, default_settings("bptt"), seed=0)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        trainer.learn(Batch(spikes, torch.tensor([0]), update=lambda: None))
    held = sum(storage.nbytes() for pointer, storage in saved.items() if pointer not in apart)
    measured = measure_learning_bytes("bptt", SPEC, 400)
    assert held <= measured < 1.8 * held


def test_the_ruler_sees_peaks_and_lets_go() -> None:
    old = torch.zeros(1000)
    with LiveBytes(apart_from=[old]) as live:
        first = old + 1
        second = first * 2
        del first, second
        third = torch.ones(1000)
        for _ in range(50):
            third = third + 1
    assert live.peak == 2 * 4000


def test_unknown_rule() -> None:
    with pytest.raises(UnknownNameError, match="eprop"):
        measure_learning_bytes("e-prop", SPEC, 10)
