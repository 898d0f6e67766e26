"""Rules on first-spike times against their published equations, sample by sample and neuron by neuron in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from trainer_oracles import fitting

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.networks import build, load_model, parse_model
from neurotrain_hw.trainers import default_settings
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.trainer import Batch

T, SAMPLES, SIZES = 12, 6, (8, 7, 6, 4)
ALPHA, BETA = 0.75, 0.875


def network(rule, *, threshold=1.0, alpha=ALPHA, beta=BETA):
    keys = fitting(rule) | ({"alpha": alpha, "beta": beta} if rule == "spikeprop" else {})
    layers = [{"name": f"l{k}", "neurons": n, "threshold": threshold, **keys} for k, n in enumerate(SIZES[1:])]
    document = {"summary": "", "inputs": SIZES[0], "steps": T, "layers": layers}
    net = build(parse_model(document, name="small", where=""), seed=3).double()
    rng = np.random.default_rng(6)
    with torch.no_grad():
        for module in net.synapses:
            module.weight.copy_(torch.from_numpy(rng.normal(0.3, 0.6, module.weight.shape)))
    return net


def shown(seed=2):
    """Spikes (T, N, inputs) with one spike of most inputs, their times (N, inputs), T for none, and labels."""
    rng = np.random.default_rng(seed)
    times = rng.integers(0, T + 2, (SAMPLES, SIZES[0])).clip(max=T)
    spikes = np.zeros((T, SAMPLES, SIZES[0]), np.uint8)
    for n, i in zip(*np.nonzero(times < T), strict=True):
        spikes[times[n, i], n, i] = 1
    return torch.from_numpy(spikes), times, torch.from_numpy(rng.integers(0, SIZES[-1], SAMPLES))


def learned(rule, net, spikes, labels, **constants):
    trainer = make_trainer(rule, net, replace(default_settings(rule), **constants), seed=0)
    loss = trainer.learn(Batch(spikes, labels, update=lambda: None))
    return loss, [module.weight.grad.numpy() for module in net.synapses]


def response(alpha, beta, s):
    """What a spike is worth to the membrane s steps later, by running the neuron."""
    current, v = 1.0, 1.0
    for _ in range(s):
        current *= alpha
        v = beta * v + current
    return v


def times_of(weights, x, kernel, threshold=1.0):
    """First-spike times of every layer for one sample's input times."""
    found = [x]
    for w in weights:
        y = np.full(len(w), T)
        for j in range(len(w)):
            for t in range(T):
                v = sum(w[j, i] * kernel(t - x[i]) for i in range(len(x)) if x[i] <= t and x[i] < T)
                if v > threshold:
                    y[j] = t
                    break
        found.append(y)
        x = y
    return found


def relative_targets(y, label, gap):
    first = min(y)
    if first == T:
        return np.array([T - gap if k == label else T for k in range(len(y))], float)
    return np.array([first if k == label else min(max(y[k], first + gap), T) for k in range(len(y))], float)


@pytest.mark.parametrize(
    ("rule", "constants"),
    [("s4nn", {"gap": 3.0}), ("sstdp", {"gap": 5.0}), ("sstdp", {"potentiation": 0.7, "depression": 0.3, "tau": 4.0})],
)
def test_errors_of_unit_length_change_the_weights_of_spikes_that_came(rule: str, constants: dict) -> None:
    net, (spikes, times, labels) = network(rule), shown()
    loss, found = learned(rule, net, spikes, labels, **constants)
    settings = replace(default_settings(rule), **constants)
    weights = [module.weight.detach().numpy() for module in net.synapses]
    total, squares, silent = [np.zeros_like(w) for w in weights], 0.0, 0
    for x, label in zip(times, labels.tolist(), strict=True):
        t = times_of(weights, x, lambda s: 1.0)
        silent += sum(int((y == T).sum()) for y in t[1:])
        delta = (relative_targets(t[-1], label, settings.gap) - t[-1]) / T
        squares += float((delta**2).sum()) / 2
        for layer in (2, 1, 0):
            pre, post, w = t[layer], np.minimum(t[layer + 1], T - 1), weights[layer]
            length = np.sqrt((delta**2).sum())
            delta = delta / length if length else delta
            below = np.zeros(len(pre))
            for j in range(len(post)):
                for i in range(len(pre)):
                    s = post[j] - pre[i]
                    if rule == "s4nn":
                        stdp, came = float(s >= 0), s >= 0
                    elif settings.tau is None:
                        stdp, came = (settings.potentiation if s >= 0 else -settings.depression), s >= 0
                    else:
                        size = np.exp(-abs(s) / settings.tau)
                        stdp = size * (settings.potentiation if s > 0 else -settings.depression if s < 0 else 0)
                        came = s > 0
                    total[layer][j, i] += stdp * delta[j]
                    below[i] += w[j, i] * delta[j] * came
            delta = below
    assert 0 < silent < SAMPLES * sum(SIZES[1:])
    assert loss == pytest.approx(squares / SAMPLES, rel=1e-12)
    for one, wanted in zip(found, total, strict=True):
        assert np.abs(wanted).max() > 1e-2
        np.testing.assert_allclose(one, wanted / SAMPLES, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("alpha", "beta", "one_sided"), [(ALPHA, BETA, False), (0.8, 0.8, True)])
