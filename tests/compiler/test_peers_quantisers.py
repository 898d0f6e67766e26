"""Networks of the shapes on which other quantisers fail silently: ours keeps weights, loops and biases right."""

from __future__ import annotations

import numpy as np
import pytest
from ideal_networks import ideal_layer, ideal_synapses

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler.ideal import ConvGeometry
from neurotrain_hw.compiler.integer_layer import integer_layer
from neurotrain_hw.compiler.integers import IntegerLayer, IntegerSynapses
from neurotrain_hw.compiler.settings import QuantisationSettings

LOIHI2 = load_chip("loihi2")


def of_threshold(layer: IntegerLayer, synapses: IntegerSynapses) -> np.ndarray:
    """What one spike adds to the membrane, as a share of the threshold."""
    added = synapses.q.astype(float) * synapses.grid * 2.0**synapses.weight_exp
    return added / layer.vth.reshape(added.shape[0], -1)[:, :1].reshape(-1, *(1,) * (added.ndim - 1))


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_sinabs_all_144_weights_of_an_integrator_without_a_floor_become_zero(reset):
    """sinabs takes the missing lower limit for a threshold of -32768 and zeroes a layer without a word."""
    kernel = np.random.default_rng(0).normal(0, 0.2, (16, 1, 3, 3))
    layer = ideal_layer(16 * 64, shape=(16, 8, 8), threshold=1.0, reset=reset)
    found = integer_layer(
        layer, (ideal_synapses(kernel, conv=ConvGeometry(padding=(1, 1))),), LOIHI2, QuantisationSettings(), steps=50
    )
    (s,) = found.synapses
    assert np.count_nonzero(s.q) >= 140 and kernel.size == 144
    exact = np.abs(kernel).max() / found.vth.min()  # thresholds of whole membranes are rounded down, which is exact
    assert np.abs(of_threshold(found, s) - kernel).max() <= 0.51 * np.abs(kernel).max() / 127 + exact


def rockpool_network(output_threshold: float) -> tuple[IntegerLayer, IntegerLayer]:
    """4 inputs, 8 neurons with a loop, 2 outputs with biases: time constants and sizes of a small Xylo network."""
    rng = np.random.default_rng(1)
    leaks = {"decay": 0.9, "current_decay": 0.8}
    hidden = ideal_layer(8, name="hidden", threshold=1.0, **leaks)
    output = ideal_layer(2, name="out", threshold=output_threshold, bias=[0.05, -0.2], **leaks)
    into = ideal_synapses(rng.normal(0, 0.5, (8, 4)), name="w_in", post="hidden")
    loop = ideal_synapses(rng.normal(0, 0.3, (8, 8)), name="w_rec", pre="hidden", post="hidden", latency=1)
    out = ideal_synapses(rng.normal(0, 0.4, (2, 8)), name="w_out", pre="hidden", post="out")
    settings = QuantisationSettings()
    return (
        integer_layer(hidden, (into, loop), LOIHI2, settings, steps=100),
        integer_layer(output, (out,), LOIHI2, settings, steps=100),
    )


def test_rockpool_an_outputs_threshold_rescales_the_hidden_layers_loop():
    """global_quantize turns max |w_rec| 61 into 12 while the hidden thresholds stay."""
    usual, large = rockpool_network(1.0), rockpool_network(400.0)
    for first, second in zip(usual[0].synapses, large[0].synapses, strict=True):
        assert np.array_equal(first.q, second.q) and first.weight_exp == second.weight_exp
    assert np.array_equal(usual[0].vth, large[0].vth)
    for hidden, output in (usual, large):
        for layer in (hidden, output):
            for s in layer.synapses:
                wanted = s.source.weight / layer.source.threshold[:, None]
                step = s.scale[:, None] / layer.source.threshold[:, None]
                assert np.all(np.abs(of_threshold(layer, s) - wanted) <= 0.51 * step + 1e-3 * np.abs(wanted))


def test_rockpool_biases_of_the_output_take_the_hidden_layers_scale():
    """bias_out became [0 0] where 29 was right."""
    for _, output in (rockpool_network(1.0), rockpool_network(400.0)):
        bias = output.bias_mant * 2.0**output.bias_exp / (output.vth * 64)
        wanted = output.source.bias / output.source.threshold
        assert np.all(output.bias_mant != 0)
        assert np.allclose(bias, wanted, rtol=5e-3)
