"""Torch networks: snnTorch's neurons obey the graph's equation, Brevitas' weights are exact multiples of a scale."""

import numpy as np
import pytest
import torch

from neurotrain_hw.networks import SpikingNetwork, build, load_model, parse_model


def euler(weights: list[np.ndarray], betas: list[float], thresholds: list[float], spikes: np.ndarray) -> list:
    """v' = beta*v + W s; spike = v' > threshold; v = 0 on spike; in float64, for one sample (T, n_in)."""
    layers = []
    for weight, beta, threshold in zip(weights, betas, thresholds, strict=True):
        v, out = np.zeros(weight.shape[0]), []
        for s in spikes:
            v = beta * v + weight @ s
            fired = v > threshold
            v[fired] = 0
            out.append(fired)
        spikes = np.array(out, float)
        layers.append(spikes)
    return layers


def dyadic(bits: int | None = 8) -> SpikingNetwork:
    """A network whose weights are multiples of 2^-6 and whose beta is 1/2: float32 sums are exact."""
    layers = [{"name": "hidden", "neurons": 9, "beta": 0.5}, {"name": "out", "neurons": 4, "beta": 0.5}]
    spec = parse_model(
        {"summary": "", "inputs": 12, "steps": 16, "layers": layers}, name="dyadic", where=""
    ).with_weight_bits(bits)
    network = build(spec, seed=0)
    rng = np.random.default_rng(5)
    with torch.no_grad():
        for module in network.synapses:
            q = rng.integers(-60, 90, module.weight.shape)
            q[0, 0] = 127
            module.weight.copy_(torch.from_numpy(q / 64))
    return network


@pytest.mark.parametrize("bits", [8, None])
def test_spikes_are_those_of_the_graphs_equation(bits: int | None) -> None:
    network = dyadic(bits)
    spikes = (np.random.default_rng(1).random((30, 7, 12)) < 0.3).astype(np.float32)
    layers = [layer.detach() for layer in network(torch.from_numpy(spikes))]
    weights = [w.effective.astype(float) for w in network.layer_weights().values()]
    for sample in range(7):
        expected = euler(weights, [0.5, 0.5], [1.0, 1.0], spikes[:, sample])
        for found, wanted in zip(layers, expected, strict=True):
            assert np.array_equal(found[:, sample].numpy(), wanted)
    assert 0.05 < float(layers[0].mean()) < 0.9
    assert 0.05 < float(layers[1].mean()) < 0.9


def test_snntorchs_reset_in_the_same_step_gives_the_same_spikes() -> None:
    network = build(load_model("digits-fc"), seed=4)
    spikes = (torch.rand(24, 16, 64, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    early = network(spikes)
    for neurons in network.neurons:
        neurons.reset_delay = False
    for one, other in zip(early, network(spikes), strict=True):
        assert torch.equal(one, other)


def test_a_membrane_at_the_threshold_does_not_spike() -> None:
    spec = parse_model(
        {"summary": "", "inputs": 1, "steps": 4, "layers": [{"name": "out", "neurons": 1, "beta": 0.5}]},
        name="one", where="",
    )  # fmt: skip
    network = build(spec, seed=0)
    with torch.no_grad():
        network.synapses[0].weight.fill_(0.5)
    # v: 0.5, 0.75, 0.875, ... stays below 1
    assert not network(torch.ones(20, 1, 1))[0].any()
    with torch.no_grad():
        network.synapses[0].weight.fill_(1.0)
    # v: 1 (not above), 1.5 (spike, then 0), 1, 1.5 ...
    assert network(torch.ones(6, 1, 1))[0].flatten().tolist() == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("bits", [2, 4, 8, 12])
def test_quantised_weights_are_scale_times_integers(bits: int) -> None:
    network = build(load_model("digits-fc"), weight_bits=bits, seed=3)
    for weights in network.layer_weights().values():
        assert weights.bits == bits
        top = 2 ** (bits - 1) - 1
        assert np.abs(weights.integers).max() == top
        # the scale is max|w| / top, and an integer is the nearest to w / scale
        assert weights.scale == pytest.approx(np.abs(weights.shadow).max() / top, rel=1e-6)
        assert np.array_equal(np.float32(weights.scale) * weights.integers.astype(np.float32), weights.effective)
        steps = weights.effective.astype(float) / weights.scale
        assert np.array_equal(np.rint(steps), weights.integers)
        assert np.abs(steps - np.rint(steps)).max() < 1e-3
        assert np.abs(weights.shadow.astype(float) / weights.scale - weights.integers).max() < 0.5 + 1e-3


def test_equal_seeds_equal_weights() -> None:
    spec = load_model("digits-fc")
    first, second, other = (build(spec, seed=seed).layer_weights()["hidden"].shadow for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_float_weights_have_no_integers() -> None:
    weights = build(load_model("digits-fc"), weight_bits=None, seed=0).layer_weights()["out"]
    assert (weights.bits, weights.integers, weights.scale) == (None, None, None)
    assert np.array_equal(weights.shadow, weights.effective)


def test_snntorch_does_not_keep_the_networks_alive() -> None:
    from snntorch import SpikingNeuron

    before = len(SpikingNeuron.instances)
    build(load_model("digits-fc"), weight_bits=None, seed=0)
    assert len(SpikingNeuron.instances) == before
