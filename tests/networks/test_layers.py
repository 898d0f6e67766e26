"""Kinds of layers: neurons beside their equations in NumPy and beside snnTorch's own, maps and pools beside torch's."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import snntorch
import torch
from torch import nn
from torch_nets import on_grid, spikes, through_file

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.networks import SpikingNetwork, build, parse_model, to_graph
from neurotrain_hw.reference import run_graph

NEURONS: dict[str, dict[str, Any]] = {
    "lif": {}, "lapicque": {"neuron": "lapicque", "threshold": 0.25}, "synaptic": {"neuron": "synaptic", "alpha": 0.25},
    "alpha": {"neuron": "alpha", "alpha": 0.75, "reset": "none"},
    "adaptive": {"neuron": "adaptive", "adaptation": 0.25, "adaptation_decay": 0.75},
    "integrator": {"neuron": "integrator"},
}  # fmt: skip


def network(*layers: dict[str, Any], shape: tuple[int, ...] = (6,), seed: int = 0) -> SpikingNetwork:
    """Weights and biases are multiples of 1/8 and decays dyadic, so that float32 sums are exact."""
    named = [{"name": f"l{k}", "beta": 0.5} | layer for k, layer in enumerate(layers)]
    document = {"summary": "", "input_shape": list(shape), "steps": 8, "layers": named}
    made = build(parse_model(document, name="net", where="net.toml"), seed=seed)
    return on_grid(made, seed=seed)  # type: ignore[return-value]


def equations(kind: str, current: np.ndarray, loop: np.ndarray, reset: str, settings: dict[str, Any]) -> np.ndarray:
    """What one layer sends, in float64, for currents (T, n) and recurrent weights (n, n)."""
    beta, alpha, theta = 0.5, settings.get("alpha", 0.0), settings.get("threshold", 1.0)
    strength, rho = settings.get("adaptation", 0.0), settings.get("adaptation_decay", 0.0)
    v, i, a, s = (np.zeros(current.shape[1]) for _ in range(4))
    out = []
    for x in current:
        drive = x + loop @ s
        if kind == "synaptic":
            i = alpha * i + drive
            drive = i
        if kind == "lapicque":
            drive = (1 - beta) * drive
        kept = {"zero": beta * v * (1 - s), "subtract": beta * v - theta * s, "none": beta * v}[reset]
        v = kept + drive
        if kind == "integrator":
            out.append(v)
            continue
        s = (v > theta + strength * a).astype(float)
        a = rho * a + s
        out.append(s)
    return np.array(out)


SPIKING = [kind for kind in NEURONS if kind not in ("alpha", "integrator")]


@pytest.mark.parametrize(
    ("kind", "recurrent", "reset"),
    [*itertools.product(SPIKING, ["none", "one-to-one", "all-to-all"], ["zero", "subtract", "none"]),
     ("integrator", "none", "none")],
)  # fmt: skip
def test_neurons_obey_their_equations(kind: str, recurrent: str, reset: str) -> None:
    made = network({"neurons": 5, "bias": True, "recurrent": recurrent, "reset": reset} | NEURONS[kind], seed=3)
    weights, x = made.layer_weights()["l0"], spikes((6,), seed=1)
    found = made(x)[0].detach().numpy()
    loop = np.zeros((5, 5)) if weights.recurrent is None else weights.recurrent.effective.astype(float)
    loop = np.diag(loop) if loop.ndim == 1 else loop
    for sample in range(x.shape[1]):
        current = x[:, sample].numpy() @ weights.effective.T.astype(float) + weights.bias
        wanted = equations(kind, current, loop, reset, NEURONS[kind])
        # a membrane that halves at every step soon has more bits than float32
        np.testing.assert_allclose(found[:, sample], wanted, atol=1e-6 if kind == "integrator" else 0)
    assert found.any() and (kind == "integrator" or not found.all())


@pytest.mark.parametrize("one", [False, True], ids=["all-to-all", "one-to-one"])
@pytest.mark.parametrize(
    ("kind", "reset"),
    [("lif", "subtract"), ("lif", "none"), ("lif", "zero"), ("synaptic", "subtract"), ("synaptic", "none")],
)
def test_recurrence_is_snntorchs(kind: str, reset: str, one: bool) -> None:
    """RLeaky and RSynaptic without a recurrent bias; RSynaptic's "zero" loses the input of a step and is another."""
    recurrent = "one-to-one" if one else "all-to-all"
    made = network({"neurons": 7, "recurrent": recurrent, "reset": reset} | NEURONS[kind], seed=2)
    # with a delayed reset to zero snnTorch's RLeaky loses the input of a step, too
    arguments = {"reset_mechanism": reset, "all_to_all": not one, "reset_delay": reset != "zero"}
    arguments |= {"V": made.loops[0].weight.detach()} if one else {"linear_features": 7}
    theirs = (snntorch.RLeaky if kind == "lif" else snntorch.RSynaptic)(
        beta=0.5, **arguments, **({"alpha": 0.25} if kind == "synaptic" else {})
    )
    if not one:
        with torch.no_grad():
            theirs.recurrent.weight.copy_(made.loops[0].weight)
            theirs.recurrent.bias.zero_()
    x = spikes((6,), seed=5)
    state, sent = (torch.zeros(3, 7),) * (2 if kind == "lif" else 3), []
    for now in x @ made.weights()[0].T:
        state = theirs(now, *state)
        sent.append(state[0])
    assert torch.equal(made(x)[0], torch.stack(sent))
    assert 0.05 < float(torch.stack(sent).detach().mean()) < 0.95


