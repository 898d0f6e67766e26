"""Time per epoch of NeuroTrain's trainers and of ours, in turns, in one thread; what evaluates is left out.

    python benchmarks/against_neurotrain.py --neurotrain PATH [--samples 2048] [--trainers bptt ostl ...]

PATH is a checkout of smilies-polito/neurotrain that is no part of this project. Its trainers are made from its own
default files, on its own network for MNIST (784-256-10, T=10, batch 256; recurrent for e-prop), and run in its own
loop. Ours run on a network of the same layers, with the same kind of optimiser: as our rules come, with an update after
every batch, and, where NeuroTrain's trainer changes its weights at every step, once more with an update at every step.
All get the same tensors of spikes. After an epoch to warm up come five of each, in turns; the figures are medians.
Trainers that take long get fewer batches.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import heading

from neurotrain_hw.data import load_dataset
from neurotrain_hw.networks import build, parse_model
from neurotrain_hw.trainers import default_settings
from neurotrain_hw.trainers.make import make_optimizer, make_trainer
from neurotrain_hw.trainers.trainer import Batch

STEPS, LONG_S = 10, 4.0


@dataclass(frozen=True)
class Pair:
    """A trainer of theirs and the rule that is ours; when its weights change, and by which kind of optimiser."""

    rule: str
    update: str = "sample"
    optimiser: str = "adam"
    momentum: float = 0.0
    recurrent: bool = False
    integrator: bool = False


PAIRS = {
    "bptt": Pair("bptt"),
    "stsf": Pair("stsf", "step", "sgd"),
    "ostl": Pair("ostl", "step", "sgd"),
    "osttp": Pair("osttp"),
    "ottt": Pair("ottt", "step", "sgd", momentum=0.9),
    "eprop": Pair("eprop-filtered", "step", recurrent=True, integrator=True),
    "esd_rtrl": Pair("es-d-rtrl", integrator=True),
    "etlp": Pair("etlp", "step", "sgd"),
    "tp": Pair("trace-propagation", "step", integrator=True),
    "decolle": Pair("decolle", "step", "sgd", integrator=True),
}
"""Its ten trainers with default files; `ell`, the eleventh, has none and cannot be run by its own commands."""

Data = list[tuple[torch.Tensor, torch.Tensor]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurotrain", type=Path, required=True, help="its checkout")
    parser.add_argument("--samples", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=256, help="256 is NeuroTrain's own; less where it takes too long")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--trainers", nargs="+", choices=list(PAIRS), default=list(PAIRS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module=str(options.neurotrain))
    sys.path.insert(0, str(options.neurotrain / "src"))
    print(heading("torch", "snntorch", "numba", "numpy"), end="")
    peer = revision(options.neurotrain)
    print(f"- NeuroTrain at {peer}; threads 1, batch {options.batch}, T={STEPS}; processor seconds\n")
    print("| trainer | ours | samples | theirs, s per epoch | ours | times | ours, an update per step | times |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    data, plain, often = encoded(options.samples, options.batch), [], []
    for name in options.trainers:
        found = row(name, data, options)
        plain.append(found[0])
        often.append(found[-1])
    for what, times in (("as the rules come", plain), ("with updates as often as theirs", often)):
        print(f"\nMedian of the {len(times)}, {what}: {statistics.median(times):.2f} times; least {min(times):.2f}.")


def row(name: str, data: Data, options: argparse.Namespace) -> list[float]:
    """Print a row of the table; how many times faster ours is, as it comes and with an update per step."""
    each: dict[str, Callable[[Data], None]] = {
        "theirs": theirs(name, options.batch), "sample": ours(name, "sample", options.batch),
    }  # fmt: skip
    if PAIRS[name].update == "step":
        each["step"] = ours(name, "step", options.batch)
    slowest = max(clocked(epoch, data[:1]) for epoch in each.values())
    data = data[: max(1, min(len(data), int(LONG_S / slowest)))]
    taken: dict[str, list[float]] = {who: [] for who in each}
    for number in range(options.epochs + 1):
        for who, epoch in each.items():
            seconds = clocked(epoch, data)
            if number:
                taken[who].append(seconds)
    median = {who: statistics.median(found) for who, found in taken.items()}
    times = {who: median["theirs"] / seconds for who, seconds in median.items() if who != "theirs"}
    samples = sum(len(labels) for _, labels in data)
    cells = [f"{median[who]:.3g} | {times[who]:.2f}" if who in times else "the same | " for who in ("sample", "step")]
    print(f"| {name} | {PAIRS[name].rule} | {samples:,} | {median['theirs']:.3g} | {' | '.join(cells)} |", flush=True)
    return list(times.values())


def clocked(epoch: Callable[[Data], None], data: Data) -> float:
    """Seconds of the processor that an epoch takes: those of the clock, where nothing else runs."""
    start = time.process_time()
    epoch(data)
    return time.process_time() - start


def theirs(name: str, batch: int) -> Callable[[Data], None]:
    """An epoch in NeuroTrain's loop, its trainer and network as its default files say."""
    from campaign.config_loader import load_default, normalize_optuna_attrs, resolve_model_for_trainer_and_dataset
    from campaign.training_loop import train_one_epoch
    from networks import NETWORK_REGISTRY
    from trainers import TRAINER_REGISTRY

    def plain(document: dict[str, Any]) -> dict[str, Any]:
        labels = ("supported_net_types", "net_type", "name")
        values = normalize_optuna_attrs(document)
        return {key: value for key, value in values.items() if key not in labels and value is not None}

    kind = "r_snn" if PAIRS[name].recurrent else "fc_snn"
    model = resolve_model_for_trainer_and_dataset(load_default("models", kind), name, "mnist")
    torch.manual_seed(0)
    with contextlib.redirect_stdout(io.StringIO()):  # constructors print
        network = NETWORK_REGISTRY[kind](**plain(model))
        trainer = TRAINER_REGISTRY[name](network=network, batch_size=batch, **plain(load_default("trainers", name)))
        trainer = trainer.to("cpu")
    return lambda data: train_one_epoch(trainer, data, torch.device("cpu"))


