"""Every trainer on scikit-learn's digits: test accuracy, its learning rate chosen on validation samples.

    python benchmarks/trainers_on_digits.py runs/trainers --seeds 0 --epochs 4

Per rule: one run for every learning rate with the first seed; the rate with the best validation accuracy is run with
the other seeds, too. Only those runs' test accuracies are printed, beside chance and a control whose hidden layer stays
random. Runs are kept in the folder, and not repeated.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from neurotrain_hw.networks import load_model
from neurotrain_hw.trainers import TrainedRun, default_settings, train, trainable_rules
from neurotrain_hw.trainers.declarations import declaration

RATES = (1e-3, 4e-3, 1.6e-2)
CONTROL = "readout-only"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="digits-fc")
    parser.add_argument("--rules", nargs="+", default=None, help="default: all but those for small networks")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--rates", nargs="+", type=float, default=list(RATES))
    options = parser.parse_args()
    classes = load_model(options.model).sizes[-1]
    print(
        f"{options.model}, T={options.steps}, {options.epochs} epochs, seeds {options.seeds}; chance {1 / classes:.1%}"
    )
    print(
        "| rule | learning rate | validation % | test %, mean | by seed | s per run |\n|---|---|---|---|---|---|",
        flush=True,
    )
    rules = options.rules or [rule for rule in trainable_rules() if declaration(rule).words is None]
    for rule in [CONTROL, *(rule for rule in rules if rule != CONTROL)]:
        print(row(rule, options), flush=True)


def row(rule: str, options: argparse.Namespace) -> str:
    """A row of the table."""
    started, count = time.perf_counter(), 0
    tried = {}
    for rate in options.rates:
        tried[rate] = run(rule, rate, options.seeds[0], options)
        count += 1
    best = max(options.rates, key=lambda rate: tried[rate].accuracy["quantised"]["validation"])
    runs = [tried[best], *(run(rule, best, seed, options) for seed in options.seeds[1:])]
    count += len(runs) - 1
    test = 100 * np.array([found.accuracy["quantised"]["test"] for found in runs])
    validation = 100 * np.mean([found.accuracy["quantised"]["validation"] for found in runs])
    seconds = (time.perf_counter() - started) / count
    by_seed = ", ".join(f"{value:.1f}" for value in test)
    return f"| {rule} | {best:g} | {validation:.1f} | {test.mean():.1f} | {by_seed} | {seconds:.1f} |"


def run(rule: str, rate: float, seed: int, options: argparse.Namespace) -> TrainedRun:
    """One run, or the one that is there."""
    return train(
        options.model, rule, seed=seed, epochs=options.epochs, steps=options.steps,
        constants=replace(default_settings(rule), learning_rate=rate),
        folder=options.folder / f"{rule}-{rate:g}-{seed}",
    )  # fmt: skip


if __name__ == "__main__":
    main()
