"""The lessons of a course: on the chip, its float twin, and the control, each as plain values for its file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.data import Splits
from neurotrain_hw.errors import FormatError
from neurotrain_hw.learn.learned import learned_program
from neurotrain_hw.learn.settings import LearnSettings, network_for
from neurotrain_hw.onchip import (
    Lesson,
    OnChipNetwork,
    Start,
    TwinLesson,
    accuracy,
    build_program,
    target_levels,
    teach,
    teach_twin,
)
from neurotrain_hw.onchip.updates import layer_updates
from neurotrain_hw.program import Program
from neurotrain_hw.program.file import load_program, save_program
from neurotrain_hw.rules import Rule
from neurotrain_hw.simulator import Session

Kind = Literal["chip", "twin", "control"]
Progress = Callable[[int, float], None]
TWIN_RATES = (1.0, 0.25)
"""The twin takes the rate at which its validation accuracy is the higher, as the chip's constants were chosen."""


class Teacher:
    """Holds lessons with the settings of one course."""

    def __init__(self, settings: LearnSettings, rules: tuple[Rule, Rule], chip: Chip, data: Splits) -> None:
        self.settings, self.rules, self.chip, self.data = settings, rules, chip, data

    def network(self, start: Start = "random") -> OnChipNetwork:
        """The constants of the network that learns, or of the control."""
        return network_for(self.settings, self.rules[0], self.data, start)

    def program(self, seed: int, start: Start = "random") -> Program:
        """The learning program, or that of the control, on the chip."""
        return build_program(
            self.network(start), *self.rules, self.chip, seed=seed, start=start, weight_bits=self.settings.weight_bits,
            rounding=self.settings.rounding,
        )  # fmt: skip

    def hold(self, kind: Kind, seed: int, *, progress: Progress, checkpoint: Path, learned: Path) -> dict[str, Any]:
        """One lesson as it is kept. `learned`: where the network of a lesson on the chip is written."""
        if kind == "twin":
            return self._twin(seed, progress)
        lesson = teach(
            self.program(seed, "readout" if kind == "control" else "random"), self._levels, self.data, seed=seed,
            epochs=self._epochs, patience=self.settings.patience, progress=progress, checkpoint=checkpoint,
        )  # fmt: skip
        found = _figures(lesson) | {"updates": [asdict(row) for row in layer_updates(lesson.program, lesson.counters)]}
        if kind == "chip":
            found |= {"notes": self._save(lesson, learned), "program": learned.name}
            found |= {"counters": lesson.counters.as_dict(), "weights": _histograms(lesson)}
        return found

    def _twin(self, seed: int, progress: Progress) -> dict[str, Any]:
        program, tried = self.program(seed), []
        for rate in TWIN_RATES:
            lesson = teach_twin(
                program, self._levels, self.data, seed=seed, epochs=self._epochs, patience=self.settings.patience,
                progress=progress, rate=rate,
            )  # fmt: skip
            tried.append((lesson, rate))
        lesson, rate = max(tried, key=lambda one: one[0].validation[one[0].best])
        return _figures(lesson) | {"rate": rate}

    def _save(self, lesson: Lesson, path: Path) -> list[str]:
        """Write the network that learned, read it back, and make sure that it answers as it did; its notes."""
        name = f"{self.rules[0].name}-{self.data.name}-seed{lesson.seed}"
        save_program(learned_program(lesson.program, lesson.weights, self.chip, name=name), path)
        loaded = load_program(path)
        outputs = [f"{output}.spikes" for output in loaded.outputs]
        reached = accuracy(Session(loaded, record=outputs), self.data.test)
        if reached != lesson.test:
            raise FormatError(
                f"loaded again it reaches {reached:.2%} on the test samples, and {lesson.test:.2%} as it learned",
                where=str(path), remedy="This is a fault of neurotrain-hw; please report it.",
            )  # fmt: skip
        return list(loaded.notes)

    @property
    def _epochs(self) -> int:
        return self.settings.epochs or 0

    @property
    def _levels(self) -> npt.NDArray[np.int32]:
        return target_levels(self.network(), self.rules[1])


def _figures(lesson: Lesson | TwinLesson) -> dict[str, Any]:
    return {
        "seed": lesson.seed, "validation": list(lesson.validation), "best": lesson.best, "test": lesson.test,
    }  # fmt: skip


def _histograms(lesson: Lesson) -> list[dict[str, Any]]:
    """How many weights have each value, before learning and after."""
    rows = []
    for name, weights in lesson.weights.items():
        for label, values in (
            ("before learning", lesson.program.connection(name).matrix()),
            ("after learning", weights),
        ):
            found, counts = np.unique(values, return_counts=True)
            rows.append({"connection": name, "label": label, "values": found.tolist(), "counts": counts.tolist()})
    return rows
