"""Real recordings: the convolutional network of the NIR paper on N-MNIST, with neurons of several frameworks."""

from __future__ import annotations

from dataclasses import replace

import nir
import numpy as np
import pytest

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compare import compare
from neurotrain_hw.compiler.lower import lower
from neurotrain_hw.data import Recordings
from neurotrain_hw.interchange import read_nir

RULES = {
    "multi": {},
    "zero": {"reset": "zero", "threshold": "above", "floor": "none"},
    "spyx": {"reset": "subtract_delayed", "threshold": "above", "floor": "none", "decided": "before"},
}
STEPS = 30


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_the_emulator_is_reference_and_simulator_at_its_ends(shared, rule):
    """Kernels, sum pooling, and counts of spikes: 0 differing, whatever the neuron."""
    folder = shared / "data/nir/cnn_sinabs_nmnist"
    graph = read_nir(folder / "cnn_sinabs.nir", dialect="sinabs")
    nodes = {
        name: replace(graph.meaning.node(name), **RULES[rule]) if isinstance(node, nir.IF) else graph.meaning.node(name)
        for name, node in graph.nodes.items()
    }
    graph = replace(graph, meaning=replace(graph.meaning, nodes=nodes))
    x = np.load(folder / "cnn_numbers_rebuilt.npz", allow_pickle=False)["x"][:STEPS, 3:5]
    chip = load_chip("loihi2")
    lowered = lower(graph, chip, steps=STEPS, nearest=True, input_bits=int(x.max()).bit_length())
    found = compare(graph, lowered, chip, Recordings(np.ascontiguousarray(np.moveaxis(x, 1, 0))), attribute=False)
    pair = found.pair("reference", "equations")
    assert list(pair.layers) == ["1", "3", "6", "10", "12"]  # from the input on
    assert pair.layers["1"].spikes_a > 300 and sum(t.differing for t in pair.layers.values()) == 0
    assert found.emulator_differs == 0
    assert bool(found.departures) == (rule != "zero")
