"""Random networks of every kind through Lava itself: no spike and no state differs in any step.

Lava takes about a second to start and one process for each population and connection, so that many networks run side
by side, as one program whose parts do not touch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from programs import KINDS, random_network, side_by_side
from reference import Reference

from neurotrain_hw import lava
from neurotrain_hw.simulator import simulate

pytestmark = pytest.mark.usefixtures("quick_lava")

STEPS = 25
TOGETHER = 10


def test_ten_networks_agree(lava_python: Path) -> None:
    expect_agreement_with_lava(range(TOGETHER), lava_python)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(TOGETHER, 210, TOGETHER))
def test_two_hundred_networks_agree(first: int, lava_python: Path) -> None:
    expect_agreement_with_lava(range(first, first + TOGETHER), lava_python)


def test_the_networks_hold_every_kind_at_work() -> None:
    """The comparisons above would be empty if neurons of some kind hardly ever sent anything."""
    found, sending, connections = {}, {}, {}
    for seed in range(100):
        network = random_network(seed, lava=True, steps=STEPS)
        reference = Reference(network.program).run(network.inputs, network.steps)
        for p in network.program.populations:
            found[p.kind] = found.get(p.kind, 0) + 1
            sending[p.kind] = sending.get(p.kind, 0) + bool(np.any(reference.log[f"{p.name}.spikes"]))
        for c in network.program.connections:
            connections[c.kind] = connections.get(c.kind, 0) + (reference.events[c.name] > 0)
    assert set(found) == {"input", *KINDS} - {"lif_refractory"}
    for kind, count in found.items():
        assert sending[kind] >= max(5, count // 4), kind
    assert len(connections) == 5 and min(connections.values()) >= 20


def expect_agreement_with_lava(seeds: range, python: Path) -> None:
    networks = {seed: random_network(seed, lava=True, prefix=f"n{seed}_", steps=STEPS) for seed in seeds}
    whole = side_by_side(networks.values())
    theirs = lava.simulate(whole.program, whole.streams, steps=STEPS, record=whole.variables, python=python)
    for seed, network in networks.items():
        ours = simulate(network.program, network.streams, steps=STEPS, record=network.variables)
        for name in network.variables:
            population, _, part = name.rpartition(".")
            kind = network.program.population(population).kind
            actual = ours.spikes[population].dense() if part == "spikes" else ours.states[name]
            expected = theirs.spikes[population].dense() if part == "spikes" else theirs.states[name]
            np.testing.assert_array_equal(actual, expected, err_msg=f"seed {seed}: {name} ({kind})")
