"""A run of the simulator against the literal reference: every spike, state and count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from programs import Network
from reference import Reference

from neurotrain_hw.program import Program
from neurotrain_hw.simulator import Run, simulate


def expect_agreement(network: Network) -> None:
    """Spikes, states and counts of the simulator are those of the reference."""
    reference = Reference(network.program).run(network.inputs, network.steps)
    run = simulate(network.program, network.streams, steps=network.steps, record=network.variables)
    compare(network.program, reference, run, network.variables, network.steps)


def compare(program: Program, reference: Reference, run: Run, names: Sequence[str], steps: int) -> None:
    for name in names:
        population, _, part = name.rpartition(".")
        actual = run.spikes[population].dense() if part == "spikes" else run.states[name]
        kind = program.population(population).kind
        np.testing.assert_array_equal(actual, np.array(reference.log[name]), err_msg=f"{name} ({kind})")
    for c in program.connections:
        counts = run.counters.connections[c.name]
        expected = (0, reference.events[c.name]) if c.num_message_bits else (reference.events[c.name], 0)
        assert (counts.spike_events, counts.graded_events) == expected, f"events of {c.name} ({c.kind})"
    for p in program.populations:
        counts = run.counters.populations[p.name]
        assert counts.spikes == np.count_nonzero(reference.log[f"{p.name}.spikes"]), f"spikes of {p.name}"
        assert counts.updates_active == reference.active[p.name], f"active updates of {p.name} ({p.kind})"
        m = p.modulator
        expected = (0, 0) if m is None else (steps * p.n, reference.thirds[p.name])
        assert (counts.signal_updates, counts.third_factors) == expected, f"third factors of {p.name}"
        assert counts.random_numbers == (steps * p.n if m is not None and m.beside == "noise" else 0)
        assert counts.updates_active + counts.updates_idle == (0 if p.kind == "input" else steps * p.n)
