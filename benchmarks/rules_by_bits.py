"""What rules learn on digits in weights of 8 to 2 bits, by how what is learned is rounded, as a table.

python benchmarks/rules_by_bits.py --seeds 2 --folder runs/bits
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from shelf import Shelf

from neurotrain_hw import load_chip, load_rule
from neurotrain_hw.data import Splits, load_digits_split
from neurotrain_hw.learn.tuned import CONTROLS, network_constants
from neurotrain_hw.onchip import Lesson, OnChipNetwork, build_program, spread, target_levels, teach
from neurotrain_hw.program import WeightRounding

RULES = ("eprop-random", "eprop", "decolle", "ottt", "drtp")
READOUT = "readout only"
"""The control: random hidden weights that stay, of the same number of bits; the readout learns."""
BITS = (8, 6, 4, 3, 2)
ROUNDINGS: tuple[WeightRounding, ...] = ("nearest", "shared", "independent")
HIDDEN = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", default=",".join([*RULES, READOUT]), help="names, separated by commas")
    parser.add_argument("--bits", default=",".join(map(str, BITS)))
    parser.add_argument("--roundings", default=",".join(ROUNDINGS), help="nearest, or stochastic: shared, independent")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds, from 0")
    parser.add_argument("--epochs", type=int, default=12, help="at most; the best on validation counts")
    parser.add_argument("--patience", type=int, default=4, help="stop after so many epochs without a better one")
    parser.add_argument("--folder", type=Path, help="keeps each lesson's result, to go on later")
    given = parser.parse_args()
    data, shelf = load_digits_split(), Shelf(given.folder)
    bits, length = given.bits.split(","), {"epochs": given.epochs, "patience": given.patience}
    print(f"digits {len(data.train) + len(data.validation)}/{len(data.test)}, {given.seeds} seeds, {length}")
    print(f"| rule | rounding | {' | '.join(f'{b} bits' for b in bits)} |\n|---|---|{'---|' * len(bits)}")
    for name in given.rules.split(","):
        for rounding in given.roundings.split(","):
            cells = [
                spread([
                    shelf.get(
                        f"{name.replace(' ', '-')}-{rounding}-{b}-{seed}", length | {"hidden": HIDDEN},
                        partial(learn, name, rounding, int(b), data, seed, length),
                    )
                    for seed in range(given.seeds)
                ])
                for b in bits
            ]  # fmt: skip
            print(f"| {name} | {rounding} | {' | '.join(map(str, cells))} |", flush=True)


def learn(
    name: str, rounding: WeightRounding, weight_bits: int, data: Splits, seed: int, length: dict[str, int | None]
) -> Lesson:
    """One lesson: hidden layer and readout learn in weights of so many bits; feedback keeps 8."""
    readout = load_rule("delta")
    constants = CONTROLS["digits"] if name == READOUT else network_constants(name, "digits")
    network = replace(OnChipNetwork(data.inputs, HIDDEN, data.classes), **constants)
    program = build_program(
        network, readout if name == READOUT else load_rule(name), readout, load_chip("loihi2"), seed=seed,
        start="readout" if name == READOUT else "random", weight_bits=weight_bits, rounding=rounding,
    )  # fmt: skip
    return teach(program, target_levels(network, readout), data, seed=seed, **length)


if __name__ == "__main__":
    main()
