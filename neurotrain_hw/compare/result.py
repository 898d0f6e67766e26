"""What a comparison found: runs, pairs of them, number formats, and what each effect costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neurotrain_hw.compare.attribution import Attribution
from neurotrain_hw.compare.formats import Filling
from neurotrain_hw.compare.pairs import Pair


@dataclass(frozen=True)
class RunRow:
    """One run: what it is, on how many recordings, its accuracy (None without labels), spikes of all its layers."""

    run: str
    title: str
    samples: int
    accuracy: float | None
    spikes: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """What was found. `departures`: by layer, in words, where the chip's neuron is not the source's.

    `emulator_differs`: spikes and states in which the emulator with all effects is not the simulator; 0, or the
    attribution is not to be trusted.
    """

    network: str
    chip: str
    steps: int
    samples: int
    runs: tuple[RunRow, ...]
    pairs: tuple[Pair, ...]
    fillings: tuple[Filling, ...]
    attribution: Attribution | None
    departures: Mapping[str, tuple[str, ...]]
    emulator_differs: int
    notes: tuple[str, ...]

    def pair(self, a: str, b: str) -> Pair:
        """The pair of two runs; KeyError where they were not compared."""
        found = [pair for pair in self.pairs if (pair.a, pair.b) == (a, b)]
        if not found:
            raise KeyError((a, b))
        return found[0]

    def accuracy(self, run: str) -> float | None:
        """The accuracy of a run; None without labels, or where it was not run."""
        return next((row.accuracy for row in self.runs if row.run == run), None)

    @property
    def loss(self) -> float | None:
        """Points of accuracy from the best of source and reference to the integers."""
        chip = self.accuracy("chip")
        floats = [a for a in (self.accuracy("source"), self.accuracy("reference")) if a is not None]
        return None if chip is None or not floats else 100 * (max(floats) - chip)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON and the report."""
        return {
            "network": self.network, "chip": self.chip, "steps": self.steps, "samples": self.samples,
            "runs": [vars(row) for row in self.runs], "loss": self.loss,
            "pairs": [pair.as_dict() for pair in self.pairs],
            "formats": [filling.as_dict() for filling in self.fillings],
            "attribution": None if self.attribution is None else self.attribution.as_dict(),
            "departures": {name: list(words) for name, words in self.departures.items()},
            "emulator_differs": self.emulator_differs, "notes": list(self.notes),
        }  # fmt: skip