def test_maps_and_pools_are_torchs() -> None:
    made = network(
        {"kind": "conv", "channels": 3, "kernel": 3, "pool": 2, "pooling": "max", "bias": True},
        {"kind": "conv", "channels": 4, "kernel": 3, "stride": 2, "padding": 1, "input_pool": 2},
        {"neurons": 5, "input_pool": 2, "pooling": "max"},
        shape=(2, 18, 18),
    )
    assert made.spec.shapes == ((2, 18, 18), (3, 8, 8), (4, 2, 2), (5,))
    assert made.spec.sizes == (648, 192, 16, 5)
    assert made.spec.synapses == 3 * 2 * 9 + 4 * 3 * 9 + 5 * 4
    convs = [nn.Conv2d(2, 3, 3), nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False), nn.Linear(4, 5, bias=False)]
    for one, module in zip(made.synapses, convs, strict=True):
        module.load_state_dict(one.state_dict())
    forward = [
        nn.Sequential(convs[0], nn.MaxPool2d(2)), nn.Sequential(nn.AvgPool2d(2), convs[1]),
        nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), convs[2]),
    ]  # fmt: skip
    x = spikes((2, 18, 18), steps=12)
    layers = made(x.flatten(2))
    for module, layer in zip(forward, layers, strict=True):
        v, s, sent = 0.0, 0.0, []
        for now in x:
            v = 0.5 * v * (1 - s) + module(now)
            s = (v > 1).float()
            sent.append(s)
        x = torch.stack(sent)
        assert torch.equal(layer, x)
        assert 0.01 < float(x.mean()) < 0.9


def test_gradients_reach_all_that_is_learned() -> None:
    learned = {"learn_beta": True, "learn_threshold": True, "bias": True}
    made = network(
        {"kind": "conv", "channels": 3, "kernel": 3, "recurrent": "one-to-one"} | learned,
        {"neurons": 6, "recurrent": "all-to-all", "neuron": "synaptic", "alpha": 0.5} | learned,
        {"neurons": 4, "neuron": "adaptive", "adaptation": 0.5, "adaptation_decay": 0.5} | learned,
        {"neurons": 3, "neuron": "integrator", "learn_beta": True},
        shape=(1, 6, 6),
    )
    made(spikes((1, 6, 6)))[-1].square().sum().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.any()), name
    assert [tuple(p.shape) for p in made.shadow()] == [
        (3, 1, 3, 3), (48,), (3,), (6, 48), (6, 6), (6,), (4, 6), (4,), (3, 4),
    ]  # fmt: skip
    parts = made.parts()
    assert [tuple(p.beta.shape) for p in parts] == [(3, 1, 1), (6,), (4,), (3,)]
    assert parts[0].beta.requires_grad and parts[1].threshold.requires_grad and parts[3].threshold is None


