"""Trainers on MNIST: test accuracy over seeds, float and quantised, beside a control and chance, against their goals.

    NEUROTRAIN_HW_DATA=folder python benchmarks/trainers_on_mnist.py runs/mnist --seeds 0 1 2

The 10,000 official test images: 6,800 train, 1,200 validate, the last 2,000 test (`data/mnist.py`); 784-256-10, rate
code of 10 steps. The constants below were chosen on validation samples alone, as RESULTS.md tells; the test set is
read once per run, at its end. Runs are kept in the folder and not repeated, an interrupted one resumes; `--table` only
prints what is there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import machine
import numpy as np

from neurotrain_hw.networks import ModelSpec, load_model
from neurotrain_hw.trainers import TrainedRun, default_settings, train
from neurotrain_hw.trainers.run_folder import is_finished, load_run

STEPS = 10


@dataclass(frozen=True)
class Row:
    """A rule, where it runs, and the least mean test accuracy (percent) it is to reach."""

    rule: str
    epochs: int
    goal: float | None = None
    bits: int | None = 8
    recurrent: bool = False
    constants: Mapping[str, Any] = field(default_factory=dict)

    @property
    def width(self) -> str:
        """Of the weights."""
        return "float" if self.bits is None else str(self.bits)

    @property
    def name(self) -> str:
        """As the run folder and the table call it."""
        return f"{self.rule}{', recurrent' if self.recurrent else ''}, {self.width}"


BCE = {"loss": "membrane-bce", "gain": 5.0}
SLOW = {"batch": 64, "learning_rate": 4e-3}
FAST = {"batch": 32, "learning_rate": 8e-3}
BPTT = {"batch": 32, "learning_rate": 4e-3, **BCE}

ROWS = (
    Row("readout-only", 3, constants={"batch": 64, "learning_rate": 8e-3}),
    Row("bptt", 5, 95.0, constants=BPTT),
    Row("ottt", 2, 93.0, constants=SLOW),
    Row("es-d-rtrl", 2, 93.0, constants=SLOW),
    Row("eprop", 2, 93.0, recurrent=True, constants={**SLOW, **BCE}),
    Row("decolle", 3, 93.0, constants=FAST),
    Row("ostl", 2, 93.0, constants=FAST),
    Row("trace-propagation", 5, 94.0, constants=FAST),
    Row("etlp", 3, 90.0, constants=FAST),
    Row("drtp", 3, 90.0, constants=FAST),
    Row("osttp", 3, 90.0, constants=FAST),
    Row("stsf", 4, 90.0, constants={"batch": 32, "learning_rate": 1.0}),
    Row("bptt", 5, bits=None, constants=BPTT),
    Row("bptt", 5, bits=4, constants=BPTT),
    Row("eprop", 2, bits=None, recurrent=True, constants={**SLOW, **BCE}),
    Row("eprop", 2, bits=4, recurrent=True, constants={**SLOW, **BCE}),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--rules", nargs="+", default=None, help="default: all rows")
    parser.add_argument("--bits", nargs="+", default=None, help="default: all widths; `float`, `8` or `4`")
    parser.add_argument("--table", action="store_true", help="train nothing, print what is there")
    options = parser.parse_args()
    rows = [
        row for row in ROWS if row.rule in (options.rules or [row.rule]) and row.width in (options.bits or [row.width])
    ]
    if not options.table:
        for seed in options.seeds:
            for row in rows:
                found = run(row, seed, options.folder)
                print(f"{row.name}, seed {seed}: validation {percent(found, 'validation'):.2f} %", file=sys.stderr)
    print(machine.heading("torch", "snntorch", "brevitas", "numpy"))
    print(
        f"784-256-10, T={STEPS}, seeds {' '.join(map(str, options.seeds))}; chance 10 %; spread: standard deviation\n"
    )
    print("| rule, bits | batch, epochs, rate | test %, mean and spread | by seed | validation % | goal | s per run |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        folders = [place(row, seed, options.folder) for seed in options.seeds]
        found = [load_run(folder) for folder in folders if is_finished(folder)]
        if found:
            print(line(row, found))


def run(row: Row, seed: int, folder: Path) -> TrainedRun:
    """One run, or the one that is there."""
    constants = replace(default_settings(row.rule), **{"batch": 64, **row.constants})
    return train(
        model(row), row.rule, weight_bits=row.bits, epochs=row.epochs, seed=seed, constants=constants,
        folder=place(row, seed, folder),
    )  # fmt: skip


def model(row: Row) -> ModelSpec:
    """784-256-10 of 10 steps."""
    spec = replace(load_model("mnist-fc"), steps=STEPS)
    if not row.recurrent:
        return spec
    hidden, *above = spec.layers
    return replace(spec, layers=(replace(hidden, recurrent="all-to-all"), *above))


def place(row: Row, seed: int, folder: Path) -> Path:
    """The run's folder."""
    return folder / f"{row.name.replace(', ', '-').replace(' ', '-')}-{seed}"


def line(row: Row, runs: list[TrainedRun]) -> str:
    """A row of the table."""
    test = np.array([percent(found, "test") for found in runs])
    spread = f" ± {test.std(ddof=1):.2f}" if len(test) > 1 else ""
    constants = runs[0].document["settings"]["constants"]
    how = f"{constants['batch']}, {row.epochs}, {constants['learning_rate']:g}"
    goal = "" if row.goal is None else f"{row.goal:g}: {'met' if test.mean() >= row.goal else '**missed**'}"
    seconds = np.mean([found.document["seconds"] for found in runs])
    validation = np.mean([percent(found, "validation") for found in runs])
    return (
        f"| {row.name} | {how} | {test.mean():.2f}{spread} | "
        f"{', '.join(f'{value:.2f}' for value in test)} | {validation:.2f} | {goal} | {seconds:.0f} |"
    )


def percent(found: TrainedRun, part: str) -> float:
    """Accuracy of the network as trained."""
    return 100 * found.accuracy["quantised"][part]


if __name__ == "__main__":
    main()
