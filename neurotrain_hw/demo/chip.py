"""Steps c and d: compile the trained networks for the chip, and run the test set on the simulator and on Lava."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler import compile_graph, layer_rows, lower, place, pool_rows
from neurotrain_hw.data import EVALUATION_SEED, Samples, encode_rate, load_dataset
from neurotrain_hw.demo.training import TITLES, run_folder
from neurotrain_hw.events import EventStream
from neurotrain_hw.inference import Inference, infer
from neurotrain_hw.interchange import read_nir
from neurotrain_hw.program import Program
from neurotrain_hw.program.file import SUFFIX, load_program, save_program
from neurotrain_hw.trainers import load_run


def program_path(folder: Path, rule: str, seed: int) -> Path:
    """Where the compiled network of a rule and seed lies."""
    return folder / "programs" / f"{rule}-seed{seed}{SUFFIX}"


def compile_all(folder: Path, rules: Sequence[str], seeds: Sequence[int], chip_name: str) -> tuple[str, dict[str, Any]]:
    """Compile every trained network; the sections show the first."""
    chip = load_chip(chip_name)
    for rule in rules:
        for seed in seeds:
            run = load_run(run_folder(folder, rule, seed))
            graph = read_nir(run.graph_path)
            program = compile_graph(graph, chip, steps=run.model.steps, name=f"{run.model.name}-{rule}-seed{seed}")
            save_program(place(program, chip), program_path(folder, rule, seed))
    first = load_run(run_folder(folder, rules[0], seeds[0]))
    shown = load_program(program_path(folder, rules[0], seeds[0]))
    rows = layer_rows(lower(read_nir(first.graph_path), chip, steps=first.model.steps), shown)
    cores = {(s.chip, s.core) for s in shown.placement}
    tightest = max(
        (r for r in pool_rows(shown.memory) if r.limit_bits), key=lambda r: r.need_bits / (r.limit_bits or 1)
    )
    errors = [abs(r.threshold / r.threshold_wanted - 1) for r in rows if r.threshold and r.threshold_wanted]
    text = (
        f"{len(rules) * len(seeds)} programs for {chip.name}, {shown.name} on {len(cores)} of its cores; "
        f"the fullest core's {tightest.pool} holds {tightest.need_bits:,} of {tightest.limit_bits:,} bits; "
        f"largest threshold error {max(errors):.1e}, "
        f"weights exact to {max(r.weight_error for r in rows):.1e}"
    )
    return text, {"program": _program_section(shown, rows), "weights": _weights_of(shown, "trained")}


def run_all(
    folder: Path, rules: Sequence[str], seeds: Sequence[int], dataset: str, threads: int, lava_reason: str | None
) -> tuple[str, dict[str, Any]]:
    """The test set on the simulator for every network, and on Lava (unless `lava_reason`) for the first seed's."""
    test = load_dataset(dataset).test
    rows, curves, texts, shown = [], [], [], None
    for rule in rules:
        runs = [infer(load_program(program_path(folder, rule, s)), test, threads=threads) for s in seeds]
        trained = [load_run(run_folder(folder, rule, seed)).accuracy for seed in seeds]
        lava = None if lava_reason else infer(runs[0].program, test, engine="lava")
        differing = None if lava is None else differing_spikes(runs[0].spikes, lava.spikes)
        for k, seed in enumerate(seeds):
            rows.append(
                {
                    "network": f"{rule}, seed {seed}",
                    "values": [trained[k]["float"]["test"], trained[k]["quantised"]["test"], runs[k].accuracy,
                               lava.accuracy if lava is not None and k == 0 else None],
                    "differing_spikes": differing if k == 0 else None,
                    "compared_spikes": _spikes(runs[0]) if differing is not None and k == 0 else None,
                    "lava_reason": lava_reason or (None if k == 0 else "Lava runs the network of the first seed"),
                }
            )  # fmt: skip
        worst = max(abs(runs[k].accuracy - trained[k]["quantised"]["test"]) for k in range(len(seeds)))
        texts.append(
            f"{rule}: simulator {np.mean([r.accuracy for r in runs]):.2%}, at most {100 * worst:.2f} points from torch"
            + (
                ""
                if differing is None
                else f", {differing} of {_spikes(runs[0]):,} spikes differ from Lava (seed {seeds[0]})"
            )
        )
        curves.append({"label": TITLES[rule]} | accuracy_against_events(runs[0], test))
        shown = shown or runs[0]
    sections = {
        "accuracy": {"samples": len(test), "chance": 0.1, "columns": ["float", "quantised", "simulator", "lava"],
                     "rows": rows},
        "accuracy_vs_events": curves,
        "raster": None if shown is None else raster(shown, test),
        "inference_counters": None if shown is None else shown.as_dict()["counters"],
    }  # fmt: skip
    return "; ".join(texts), sections


