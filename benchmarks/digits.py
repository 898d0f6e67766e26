"""The accuracies of a demo over its seeds, as the table in RESULTS.md.

python benchmarks/digits.py runs/demo
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from neurotrain_hw import NeurotrainError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder in which the demo has finished")
    results = json.loads((parser.parse_args().folder / "results.json").read_text(encoding="utf-8"))
    if results.get("kind") != "demo":
        raise NeurotrainError("this is no demo's folder", where="benchmarks/digits.py", need="results.json of `demo`")
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    print(f"- {results['created']}, {results['machine']}\n- {versions}\n")
    print("| network | seeds | mean test accuracy | by seed |\n|---|---|---|---|")
    for rule in results["training"]:
        for title, key in (("float", "float_accuracy"), ("8-bit weights", "quantised_accuracy")):
            print(row(f"{rule['title']}, {title}", rule[key]))
    simulated = {rule["rule"]: [] for rule in results["training"]}
    for network in results["accuracy"]["rows"]:
        values = dict(zip(results["accuracy"]["columns"], network["values"], strict=True))
        simulated[network["network"].partition(",")[0]].append(values["simulator"])
    for rule in results["training"]:
        print(row(f"{rule['title']}, simulated chip", simulated[rule["rule"]]))
    for start in results["on_chip"]["table"]:
        print(row(f"on-chip: {start['label']}", start["test_accuracy"]))
    print(f"\n{agreement(results)}")


def row(title: str, accuracies: list[float]) -> str:
    """A row of the table."""
    values = 100 * np.array(accuracies)
    return f"| {title} | {len(values)} | {values.mean():.2f} % | {', '.join(f'{v:.2f}' for v in values)} |"


def agreement(results: dict[str, Any]) -> str:
    """What the comparison with Lava found, in a sentence."""
    compared = [r for r in results["accuracy"]["rows"] if r["differing_spikes"] is not None]
    lesson = results["on_chip"]["lava"]
    if not compared or lesson is None:
        return "Lava was not run."
    return (
        f"Simulator against Lava: {sum(r['differing_spikes'] for r in compared)} of "
        f"{sum(r['compared_spikes'] for r in compared):,} spikes differ over the test set of {len(compared)} networks; "
        f"after {lesson['steps']} steps of learning, {lesson['differing_weights']} of {lesson['compared_weights']:,} "
        f"weights and {lesson['differing_spikes']} spikes differ ({lesson['changed_weights']:,} weights had changed)."
    )


if __name__ == "__main__":
    main()
