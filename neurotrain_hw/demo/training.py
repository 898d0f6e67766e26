"""Steps a and b: train the network with two rules and several seeds, and take it through NIR and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path
from typing import Any

import numpy as np

from neurotrain_hw.demo.workers import Meters, processes, set_meter
from neurotrain_hw.errors import FormatError
from neurotrain_hw.interchange import read_nir
from neurotrain_hw.networks import load_model
from neurotrain_hw.trainers import TrainedRun, load_run, train

TITLES = {"bptt": "BPTT", "eprop": "online e-prop"}
MEMORY_STEPS = (12, 25, 50, 100, 200)


def run_folder(folder: Path, rule: str, seed: int) -> Path:
    """Where the run of a rule and seed lies."""
    return folder / "train" / f"{rule}-seed{seed}"


def train_all(
    folder: Path,
    model: str,
    rules: Sequence[str],
    seeds: Sequence[int],
    epochs: int | None,
    jobs: int,
    say: Callable[[str], None],
    status: Callable[[str, float], None],
) -> tuple[str, dict[str, Any]]:
    """Train every rule with every seed, `jobs` at a time, each in its own process on one thread."""
    work = [(rule, seed) for seed in seeds for rule in rules]
    meters = Meters(len(work))
    with processes(jobs, meters) as pool:
        running = {
            pool.submit(_train, model, rule, seed, epochs, run_folder(folder, rule, seed), k): (rule, seed)
            for k, (rule, seed) in enumerate(work)
        }
        pending = set(running)
        while pending:
            done, pending = wait(pending, timeout=1, return_when=FIRST_COMPLETED)
            for future in done:
                rule, seed = running[future]
                accuracy, seconds = future.result()
                say(f"   {TITLES[rule]}, seed {seed}: test accuracy {accuracy:.2%} [{seconds:.0f} s]")
            status(f"training {len(work)} networks", meters.mean)
        pool_memory = {rule: pool.submit(_memory, rule, model) for rule in rules}
        learning_bytes = {rule: future.result() for rule, future in pool_memory.items()}
    rows = [_row(folder, rule, seeds, learning_bytes[rule]) for rule in rules]
    text = "; ".join(
        f"{TITLES[r['rule']]} {np.mean(r['test_accuracy']):.2%} (sd {100 * np.std(r['test_accuracy']):.2f} points), "
        f"learning memory x{r['learning_bytes']['bytes'][-1] / r['learning_bytes']['bytes'][0]:.1f} "
        f"from T={MEMORY_STEPS[0]} to {MEMORY_STEPS[-1]}"
        for r in rows
    )
    return f"test accuracy, {count(seeds)}: {text}", {"training": rows}


def count(seeds: Sequence[int]) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{len(seeds)} seed" + ("s" if len(seeds) > 1 else "")


def check_round_trip(folder: Path, rules: Sequence[str], seeds: Sequence[int]) -> tuple[str, dict[str, Any]]:
    """Read every exported NIR file back and compare it with the network that was trained, number by number."""
    weights = 0
    for rule in rules:
        for seed in seeds:
            weights += _same_network(load_run(run_folder(folder, rule, seed)))
    files = len(rules) * len(seeds)
    return f"{files} files read back; all {weights:,} integer weights, scales, decays and thresholds are the same", {}


def _train(model: str, rule: str, seed: int, epochs: int | None, folder: Path, job: int) -> tuple[float, float]:
    run = train(
        model, rule, seed=seed, epochs=epochs, folder=folder,
        progress=lambda report: set_meter(job, (report.epoch - 1 + report.share) / report.epochs),
    )  # fmt: skip
    set_meter(job, 1.0)
    return float(run.accuracy["quantised"]["test"]), float(run.document["seconds"])


def _memory(rule: str, model: str) -> list[int]:
    from neurotrain_hw.trainers import measure_learning_bytes

    return [measure_learning_bytes(rule, load_model(model), steps) for steps in MEMORY_STEPS]


def _row(folder: Path, rule: str, seeds: Sequence[int], learning_bytes: list[int]) -> dict[str, Any]:
    runs = [load_run(run_folder(folder, rule, seed)) for seed in seeds]
    return {
        "rule": rule, "title": TITLES[rule], "seeds": list(seeds),
        "test_accuracy": [r.accuracy["quantised"]["test"] for r in runs],
        "quantised_accuracy": [r.accuracy["quantised"]["test"] for r in runs],
        "float_accuracy": [r.accuracy["float"]["test"] for r in runs],
        "validation_accuracy": [r.accuracy["quantised"]["validation"] for r in runs],
        "curve": [
            {"epoch": e["epoch"], "loss": e["loss"], "validation_accuracy": e["validation"]} for e in runs[0].history
        ],
        "seconds": sum(float(r.document["seconds"]) for r in runs),
        "learning_bytes": {"steps": list(MEMORY_STEPS), "bytes": learning_bytes},
    }  # fmt: skip


def _same_network(run: TrainedRun) -> int:
    """Number of weights compared; FormatError names the first layer that came back different."""
    graph = read_nir(run.graph_path)
    compared = 0
    with np.load(run.weights_path, allow_pickle=False) as trained:
        for layer in run.model.layers:
            name = f"{layer.name}_weights"
            quantisation, neuron = graph.meaning.nodes[name].quantisation, graph.nodes[layer.name]
            integers = trained[f"{layer.name}/integers"]
            if quantisation is None or quantisation.scale != float(trained[f"{layer.name}/scale"]):
                raise FormatError(f"the scale of layer '{layer.name}' came back changed", where=str(run.graph_path))
            beta = 1 - run.model.dt_s / neuron.tau
            if (
                not np.array_equal(quantisation.integers(graph.nodes[name].weight, where=name), integers)
                or not np.allclose(beta, layer.beta, rtol=0, atol=1e-12)
                or np.any(neuron.v_threshold != layer.threshold)
            ):
                raise FormatError(f"layer '{layer.name}' came back changed", where=str(run.graph_path))
            compared += integers.size
    return compared
