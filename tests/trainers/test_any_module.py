"""BPTT on torch modules that are no chain of layers."""

from dataclasses import replace

import pytest
import snntorch
import torch
from torch import nn

from neurotrain_hw.data import load_dataset
from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.networks import build, load_model
from neurotrain_hw.trainers import BpttSettings, fit_module
from neurotrain_hw.trainers.any_module import run_module

SURROGATE = snntorch.surrogate.fast_sigmoid(slope=5)


class Branches(nn.Module):
    """Two hidden populations side by side, and a readout of both."""

    def __init__(self, *, membranes: bool = False) -> None:
        super().__init__()
        self.slow, self.fast, self.out = nn.Linear(64, 40), nn.Linear(64, 40), nn.Linear(80, 10)
        self.s = snntorch.Leaky(beta=0.95, spike_grad=SURROGATE, init_hidden=True)
        self.f = snntorch.Leaky(beta=0.5, spike_grad=SURROGATE, init_hidden=True)
        self.o = snntorch.Leaky(beta=0.9, spike_grad=SURROGATE, init_hidden=True, output=True)
        self.membranes = membranes

    def forward(self, now: torch.Tensor):
        both = torch.cat([self.s(self.slow(now)), self.f(self.fast(now))], dim=1)
        fired, v = self.o(self.out(both))
        return (fired, v) if self.membranes else fired


class Whole(nn.Module):
    """One of our networks behind a forward of all steps."""

    def __init__(self) -> None:
        super().__init__()
        self.network = build(load_model("digits-fc"), weight_bits=None, seed=0)

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        return self.network(spikes)[-1]


def digits(count: int = 400):
    splits = load_dataset("digits", validation=0.15)
    return replace(splits, train=splits.train.first(count), test=splits.test.first(100))


def test_branches_learn_and_equal_seeds_give_equal_bits() -> None:
    runs = []
    for _ in range(2):
        torch.manual_seed(0)
        module = Branches()
        runs.append(
            (
                fit_module(module, digits(256), steps=6, epochs=3, seed=3, constants=BpttSettings(learning_rate=0.02)),
                module,
            )
        )
    (first, one), (second, other) = runs
    assert first == second and all(map(torch.equal, one.parameters(), other.parameters()))
    assert first.accuracy["test"] > 0.4 and len(first.history) == 3
    assert first.history[-1]["validation"] == first.accuracy["validation"]


def test_a_module_of_all_steps_is_the_network_in_it() -> None:
    module, spikes = Whole(), (torch.rand(6, 3, 64, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    fired, v = run_module(module, spikes, over_time=True)
    assert v is None and torch.equal(fired, module.network(spikes)[-1]) and fired.any()
    found = fit_module(module, digits(64), steps=6, epochs=1, over_time=True)
    assert found.history[0]["loss"] > 0


def test_every_sample_starts_from_rest() -> None:
    torch.manual_seed(0)
    module, spikes = Branches(membranes=True), torch.ones(5, 2, 64)
    first, v = run_module(module, spikes)
    again, u = run_module(module, spikes)
    assert v is not None and torch.equal(first, again) and torch.equal(v, u) and v[1].ne(v[0]).any()


def test_membranes_that_are_not_there_cannot_be_read() -> None:
    with pytest.raises(UnsupportedError, match="reads membranes"):
        fit_module(Branches(), digits(32), steps=4, epochs=1, constants=BpttSettings(loss="membrane-ce"))
    found = fit_module(
        Branches(membranes=True), digits(32), steps=4, epochs=1, constants=BpttSettings(loss="membrane-ce")
    )
    assert found.history[0]["loss"] > 0


def test_constants_that_are_the_modules_own_are_refused() -> None:
    with pytest.raises(ValueRangeError, match="reset_gradient"):
        fit_module(Branches(), digits(32), steps=4, constants=BpttSettings(reset_gradient="full"))


def test_another_shape_is_named() -> None:
    with pytest.raises(UnsupportedError, match="over_time"):
        run_module(nn.Sequential(nn.Linear(64, 10)), torch.ones(3, 2, 64)[:, 0])
    with pytest.raises(UnsupportedError, match="returns a dict"):
        run_module(Returns(), torch.ones(3, 2, 64))


class Returns(nn.Linear):
    def __init__(self) -> None:
        super().__init__(64, 10)

    def forward(self, x: torch.Tensor):
        return {"spikes": x}