def ours(name: str, update: str, batch: int) -> Callable[[Data], None]:
    """An epoch of our rule on the same layers, float weights, with the rule's own constants otherwise."""
    pair = PAIRS[name]
    hidden = {"name": "hidden", "neurons": 256, "beta": 0.9, "reset": "subtract"}
    out = {"name": "out", "neurons": 10, "beta": 0.9, "reset": "subtract"}
    if pair.recurrent:
        hidden["recurrent"] = "all-to-all"
    if pair.integrator:
        out = {"name": "out", "neurons": 10, "beta": 1.0, "neuron": "integrator"}
    document = {
        "summary": "", "inputs": 784, "steps": STEPS, "surrogate": {"slope": 25.0}, "layers": [hidden, out],
    }  # fmt: skip
    network = build(parse_model(document, name=name, where=""), weight_bits=None, seed=0)
    changes: dict[str, Any] = {
        "batch": batch,
        "optimiser": pair.optimiser,
        "learning_rate": 1e-3,
        "momentum": pair.momentum,
    }
    if pair.rule != "bptt":
        changes["update"] = update
    if pair.integrator:
        changes |= {"loss": "membrane-ce", "gain": 1.0}  # as theirs
    if name == "etlp":
        changes["target_rate_hz"] = 1000.0  # as theirs: a label at every step
    constants = replace(default_settings(pair.rule), **changes)
    trainer = make_trainer(pair.rule, network, constants, seed=0)
    optimizer = make_optimizer([*network.parameters(), *trainer.parameters.values()], constants)

    def epoch(data: Data) -> None:
        for number, (spikes, labels) in enumerate(data):
            trainer.learn(Batch(spikes, labels, optimizer.step, (number,)))

    return epoch


def encoded(samples: int, batch: int) -> Data:
    """Batches of MNIST in rate code: spikes float32 (T, N, 784), as NeuroTrain's networks take them, and labels."""
    train = load_dataset("mnist", validation=0.15).train
    found: Data = []
    for start in range(0, min(samples, len(train)), batch):
        chosen = np.arange(start, min(start + batch, samples))
        spikes = train.spikes(chosen, steps=STEPS, seed=[0, start]).reshape(len(chosen), STEPS, -1).swapaxes(0, 1)
        found.append((torch.tensor(spikes, dtype=torch.float32), torch.tensor(train.y[chosen])))
    return found


def revision(checkout: Path) -> str:
    """The commit of a checkout."""
    command = ["git", "-C", str(checkout), "log", "-1", "--format=%h of %cs"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
