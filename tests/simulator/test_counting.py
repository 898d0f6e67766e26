"""Where spikes go: one delivery for each core that holds a target, on the neuron's own core or off it."""

from __future__ import annotations

import numpy as np

from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Connection, CoreSlice, Population, Program
from neurotrain_hw.simulator import simulate


def test_deliveries_by_core() -> None:
    lif = {"du": 4095, "dv": 4096, "vth": 1, "bias_mant": 0, "bias_exp": 0}
    populations = (
        Population("in", "input", (4,)),
        Population("h", "lif", (4,), lif),
        Population("o", "lif", (2,), lif),
    )
    one_to_one = (np.eye(4) * 100).astype(np.int16)
    connections = (
        Connection("a", "sparse", "in", "h", one_to_one, sign_mode="mixed"),
        Connection("b", "dense", "h", "o", np.full((2, 4), 2, np.int16), sign_mode="mixed"),
    )
    placement = (CoreSlice("h", 0, 1, 0, 0), CoreSlice("h", 1, 4, 0, 1), CoreSlice("o", 0, 2, 0, 1))
    program = Program("cores", populations, connections, ("o",), placement=placement)
    spikes = np.zeros((5, 4), np.int32)
    spikes[0], spikes[1, 0], spikes[2, 3] = 1, 1, 1
    run = simulate(program, {"in": EventStream.from_dense(spikes)}, steps=5, record=["h.spikes"])
    assert run.spikes["h"].counts().tolist() == [2, 1, 1, 2]
    counts = run.counters.populations
    assert (counts["in"].spikes_on_core, counts["in"].spikes_off_core) == (0, 6)
    assert (counts["h"].spikes_on_core, counts["h"].spikes_off_core) == (1 + 1 + 2, 2)
    assert (counts["o"].spikes_on_core, counts["o"].spikes_off_core) == (0, 0)
