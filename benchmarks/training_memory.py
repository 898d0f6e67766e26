"""Memory that learning takes on the conv network: bytes per rule, and ratios to BPTT.

    python benchmarks/training_memory.py --model nmnist-conv --steps 100 --batches 1 64

Per rule and batch: the peak of all tensors that are formed while the gradients of one batch are (states, traces,
gradients, what autograd saves), every torch operation watched; weights, what a rule keeps between batches, and the
input are not counted, since they exist before. Float weights, random spikes (density 0.3). Beside the bytes stands
their ratio to BPTT's, and BPTT's growth from half the steps.
"""

from __future__ import annotations

import argparse

from neurotrain_hw.networks import load_model
from neurotrain_hw.trainers import measure_learning_bytes, trainable_rules

RULES = ("bptt", "stdl", "ottt", "eprop", "decolle", "es-d-rtrl", "fptt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nmnist-conv")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 64])
    parser.add_argument("--rules", nargs="+", default=[rule for rule in RULES if rule in trainable_rules()])
    options = parser.parse_args()
    spec = load_model(options.model)
    print(f"{options.model}: {spec.summary}; {spec.synapses:,} weights, {sum(spec.sizes[1:]):,} neurons")
    print("| rule | batch | bytes | BPTT's, times this |\n|---|---|---|---|", flush=True)
    for samples in options.batches:
        whole = measure_learning_bytes("bptt", spec, options.steps, samples=samples)
        for rule in ["bptt", *(rule for rule in options.rules if rule != "bptt")]:
            found = whole if rule == "bptt" else measure_learning_bytes(rule, spec, options.steps, samples=samples)
            print(f"| {rule} | {samples} | {found:,} | {whole / found:.1f} |", flush=True)
        half = measure_learning_bytes("bptt", spec, options.steps // 2, samples=samples)
        print(f"| bptt, T={options.steps // 2} | {samples} | {half:,} | {whole / half:.1f} |", flush=True)


if __name__ == "__main__":
    main()
