"""Exact counts of what the chip would do, per connection and per population."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class ConnectionCounts:
    """Events on one connection over a run.

    `spike_events`, `graded_events`: one per stored synapse that receives a spike or a graded value, counted in the
    step in which it is sent. Stored are all weights of a dense connection, those that are not 0 of a sparse one, and of
    a convolution each pair of an output neuron and a tap of the kernel that the event reaches.
    `weight_updates_proposed`: synapses visited at learning epochs whose rule gives a change that is not 0 before
    rounding; of these, `applied` change the stored weight, `rounded_away` leave it as it was through rounding,
    `saturated` were held back, wholly or in part, by the weight's range. `trace_updates`: pre and post traces read and
    written at epochs, one per neuron and trace that is not 0 or receives an impulse. `random_numbers`: random numbers
    that the learning engine draws.
    """

    spike_events: int = 0
    graded_events: int = 0
    weight_updates_proposed: int = 0
    weight_updates_applied: int = 0
    weight_updates_rounded_away: int = 0
    weight_updates_saturated: int = 0
    trace_updates: int = 0
    random_numbers: int = 0

    @property
    def synaptic_events(self) -> int:
        """Spike and graded events together."""
        return self.spike_events + self.graded_events


@dataclass(frozen=True)
class PopulationCounts:
    """Events in one population over a run.

    `updates_active`: neuron updates with something to do: what arrives in this step sums to something but 0, or the
    neuron has a bias, or a state variable that differs from its initial value when the step begins; `updates_idle`:
    all others. Together they are steps x neurons. `spikes`: spikes or graded values sent, whatever number of cores they
    go to; `spikes_on_core`, `spikes_off_core`: deliveries, one for each core that holds a target of the spike (None
    without a placement).

    What a modulator (`program.Modulator`) costs: `signal_updates`, one per neuron and step; `signal_multiplications`
    and `signal_additions`, as `Modulator.operations` counts them; `third_factors`, the updates whose M is not 0;
    `random_numbers` for noise. What is fed back through synapses counts as events of its connection.
    """

    updates_active: int = 0
    updates_idle: int = 0
    spikes: int = 0
    spikes_on_core: int | None = None
    spikes_off_core: int | None = None
    signal_updates: int = 0
    signal_multiplications: int = 0
    signal_additions: int = 0
    third_factors: int = 0
    random_numbers: int = 0


@dataclass(frozen=True)
class Counters:
    """Counts of a run over `steps` steps, by connection and by population name."""

    steps: int
    connections: Mapping[str, ConnectionCounts] = field(default_factory=dict)
    populations: Mapping[str, PopulationCounts] = field(default_factory=dict)

    @property
    def synaptic_events(self) -> int:
        """All synaptic events of the run."""
        return sum(c.synaptic_events for c in self.connections.values())

    def as_dict(self) -> dict[str, object]:
        """Plain numbers, for JSON."""
        return {
            "steps": self.steps,
            "connections": {k: _plain(v) for k, v in self.connections.items()},
            "populations": {k: _plain(v) for k, v in self.populations.items()},
        }

    @staticmethod
    def from_dict(document: Mapping[str, Any]) -> Counters:
        """Counters from what `as_dict` gave."""
        return Counters(
            document["steps"],
            {k: ConnectionCounts(**v) for k, v in document["connections"].items()},
            {k: PopulationCounts(**v) for k, v in document["populations"].items()},
        )

    @staticmethod
    def total(parts: Iterable[Counters]) -> Counters:
        """The sum over several runs of the same program."""
        runs = list(parts)
        return Counters(
            sum(r.steps for r in runs),
            {k: ConnectionCounts(**_sum([r.connections[k] for r in runs])) for k in runs[0].connections},
            {k: PopulationCounts(**_sum([r.populations[k] for r in runs])) for k in runs[0].populations},
        )


def _plain(counts: ConnectionCounts | PopulationCounts) -> dict[str, int | None]:
    return {f.name: getattr(counts, f.name) for f in fields(counts)}


def _sum(counts: list[ConnectionCounts] | list[PopulationCounts]) -> dict[str, int]:
    rows = [_plain(c) for c in counts]
    return {k: None if any(r[k] is None for r in rows) else sum(r[k] or 0 for r in rows) for k in rows[0]}  # type: ignore[misc]
