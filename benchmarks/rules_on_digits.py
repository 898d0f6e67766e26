"""What the rules of the library learn on digits in 8-bit weights, beside float twin and control, as a table.

python benchmarks/rules_on_digits.py --rules eprop-random,decolle --seeds 5 --folder runs/rules
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from shelf import AnyLesson, Shelf, digest

from neurotrain_hw import NeurotrainError, load_chip, load_rule
from neurotrain_hw.data import Splits, load_digits_split
from neurotrain_hw.learn.lessons import TWIN_RATES
from neurotrain_hw.learn.tuned import CONTROLS, network_constants
from neurotrain_hw.onchip import (
    OnChipNetwork,
    RewardNetwork,
    Start,
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

KINDS = ("chip", "twin", "control")
RULES = ("eprop-random", "dfa", "eprop", "eprop-adaptive", "sign-dfa", "decolle", "ottt", "drtp", "etlp")
"""Rules of the library, with its constants, in the networks of `learn.tuned`. With one hidden layer `dfa` is
eprop-random: the same program, so the same numbers."""
WINNERS = "winner-stdp"
"""Unsupervised: 100 neurons that inhibit one another. Control: the same with weights that stay as they were drawn and
thresholds that adapt, labelled as the others are. No twin: it has no neurons with adaptive thresholds."""
REWARDED = "reward-winner"
"""One scalar reward a sample, in a closed loop. Control: the same input and neurons with the delta rule, which is told
the right class: what the reward does not say."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rules", default=",".join([*RULES, WINNERS, REWARDED]), help="names of the library, separated by commas"
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
        if name not in (*RULES, WINNERS, REWARDED):
            need = ", ".join([*RULES, WINNERS, REWARDED])
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


def task(name: str, kind: str, seed: int, hidden: int, data: Splits, length: Length, shelf: Shelf) -> Task:
    """The lesson of a cell of the table for one seed."""
    if name == WINNERS:
        return _winners(kind, seed, data, length)
    if name == REWARDED and kind != "control":
        return _rewarded(kind, seed, data, length)
    control, readout = kind == "control", load_rule("delta")
    start: Start = "readout" if control else "random"
    kept, rule = ("control", readout) if control else (f"{name}-{kind}", load_rule(name))
    kept = f"{kept}-{seed}"
    constants = CONTROLS["digits"] if control else network_constants(name, "digits")
    network = replace(OnChipNetwork(data.inputs, hidden, data.classes), **constants)
    program = build_program(network, rule, readout, load_chip("loihi2"), seed=seed, start=start)
    levels = target_levels(network, readout)

    def learn() -> AnyLesson:
        if kind == "twin":
            tried = [teach_twin(program, levels, data, seed=seed, rate=rate, **asdict(length)) for rate in TWIN_RATES]
            return max(tried, key=lambda lesson: lesson.validation[lesson.best])
        return teach(program, levels, data, seed=seed, checkpoint=shelf.place(kept), **asdict(length))

    return Task(kept, digest(program_digest(program), levels.tolist(), kind), learn)


def _winners(kind: str, seed: int, data: Splits, length: Length) -> Task:
    network, rule = WinnerNetwork(data.inputs), load_rule(Path(__file__).with_name(f"{WINNERS}.toml"))
    if kind == "control":  # its weights stay as they were drawn: the changes of a tag that nothing reads
        rule = replace(rule, dw=None, dt=parse_sum("2^-7*y0*x1"), sampling={"x1": "after-spike"})
    return Task(
        f"{WINNERS}-{kind}-{seed}", digest(asdict(network), rule.to_toml()),
        lambda: teach_winners(network, rule, load_chip("loihi2"), data, epochs=length.epochs, seed=seed),
    )  # fmt: skip


def _rewarded(kind: str, seed: int, data: Splits, length: Length) -> Task:
    network, rule = RewardNetwork(data.inputs, data.classes), load_rule(Path(__file__).with_name(f"{REWARDED}.toml"))
    chip, way = load_chip("loihi2"), teach_by_reward if kind == "chip" else teach_twin_by_reward
    program = build_rewarded(network, rule, chip, seed=seed)
    return Task(
        f"{REWARDED}-{kind}-{seed}", digest(asdict(network), program_digest(program), kind),
        lambda: way(network, rule, chip, data, epochs=length.epochs, seed=seed),
    )  # fmt: skip


if __name__ == "__main__":
    main()
