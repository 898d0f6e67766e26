"""Every trainer on scikit-learn's digits: test accuracy over seeds, learning rates chosen on validation samples.

    python benchmarks/trainers_on_digits.py runs/digits --seeds 0 1 2 --epochs 4

Per rule, with the first seed: its own learning rate, a quarter and four times it, and further until the rate with the
best validation accuracy lies inside those tried; that one is run with the other seeds, too. Only those runs' test
accuracies are printed, beside chance and a control whose hidden layer stays random. Runs are kept in the folder and not
repeated; `--table` only prints what is there.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import machine
import numpy as np

from neurotrain_hw.networks import ModelSpec, load_model
from neurotrain_hw.trainers import RuleSettings, TrainedRun, default_settings, train, trainable_rules
from neurotrain_hw.trainers.declarations import declaration
from neurotrain_hw.trainers.run_folder import is_finished, load_run

CONTROL = "readout-only"
FACTOR, MOST = 4.0, 7
# beside the feed-forward network: 128 hidden neurons with synapses among themselves
RECURRENT = ("bptt", "eprop")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="digits-fc")
    parser.add_argument("--rules", nargs="+", default=None, help="default: all but those for small networks")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--table", action="store_true", help="train nothing, print what is there")
    options = parser.parse_args()
    print(machine.heading("torch", "snntorch", "brevitas", "numpy", "scikit-learn"))
    spec = replace(load_model(options.model), steps=options.steps)
    print(f"{options.model}, T={options.steps}, {options.epochs} epochs; chance {1 / spec.sizes[-1]:.1%}\n")
    print("| rule | learning rate (rates tried) | validation % | test %, mean and spread | by seed | s per run |")
    print("|---|---|---|---|---|---|", flush=True)
    rules = options.rules or [rule for rule in trainable_rules() if declaration(rule).words is None]
    for rule in [CONTROL, *(rule for rule in rules if rule != CONTROL)]:
        row(rule, *model_of(rule, spec), options)
        if rule in RECURRENT:
            row(rule, recurrent(spec), f"{rule}, recurrent", options)


def model_of(rule: str, spec: ModelSpec) -> tuple[ModelSpec, str]:
    """The network, or the one that a rule with needs of its own is made for; and the name of the row."""
    declared = declaration(rule)
    own = load_model(declared.model)
    return (own, f"{rule}, {own.name}") if declared.needs else (spec, rule)


def recurrent(spec: ModelSpec) -> ModelSpec:
    """The same network with synapses among the hidden neurons."""
    *hidden, out = spec.layers
    return replace(spec, layers=(*(replace(layer, recurrent="all-to-all") for layer in hidden), out))


def row(rule: str, spec: ModelSpec, name: str, options: argparse.Namespace) -> None:
    """Run what is missing and print a row of the table."""
    first, *others = options.seeds
    own = default_settings(rule).learning_rate
    tried: dict[float, TrainedRun] = {}
    for rate in (own / FACTOR, own, own * FACTOR):
        add(tried, rule, spec, name, rate, first, options)
    while tried and (wanted := beyond(tried)) is not None and len(tried) < MOST:
        before = len(tried)
        add(tried, rule, spec, name, wanted, first, options)
        if len(tried) == before:
            break
    if not tried:
        return
    best = chosen(tried)
    found: dict[float, TrainedRun] = {float(first): tried[best]}
    for seed in others:
        add(found, rule, spec, name, best, seed, options, key=float(seed))
    runs = list(found.values())
    test = 100 * np.array([run.accuracy["quantised"]["test"] for run in runs])
    validation = 100 * np.mean([run.accuracy["quantised"]["validation"] for run in runs])
    spread = f" ± {test.std(ddof=1):.1f}" if len(test) > 1 else ""
    by_seed = ", ".join(f"{value:.1f}" for value in test)
    seconds = np.mean([run.document["seconds"] for run in runs])
    edge = ", at the edge" if beyond(tried) is not None else ""
    rates = f"{best:g} ({min(tried):g} to {max(tried):g}{edge})"
    mean = f"{test.mean():.1f}{spread}"
    print(f"| {name} | {rates} | {validation:.1f} | {mean} | {by_seed} | {seconds:.1f} |", flush=True)


def chosen(tried: Mapping[float, TrainedRun]) -> float:
    """The learning rate with the best validation accuracy, the smaller one of two alike."""
    return max(sorted(tried), key=lambda rate: tried[rate].accuracy["quantised"]["validation"])


def beyond(tried: Mapping[float, TrainedRun]) -> float | None:
    """A rate past the best one where that lies at the edge of those tried."""
    best = chosen(tried)
    if best == min(tried):
        return best / FACTOR
    return best * FACTOR if best == max(tried) else None


def add(
    to: dict[float, TrainedRun], rule: str, spec: ModelSpec, name: str, rate: float, seed: int,
    options: argparse.Namespace, *, key: float | None = None,
) -> None:  # fmt: skip
    """One run, or the one that is there; with `--table` only if it is there."""
    folder = options.folder / f"{name.replace(', ', '-')}-{rate:g}-{seed}"
    key = rate if key is None else key
    if is_finished(folder):
        to[key] = load_run(folder)
    elif not options.table:
        to[key] = train(
            spec, rule, seed=seed, epochs=options.epochs, folder=folder,
            constants=constants(rule, rate, options.epochs),
        )  # fmt: skip


def constants(rule: str, rate: float, epochs: int) -> RuleSettings:
    """The rule's own with another rate; half of the epochs convert, where a rule begins with a conversion."""
    own = default_settings(rule)
    if hasattr(own, "conversion_epochs"):
        own = replace(own, conversion_epochs=epochs // 2)  # type: ignore[call-arg]
    return replace(own, learning_rate=rate)


if __name__ == "__main__":
    main()