@pytest.mark.parametrize("gain", [1.0, 1.8])
def test_standardised_weights(gain: float) -> None:
    layer = {"kind": "conv", "channels": 3, "kernel": 3, "weight_standardised": True, "gain": gain}
    made = network(layer, shape=(2, 5, 5))
    weight = made.weights()[0].detach().numpy().astype(float).reshape(3, -1)
    np.testing.assert_allclose(weight.mean(1), 0, atol=1e-6)
    np.testing.assert_allclose(weight.var(1) * 18, gain**2, rtol=1e-5)


LAYERS: dict[str, list[dict[str, Any]]] = {
    **{kind: [{"neurons": 7, "bias": True} | NEURONS[kind]] for kind in NEURONS if kind != "adaptive"},
    "subtract": [{"neurons": 7, "reset": "subtract"}], "unreset": [{"neurons": 7, "reset": "none"}],
    "recurrent": [{"neurons": 7, "recurrent": "all-to-all", "reset": "subtract"}, {"neurons": 3, "threshold": 0.5}],
    "one-to-one": [
        {"neurons": 7, "recurrent": "one-to-one", "neuron": "synaptic", "alpha": 0.5}, {"neurons": 3, "threshold": 0.5}
    ],
    "sum": [{"neurons": 5, "neuron": "integrator", "beta": 1}],
    "learned": [{"neurons": 5, "learn_beta": True, "learn_threshold": True}],
    "quantised": [{"neurons": 9, "weight_bits": 4, "power_of_two": True, "weight_scale": "channel"}],
}  # fmt: skip
MAPS: dict[str, list[dict[str, Any]]] = {
    "conv": [{"kind": "conv", "channels": 3, "kernel": 3, "pool": 2, "bias": True}, {"neurons": 4}],
    "pools": [
        {"kind": "conv", "channels": 3, "kernel": 3, "padding": 1, "recurrent": "one-to-one"},
        {"kind": "conv", "channels": 4, "kernel": 3, "input_pool": 2, "stride": 2, "learn_beta": True},
        {"neurons": 4},
    ],
    "global": [{"kind": "conv", "channels": 3, "kernel": 3}, {"neurons": 4, "input_pool": 4, "neuron": "integrator"}],
}


@pytest.mark.parametrize("kind", [*LAYERS, *MAPS])
def test_the_graph_sends_what_torch_sends(kind: str, tmp_path: Path) -> None:
    shape = (6,) if kind in LAYERS else (2, 6, 6)
    made = network(*(LAYERS | MAPS)[kind], shape=shape, seed=4)
    with torch.no_grad():
        for neurons in made.neurons:  # learned values on a grid, too
            for parameter in neurons.parameters():
                parameter.add_(0.25)
    x = spikes(shape, rate=0.5)
    own = made(x)[-1].detach().numpy()
    graph = to_graph(made, dt_s=2.0**-10)  # whose division is exact
    found = run_graph(through_file(graph, tmp_path), x.numpy(), states=False).sent["output"]
    assert np.count_nonzero(own) >= 10
    if kind == "alpha":  # the two filters of Alpha are written as one after the other
        assert np.mean(found != own) < 0.01
    else:
        assert np.count_nonzero(found != own) == 0


def test_what_a_graph_cannot_hold_is_named() -> None:
    for layer, need in (
        ({"neurons": 2} | NEURONS["adaptive"], "another kind of neuron"),
        ({"neurons": 2, "neuron": "alpha", "alpha": 0.75}, None),
        ({"kind": "conv", "channels": 1, "kernel": 1, "pool": 2, "pooling": "max"}, "pooling 'average'"),
    ):
        with pytest.raises(UnsupportedError, match="l0") as caught:
            to_graph(network(layer, shape=(1, 4, 4)))
        assert need is None or caught.value.need == need
