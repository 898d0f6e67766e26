"""The conv network 12C5-2P-32C5-2P-10 on 1,000 N-MNIST recordings: 800 train, 100 validate, 100 test.

    python benchmarks/nmnist_recordings.py FOLDER nmnist.npz --steps 10
    python benchmarks/conv_on_nmnist.py nmnist.npz runs/nmnist --seeds 0 1 2

Each rule's learning rate is chosen by validation accuracy with the first seed; test accuracies are those of the chosen
rate. Runs are kept in the folder and not repeated.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from neurotrain_hw.trainers import TrainedRun, default_settings, train

RATES = {"bptt": (1e-3, 3e-3, 1e-2), "decolle": (3e-3, 8e-3, 2e-2), "readout-only": (3e-3, 1e-2, 3e-2)}
STEPS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--rules", nargs="+", default=list(RATES))
    options = parser.parse_args()
    print(f"T={STEPS}, {options.epochs} epochs, seeds {options.seeds}, 100 test recordings; chance 10 %")
    print(
        "| rule | learning rate | validation % | test %, mean ± sd | by seed | s per epoch |\n|---|---|---|---|---|---|"
    )
    for rule in options.rules:
        tried = {rate: run(rule, rate, options.seeds[0], options) for rate in RATES[rule]}
        best = max(tried, key=lambda rate: tried[rate].accuracy["quantised"]["validation"])
        runs = [tried[best], *(run(rule, best, seed, options) for seed in options.seeds[1:])]
        test = 100 * np.array([each.accuracy["quantised"]["test"] for each in runs])
        validation = 100 * np.mean([each.accuracy["quantised"]["validation"] for each in runs])
        seconds = np.median([each.document["seconds"] / options.epochs for each in runs])
        by_seed = ", ".join(f"{value:.0f}" for value in test)
        spread = test.std(ddof=1) if len(test) > 1 else 0.0
        row = f"| {rule} | {best:g} | {validation:.1f} | {test.mean():.1f} ± {spread:.1f} | {by_seed} | {seconds:.1f} |"
        print(row, flush=True)


def run(rule: str, rate: float, seed: int, options: argparse.Namespace) -> TrainedRun:
    """One run, or the one that is there."""
    started = time.perf_counter()
    found = train(
        "nmnist-conv", rule, dataset=str(options.dataset), seed=seed, steps=STEPS, epochs=options.epochs,
        constants=replace(default_settings(rule), learning_rate=rate),
        folder=options.folder / f"{rule}-{rate:g}-{seed}",
    )  # fmt: skip
    figures = found.accuracy["quantised"]
    print(
        f"# {rule} {rate:g} seed {seed}: validation {figures['validation']:.3f}, {time.perf_counter() - started:.0f} s",
        flush=True,
    )
    return found


if __name__ == "__main__":
    main()
