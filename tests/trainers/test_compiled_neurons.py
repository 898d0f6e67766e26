"""Compiled loops over neurons, lists of spikes and blocks of steps against the same equations in torch's operations."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from neurotrain_hw.networks import SpikingNetwork, build, parse_model
from neurotrain_hw.trainers import default_settings, trainable_rules
from neurotrain_hw.trainers import neurons as compiled
from neurotrain_hw.trainers.blocks import STEPS as BLOCK
from neurotrain_hw.trainers.blocks import possible
from neurotrain_hw.trainers.cells import Cell, State, unroll
from neurotrain_hw.trainers.constants import OnlineSettings
from neurotrain_hw.trainers.declarations import declaration
from neurotrain_hw.trainers.events import Events
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.online import Local
from neurotrain_hw.trainers.psi import Peak
from neurotrain_hw.trainers.trainer import Batch

FORMS = [Peak("fast", 1.0, 3.0), Peak("atan", 0.7, 2.0), Peak("triangle", 1.0, 0.8), Peak("box", 1.0, 2.0)]
STEPS, SAMPLES, SIZES = 2 * BLOCK + 5, 32, (136, 40, 5)


def cells(psi, reset: str) -> list[Cell]:
    rng = np.random.default_rng(3)
    return [
        Cell(torch.from_numpy(rng.normal(0.05, 0.3, (n, m))).requires_grad_(), 0.8, 1.0, psi, reset=reset)
        for m, n in pairwise(SIZES)
    ]


def spikes(steps: int = STEPS) -> torch.Tensor:
    return torch.from_numpy((np.random.default_rng(5).random((steps, SAMPLES, SIZES[0])) < 0.15).astype(np.uint8))


@pytest.mark.parametrize("reset", ["zero", "subtract", "none"])
@pytest.mark.parametrize("psi", FORMS, ids=lambda peak: peak.form)
def test_backpropagation_is_the_same(psi: Peak, reset: str) -> None:
    shown, results = spikes(12), []
    assert Events.of(shown.flatten(0, 1)) is not None
    for gradient in ("constant", "gate", "full"):
        for form in (psi, lambda u: psi(u)):
            layers = cells(form, reset)
            assert compiled.compiles(layers[0], layers[0].weight) == isinstance(form, Peak)
            fired, v, ends = unroll(layers, [cell.rest(SAMPLES) for cell in layers], shown, gradient)
            (
                torch.softmax(v, dim=2)[..., 0].sum() + fired[-1].square().sum() + fired[0].mean(dim=0)[1].sum()
            ).backward()
            results.append([*(cell.weight.grad for cell in layers), fired[0].detach(), v.detach(), ends[0].v.detach()])
        for one, other in zip(*results[-2:], strict=True):
            assert one.abs().max() > 1e-3
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reset", ["zero", "subtract", "none"])
def test_steps_have_the_same_bits(reset: str, dtype: torch.dtype) -> None:
    """So that what is trained is what snnTorch runs."""
    generator = torch.Generator().manual_seed(1)
    one = replace(cells(FORMS[0], reset)[0], weight=torch.zeros(40, 80, dtype=dtype))
    states = [one.rest(8), one.rest(8)]
    for _ in range(30):
        current = torch.randn(8, 40, generator=generator, dtype=dtype) + 0.2
        v, _ = one.integrate(states[0].v, states[0].fired, (), current, "gate")
        states[0] = State(v, (v - one.threshold > 0).to(dtype), states[0].a)
        states[1] = State(*compiled.step(one, current.clone(), states[1]), states[1].a)
        assert torch.equal(states[0].v, states[1].v) and torch.equal(states[0].fired, states[1].fired)
    assert states[0].fired.any()


def network(*, integrator: bool) -> SpikingNetwork:
    out = {"neuron": "integrator", "beta": 1.0} if integrator else {"beta": 0.7}
    layers = [{"name": "h", "neurons": SIZES[1], "beta": 0.8}, {"name": "out", "neurons": SIZES[2]} | out]
    document = {"summary": "", "inputs": SIZES[0], "steps": STEPS, "layers": layers}
    return build(parse_model(document, name="small", where=""), weight_bits=None, seed=1).double()


BLOCKED = [
    rule for rule in trainable_rules()
    if isinstance(default_settings(rule), OnlineSettings) and "burn_in" not in declaration(rule).unused
]  # fmt: skip


@pytest.mark.parametrize("rule", BLOCKED)
def test_blocks_of_steps_sum_up_to_the_steps(rule: str) -> None:
    """Over more than two blocks, with steps that are not heard."""
    blocked = []
    for integrator in (False, True):
        net = network(integrator=integrator)
        constants = replace(default_settings(rule), burn_in=3, rate_strength=0.0)
        if integrator and constants.loss == "spike-mse":
            continue
        trainer = make_trainer(rule, net, constants, seed=7)
        labels = torch.from_numpy(np.random.default_rng(2).integers(0, SIZES[2], SAMPLES))
        batch = Batch(spikes(), labels, update=lambda: None, key=(1, 2))
        with torch.no_grad():
            steps, whole = trainer.start(batch), trainer.start(batch)
            steps.advance(batch.spikes)
            whole.go_through(batch.spikes)
        blocked.append(isinstance(whole, Local) and possible(whole))
        torch.testing.assert_close(whole.loss, steps.loss, rtol=1e-9, atol=0)
        for one, other in zip(whole.gradients, steps.gradients, strict=True):
            torch.testing.assert_close(one[0], other[0], rtol=1e-9, atol=1e-9)
        assert steps.gradients[-1][0].abs().max() > 1e-3
    if rule in ("ottt", "es-d-rtrl", "decolle", "eprop", "etlp", "stsf", "drtp", "dfa"):
        assert all(blocked)
