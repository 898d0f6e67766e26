"""The float network on calibration data, against the equations written down neuron by neuron."""

from __future__ import annotations

import numpy as np
import pytest
from ideal_networks import braille, ideal_layer, ideal_synapses

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler.calibrate import calibrate
from neurotrain_hw.compiler.drive import drive
from neurotrain_hw.compiler.ideal import ConvGeometry, IdealInput, IdealNetwork
from neurotrain_hw.compiler.integer_layer import integer_layer
from neurotrain_hw.compiler.mismatch import layer_mismatch
from neurotrain_hw.compiler.settings import QuantisationSettings
from neurotrain_hw.errors import ValueRangeError

LOIHI2 = load_chip("loihi2")


def two_layers(reset: str = "zero", reached: bool = False) -> IdealNetwork:
    """Input 5 -> a (4, with itself one step late) -> b (3), and b back to a two steps late."""
    rng = np.random.default_rng(1)
    a = ideal_layer(
        4, name="a", decay=0.9, current_decay=0.5, bias=0.01, current_bias=0.02, reset=reset, reached=reached
    )
    b = ideal_layer(3, name="b", decay=0.8, threshold=[0.5, 1.0, np.inf], reset=reset)
    synapses = (
        ideal_synapses(rng.normal(0.2, 0.5, (4, 5)), name="in", post="a"),
        ideal_synapses(rng.normal(0, 0.5, (4, 4)), name="loop", pre="a", post="a", latency=1),
        ideal_synapses(rng.normal(0.2, 0.5, (3, 4)), name="ab", pre="a", post="b", row_scale=[1.0, 2.0, 0.5]),
        ideal_synapses(rng.normal(0, 0.5, (4, 3)), name="ba", pre="b", post="a", latency=2),
    )
    return IdealNetwork((IdealInput("input", (5,)),), (a, b), synapses, ("b",), 1e-3)


def neuron_by_neuron(network: IdealNetwork, x: np.ndarray) -> dict[str, list[list[int]]]:
    """One sample (T, n) in plain Python."""
    sent = {network.inputs[0].name: x.tolist()} | {layer.name: [] for layer in network.layers}
    i = {layer.name: [0.0] * layer.n for layer in network.layers}
    v = {layer.name: [0.0] * layer.n for layer in network.layers}
    held = {layer.name: [False] * layer.n for layer in network.layers}
    for t in range(len(x)):
        for layer in network.layers:
            fired = []
            for k in range(layer.n):
                total = 0.0
                for s in network.onto(layer.name):
                    if t - s.latency >= 0:
                        row = sent[s.pre][t - s.latency]
                        total += s.row_scale[k] * sum(s.weight[k, j] * row[j] for j in range(len(row)))
                i[layer.name][k] = layer.current_decay[k] * i[layer.name][k] + total + layer.current_bias[k]
                new = layer.decay[k] * v[layer.name][k] + i[layer.name][k] + layer.bias[k]
                if held[layer.name][k]:
                    new = 0.0
                spike = new >= layer.threshold[k] if layer.reached else new > layer.threshold[k]
                stays = held[layer.name][k] and layer.reset == "once"
                held[layer.name][k] = stays or (bool(spike) and layer.reset in ("zero_held", "once"))
                v[layer.name][k] = new if not spike else new - layer.threshold[k] if layer.reset == "subtract" else 0.0
                fired.append(int(spike))
            sent[layer.name].append(fired)
    return sent


@pytest.mark.parametrize(
    ("reset", "reached"), [("zero", False), ("subtract", True), ("zero_held", False), ("once", False)]
)
def test_the_float_network_is_its_equations(reset, reached):
    network = two_layers(reset, reached)
    x = (np.random.default_rng(2).random((3, 25, 5)) < 0.4).astype(np.uint8)
    run = calibrate(network, x)
    for sample in range(3):
        expected = neuron_by_neuron(network, x[sample])
        for name in ("a", "b"):
            assert run.sent[name][sample].tolist() == expected[name]
    assert 0.03 < run.sent["a"].mean() < 0.95
    assert np.all(run.peaks["b"].membrane > 0)


