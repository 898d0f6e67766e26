"""STDL-style learning: the layers that are chosen, by hand; the gradients against autograd of every step's losses."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from local_rules import BETA, SLOPE, THRESHOLD, fire
from torch.nn import functional

from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.networks import build, parse_model
from neurotrain_hw.trainers import default_settings
from neurotrain_hw.trainers.auxiliary import Subnetwork, auxiliary_bytes, subnetworks
from neurotrain_hw.trainers.constants import StdlSettings
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.trainer import Batch


def model(layers: list[dict], shape: list[int]):
    common = {"beta": BETA, "threshold": THRESHOLD}
    document = {"summary": "", "steps": 6, "surrogate": {"slope": SLOPE}, "input_shape": shape}
    return parse_model(
        document | {"layers": [common | {"name": f"l{k}"} | layer for k, layer in enumerate(layers)]},
        name="cut", where="",
    )  # fmt: skip


DEEP = model([{"neurons": n} for n in (8, 16, 4, 12, 3)], [6])
CONV = model(
    [
        {"kind": "conv", "channels": 3, "kernel": 3, "padding": 1, "bias": True},
        {"kind": "conv", "channels": 4, "kernel": 3, "pool": 2, "bias": True},
        {"kind": "conv", "channels": 2, "kernel": 2},
        {"neurons": 3},
    ],
    [2, 8, 8],
)


def copied(spec, **constants) -> list[tuple[int, ...]]:
    return [part.copied for part in subnetworks(spec, StdlSettings(batch=2, **constants))]


def test_the_cut() -> None:
    assert [part.layers for part in subnetworks(DEEP, StdlSettings())] == [(0,), (1,), (2,), (3, 4)]
    assert [part.layers for part in subnetworks(DEEP, StdlSettings(subnetwork=3))] == [(0, 1, 2), (3, 4)]
    assert subnetworks(DEEP, StdlSettings(subnetwork=9)) == [Subnetwork((0, 1, 2, 3, 4))]
    assert subnetworks(model([{"neurons": 3}], [6]), StdlSettings()) == [Subnetwork((0,))]
    with pytest.raises(ValueRangeError, match="at least 1"):
        subnetworks(DEEP, StdlSettings(subnetwork=0))


def test_bytes_by_hand() -> None:
    """Copies of 16 and 12 neurons behind 8, and a head of 3 classes, two samples."""
    weights = 16 * 8 + 12 * 16 + 3 * 12
    assert auxiliary_bytes([DEEP.layers[1], DEEP.layers[3]], (8,), 3, samples=2) == 4 * (
        2 * weights + 2 * (2 * 16 + 2 * 12 + 2 * 3)
    )
    # a kernel of 2 over 3 maps of 8 x 8, with a bias; then the head reads 2 maps of 7 x 7
    conv = auxiliary_bytes([replace(CONV.layers[2], bias=True)], (3, 8, 8), 3, samples=1)
    assert conv == 4 * (2 * (2 * 3 * 4 + 2 + 3 * 98) + 2 * 98 + 2 * 3)


def test_the_largest_subset_that_fits_is_chosen() -> None:
    assert copied(DEEP) == [(1, 2, 3), (2, 3), (3,), ()]
    needs = {
        subset: auxiliary_bytes([DEEP.layers[k] for k in subset], (8,), 3, samples=2)
        for subset in ((), (1,), (2,), (3,), (1, 2), (1, 3), (2, 3), (1, 2, 3))
    }
    # by hand: weights, then 4 * (2 * weights + 4 * (neurons + 3))
    assert needs[(2, 3)] == 4 * (2 * (4 * 8 + 12 * 4 + 3 * 12) + 4 * (16 + 3))
    assert sorted(needs, key=needs.get) == [(), (2,), (2, 3), (3,), (1,), (1, 2), (1, 2, 3), (1, 3)]
    # two of three, where layers 1 and 2 fit as well: evenly spaced are round(0 + 3 / 2) = 2 and round(0 + 3) = 3
    assert copied(DEEP, auxiliary_bytes=needs[(1, 2, 3)] - 1)[0] == (2, 3)
    assert copied(DEEP, auxiliary_bytes=needs[(2, 3)])[0] == (2, 3)
    assert copied(DEEP, auxiliary_bytes=needs[(2, 3)] - 1)[0] == (2,)
    assert copied(DEEP, auxiliary_bytes=432) == [(), (), (), ()]  # the head behind 16 neurons: 4 * (2 * 48 + 12)


def test_a_bound_below_the_head_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"not even the head behind layer 1 fits.*need.*auxiliary_bytes"):
        subnetworks(DEEP, StdlSettings(auxiliary_bytes=100))


def step(layer, x, weight, bias, v, s):
    """Membrane and spikes of a layer after one step, all of the past constants."""
    if layer.kind == "conv":
        current = functional.conv2d(x, weight, bias, layer.stride, layer.padding)
        current = functional.avg_pool2d(current, layer.pool) if layer.pool > 1 else current
    else:
        current = functional.linear(x.flatten(1), weight, bias)
    v = (BETA * v * (1 - s)).detach() + current
    return v, fire(v - THRESHOLD)


@pytest.mark.parametrize(
    ("spec", "constants"),
    [
        (DEEP, {}),
        (DEEP, {"auxiliary_bytes": 1500}),
        (DEEP, {"subnetwork": 2}),
        (CONV, {}),
        (CONV, {"loss": "spike-mse"}),
    ],
    ids=["deep", "bounded", "pairs", "conv", "conv, spikes"],
)  # fmt: skip
def test_gradients_are_those_of_the_literal_construction(spec, constants) -> None:
    """Autograd, per step, of every subnetwork's loss, with the spikes that come from below detached."""
    net = build(spec, weight_bits=None, seed=3).double()
    rng = np.random.default_rng(6)
    with torch.no_grad():
        for parameter in net.shadow():
            parameter.copy_(torch.from_numpy(rng.normal(0.15, 0.5, parameter.shape)))
    chosen = replace(default_settings("stdl"), batch=2, **constants)
    trainer = make_trainer("stdl", net, chosen, seed=1)
    parts = trainer.subnetworks
    spikes = torch.from_numpy((rng.random((6, 4, *spec.input_shape)) < 0.5).astype(np.uint8))
    labels = torch.from_numpy(rng.integers(0, 3, 4))
    trainer.learn(Batch(spikes, labels, update=lambda: None))

    own = {name: p.detach().clone().requires_grad_() for name, p in trainer.parameters.items()}
    shadow = iter(p.detach().clone().requires_grad_() for p in net.shadow())
    free = [(next(shadow), next(shadow) if layer.bias else None) for layer in spec.layers]
    last, start = len(spec.layers) - 1, torch.zeros((), dtype=torch.float64)
    main, aside = dict.fromkeys(range(last + 1), (start, start)), {}
    total = torch.zeros((), dtype=torch.float64)
    for now in spikes.double():
        for g, part in enumerate(parts):
            x = now.detach()
            for k in part.layers:
                main[k] = step(spec.layers[k], x, *free[k], *main[k])
                v, x = main[k]
            now = x
            if part.layers[-1] == last:
                error = functional.cross_entropy(v, labels, reduction="sum")
                if chosen.loss == "spike-mse":
                    error = (x - functional.one_hot(labels, 3)).square().sum() / 2
                total = total + error
                continue
            for k in part.copied:
                bias = own.get(f"aux{g}.{k}.bias")
                aside[g, k] = step(spec.layers[k], x, own[f"aux{g}.{k}"], bias, *aside.get((g, k), (start, start)))
                x = aside[g, k][1]
            total = total + functional.cross_entropy(x.flatten(1) @ own[f"head{g}"].T, labels, reduction="sum")
        main = {k: (v.detach(), s.detach()) for k, (v, s) in main.items()}
        aside = {k: (v.detach(), s.detach()) for k, (v, s) in aside.items()}
    flat = [each for pair in free for each in pair if each is not None]
    wanted = torch.autograd.grad(total / 24, [*flat, *own.values()])
    found = [*net.shadow(), *trainer.parameters.values()]
    assert any(part.copied for part in parts)
    for one, other in zip(found, wanted, strict=True):
        assert float(other.abs().max()) > 1e-5
        torch.testing.assert_close(one.grad, other, rtol=1e-9, atol=1e-12)


def test_with_traces_and_no_cut_it_is_ottt() -> None:
    spec = model([{"neurons": n} for n in (8, 5, 3)], [6])
    spikes = (torch.rand(6, 4, 6, generator=torch.Generator().manual_seed(0)) < 0.5).to(torch.uint8)
    found = []
    for rule, constants in (("stdl", {"subnetwork": 9, "trace_decay": None}), ("ottt", {})):
        net = build(spec, weight_bits=None, seed=3).double()
        common = {"loss": "membrane-ce", "gain": 1.0, "psi": "surrogate", "rate_strength": 0.0}
        trainer = make_trainer(rule, net, replace(default_settings(rule), **common, **constants), seed=0)
        trainer.learn(Batch(spikes, torch.tensor([0, 1, 2, 0]), update=lambda: None))
        found.append([module.weight.grad for module in net.synapses])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-15)
