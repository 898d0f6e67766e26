"""Convolutions, pools, biases, synaptic currents, alpha neurons and neurons that hear themselves, in float64.

The reference is autograd over the equations, built with torch's own layers: through time inside a layer whose inputs
are constants, and through the layers above within one step.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional
from trainer_oracles import Spike, assert_equal_gradients, triangle

from neurotrain_hw.networks.operators import Convolution, Dense
from neurotrain_hw.trainers import signals
from neurotrain_hw.trainers.cells import Cell, unroll
from neurotrain_hw.trainers.constants import TraceSettings
from neurotrain_hw.trainers.online import Local, Regime
from neurotrain_hw.trainers.ottt import pre_trace
from neurotrain_hw.trainers.rtrl import Rtrl

STEPS, SAMPLES, CLASSES = 9, 3, 4
MAPS = (2, 8, 9)


def drawn(*shape: int, seed: int, spread: float = 0.6) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0.15, spread, shape))


def maps_then_dense(*, pool: int = 1, input_pool: int = 1, pooling: str = "average", **neurons) -> list[Cell]:
    first = Convolution.over(MAPS, 3, kernel=3, padding=1, pool=pool, input_pool=input_pool, pooling=pooling)
    last = Dense(first.out_shape, (CLASSES,), input_pool, pooling)
    return [
        Cell(drawn(*first.weight_shape, seed=1), 0.8, 1.0, triangle, operator=first, **neurons),
        Cell(drawn(*last.weight_shape, seed=2, spread=0.2), 0.7, 1.25, triangle, operator=last, **neurons),
    ]


def dense(**neurons) -> list[Cell]:
    return [
        Cell(drawn(5, 6, seed=1), 0.8, 1.0, triangle, **neurons),
        Cell(drawn(CLASSES, 5, seed=2), 0.7, 1.25, triangle, **neurons),
    ]


NETWORKS = {
    "convolution": maps_then_dense(),
    "pools in front": maps_then_dense(input_pool=2),
    "maximum in front": maps_then_dense(input_pool=2, pooling="max"),
    "pool behind": maps_then_dense(pool=2, reset="subtract"),
    "biases of maps": [replace(cell, bias=drawn(cell.way.out_shape[0], seed=5)) for cell in maps_then_dense(pool=2)],
    "biases": [replace(cell, bias=drawn(cell.neurons, seed=5)) for cell in dense()],
    "synaptic": dense(alpha=0.6),
    "synaptic maps": maps_then_dense(alpha=0.6, reset="subtract"),
    "alpha": [replace(cell, reset="none", alpha=0.9, double=True) for cell in dense()],
    "no reset": dense(reset="none"),
    "itself": [replace(cell, recurrent=drawn(cell.neurons, seed=6, spread=0.3)) for cell in dense()],
    "recurrent maps of one": [replace(dense()[0], recurrent=drawn(5, 5, seed=6, spread=0.3)), dense()[1]],
}


def batch(cells: list[Cell], *, seed: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    spikes = (rng.random((STEPS, SAMPLES, *cells[0].way.in_shape)) < 0.4).astype(np.uint8)
    return torch.from_numpy(spikes), torch.from_numpy(rng.integers(0, CLASSES, SAMPLES))


def arriving(cell: Cell, pre: torch.Tensor, matrices: list[torch.Tensor], fired: torch.Tensor) -> torch.Tensor:
    way, weight = cell.way, matrices[0]
    pooled = {"average": functional.avg_pool2d, "max": functional.max_pool2d}
    if way.input_pool > 1:
        pre = pooled[way.pooling](pre, way.input_pool)
    if isinstance(way, Convolution):
        current = functional.conv2d(pre, weight, padding=way.padding)
        if way.pool > 1:
            current = pooled[way.pooling](current, way.pool)
    else:
        current = pre.flatten(1) @ weight.T
    left = list(matrices[1:])
    if cell.recurrent is not None:
        matrix = left.pop(0)
        current = current + (fired * matrix if matrix.dim() == 1 else fired @ matrix.T)
    if cell.bias is not None:
        current = current + left.pop(0).view(1, -1, *(1 for _ in way.out_shape[1:]))
    return current


def next_state(cell: Cell, state: tuple, current: torch.Tensor) -> tuple:
    """(v, fired, i, h) a step later; what the reset takes away is a constant."""
    v, fired, i, h = state
    taken = {"zero": cell.beta * v * fired, "subtract": cell.threshold * fired, "none": 0 * v}[cell.reset].detach()
    if cell.alpha is None:
        v = cell.beta * v - taken + current
    else:
        i = cell.alpha * i + current
        if cell.double:
            h = cell.beta * h + current
            v = (np.log(cell.alpha) / np.log(cell.beta / cell.alpha) + 1) * (i - h)
        else:
            v = cell.beta * v - taken + i
    return v, Spike.apply(v - cell.threshold, cell.psi), i, h


def space_by_step(cells: list[Cell], spikes: torch.Tensor, labels: torch.Tensor) -> list[list[torch.Tensor]]:
    """Gradients per layer: exact in time within the layer, errors from above within a step; membrane-ce, gain 1."""
    found = []
    for learning, learner in enumerate(cells):
        free = [m.detach().clone().requires_grad_() for m in learner.matrices]
        states = [(torch.zeros(SAMPLES, *cell.way.out_shape, dtype=torch.float64),) * 4 for cell in cells]
        total = torch.zeros((), dtype=torch.float64)
        for now in spikes.double():
            for k, cell in enumerate(cells):
                before = states[k] if k == learning else tuple(each.detach() for each in states[k])
                matrices = free if k == learning else cell.matrices
                now = now.detach() if k <= learning else now
                current = arriving(cell, now, matrices, before[1].detach())
                states[k] = next_state(cell, before, current)
                now = states[k][1]
            total = total + functional.cross_entropy(states[-1][0], labels, reduction="sum")
        found.append(list(torch.autograd.grad(total, free)))
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_traces_of_pre_neurons(name: str) -> None:
    cells = NETWORKS[name]
    spikes, labels = batch(cells)
    learner = Local(cells, labels, Regime(), eligibility=pre_trace(TraceSettings()), signals=signals.through_layers)
    learner.advance(spikes)
    # the membrane of an alpha neuron answers a step late, so that no error passes it within a step
    first = 1 if name == "alpha" else 0
    assert_equal_gradients(learner.gradients[first:], space_by_step(cells, spikes, labels)[first:])


@pytest.mark.parametrize("name", NETWORKS)
def test_unrolled_neurons_are_those_of_the_steps(name: str) -> None:
    cells = NETWORKS[name]
    spikes, _ = batch(cells)
    layers, v, ends = unroll(cells, [cell.rest(SAMPLES) for cell in cells], spikes, "constant")
    states, trains = [cell.rest(SAMPLES) for cell in cells], []
    for now in spikes.double():
        for k, cell in enumerate(cells):
            states[k] = cell.step(states[k], now)
            now = states[k].fired
        trains.append(now)
    assert torch.equal(torch.stack(trains), layers[-1]) and layers[0].any() and layers[-1].any()
    torch.testing.assert_close(states[-1].v, v[-1], rtol=1e-12, atol=1e-12)
    for one, other in zip(states, ends, strict=True):
        assert len(one.currents) == len(other.currents)


@pytest.mark.parametrize("name", ["biases", "itself", "no reset"])
@pytest.mark.parametrize("reset_gradient", ["constant", "gate", "full"])
def test_rtrl_equals_backpropagation_through_time(name: str, reset_gradient: str) -> None:
    cells = NETWORKS[name]
    spikes, labels = batch(cells)
    learner = Rtrl(cells, labels, Regime(), reset_gradient=reset_gradient)
    learner.advance(spikes)
    free = [replace(cell, **{
        key: getattr(cell, key).clone().requires_grad_()
        for key in ("weight", "recurrent", "bias") if getattr(cell, key) is not None
    }) for cell in cells]  # fmt: skip
    _, v, _ = unroll(free, [cell.rest(SAMPLES) for cell in free], spikes, reset_gradient)
    functional.cross_entropy(v.flatten(0, 1), labels.repeat(STEPS), reduction="sum").backward()
    assert_equal_gradients(learner.gradients, [[m.grad for m in cell.matrices] for cell in free])