def test_kernels_move_as_in_plain_loops():
    rng = np.random.default_rng(3)
    shape, conv = (4, 7, 6), ConvGeometry((2, 1), (1, 2), (1, 2), 2)
    kernel, images = rng.normal(size=(6, 2, 3, 2)), rng.integers(0, 2, (2, *shape))
    height, width = (7 + 2 - 2 - 1) // 2 + 1, (6 + 4 - 2 - 1) // 1 + 1
    expected = np.zeros((2, 6, height, width))
    for m, co, y, x, ci, ky, kx in np.ndindex(2, 6, height, width, 2, 3, 2):
        row, column = y * 2 + ky - 1, x + kx * 2 - 2
        if 0 <= row < 7 and 0 <= column < 6:
            expected[m, co, y, x] += kernel[co, ci, ky, kx] * images[m, (co // 3) * 2 + ci, row, column]
    found = drive(kernel, conv, images.reshape(2, -1), shape)
    assert np.allclose(found, expected.reshape(2, -1), atol=1e-12)


def test_a_constant_current_comes_from_a_population_that_is_not_of_the_network():
    network = two_layers()
    run = calibrate(network, np.zeros((2, 6, 5), int))
    assert run.arriving(ideal_synapses([[1.0]], pre="one")).tolist() == [[[1]] * 6] * 2


def test_data_that_do_not_fit_are_refused():
    for x in (np.zeros((2, 6, 4)), np.zeros((5,)), {"other": np.zeros((2, 6, 5))}):
        with pytest.raises(ValueRangeError, match="calibration data"):
            calibrate(two_layers(), x)


def test_the_search_differs_in_no_more_spikes_than_the_largest_weight_does():
    """At 3 bits, on data it was not chosen on it is better, too."""
    network = two_layers()
    x = (np.random.default_rng(4).random((32, 20, 5)) < 0.4).astype(np.uint8)
    chosen_on, other = calibrate(network, x[:16]), calibrate(network, x[16:])
    layer, wrong = network.layer("b"), {}
    for method in ("max", "spikes"):
        settings = QuantisationSettings(method, bits=3)
        found = integer_layer(layer, network.onto("b"), LOIHI2, settings, steps=20, calibration=chosen_on)
        wrong[method] = [layer_mismatch(found, run, LOIHI2).mean for run in (chosen_on, other)]
    assert wrong["spikes"][0] < wrong["max"][0]
    assert wrong["spikes"][1] < wrong["max"][1]
    assert any("choices of scales" in note for note in found.notes)


def test_the_search_needs_data():
    network = two_layers()
    with pytest.raises(ValueRangeError, match="calibration data"):
        integer_layer(network.layer("b"), network.onto("b"), LOIHI2, QuantisationSettings("spikes"), steps=10)


def test_neurons_that_never_or_always_fire_are_told_with_a_remedy():
    weight = np.array([[1.0, 1.0], [1e-4, 1e-4], [1.0, 0.0], [1.0, 1.0]])
    layer = ideal_layer(4, name="a", threshold=[0.5, 1.5e-4, 2.0, 1e9], decay=0.5, bias=[2.0, 0, 0, 0])
    network = IdealNetwork((IdealInput("input", (2,)),), (layer,), (ideal_synapses(weight, post="a"),), ("a",), 1e-3)
    run = calibrate(network, np.ones((2, 10, 2), int))
    assert run.sent["a"].mean((0, 1))[[0, 3]].tolist() == [1, 0]
    # a threshold of 1e9 would not fit into 17 bits beside the others: one that is never reached in its place
    layer = ideal_layer(4, name="a", threshold=[0.5, 1.5e-4, 2.0, np.inf], decay=0.5, bias=[2.0, 0, 0, 0])
    with pytest.raises(ValueRangeError, match="mantissa"):
        integer_layer(layer, network.synapses, LOIHI2, QuantisationSettings(), steps=10, calibration=run)
    layer = ideal_layer(4, name="a", threshold=[0.5, 1e-2, 2.5, np.inf], decay=0.5, bias=[2.0, 0, 0, 0])
    network = IdealNetwork(network.inputs, (layer,), network.synapses, ("a",), 1e-3)
    run = calibrate(network, np.ones((2, 10, 2), int))
    found = integer_layer(layer, network.synapses, LOIHI2, QuantisationSettings(), steps=10, calibration=run)
    text = "\n".join(found.notes)
    assert "a: 2 of 3 neurons (66.7%) never fire" in text and "a: 1 of 3 neurons (33.3%) always fire" in text
    assert text.count("in float, too; train them, or leave them out") == 2
    assert "cannot spike within 10 steps" in text


@pytest.mark.slow
def test_braille_float_networks(shared):
    """Accuracies measured with snnTorch's rule before (zero reset) and with plain subtraction: 0.9637 and 0.9732."""
    for kind, accuracy in (("zero", 0.9637), ("subtract", 0.9732)):
        network, x, y = braille(shared, kind)
        spikes = calibrate(network, x).sent["lif2"]
        assert np.mean(spikes.sum(1).argmax(1) == y) == pytest.approx(accuracy, abs=6e-5)


def test_samples_in_parts_are_the_same_run(monkeypatch):
    network = two_layers()
    x = (np.random.default_rng(6).random((7, 12, 5)) < 0.4).astype(np.uint8)
    whole = calibrate(network, x)
    layer = integer_layer(network.layer("b"), network.onto("b"), LOIHI2, QuantisationSettings(bits=4), steps=12)
    expected = layer_mismatch(layer, whole, LOIHI2)
    monkeypatch.setattr("neurotrain_hw.compiler.calibrate._ELEMENTS", 100)
    parts = calibrate(network, x)
    for name in ("a", "b"):
        assert np.array_equal(parts.sent[name], whole.sent[name])
        assert np.array_equal(parts.peaks[name].membrane, whole.peaks[name].membrane)
    found = layer_mismatch(layer, parts, LOIHI2)
    assert np.allclose(found.wrong, expected.wrong, rtol=1e-12) and np.array_equal(found.rate, expected.rate)
