"""What the rules of the library learn on digits in 8-bit weights, beside float twin and control, as a table.

python benchmarks/rules_on_digits.py --rules eprop-random,decolle --seeds 5 --folder runs/rules
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from neurotrain_hw import NeurotrainError, load_chip, load_rule
from neurotrain_hw.data import Splits, load_digits_split
from neurotrain_hw.files import write_text
from neurotrain_hw.onchip import (
    Lesson,
    OnChipNetwork,
    RewardLesson,
    RewardNetwork,
    Start,
    TwinLesson,
    WinnerLesson,
    WinnerNetwork,
    build_program,
    build_rewarded,
    spread,
    target_levels,
    teach,
    teach_by_reward,
    teach_twin,
    teach_twin_by_reward,
    teach_winners,
)
from neurotrain_hw.program.file import program_digest
from neurotrain_hw.rules.language import parse_sum

AnyLesson = Lesson | TwinLesson | WinnerLesson | RewardLesson
KINDS = ("chip", "twin", "control")
TWIN_RATES = (1.0, 0.25)
"""The twin takes the rate at which its validation accuracy is the higher, as the chip's constants were chosen."""

_FOR_TARGETS: Mapping[str, float] = {"dv": 205, "output_vth": 4096, "hidden_spread": 96.0}
SETTINGS: Mapping[str, Mapping[str, float]] = {
    "eprop-random": {}, "eprop": {}, "eprop-adaptive": {}, "sign-dfa": {}, "decolle": {}, "ottt": {},
    "drtp": _FOR_TARGETS, "etlp": _FOR_TARGETS,
}  # fmt: skip
"""What a rule's network has other than `OnChipNetwork`; the rule's own constants are the library's.

With one hidden layer `dfa` is eprop-random: the same program, so the same numbers."""
CONTROL: Mapping[str, float] = _FOR_TARGETS
"""Random hidden weights that stay, at constants that suit them best."""
WINNERS = "winner-stdp"
"""Unsupervised: 100 neurons that inhibit one another. Control: the same with weights that stay as they were drawn and
thresholds that adapt, labelled as the others are. No twin: it has no neurons with adaptive thresholds."""
REWARDED = "reward-winner"
"""One scalar reward a sample, in a closed loop. Control: the same input and neurons with the delta rule, which is told
the right class: what the reward does not say."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rules", default=",".join([*SETTINGS, WINNERS, REWARDED]), help="names of the library, separated by commas"
    )
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds, from 0")
    parser.add_argument("--epochs", type=int, default=15, help="at most; the best on validation counts")
    parser.add_argument("--patience", type=int, default=None, help="stop after so many epochs without a better one")
    parser.add_argument("--kinds", default=",".join(KINDS), help="columns to measure")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--folder", type=Path, help="keeps each lesson's result, and checkpoints, to go on later")
    given = parser.parse_args()
    names, kinds = given.rules.split(","), given.kinds.split(",")
    for name in names:
        if name not in (*SETTINGS, WINNERS, REWARDED):
            need = ", ".join([*SETTINGS, WINNERS, REWARDED])
            raise NeurotrainError(f"no setting for rule '{name}'", where="--rules", need=need)
    data, length = load_digits_split(), Length(given.epochs, given.patience)
    print(f"digits {len(data.train) + len(data.validation)}/{len(data.test)}, {given.seeds} seeds, {asdict(length)}")
    print("| rule | on chip, 8 bit | float twin | control | chance |\n|---|---|---|---|---|")
    for name in names:
        cells = [
            _cell(name, kind, given.seeds, given.hidden, data, length, given.folder)
            if kind in kinds
            else "not measured"
            for kind in KINDS
        ]
        print(f"| {name} | {' | '.join(cells)} | 10 % |", flush=True)
    print("\nMean and half-width of the 95 % interval of the mean (Student's t) of test accuracies over the seeds.")


@dataclass(frozen=True)
class Length:
    """How long a lesson is."""

    epochs: int
    patience: int | None


@dataclass(frozen=True)
class Task:
    """One lesson: the name of its result, the digest of what is taught to what, and what teaches it."""

    name: str
    digest: str
    learn: Callable[[], AnyLesson]


def _cell(name: str, kind: str, seeds: int, hidden: int, data: Splits, length: Length, folder: Path | None) -> str:
    if name == WINNERS and kind == "twin":
        return "none: no adaptive thresholds there"
    return str(spread([test_accuracy(task(name, kind, seed, hidden, data, length, folder), length, folder)
                       for seed in range(seeds)]))  # fmt: skip


def test_accuracy(task: Task, length: Length, folder: Path | None) -> float:
    """Of a lesson, learned now where the folder does not hold it; a result that was reached otherwise is no result."""
    how = {**asdict(length), "digest": task.digest}
    path = None if folder is None else folder / f"{task.name}.json"
    if path is not None and path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["how"] == how:
            return float(kept["test"])
    lesson = task.learn()
    if path is not None:
        row = {"how": how, "test": lesson.test, "best": lesson.best, "validation": lesson.validation}
        write_text(path, json.dumps(row, indent=1) + "\n")
    print(f"{task.name}: validation {lesson.validation[lesson.best]:.2%}, test {lesson.test:.2%}", file=sys.stderr)
    return lesson.test


def task(name: str, kind: str, seed: int, hidden: int, data: Splits, length: Length, folder: Path | None) -> Task:
    """The lesson of a cell of the table for one seed."""
    if name == WINNERS:
        return _winners(kind, seed, data, length)
    if name == REWARDED and kind != "control":
        return _rewarded(kind, seed, data, length)
    start: Start = "readout" if kind == "control" else "random"
    name, own = (f"control-{seed}", CONTROL) if kind == "control" else (f"{name}-{kind}-{seed}", SETTINGS[name])
    network = replace(OnChipNetwork(data.inputs, hidden, data.classes), **own)
    readout = load_rule("delta")
    rule = readout if kind == "control" else load_rule(name.removesuffix(f"-{kind}-{seed}"))
    program = build_program(network, rule, readout, load_chip("loihi2"), seed=seed, start=start)
    levels = target_levels(network, readout)

    def learn() -> AnyLesson:
        if kind == "twin":
            tried = [teach_twin(program, levels, data, seed=seed, rate=rate, **asdict(length)) for rate in TWIN_RATES]
            return max(tried, key=lambda lesson: lesson.validation[lesson.best])
        place = None if folder is None else folder / "checkpoints" / name
        return teach(program, levels, data, seed=seed, checkpoint=place, **asdict(length))

    return Task(name, _digest(program_digest(program), levels.tolist(), kind), learn)


def _winners(kind: str, seed: int, data: Splits, length: Length) -> Task:
    network, rule = WinnerNetwork(data.inputs), load_rule(Path(__file__).with_name(f"{WINNERS}.toml"))
    if kind == "control":  # its weights stay as they were drawn: the changes of a tag that nothing reads
        rule = replace(rule, dw=None, dt=parse_sum("2^-7*y0*x1"), sampling={"x1": "after-spike"})
    return Task(
        f"{WINNERS}-{kind}-{seed}", _digest(asdict(network), rule.to_toml()),
        lambda: teach_winners(network, rule, load_chip("loihi2"), data, epochs=length.epochs, seed=seed),
    )  # fmt: skip


def _rewarded(kind: str, seed: int, data: Splits, length: Length) -> Task:
    network, rule = RewardNetwork(data.inputs, data.classes), load_rule(Path(__file__).with_name(f"{REWARDED}.toml"))
    chip, way = load_chip("loihi2"), teach_by_reward if kind == "chip" else teach_twin_by_reward
    program = build_rewarded(network, rule, chip, seed=seed)
    return Task(
        f"{REWARDED}-{kind}-{seed}", _digest(asdict(network), program_digest(program), kind),
        lambda: way(network, rule, chip, data, epochs=length.epochs, seed=seed),
    )  # fmt: skip


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