def test_spikeprop_is_its_equations(alpha: float, beta: float, one_sided: bool) -> None:
    net, (spikes, times, labels) = network("spikeprop", threshold=1.5, alpha=alpha, beta=beta), shown()
    _, found = learned("spikeprop", net, spikes, labels, one_sided=one_sided)
    settings = default_settings("spikeprop")

    def e(s):
        return response(alpha, beta, int(s)) if s >= 0 else 0.0

    def slope(s):
        """The derivative of the kernel between steps, by autograd."""
        if s < 0:
            return 0.0
        age = torch.tensor(float(s), dtype=torch.float64, requires_grad=True)
        if alpha == beta:
            value = (age + 1) * beta**age
        else:
            value = (alpha ** (age + 1) - beta ** (age + 1)) / (alpha - beta)
        assert float(value.detach()) == pytest.approx(e(s), rel=1e-12)
        return float(torch.autograd.grad(value, age)[0])

    weights = [module.weight.detach().numpy() for module in net.synapses]
    total, steep = [np.zeros_like(w) for w in weights], 0
    for x, label in zip(times, labels.tolist(), strict=True):
        t = times_of(weights, x, e, threshold=1.5)
        target = np.array([settings.early if k == label else settings.late for k in range(SIZES[-1])]) * T
        error = target - t[-1]
        if one_sided:
            error = np.array([min(e_k, 0) if k == label else max(e_k, 0) for k, e_k in enumerate(error)])
        for layer in (2, 1, 0):
            pre, post, w = t[layer], np.minimum(t[layer + 1], T - 1), weights[layer]
            delta = np.zeros(len(post))
            for j in range(len(post)):
                rise = sum(w[j, i] * slope(post[j] - pre[i]) for i in range(len(pre)))
                steep += rise > settings.least_slope
                delta[j] = error[j] / max(rise, settings.least_slope)
                for i in range(len(pre)):
                    total[layer][j, i] += delta[j] * e(post[j] - pre[i])
            error = np.array([
                sum(delta[j] * w[j, i] * slope(post[j] - pre[i]) for j in range(len(post))) for i in range(len(pre))
            ])  # fmt: skip
    assert steep > 20
    for one, wanted in zip(found, total, strict=True):
        assert np.abs(wanted).max() > 1e-2
        np.testing.assert_allclose(one, wanted / SAMPLES, rtol=1e-9, atol=1e-12)


def test_a_convolution_learns_as_the_dense_layer_that_it_is() -> None:
    keys = {"beta": 1.0, "reset": "once"}
    out = {"name": "out", "neurons": 3, **keys}
    conv = {"name": "conv", "kind": "conv", "channels": 2, "kernel": 3, "padding": 1, "pool": 2, **keys}
    document = {"summary": "", "input_shape": [1, 4, 4], "steps": T, "layers": [conv, out]}
    net = build(parse_model(document, name="conv", where=""), seed=5).double()
    flat = {**document, "input_shape": [16], "layers": [{"name": "conv", "neurons": 8, **keys}, out]}
    dense = build(parse_model(flat, name="dense", where=""), seed=5).double()
    operator, eye = net.parts()[0].operator, torch.eye(16, dtype=torch.float64).view(16, 1, 4, 4)

    def unrolled(kernel):
        return operator.current(eye, kernel).flatten(1).T

    kernel = net.synapses[0].weight
    with torch.no_grad():
        kernel.mul_(4)
        dense.synapses[0].weight.copy_(unrolled(kernel))
        dense.synapses[1].weight.copy_(net.synapses[1].weight)
    rng = np.random.default_rng(1)
    spikes = torch.from_numpy((rng.random((T, 5, 16)) < 0.15).astype(np.uint8))
    labels = torch.tensor([0, 1, 2, 0, 1])
    _, found = learned("s4nn", net, spikes, labels)
    _, wanted = learned("s4nn", dense, spikes, labels)
    (through,) = torch.autograd.grad(unrolled(kernel), kernel, torch.from_numpy(wanted[0]))
    assert float(through.abs().max()) > 1e-2
    np.testing.assert_allclose(found[0], through.numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-9, atol=1e-12)


def test_of_every_input_the_first_spike_counts() -> None:
    net, (spikes, times, labels) = network("s4nn"), shown()
    later = spikes.clone()
    later[T - 1] |= torch.from_numpy((times < T).astype(np.uint8))
    for one, other in zip(learned("s4nn", net, spikes, labels)[1], learned("s4nn", net, later, labels)[1], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("rule", "keys", "words"),
    [
        ("s4nn", {"reset": "zero"}, "may spike again"),
        ("s4nn", {"beta": 0.9}, "forgets"),
        ("sstdp", {"beta": 0.9}, "forgets"),
        ("spikeprop", {"neuron": "lif", "alpha": 0.0}, "no slope"),
    ],
)
def test_neurons_that_the_equations_are_not_about_are_refused(rule: str, keys: dict, words: str) -> None:
    spec = load_model({"spikeprop": "digits-once-synaptic"}.get(rule, "digits-once"))
    spec = replace(spec, layers=(spec.layers[0], replace(spec.layers[1], **keys)))
    with pytest.raises(UnsupportedError, match=f"layer 'out'.*{words}"):
        make_trainer(rule, build(spec, weight_bits=None, seed=0), default_settings(rule), seed=0)
