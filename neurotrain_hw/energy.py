"""Energy: counts of events times a chip's figures, term by term, and what is unknown about it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from neurotrain_hw.chips import Chip, Figure, load_chip

if TYPE_CHECKING:
    from neurotrain_hw.simulator.counters import Counters

COVERS = "dynamic energy of the counted events; static power, synchronisation and input from off the chip lie outside"
"""What an `Energy` is the energy of."""

State = Literal["known", "missing", "included", "no events"]

_SUMMABLE = ("per-term", "affine")
# Term, what it is in words, the figure it takes.
_TERMS = (
    ("synaptic_op", "synaptic operation", "energy.synop_pj"),
    ("graded_synaptic_op", "graded synaptic operation", "energy.graded_synop_pj"),
    ("neuron_active", "active neuron update", "energy.neuron_active_pj"),
    ("neuron_idle", "idle neuron update", "energy.neuron_inactive_pj"),
    ("spike_on_core", "spike within the core", "energy.spike_in_tile_pj"),
    ("spike_off_core", "spike to another core", "energy.spike_off_core_pj"),
    ("weight_update", "weight update", "energy.synaptic_update_pj"),
    ("trace_update", "trace update", "energy.trace_update_pj"),
    ("random_number", "random number", "energy.random_number_pj"),
)


@dataclass(frozen=True)
class Term:
    """One term: `count` events (None: not counted) times `pj` picojoules each (None: unknown).

    `energy_pj` is their product, None if either is unknown; `included` says that other figures of the chip contain
    this term already. `scope` is the chip file's: figures of scope `all-in` or `unpublished` are never summed.
    """

    name: str
    label: str
    count: int | None
    pj: float | None
    energy_pj: float | None
    source: str
    status: str
    scope: str
    included: bool = False
    note: str = ""

    @property
    def state(self) -> State:
        """`missing` if events happened, or may have, whose energy is unknown."""
        if self.included:
            return "included"
        if self.energy_pj is not None:
            return "known"
        return "no events" if self.count == 0 else "missing"


@dataclass(frozen=True)
class Energy:
    """The energy of a run on a chip, by term.

    `chip`: id of the chip that the run is for; `figures_of`: id of the chip whose figures were taken; `label` says
    so in words; `basis`: how the figures came about. `outside`: the chip's other energy figures (static power, all-in
    figures, ...), which are no terms of the sum; `covers`: what the sum is the energy of.
    """

    chip: str
    figures_of: str
    label: str
    terms: tuple[Term, ...]
    outside: tuple[Figure, ...]
    basis: str = ""
    covers: str = COVERS

    @property
    def missing(self) -> tuple[str, ...]:
        """Labels of the terms whose energy is unknown though their events happened, or may have."""
        return tuple(t.label for t in self.terms if t.state == "missing")

    @property
    def total_pj(self) -> float | None:
        """The sum in picojoules; None if any term is missing."""
        return None if self.missing else self.known_pj

    @property
    def known_pj(self) -> float | None:
        """The sum of the known terms in picojoules, a lower bound if any is missing; None if no term is known."""
        known = [t.energy_pj for t in self.terms if t.energy_pj is not None]
        return math.fsum(known) if known else None

    @property
    def summary(self) -> str:
        """The sum in one line, with what is missing."""
        if self.known_pj is None:
            return f"unknown ({self.label}): no figure is published for {_listed(self.missing)}"
        if self.missing:
            return f"at least {format_pj(self.known_pj)} ({self.label}); missing: {_listed(self.missing)}"
        return f"{format_pj(self.known_pj)} ({self.label})"

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return {
            "chip": self.chip,
            "figures_of": self.figures_of,
            "label": self.label,
            "basis": self.basis,
            "covers": self.covers,
            "total_pj": self.total_pj,
            "known_pj": self.known_pj,
            "known_is_lower_bound": bool(self.missing),
            "missing": list(self.missing),
            "terms": [asdict(t) | {"state": t.state} for t in self.terms],
            "outside": [{"key": f.key, "value": f.plain, "source": f.source, "status": f.status} for f in self.outside],
        }


def estimate(counters: Counters, chip: Chip, *, subject: Chip | None = None) -> Energy:
    """The energy of a run, as `chip`'s figures tell it; a missing figure gives a missing term, never zero.

    `subject` is the chip that the run is for, if it is another one: the label then says that the figures are not
    its own. Rules: per-term figures may be summed, all-in figures (chip power over event rate) may not.
    """
    subject = subject or chip
    own = subject.id == chip.id
    label = f"figures of {chip.name}" if own else f"{chip.name} figures, not {subject.name}'s"
    scope = chip.text("energy.scope") or "unknown"
    included = chip.texts("energy.included_terms") or ()
    counts = _counts(counters)
    terms = tuple(
        _term(chip, scope, name, words, counts[name], key, included=name in included) for name, words, key in _TERMS
    )
    taken = {key for _, _, key in _TERMS} if scope in _SUMMABLE else set()
    outside = tuple(
        f for f in chip.figures.values()
        if f.key.startswith("energy.") and f.key not in taken and f.known and not isinstance(f.value, str)
        and f.key != "energy.included_terms"
    )  # fmt: skip
    return Energy(subject.id, chip.id, label, terms, outside, chip.text("energy.basis") or "")


def proxy(counters: Counters, chip: Chip) -> Energy | None:
    """What another chip's figures give, where the chip file names one (`energy.proxy`), labelled as not this chip's.

    To be shown beside `estimate(counters, chip)`, never in its place.
    """
    other = chip.text("energy.proxy")
    return None if other is None else estimate(counters, load_chip(other), subject=chip)


def format_pj(energy_pj: float) -> str:
    """Picojoules in a readable unit, three digits: `23.6 pJ`, `1.45 mJ`."""
    for unit, size in (("J", 1e12), ("mJ", 1e9), ("uJ", 1e6), ("nJ", 1e3)):
        if abs(energy_pj) >= size:
            return f"{energy_pj / size:.3g} {unit}"
    return f"{energy_pj:.3g} pJ"


def _term(chip: Chip, scope: str, name: str, words: str, count: int | None, key: str, *, included: bool) -> Term:
    figure = chip.figure(key)
    summable = scope in _SUMMABLE
    pj = chip.number(key) if summable and not included else None
    energy_pj = count * pj if count is not None and pj is not None else None
    note = _note(chip, name, count, figure, summable=summable, included=included)
    return Term(name, words, count, pj, energy_pj, figure.source, figure.status, scope, included, note)


def _note(chip: Chip, name: str, count: int | None, figure: Figure, *, summable: bool, included: bool) -> str:
    notes = []
    if included:
        notes.append("contained in the other figures of this chip")
    elif figure.known and not summable:
        notes.append(f"its figure {figure.value} pJ is not one that may be summed")
    if count is None:
        notes.append("not counted: the program has no placement")
    if name == "spike_off_core" and not figure.known and not included:
        notes.append("depends on the hops between cores, which are not counted")
    if name == "weight_update" and count:
        notes.append("synapses whose change is 0 before rounding are not counted")
        if about := chip.text("energy.synaptic_update_note"):
            notes.append(about)
    return "; ".join(notes)


def _counts(counters: Counters) -> dict[str, int | None]:
    connections, populations = counters.connections.values(), counters.populations.values()
    return {
        "synaptic_op": sum(c.spike_events for c in connections),
        "graded_synaptic_op": sum(c.graded_events for c in connections),
        "neuron_active": sum(p.updates_active for p in populations),
        "neuron_idle": sum(p.updates_idle for p in populations),
        "spike_on_core": _sum(p.spikes_on_core for p in populations),
        "spike_off_core": _sum(p.spikes_off_core for p in populations),
        "weight_update": sum(c.weight_updates_proposed for c in connections),
        "trace_update": sum(c.trace_updates for c in connections),
        "random_number": sum(c.random_numbers for c in connections),
    }


def _sum(counts: Iterable[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


def _listed(labels: Iterable[str]) -> str:
    return ", ".join(labels) or "any event"