def differing_spikes(one: Mapping[str, EventStream], other: Mapping[str, EventStream]) -> int:
    """Neuron-steps, over all populations, in which two runs differ."""
    return sum(int(np.count_nonzero(one[name].dense() != other[name].dense())) for name in one)


def accuracy_against_events(result: Inference, samples: Samples) -> dict[str, list[float]]:
    """Accuracy if the output were read after 1, 2, .. T steps, and the synaptic events per sample until then."""
    program = result.program
    steps = program.sample_timing.sample_steps
    output = program.outputs[0]
    counts = np.cumsum(_by_sample(result.spikes[output], steps), axis=1)
    correct = np.argmax(counts, axis=2) == samples.y[:, None]
    events = np.zeros(steps)
    for c in program.connections:
        if c.pre in program.inputs:
            spikes = encode_rate(samples.x, steps=steps, seed=EVALUATION_SEED)
        else:
            spikes = _by_sample(result.spikes[c.pre], steps)
        events += np.cumsum(spikes.sum(axis=(0, 2))) * program.population(c.post).n / len(samples)
    return {"events": [float(e) for e in events], "accuracy": [float(a) for a in correct.mean(axis=0)]}


def raster(result: Inference, samples: Samples) -> dict[str, Any]:
    """The spikes of the first test sample, every layer in its own T steps."""
    program = result.program
    steps = program.sample_timing.sample_steps
    first = EventStream.from_dense(encode_rate(samples.x[:1], steps=steps, seed=EVALUATION_SEED)[0])
    streams = {program.inputs[0]: first, **{name: s.window(0, steps) for name, s in result.spikes.items()}}
    return {
        "population_sizes": {name: s.n for name, s in streams.items()}, "steps": steps,
        "events": [
            {"population": name, "step": (s.rows() + 1).tolist(), "neuron": s.index.tolist()}
            for name, s in streams.items()
        ],
        "label": int(samples.y[0]), "predicted": int(result.predicted[0]),
    }  # fmt: skip


def histogram(values: np.ndarray, connection: str, label: str, grid: int) -> dict[str, Any]:
    """How many weights have each integer value."""
    found, counts = np.unique(values, return_counts=True)
    return {"connection": connection, "label": label, "grid": grid, "values": found.tolist(), "counts": counts.tolist()}


def _by_sample(spikes: EventStream, steps: int) -> np.ndarray:
    return spikes.dense().reshape(-1, steps, spikes.n)


def _spikes(result: Inference) -> int:
    return sum(s.count for s in result.spikes.values())


def _weights_of(program: Program, label: str) -> list[dict[str, Any]]:
    return [histogram(c.matrix(), c.name, label, 2) for c in program.connections]


def _program_section(program: Program, rows: Sequence[Any]) -> dict[str, Any]:
    layers = []
    for r in rows:
        population = program.population(r.neurons)
        layers.append(
            {
                "name": r.neurons, "kind": population.kind, "neurons": population.n,
                "vth": int(population.parameter("vth")[0]), "dv": int(population.parameter("dv")[0]),
                "weight_exp": r.weight_exp, "weight_bits": r.bits,
                "threshold_error": r.threshold / r.threshold_wanted - 1, "decay_error": r.decay / r.decay_wanted - 1,
            }
        )  # fmt: skip
    return {
        "name": program.name, "chip": program.chip, "layers": layers,
        "placement": [vars(s) for s in program.placement], "memory": [vars(r) for r in program.memory],
        "notes": list(program.notes),
    }  # fmt: skip
