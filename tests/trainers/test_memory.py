"""Bytes needed for learning as the sample grows longer."""

import pytest
import torch
from torch.nn import functional

from neurotrain_hw.errors import UnknownNameError
from neurotrain_hw.networks import build, load_model
from neurotrain_hw.trainers import measure_learning_bytes
from neurotrain_hw.trainers.memory import LiveBytes

SPEC = load_model("digits-fc")


@pytest.mark.parametrize(("steps", "growth"), [((50, 200), 3), pytest.param((100, 1600), 12, marks=pytest.mark.slow)])
def test_eprop_is_constant_in_time_and_bptt_is_not(steps: tuple[int, int], growth: float) -> None:
    short, long = (measure_learning_bytes("eprop", SPEC, count) for count in steps)
    assert long < 1.02 * short
    # at least the gradients, the traces and the membranes, in float32
    assert short >= 4 * (SPEC.synapses + (64 + 128) + (128 + 10))
    short, long = (measure_learning_bytes("bptt", SPEC, count) for count in steps)
    assert long > growth * short


def test_bptt_holds_at_least_what_autograd_saves() -> None:
    network = build(SPEC, weight_bits=None, seed=0)
    spikes = (torch.rand(50, 1, 64, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    apart = {p.untyped_storage().data_ptr() for p in [*network.parameters(), *network.buffers()]}
    saved: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = functional.cross_entropy(network(spikes)[-1].sum(dim=0), torch.tensor([0]))
    held = sum(storage.nbytes() for pointer, storage in saved.items() if pointer not in apart)
    del loss
    measured = measure_learning_bytes("bptt", SPEC, 50)
    assert held <= measured < 1.6 * held


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
