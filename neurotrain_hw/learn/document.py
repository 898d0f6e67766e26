"""What came out of a course, as learn.json holds it."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

from neurotrain_hw.compiler.learning import weight_rounding
from neurotrain_hw.energy import estimate, proxy
from neurotrain_hw.learn.able import engine_failures
from neurotrain_hw.learn.lessons import Kind, Teacher
from neurotrain_hw.learn.tuned import is_untuned
from neurotrain_hw.memory import memory_map
from neurotrain_hw.onchip import curve, spread
from neurotrain_hw.onchip.updates import LayerUpdates
from neurotrain_hw.simulator import Counters

Json = Mapping[str, Any]
PACKAGES = ("neurotrain-hw", "numpy", "numba", "scikit-learn")
MUCH_SATURATED = 0.1
"""From this share of a layer's updates on, a warning says that the range of its weights holds them back."""


@dataclass(frozen=True)
class Reached:
    """The validation accuracies of a lesson, and the epoch whose weights were kept."""

    validation: tuple[float, ...]
    best: int

    @classmethod
    def of(cls, lesson: Json) -> Reached:
        """Of a lesson as it is kept."""
        return cls(tuple(lesson["validation"]), lesson["best"])


def course_document(teacher: Teacher, settings: Json, lessons: Mapping[Kind, Sequence[Json]]) -> dict[str, Any]:
    """Settings, versions, curves and test figures of every lesson, updates by layer, memory, costs, and warnings."""
    program, data = teacher.program(0), teacher.data
    layers, counters = (
        _layers(lessons["chip"]),
        Counters.total(Counters.from_dict(o["counters"]) for o in lessons["chip"]),
    )
    other = proxy(counters, teacher.chip)
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": {"python": platform.python_version(), **_versions()},
        "settings": dict(settings),
        "chip": teacher.chip.name,
        "rules": [
            {"layer": layer, "name": rule.name, "title": rule.title, "equation": rule.equation, "dw": str(rule.dw)}
            for layer, rule in zip(("hidden", "readout"), teacher.rules, strict=True)
        ],
        "rounding": teacher.settings.rounding or weight_rounding(teacher.chip, teacher.rules[0]),
        "network": asdict(teacher.network()),
        "control_network": asdict(teacher.network("readout")),
        "samples": {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)},
        "chance": 1 / data.classes,
        "results": {kind: asdict(spread([one["test"] for one in rows])) for kind, rows in lessons.items()},
        "curves": {kind: _curve(rows) for kind, rows in lessons.items()},
        "updates": [asdict(layer) for layer in layers],
        "warnings": list(_warnings(teacher, lessons, layers, counters)),
        "program": {
            "name": program.name, "placement": [vars(s) for s in program.placement],
            "memory": [vars(row) for row in program.memory],
            "not_counted": dict(memory_map(program, teacher.chip).not_counted), "notes": list(program.notes),
        },
        "samples_learned": sum(len(data.train) * (len(one["validation"]) - 1) for one in lessons["chip"]),
        "counters": counters.as_dict(),
        "energy": [e.as_dict() for e in (estimate(counters, teacher.chip), other) if e is not None],
        "lessons": {kind: [_shown(one) for one in rows] for kind, rows in lessons.items()},
    }  # fmt: skip


def _curve(lessons: Sequence[Json]) -> list[dict[str, Any]]:
    return [asdict(at) for at in curve([Reached.of(one) for one in lessons])]


def _layers(lessons: Sequence[Json]) -> list[LayerUpdates]:
    """Updates by layer, summed over the lessons."""
    found = []
    for rows in zip(*(one["updates"] for one in lessons), strict=True):
        counts = {key: sum(row[key] for row in rows) for key in ("proposed", "applied", "rounded_away", "saturated")}
        found.append(LayerUpdates(**{**rows[0], **counts}))
    return found


def _warnings(
    teacher: Teacher, lessons: Mapping[Kind, Sequence[Json]], layers: Sequence[LayerUpdates], counters: Counters
) -> Iterator[str]:
    chip = teacher.chip
    for need in engine_failures(teacher.rules, chip):
        yield f"{chip.name} itself could not run this: {need.requirement}: {need.reason}."
    if is_untuned(teacher.settings.rule):
        yield f"{teacher.rules[0].name} is taught with the library's constants, which were chosen for no network."
    if chip.text("learning.rule_family") != "sum-of-products":
        yield f"simulated is a learning engine of sums of products, as Loihi has; that of {chip.name} is another."
    own, asked = weight_rounding(chip, teacher.rules[0]), teacher.settings.rounding
    if asked not in (None, own):
        yield f"rounding is {asked}, as was asked for; {chip.name}'s file and the rule give {own}."
    for row in layers:
        if not row.proposed:
            yield f"{row.layer}: no update was ever proposed; this layer does not learn."
        elif not row.applied:
            yield f"{row.layer}: none of {row.proposed:,} proposed updates changed a weight; this layer does not learn."
        elif row.saturated >= MUCH_SATURATED * row.proposed:
            yield f"{row.layer}: the range of the weights holds back {row.saturated / row.proposed:.0%} of its updates."
    for name in ("hidden", "out"):
        if not counters.populations[name].spikes:
            yield f"{name}: no neuron ever spiked while it learned."
    means = {kind: spread([one["test"] for one in rows]).mean for kind, rows in lessons.items()}
    if "control" in means and means["chip"] <= means["control"]:
        yield (
            f"learning in the hidden layer gains nothing: {means['chip']:.2%}, and {means['control']:.2%} where only "
            "the readout learns."
        )
    epochs = teacher.settings.epochs
    if late := [str(one["seed"]) for one in lessons["chip"] if one["best"] == epochs]:
        yield f"the last epoch was the best for seed {', '.join(late)}: more epochs may reach more."
    for one in lessons["chip"]:
        yield from (f"seed {one['seed']}: {note}" for note in one["notes"])


def _shown(lesson: Json) -> dict[str, Any]:
    """A lesson without what the document sums up, and with the weights of the first seed alone."""
    left_out = {"counters", *([] if lesson["seed"] == 0 else ["weights"])}
    return {key: value for key, value in lesson.items() if key not in left_out}


def _versions() -> dict[str, str]:
    installed = {str(found.metadata["Name"]) for found in metadata.distributions()}
    return {name: metadata.version(name) for name in PACKAGES if name in installed}
