"""A training run as a report's document: what `run.json` and `weights.npz` of its folder tell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from neurotrain_hw.errors import FormatError
from neurotrain_hw.report.checking import hold, read_json
from neurotrain_hw.report.schema import NUMBER, TEXT, WHOLE, Map

_SPLITS = {"validation": NUMBER, "test": NUMBER}
_KIND = {
    "settings": {"model": {"name": TEXT}, "rule": TEXT, "dataset": TEXT, "seed": WHOLE},
    "accuracy": {"quantised": _SPLITS, "float": _SPLITS},
    "history": [{"epoch": WHOLE, "loss": NUMBER, "validation": NUMBER}],
    "seconds": NUMBER,
    "versions?": Map(TEXT),
}


def results_of_run(folder: Path) -> dict[str, Any]:
    """The document for a folder that `neurotrain-hw train` wrote; FormatError names file and key of a fault."""
    path = folder / "run.json"
    run = read_json(path)
    hold(run, _KIND, str(path))
    settings, accuracy, history = run["settings"], run["accuracy"], run["history"]
    model, rule = settings["model"]["name"], settings["rule"]
    quantised, unquantised = accuracy["quantised"], accuracy["float"]
    document: dict[str, Any] = {
        "title": f"Training {model} with {rule}",
        "kind": "training",
        "seed": settings["seed"],
        "headline": [
            {"label": "test accuracy", "value": f"{100 * quantised['test']:.1f} %", "note": "quantised weights"},
            {
                "label": "with float weights",
                "value": f"{100 * unquantised['test']:.1f} %",
                "note": "same shadow weights",
            },
            {
                "label": "epochs",
                "value": len(history),
                "note": "weights of the last",
            },
        ],
        "training": [
            {
                "rule": rule,
                "title": f"{rule} on {Path(settings['dataset']).name}",
                "seeds": [settings["seed"]],
                "test_accuracy": [quantised["test"]],
                "validation_accuracy": [quantised["validation"]],
                "float_accuracy": [unquantised["test"]],
                "curve": [
                    {"epoch": e["epoch"], "loss": e["loss"], "validation_accuracy": e["validation"]} for e in history
                ],
                "seconds": run["seconds"],
            }
        ],
        "versions": run.get("versions") or {},
    }
    if weights := _histograms(folder / "weights.npz"):
        document["weights"] = weights
    return document


def _histograms(path: Path) -> list[Mapping[str, Any]]:
    """Counts of every integer weight, per quantised layer; none if the file is not there."""
    if not path.is_file():
        return []
    import numpy as np

    found: list[Mapping[str, Any]] = []
    try:
        with np.load(path, allow_pickle=False) as stored:
            for key in stored.files:
                if key.endswith("/integers"):
                    values, counts = np.unique(stored[key], return_counts=True)
                    whole = {"values": [int(v) for v in values], "counts": [int(c) for c in counts]}
                    found.append({"connection": key.removesuffix("/integers"), "label": "trained", "grid": 1, **whole})
    except (ValueError, EOFError, BadZipFile) as error:
        raise FormatError(f"not a file of arrays: {error}", where=str(path)) from None
    return found
