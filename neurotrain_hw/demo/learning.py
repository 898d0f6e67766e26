"""Step e: learning on the simulated chip, with its controls, and the first steps of the same learning in Lava."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from neurotrain_hw.chips import load_chip
from neurotrain_hw.data import Splits, load_dataset
from neurotrain_hw.demo.chip import histogram, program_path
from neurotrain_hw.demo.training import count
from neurotrain_hw.learn.tuned import CONTROLS
from neurotrain_hw.onchip import Lesson, OnChipNetwork, Start, TrainedHidden, build_program, lessons, teach
from neurotrain_hw.onchip.network import target_levels
from neurotrain_hw.onchip.updates import layer_updates
from neurotrain_hw.program import Program
from neurotrain_hw.program.file import load_program
from neurotrain_hw.rules import load_rule
from neurotrain_hw.simulator import simulate
from neurotrain_hw.threads import in_threads

HIDDEN_RULE, READOUT_RULE = "eprop-random", "delta"
LABELS: dict[Start, str] = {
    "random": "hidden and readout learn, from random weights",
    "trained": "hidden layer from BPTT, both learn on",
    "readout": "control: readout only, hidden random",
}
TUNED: dict[Start, dict[str, Any]] = {
    "random": {},
    "trained": {"output_vth": 5632},
    "readout": dict(CONTROLS["digits"]),
}
"""Each start has constants of its own, chosen on the same validation samples; the control, too, at its own best."""


def network_for(data: Splits, start: Start, hidden: int) -> OnChipNetwork:
    """The learning network's constants."""
    return replace(OnChipNetwork(data.inputs, hidden, data.classes), **TUNED[start])


def learn_all(
    folder: Path,
    dataset: str,
    seeds: Sequence[int],
    epochs: int,
    chip_name: str,
    hidden: int,
    threads: int,
    lava_reason: str | None,
    say: Callable[[str], None],
    status: Callable[[str, float], None],
) -> tuple[str, dict[str, Any]]:
    """Teach every start with every seed, `threads` at a time, then compare the first 500 steps with Lava."""
    data, chip = load_dataset(dataset), load_chip(chip_name)
    rules = load_rule(HIDDEN_RULE), load_rule(READOUT_RULE)

    work: list[tuple[Start, int]] = [(start, seed) for start in LABELS for seed in seeds]
    finished: list[int] = []

    def lesson(job: tuple[Start, int], go_on: Callable[[], None]) -> Lesson:
        start, seed = job
        network = network_for(data, start, hidden)
        trained = TrainedHidden.of(load_program(program_path(folder, "bptt", seed))) if start == "trained" else None
        program = build_program(network, *rules, chip, seed=seed, start=start, trained=trained)

        def after_epoch(epoch: int, validation: float) -> None:
            finished.append(epoch)
            status(f"{len(work)} lessons on the chip", len(finished) / (epochs * len(work)))
            go_on()

        found = teach(program, target_levels(network, rules[1]), data, epochs=epochs, seed=seed, progress=after_epoch)
        say(f"   {LABELS[start]}, seed {seed}: validation {found.validation[found.best]:.2%}, test {found.test:.2%}")
        return found

    done = in_threads(threads, lesson, work)
    network = network_for(data, "random", hidden)
    lava = None
    if lava_reason is None:
        lava = compare_with_lava(done["random", seeds[0]].program, target_levels(network, rules[1]), data, seeds[0])
    starts = {start: [done[start, seed] for seed in seeds] for start in LABELS}
    first = starts["random"][0]
    text = "test accuracy, {}: {} (chance 10 %)".format(
        count(seeds), "; ".join(f"{LABELS[s]} {np.mean([x.test for x in found]):.2%}" for s, found in starts.items())
    )
    if lava is not None:
        text += f"; first {lava['steps']} steps in Lava: {lava['differing_weights']} weights differ"
    section = {
        "chance": 0.1, "samples_per_epoch": first.samples, "rule": rules[0].title, "equation": str(rules[0].dw),
        "updates": {
            "samples": first.samples * (len(first.validation) - 1),
            "layers": [asdict(row) for row in layer_updates(first.program, first.counters)],
        },
        "curves": [_curve(start, found) for start, found in starts.items()],
        "table": [_table_row(start, found, seeds) for start, found in starts.items()],
        "lava": lava, "lava_reason": lava_reason,
    }  # fmt: skip
    sections = {
        "on_chip": section, "learned_weights": _histograms(first),
        "learning_counters": first.counters.as_dict(), "learning_samples": first.samples * epochs,
    }  # fmt: skip
    return text, sections


def compare_with_lava(
    program: Program, levels: np.ndarray, data: Splits, seed: int, *, steps: int = 500
) -> dict[str, int]:
    """Run the first steps of a lesson on the simulator and on Lava; how many weights and spikes differ."""
    inputs = next(lessons(program.sample_timing, levels, data.train, epochs=1, seed=seed)).inputs()
    record = ("hidden.spikes", "out.spikes")
    ours = simulate(program, inputs, steps=steps, record=record)
    theirs = simulate(program, inputs, steps=steps, record=record, engine="lava")
    return {
        "steps": steps,
        "differing_weights": sum(int(np.count_nonzero(w != theirs.weights[k])) for k, w in ours.weights.items()),
        "compared_weights": sum(w.size for w in ours.weights.values()),
        "differing_spikes": sum(
            int(np.count_nonzero(s.dense() != theirs.spikes[k].dense())) for k, s in ours.spikes.items()
        ),
        "changed_weights": sum(
            int(np.count_nonzero(w != program.connection(k).matrix())) for k, w in ours.weights.items()
        ),
    }  # fmt: skip


def _curve(start: Start, found: Sequence[Lesson]) -> dict[str, Any]:
    values = np.array([lesson.validation for lesson in found])
    return {
        "label": LABELS[start], "control": start == "readout",
        "samples": [found[0].samples * k for k in range(values.shape[1])], "mean": values.mean(axis=0).tolist(),
        "low": values.min(axis=0).tolist(), "high": values.max(axis=0).tolist(),
    }  # fmt: skip


def _table_row(start: Start, found: Sequence[Lesson], seeds: Sequence[int]) -> dict[str, Any]:
    tests = [lesson.test for lesson in found]
    return {
        "label": LABELS[start], "control": start == "readout", "seeds": list(seeds), "test_accuracy": tests,
        "mean": float(np.mean(tests)), "spread": float(np.std(tests)),
    }  # fmt: skip


def _histograms(lesson: Lesson) -> list[dict[str, Any]]:
    rows = []
    for name, weights in lesson.weights.items():
        rows.append(histogram(lesson.program.connection(name).matrix(), name, "before learning", 1))
        rows.append(histogram(weights, name, "after learning", 1))
    return rows
