"""Bits for each connection under a memory budget."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from graphs import chain
from ideal_networks import ideal_layer, ideal_synapses

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler import compile_graph
from neurotrain_hw.compiler.calibrate import calibrate
from neurotrain_hw.compiler.ideal import IdealInput, IdealNetwork
from neurotrain_hw.compiler.mixed import mixed_bits, with_bits
from neurotrain_hw.compiler.settings import QuantisationSettings
from neurotrain_hw.errors import CapacityError
from neurotrain_hw.memory import with_budget
from neurotrain_hw.memory.fill import fits
from neurotrain_hw.memory.layout import layout_of

LOIHI2 = load_chip("loihi2")
SIZES = (20, 16, 8)


def network_and_layout():
    """20-16-8, trained in floats: the second layer's weights are coarse, with three values."""
    graph = chain(SIZES, bits=None, seed=3)
    graph.nodes["l2_weights"].weight[:] = np.sign(graph.nodes["l2_weights"].weight) * 0.3
    layers = tuple(ideal_layer(n, name=f"l{k}", decay=0.9) for k, n in enumerate(SIZES[1:], 1))
    synapses = tuple(
        ideal_synapses(graph.nodes[f"l{k}_weights"].weight, name=f"l{k}_weights", pre=pre, post=f"l{k}")
        for k, pre in ((1, "input"), (2, "l1"))
    )
    network = IdealNetwork((IdealInput("input", (20,)),), layers, synapses, ("l2",), 1e-3)
    return network, layout_of(compile_graph(graph, LOIHI2, steps=20))


def weight_bytes(bits: dict[str, int]) -> float:
    return (bits["l1_weights"] * 20 * 16 + bits["l2_weights"] * 16 * 8) / 8


@pytest.mark.parametrize("budget", [448, 330, 250, 130, 112])
@pytest.mark.parametrize("data", [False, True])
def test_bits_fit_the_budget_and_not_one_more_would(budget, data):
    network, layout = network_and_layout()
    x = (np.random.default_rng(0).random((8, 20, 20)) < 0.3).astype(int)
    run = calibrate(network, x) if data else None
    found = mixed_bits(
        network, layout, LOIHI2, QuantisationSettings("mse"), steps=20, calibration=run, budget_bytes=budget
    )
    assert weight_bytes(found.bits) <= budget
    for name in found.bits:
        if found.bits[name] < 8:
            assert weight_bytes({**found.bits, name: found.bits[name] + 1}) > budget
    choices = [
        dict(zip(found.bits, bits, strict=True))
        for bits in product(range(2, 9), repeat=2)
        if weight_bytes(dict(zip(found.bits, bits, strict=True))) <= budget
    ]
    best = min(sum(found.errors[name][b] for name, b in bits.items()) for bits in choices)
    uniform = max(b for b in range(2, 9) if weight_bytes(dict.fromkeys(found.bits, b)) <= budget)
    error = sum(found.errors[name][b] for name, b in found.bits.items())
    assert best <= error <= sum(found.errors[name][uniform] for name in found.bits) + 1e-12
    assert any("bits (" in note for note in found.notes)


def test_weights_that_need_few_bits_give_theirs_up_first():
    network, layout = network_and_layout()
    found = mixed_bits(network, layout, LOIHI2, QuantisationSettings("mse"), steps=20, budget_bytes=352)
    assert found.bits["l2_weights"] == 2  # one magnitude: two bits lose nothing
    assert found.bits["l1_weights"] == 8


def test_the_chips_own_memory_is_the_budget_otherwise():
    network, layout = network_and_layout()
    free = mixed_bits(network, layout, LOIHI2, QuantisationSettings(), steps=20)
    assert set(free.bits.values()) == {8}
    small = with_budget(LOIHI2, 130)  # bytes per core, and all 128 cores
    found = mixed_bits(network, layout, small, QuantisationSettings(), steps=20)
    assert fits(with_bits(layout, found.bits), small, 1)


def test_what_does_not_fit_with_the_fewest_bits_is_refused_with_numbers():
    network, layout = network_and_layout()
    with pytest.raises(CapacityError, match=r"need 112 bytes of weights, limit 100 bytes") as caught:
        mixed_bits(network, layout, LOIHI2, QuantisationSettings(), steps=20, budget_bytes=100)
    assert [row.need for row in caught.value.table] == [80, 32]
