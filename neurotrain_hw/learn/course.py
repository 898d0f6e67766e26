"""A course: every lesson of it, some at a time, in a folder from which it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurotrain_hw.data import Splits, load_dataset
from neurotrain_hw.learn.able import check_engine, check_rule
from neurotrain_hw.learn.document import course_document
from neurotrain_hw.learn.folder import CourseFolder
from neurotrain_hw.learn.lessons import TWIN_RATES, Kind, Teacher
from neurotrain_hw.learn.room import check_room
from neurotrain_hw.learn.settings import LearnSettings
from neurotrain_hw.threads import in_threads

TITLES: dict[Kind, str] = {"chip": "on chip", "twin": "float twin", "control": "control"}


@dataclass(frozen=True)
class Told:
    """Who is told how a course goes: `say` gets lines, `status` what is being done and how much of it (0..1)."""

    say: Callable[[str], None] = lambda line: None
    status: Callable[[str, float], None] = lambda what, share: None


def learn(
    settings: LearnSettings,
    folder: Path,
    *,
    jobs: int = 2,
    data: Splits | None = None,
    data_folder: Path | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """Hold a course in a folder, or what of it is not done yet, and return its document, as learn.json holds it.

    `jobs` lessons are held at a time. `data` replaces the dataset of that name, `data_folder` says where its files are.
    Interrupted, it goes on where it stopped: a lesson on the chip after its last whole epoch, with the same bits, a
    float twin from its beginning. Raises UnsupportedError for a rule that no network here teaches, NotOnThisChipError
    and CapacityError for a chip without the engine or the room, FormatError and OutputError where the folder holds
    something else.
    """
    settings = settings.completed()
    rules, chip = settings.load_rules(), settings.load_chip()
    check_rule(rules[0])
    if not settings.anyway:
        check_engine(rules, chip)
    shelf = CourseFolder(folder, settings.document())
    if (document := shelf.finished()) is not None:
        return document
    teacher = Teacher(settings, rules, chip, data or load_dataset(settings.dataset, folder=data_folder))
    check_room(teacher)
    shelf.begin()
    work = [(kind, seed) for seed in range(settings.seeds) for kind in _kinds(settings)]
    _hold(teacher, shelf, [job for job in work if shelf.lesson(*job) is None], jobs, told or Told())
    lessons: dict[Kind, list[dict[str, Any]]] = {kind: [] for kind in _kinds(settings)}
    for kind, seed in work:
        lessons[kind].append(shelf.kept(kind, seed))
    return shelf.finish(course_document(teacher, shelf.settings, lessons))


def _kinds(settings: LearnSettings) -> list[Kind]:
    kinds: list[tuple[Kind, bool]] = [("chip", True), ("twin", settings.twin), ("control", settings.control)]
    return [kind for kind, wanted in kinds if wanted]


def _hold(teacher: Teacher, shelf: CourseFolder, left: list[tuple[Kind, int]], jobs: int, told: Told) -> None:
    epochs = teacher.settings.epochs or 1
    whole = max(1, sum(_passes(kind) for kind, _ in left) * epochs)
    shares = dict.fromkeys(left, 0.0)
    what = f"{len(left)} lesson{'s' * (len(left) != 1)}"

    def tell(job: tuple[Kind, int], share: float) -> None:
        shares[job] = share
        told.status(what, sum(part * _passes(kind) * epochs for (kind, _), part in shares.items()) / whole)

    def lesson(job: tuple[Kind, int], go_on: Callable[[], None]) -> None:
        kind, seed = job
        began, passed = time.perf_counter(), [0]

        def after_epoch(epoch: int, validation: float) -> None:
            passed[0] += 1
            tell(job, min(1.0, (epoch if kind != "twin" else passed[0]) / (epochs * _passes(kind))))
            if kind == "chip":
                told.say(f"{TITLES[kind]}, seed {seed}: epoch {epoch}/{epochs}, validation {validation:.2%}")
            go_on()

        found = teacher.hold(
            kind, seed, progress=after_epoch, checkpoint=shelf.checkpoint(kind, seed), learned=shelf.program(seed)
        )
        shelf.keep(kind, seed, found | {"seconds": round(time.perf_counter() - began, 1)})
        tell(job, 1.0)
        told.say(f"{TITLES[kind]}, seed {seed}: test {found['test']:.2%} with the weights of epoch {found['best']}")

    if left:
        told.status(what, 0.0)
        in_threads(jobs, lesson, left)


def _passes(kind: Kind) -> int:
    """How often a lesson of this kind is held, with other rates."""
    return len(TWIN_RATES) if kind == "twin" else 1
