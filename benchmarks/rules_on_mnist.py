"""What rules of the library learn on MNIST in 8-bit weights, beside control, chance and float twin, as a table.

NEUROTRAIN_HW_DATA names the folder of MNIST's test images: the first 8,000 teach and validate, the last 2,000 test.

python benchmarks/rules_on_mnist.py --seeds 3 --folder runs/mnist
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from shelf import Shelf

from neurotrain_hw import NeurotrainError, load_chip, load_rule
from neurotrain_hw.data import Splits, load_mnist_split
from neurotrain_hw.learn.tuned import CONTROLS, network_constants
from neurotrain_hw.onchip import (
    Lesson,
    OnChipNetwork,
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
from neurotrain_hw.rules.language import parse_sum
from neurotrain_hw.rules.rule import Trace

WINNERS = "winner-stdp"
KINDS = ("chip", "control", "twin")
RULES = ("eprop-random", "eprop", "decolle")
"""Rules of the library, with its constants, in the networks of `learn.tuned`."""
COMPETING = WinnerNetwork(
    784, 400, silent=15, theta=1800, theta_step=4, theta_decay=0, refractory_decay=1024, inhibition_exp=4,
    weight_exp=-4, shares=(0.9, 0.75), power=36.0, labelled=4000,
)  # fmt: skip
"""Sums are small, so that the spikes of many neurons in one step inhibit without an overflow."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", default=",".join([*RULES, WINNERS]), help="names, separated by commas")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0")
    parser.add_argument("--epochs", type=int, default=None, help=f"passes; 8 by default, 3 of {WINNERS}")
    parser.add_argument("--kinds", default="chip,control", help=f"columns to measure, of {', '.join(KINDS)}")
    parser.add_argument("--samples", type=int, default=None, help="learn from this many training samples only")
    parser.add_argument("--folder", type=Path, help="keeps each lesson's result, and checkpoints, to go on later")
    given = parser.parse_args()
    names, kinds = given.rules.split(","), given.kinds.split(",")
    for what, asked, known in (("--rules", names, [*RULES, WINNERS]), ("--kinds", kinds, KINDS)):
        for name in asked:
            if name not in known:
                raise NeurotrainError(f"there is no '{name}'", where=what, need=", ".join(known))
    data, shelf = load_mnist_split(), Shelf(given.folder)
    if given.samples is not None:
        data = replace(data, train=data.train.first(given.samples))
    sizes = f"{len(data.train)} + {len(data.validation)}/{len(data.test)}"
    print(f"MNIST {sizes}, {given.seeds} seeds; the best pass on validation counts\n")
    print("| rule | on chip, 8 bit | control | float twin | chance |\n|---|---|---|---|---|")
    for name in names:
        epochs = given.epochs or (3 if name == WINNERS else 8)
        cells = [
            _cell(name, kind, data, epochs, given.seeds, shelf)
            if kind in kinds and (name, kind) != (WINNERS, "twin")
            else "not measured"
            for kind in KINDS
        ]
        print(f"| {name} | {' | '.join(cells)} | {1 / data.classes:.0%} |", flush=True)
    print("\nMean and half-width of the 95 % interval of the mean (Student's t) of test accuracies over the seeds.")


def _cell(name: str, kind: str, data: Splits, epochs: int, seeds: int, shelf: Shelf) -> str:
    """A rule's accuracy; the rules that learn from errors share a control, whose hidden layer does not learn."""
    shared = kind == "control" and name != WINNERS
    tests = []
    for seed in range(seeds):
        lesson = f"control-{seed}" if shared else f"{name}-{kind}-{seed}"
        how = {"epochs": epochs, "samples": len(data.train)}
        tests.append(shelf.get(lesson, how, learner(name, kind, data, epochs, seed, shelf.place(lesson))))
    return str(spread(tests))


def learner(
    name: str, kind: str, data: Splits, epochs: int, seed: int, checkpoint: Path | None = None
) -> Callable[[], Lesson | TwinLesson | WinnerLesson]:
    """What learns one cell of the table for one seed."""
    if name == WINNERS:
        return lambda: _winners(data, 0 if kind == "control" else epochs, seed)

    def learn() -> Lesson | TwinLesson:
        control, readout = kind == "control", load_rule("delta")
        constants = CONTROLS["mnist"] if control else network_constants(name, "mnist")
        network = replace(OnChipNetwork(data.inputs, 256, data.classes), **constants)
        start = "readout" if control else "random"
        program = build_program(network, load_rule(name), readout, load_chip("loihi2"), seed=seed, start=start)
        levels, told = target_levels(network, readout), _told(name, kind)
        if kind == "twin":
            return teach_twin(program, levels, data, epochs=epochs, seed=seed, progress=told)
        return teach(program, levels, data, epochs=epochs, seed=seed, checkpoint=checkpoint, progress=told)

    return learn


def _told(name: str, kind: str) -> Callable[[int, float], None]:
    return lambda epoch, reached: print(f"{name} {kind}, pass {epoch}: validation {reached:.2%}", file=sys.stderr)


def _winners(data: Splits, epochs: int, seed: int) -> WinnerLesson:
    """STDP toward the input, by a shorter trace than digits', as these neurons spike after a few steps of a sample."""
    rule = load_rule(Path(__file__).with_name(f"{WINNERS}.toml"))
    rule = replace(rule, dw=parse_sum("2^-3*y0*(x1-10) - 2^-4*y0*w"), traces={**rule.traces, "x1": Trace(14.9, 8)})
    told = _told(WINNERS, "chip")
    return teach_winners(COMPETING, rule, load_chip("loihi2"), data, epochs=epochs, seed=seed, progress=told)


if __name__ == "__main__":
    main()
