"""From raw counts of the kernels to named counters; where spikes go, on core and off."""

from __future__ import annotations

from neurotrain_hw.program import Modulator, Program
from neurotrain_hw.program.deliveries import deliveries
from neurotrain_hw.simulator.counters import ConnectionCounts, Counters, PopulationCounts
from neurotrain_hw.simulator.layout import I64
from neurotrain_hw.simulator.state import State
from neurotrain_hw.simulator.tables import C_EVENTS, P_ACTIVE, P_IDLE, P_SPIKES, P_THIRDS

_COUNTED = [P_ACTIVE, P_IDLE, P_SPIKES, P_THIRDS]


def collect_counters(program: Program, state: State, *, learn: bool) -> Counters:
    """The counters of a run so far."""
    populations, steps = {}, state.step
    counted, sent = state.populations[:, _COUNTED].tolist(), state.connections[:, C_EVENTS].tolist()
    for k, p in enumerate(program.populations):
        on, off = _deliveries(program, p.name, state.spikes(k)) if program.placement else (None, None)
        active, idle, spikes, thirds = counted[k]
        signal = {} if p.modulator is None else _signal(p.modulator, p.n * steps, thirds)
        populations[p.name] = PopulationCounts(active, idle, spikes, on, off, **signal)
    connections, rule = {}, 0
    for k, c in enumerate(program.connections):
        events, graded = sent[k], c.num_message_bits > 0
        learning: dict[str, int] = {}
        if c.plasticity is not None:
            if learn:
                proposed, applied, rounded, saturated, traces, drawn = (int(n) for n in state.learning[rule])
                if c.plasticity.rounding == "shared":
                    drawn = steps // c.plasticity.t_epoch
                learning = {
                    "weight_updates_proposed": proposed, "weight_updates_applied": applied,
                    "weight_updates_rounded_away": rounded, "weight_updates_saturated": saturated,
                    "trace_updates": traces, "random_numbers": 8 * steps + drawn,
                }  # fmt: skip
            rule += 1
        connections[c.name] = ConnectionCounts(0 if graded else events, events if graded else 0, **learning)
    return Counters(steps, connections, populations)


def _signal(modulator: Modulator, updates: int, thirds: int) -> dict[str, int]:
    """What a modulator cost in so many updates of neurons."""
    multiplications, additions = modulator.operations
    return {
        "signal_updates": updates, "signal_multiplications": multiplications * updates,
        "signal_additions": additions * updates, "third_factors": thirds,
        "random_numbers": updates if modulator.beside == "noise" else 0,
    }  # fmt: skip


def _deliveries(program: Program, population: str, spikes: I64) -> tuple[int, int]:
    """Spikes of a population delivered to its own core and to others: one delivery per core that holds a target."""
    found = deliveries(program, population)
    return int(spikes[found.home].sum()), int((spikes * (found.cores - found.home)).sum())
