"""Activity regularisation: bounds and targets, per neuron and per layer, against autograd and by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neurotrain_hw.networks import build, parse_model
from neurotrain_hw.trainers import default_settings
from neurotrain_hw.trainers.activity import Activity
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.trainer import Batch

RATES = np.random.default_rng(0).random((3, 2, 4))
CASES = [
    Activity(0.5, target=0.3),
    Activity(0.5, lower=0.4),
    Activity(0.5, upper=0.45),
    Activity(0.5, lower=0.4, upper=0.5),
    Activity(2.0, target=0.3, per_layer=True),
    Activity(0.5, lower=0.9, upper=0.95, per_layer=True),
    Activity(0.5, upper=0.05, per_layer=True),
]


def by_hand(activity: Activity, rates: np.ndarray) -> float:
    def away(f: float) -> float:
        if activity.lower is None and activity.upper is None:
            return f - activity.target
        below = min(f - activity.lower, 0) if activity.lower is not None else 0
        return below + (max(f - activity.upper, 0) if activity.upper is not None else 0)

    if activity.per_layer:
        return sum(activity.strength / 2 * sample.size * away(sample.mean()) ** 2 for sample in rates)
    return sum(activity.strength / 2 * away(f) ** 2 for f in rates.ravel())


@pytest.mark.parametrize("activity", CASES)
def test_the_penalty_and_its_derivative(activity: Activity) -> None:
    rates = torch.from_numpy(RATES).requires_grad_()
    penalty = activity.penalty(rates)
    assert float(penalty.detach()) == pytest.approx(by_hand(activity, RATES), abs=1e-12)
    (wanted,) = torch.autograd.grad(penalty, rates)
    assert wanted.abs().max() > 0
    torch.testing.assert_close(activity.signal(rates).detach(), wanted, atol=1e-12, rtol=0)


@pytest.mark.parametrize("rule", ["bptt", "eprop", "rtrl"])
@pytest.mark.parametrize("level", ["neuron", "layer"])
def test_too_much_activity_is_trained_away(rule: str, level: str) -> None:
    """The hidden layer alone is looked at: its rate falls to the bound and stays there."""
    layers = [{"name": "h", "neurons": 12, "beta": 0.75}, {"name": "out", "neurons": 3, "beta": 0.75}]
    spec = parse_model({"summary": "", "inputs": 6, "steps": 10, "layers": layers}, name="small", where="")
    network = build(spec, weight_bits=None, seed=2)
    constants = replace(default_settings(rule), rate_strength=50.0, rate_upper=0.05, rate_level=level, batch=8)
    trainer = make_trainer(rule, network, constants, seed=0)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    generator = torch.Generator().manual_seed(0)
    spikes = (torch.rand(10, 8, 6, generator=generator) < 0.5).to(torch.uint8)
    batch = Batch(spikes, torch.zeros(8, dtype=torch.int64), update=optimizer.step)
    before = float(network(spikes.float())[0].detach().mean())
    for _ in range(60):
        trainer.learn(batch)
    after = float(network(spikes.float())[0].detach().mean())
    assert before > 0.15 and after < 0.1
