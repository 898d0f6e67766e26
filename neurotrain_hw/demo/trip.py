"""The trip: its steps in order, each a line with its figures, and one report at the end."""

from __future__ import annotations

import datetime
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from neurotrain_hw.demo import chip, costs, learning, training
from neurotrain_hw.demo.notebook import Notebook
from neurotrain_hw.errors import LavaUnavailableError
from neurotrain_hw.files import output_folder, write_text
from neurotrain_hw.networks import load_model
from neurotrain_hw.report import check_extra, write_report

RULES = ("bptt", "eprop")
PACKAGES = ("neurotrain-hw", "torch", "snntorch", "brevitas", "nir", "numpy", "numba", "scikit-learn")


@dataclass(frozen=True)
class DemoSettings:
    """What the demo does: seeds 0, 1, ..; epochs of training (None: the rule's own) and of on-chip learning; jobs."""

    model: str = "digits-fc"
    dataset: str = "digits"
    target: str = "loihi2"
    seeds: int = 3
    training_epochs: int | None = None
    learning_epochs: int = 10
    jobs: int = 2


def run_demo(
    folder: Path,
    settings: DemoSettings | None = None,
    *,
    say: Callable[[str], None] = print,
    status: Callable[[str, float], None] = lambda what, share: None,
    lava: bool = True,
) -> dict[str, Any]:
    """Run the trip in a folder, or what of it is not done yet, and return the results that the report shows.

    `say` gets every finished line; `status`, during what takes long, its name and the share that is done. `lava` False
    leaves Lava out; where Lava is not installed, one line says so. Interrupted, it goes on where it stopped: finished
    steps are kept in `folder`, and training resumes after its last whole epoch.
    """
    settings = settings or DemoSettings()
    check_extra()
    output_folder(folder)
    start = time.perf_counter()
    reason = _why_no_lava() if lava else "Lava was left out on request"
    if reason:
        say(f"Lava is skipped: {reason}")
    book, seeds = Notebook(folder, say), list(range(settings.seeds))
    key = {k: v for k, v in vars(settings).items() if k != "jobs"} | {"version": metadata.version("neurotrain-hw")}
    book.step(
        "a", "train 64-128-10 LIF with 8-bit weights", key,
        lambda: training.train_all(
            folder, settings.model, RULES, seeds, settings.training_epochs, settings.jobs, say, status
        ),
    )  # fmt: skip
    book.step("b", "export to NIR and read back", key, lambda: training.check_round_trip(folder, RULES, seeds))
    book.step(
        "c", f"compile for {settings.target}", key, lambda: chip.compile_all(folder, RULES, seeds, settings.target)
    )
    ran = book.step(
        "d", "run the test set on the simulator and on Lava", {**key, "lava": reason},
        lambda: chip.run_all(folder, RULES, seeds, settings.dataset, settings.jobs, reason),
    )  # fmt: skip
    hidden = load_model(settings.model).sizes[1]
    taught = book.step(
        "e", "learn on the chip, online, in integers", {**key, "lava": reason},
        lambda: learning.learn_all(
            folder, settings.dataset, seeds, settings.learning_epochs, settings.target, hidden, settings.jobs, reason,
            say, status,
        ),
    )  # fmt: skip
    book.step(
        "f", "SRAM needed and there", key,
        lambda: costs.memory_section(settings.model, settings.target, load_model(settings.model).steps),
    )  # fmt: skip
    book.step(
        "g", "events and energy", {**key, "lava": reason},
        lambda: costs.events_section(
            ran["inference_counters"], ran["accuracy"]["samples"], taught["learning_counters"],
            taught["learning_samples"], settings.target,
        ),
    )  # fmt: skip
    results = _results(book, settings)
    write_text(folder / "results.json", json.dumps(results, indent=1))
    path = write_report(folder)
    say(f"h. report: {path}")
    say(f"done in {time.perf_counter() - start:.0f} s")
    return results


def _why_no_lava() -> str | None:
    from neurotrain_hw.lava import environment

    try:
        environment.lava_python()
    except LavaUnavailableError as error:
        return str(error)
    return None


def _results(book: Notebook, settings: DemoSettings) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for entry in book.entries:
        merged |= entry.sections
    weights = merged.pop("weights") + merged.pop("learned_weights")
    for key in ("inference_counters", "learning_counters", "learning_samples"):
        merged.pop(key)
    return {
        "title": "From training to the chip: digits on a simulated Loihi 2",
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "kind": "demo", "seed": 0, "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": {"python": platform.python_version(), **{p: metadata.version(p) for p in PACKAGES}},
        "headline": _headline(merged),
        "log": [{"step": e.step, "title": e.title, "seconds": e.seconds, "text": e.text} for e in book.entries],
        "weights": weights, **merged,
    }  # fmt: skip


def _headline(merged: dict[str, Any]) -> list[dict[str, Any]]:
    compared = [r for r in merged["accuracy"]["rows"] if r["differing_spikes"] is not None]
    taught, control = (next(r for r in merged["on_chip"]["table"] if r["control"] is flag) for flag in (False, True))
    lava = merged["on_chip"]["lava"]
    rows: list[tuple[str, object, str]] = [
        (f"test accuracy, {t['title']}", _percent(t["test_accuracy"]), f"8-bit weights, {training.count(t['seeds'])}")
        for t in merged["training"]
    ]
    rows.append(
        ("spikes that differ from Lava", sum(r["differing_spikes"] for r in compared),
         f"of {sum(r['compared_spikes'] for r in compared):,} compared")
        if compared else ("spikes that differ from Lava", None, "Lava was not run")
    )  # fmt: skip
    rows.append(
        ("test accuracy, learned on the chip from random weights", _percent([taught["mean"]]),
         f"readout-only control {_percent([control['mean']])}")
    )  # fmt: skip
    rows.append(
        ("learned weights that differ from Lava", None, "Lava was not run") if lava is None
        else ("learned weights that differ from Lava", lava["differing_weights"],
              f"of {lava['compared_weights']:,}, after {lava['steps']} steps")
    )  # fmt: skip
    return [{"label": label, "value": value, "note": note} for label, value, note in rows]


def _percent(values: list[float]) -> str:
    return f"{100 * sum(values) / len(values):.1f} %"
