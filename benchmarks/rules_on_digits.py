"""What the rules of the library learn on digits in 8-bit weights, beside float twin and control, as a table.

python benchmarks/rules_on_digits.py --rules eprop-random,decolle --seeds 5 --folder runs/rules
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from neurotrain_hw import NeurotrainError, load_chip, load_rule
from neurotrain_hw.data import Splits, load_digits_split
from neurotrain_hw.files import write_text
from neurotrain_hw.onchip import (
    Lesson,
    OnChipNetwork,
    Start,
    TwinLesson,
    WinnerLesson,
    WinnerNetwork,
    build_program,
    spread,
    target_levels,
    teach,
    teach_twin,
    teach_winners,
)
from neurotrain_hw.program import Program
from neurotrain_hw.rules import Rule
from neurotrain_hw.rules.language import parse_sum
from neurotrain_hw.rules.rule import Trace

KINDS = ("chip", "twin", "control")
TWIN_RATES = (1.0, 0.25)
"""The twin takes the rate at which its validation accuracy is the higher, as the chip's constants were chosen."""


@dataclass(frozen=True)
class Setting:
    """What was chosen for a rule on validation samples, seed 0: its trace and scale, its signal, its neurons.

    `dw` and `trace` replace the library's, which are not tuned; `without`: traces that the rule then no longer reads.
    """

    dw: str | None = None
    trace: Trace | None = None
    without: tuple[str, ...] = ()
    constants: Mapping[str, float] = field(default_factory=dict)
    network: Mapping[str, float] = field(default_factory=dict)


_EVERY = "2^-7*u0*x1*y1 - 2^-7*u0*x1*y2"
_FED_BACK = {"psi_halfwidth_of_threshold": 1.0, "signal_shift": 7, "feedback_weight_max": 64}
SETTINGS: Mapping[str, Setting] = {
    "eprop-random": Setting(),
    "dfa": Setting(),
    "eprop": Setting(_EVERY, Trace(1, 6), constants=_FED_BACK | {"signal_shift": 8}),
    "ottt": Setting(_EVERY, Trace(4, 1.4427), constants=_FED_BACK | {"signal_shift": 8}),
    "decolle": Setting(
        _EVERY, Trace(1, 6), ("x2",),
        _FED_BACK | {"feedback_weight_max": 128, "local_vth": 2816, "local_weight_exp": 1},
    ),
    "drtp": Setting(
        "2^-7*u5*x1*y1 - 2^-7*u5*x1*y2", Trace(1, 6), constants=_FED_BACK,
        network={"dv": 205, "output_vth": 4096, "hidden_spread": 96.0},
    ),
}  # fmt: skip
WINNERS = "winner-stdp"
"""Unsupervised: 100 neurons that inhibit one another; its control is the labels of untaught neurons."""
CONTROL = Setting(network={"dv": 205, "output_vth": 4096, "hidden_spread": 96.0})
"""Random hidden weights that stay, at constants that suit them best."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rules", default=",".join([*SETTINGS, WINNERS]), help="names of the library, separated by commas"
    )
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds, from 0")
    parser.add_argument("--epochs", type=int, default=15, help="at most; the best on validation counts")
    parser.add_argument("--patience", type=int, default=None, help="stop after so many epochs without a better one")
    parser.add_argument("--kinds", default=",".join(KINDS), help="columns to measure")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--folder", type=Path, help="keeps each lesson's result, and checkpoints, to go on later")
    given = parser.parse_args()
    names = given.rules.split(",")
    for name in names:
        if name not in SETTINGS and name != WINNERS:
            raise NeurotrainError(
                f"no setting for rule '{name}'", where="--rules", need=", ".join([*SETTINGS, WINNERS])
            )
    data, shelf = load_digits_split(), Shelf(given.folder)
    length = {"epochs": given.epochs, "patience": given.patience}
    print(f"digits {len(data.train) + len(data.validation)}/{len(data.test)}, {given.seeds} seeds, {length}")
    print("| rule | on chip, 8 bit | float twin | control: readout only | chance |\n|---|---|---|---|---|")
    for name in names:
        cells = []
        for kind in KINDS:
            if kind not in given.kinds.split(",") or (name == WINNERS and kind == "twin"):
                cells.append("not measured")
                continue
            tests = [
                shelf.get(
                    f"{kind}-{seed}" if kind == "control" and name != WINNERS else f"{name}-{kind}-{seed}",
                    {**length, "hidden": given.hidden},
                    learner(kind, name, given.hidden, data, seed, length, shelf),
                )
                for seed in range(given.seeds)
            ]  # fmt: skip
            cells.append(str(spread(tests)))
        print(f"| {name} | {' | '.join(cells)} | 10 % |", flush=True)
    print("\nMean and half-width of the 95 % interval of the mean (Student's t) of test accuracies over the seeds.")


class Shelf:
    """Results by name in a folder, None for nowhere; a result that was reached otherwise is no result."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(
        self, name: str, how: Mapping[str, object], learn: Callable[[], Lesson | TwinLesson | WinnerLesson]
    ) -> float:
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


def learner(
    kind: str, name: str, hidden: int, data: Splits, seed: int, length: Mapping[str, int | None], shelf: Shelf
) -> Callable[[], Lesson | TwinLesson | WinnerLesson]:
    """What learns one cell of the table for one seed."""

    def learn() -> Lesson | TwinLesson | WinnerLesson:
        if name == WINNERS:
            epochs = 0 if kind == "control" else (length["epochs"] or 0)
            rule, chip = load_rule(Path(__file__).with_name(f"{WINNERS}.toml")), load_chip("loihi2")
            return teach_winners(WinnerNetwork(data.inputs), rule, chip, data, epochs=epochs, seed=seed)
        start: Start = "readout" if kind == "control" else "random"
        program, levels = prepared(name, hidden, data, seed, start)
        if kind == "twin":
            tried = [teach_twin(program, levels, data, seed=seed, rate=rate, **length) for rate in TWIN_RATES]
            return max(tried, key=lambda lesson: lesson.validation[lesson.best])
        return teach(program, levels, data, seed=seed, checkpoint=shelf.place(f"{name}-{kind}-{seed}"), **length)

    return learn


def prepared(name: str, hidden: int, data: Splits, seed: int, start: Start) -> tuple[Program, object]:
    """The program of a rule, and its target levels."""
    setting, readout = CONTROL if start == "readout" else SETTINGS[name], load_rule("delta")
    network = replace(OnChipNetwork(data.inputs, hidden, data.classes), **setting.network)
    program = build_program(network, tuned(name), readout, load_chip("loihi2"), seed=seed, start=start)
    return program, target_levels(network, readout)


def tuned(name: str) -> Rule:
    """A rule of the library with the constants of its setting."""
    rule, setting = load_rule(name), SETTINGS[name]
    traces = {k: v for k, v in rule.traces.items() if k not in setting.without}
    if setting.trace is not None:
        traces["x1"] = setting.trace
    return replace(
        rule, dw=rule.dw if setting.dw is None else parse_sum(setting.dw), traces=traces,
        sampling={k: v for k, v in rule.sampling.items() if k not in setting.without},
        defaults={**rule.defaults, **setting.constants},
    )  # fmt: skip


if __name__ == "__main__":
    main()
