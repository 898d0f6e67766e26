"""What the rules of the library learn on digits in 8-bit weights, beside float twin and control, as a table.

python benchmarks/rules_on_digits.py --rules eprop-random,decolle --seeds 5 --folder runs/rules
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
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
from neurotrain_hw.rules import Rule
from neurotrain_hw.rules.language import parse_sum
from neurotrain_hw.rules.rule import Trace

AnyLesson = Lesson | TwinLesson | WinnerLesson | RewardLesson
KINDS = ("chip", "twin", "control")
TWIN_RATES = (1.0, 0.25)
"""The twin takes the rate at which its validation accuracy is the higher, as the chip's constants were chosen."""


@dataclass(frozen=True)
class Setting:
    """What was chosen for a rule on validation samples, seed 0, beyond the library's constants.

    `dw` and `trace` replace the library's; `without`: traces that the rule then no longer reads.
    """

    dw: str | None = None
    trace: Trace | None = None
    without: tuple[str, ...] = ()
    constants: Mapping[str, float] = field(default_factory=dict)
    network: Mapping[str, float] = field(default_factory=dict)


_STEADY = Setting(network={"dv": 205, "output_vth": 4096, "hidden_spread": 96.0})
SETTINGS: Mapping[str, Setting] = {
    "eprop-random": Setting(), "dfa": Setting(), "eprop": Setting(), "eprop-adaptive": Setting(),
    "sign-dfa": Setting(), "decolle": Setting(), "ottt": Setting(), "drtp": _STEADY, "etlp": _STEADY,
}  # fmt: skip
"""What a rule's network has other than `OnChipNetwork`; the rule's own constants are the library's.

With one hidden layer `dfa` is eprop-random: the same program, so the same numbers."""
CONTROL = _STEADY
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
        cells = ["not measured"] * len(KINDS)
        for k, kind in enumerate(KINDS):
            if kind in kinds:
                cells[k] = _cell(name, kind, given.seeds, given.hidden, data, length, given.folder)
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
    shelf, tests = Shelf(folder), []
    for seed in range(seeds):
        one = task(name, kind, seed, hidden, data, length, shelf)
        tests.append(shelf.get(one.name, {**asdict(length), "digest": one.digest}, one.learn))
    return str(spread(tests))


class Shelf:
    """Results by name in a folder, None for nowhere; a result that was reached otherwise is no result."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, name: str, how: Mapping[str, object], learn: Callable[[], AnyLesson]) -> float:
        """The test accuracy of that name, learned now where it is not kept yet."""
        path = None if self.folder is None else self.folder / f"{name}.json"
        if path is not None and path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["how"] == dict(how):
                return float(kept["test"])
        lesson = learn()
        row = {"how": dict(how), "test": lesson.test, "best": lesson.best, "validation": lesson.validation}
        if path is not None:
            write_text(path, json.dumps(row, indent=1) + "\n")
        print(f"{name}: validation {lesson.validation[lesson.best]:.2%}, test {lesson.test:.2%}", file=sys.stderr)
        return lesson.test

    def place(self, name: str) -> Path | None:
        """Where a lesson's checkpoint lies."""
        return None if self.folder is None else self.folder / "checkpoints" / name


def tuned(name: str) -> Rule:
    """A rule of the library with the constants of its setting."""
    rule, setting = load_rule(name), SETTINGS[name]
    return replace(rule, defaults={**rule.defaults, **setting.constants})


def task(name: str, kind: str, seed: int, hidden: int, data: Splits, length: Length, shelf: Shelf) -> Task:
    """The lesson of a cell of the table for one seed."""
    if name == WINNERS:
        return _winners(kind, seed, data, length)
    if name == REWARDED and kind != "control":
        return _rewarded(kind, seed, data, length)
    start: Start = "readout" if kind == "control" else "random"
    kept, setting = (f"control-{seed}", CONTROL) if kind == "control" else (f"{name}-{kind}-{seed}", SETTINGS[name])
    network = replace(OnChipNetwork(data.inputs, hidden, data.classes), **setting.network)
    readout = load_rule("delta")
    rule = readout if kind == "control" else tuned(name)
    program = build_program(network, rule, readout, load_chip("loihi2"), seed=seed, start=start)
    levels = target_levels(network, readout)

    def learn() -> AnyLesson:
        if kind == "twin":
            tried = [teach_twin(program, levels, data, seed=seed, rate=rate, **asdict(length)) for rate in TWIN_RATES]
            return max(tried, key=lambda lesson: lesson.validation[lesson.best])
        return teach(program, levels, data, seed=seed, checkpoint=shelf.place(kept), **asdict(length))

    return Task(kept, _digest(program_digest(program), levels.tolist(), kind), learn)


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
