"""The document that a report is made from: `results.json`, read and checked; faults name file and key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurotrain_hw.errors import DataUnavailableError, FormatError, UnknownNameError
from neurotrain_hw.report.checking import hold, kind_of, read_json
from neurotrain_hw.report.learning_run import results_of_course
from neurotrain_hw.report.schema import HEADER, SECTIONS
from neurotrain_hw.report.training_run import results_of_run

RESULTS, LEARN, RUN = "results.json", "learn.json", "run.json"


def read_results(folder: Path) -> dict[str, Any]:
    """The checked document of a run folder.

    Reads `results.json`, or else makes the sections of a course from `learn.json`, or of training from `run.json`.
    DataUnavailableError if there is none of them, FormatError naming file and key where one is malformed.
    """
    if (path := folder / RESULTS).is_file():
        results: dict[str, Any] = read_json(path)
        check(results, where=str(path))
        return results
    if (folder / LEARN).is_file():
        return results_of_course(folder)
    if (folder / RUN).is_file():
        return results_of_run(folder)
    raise DataUnavailableError(
        f"there is no {RESULTS}, {LEARN} or {RUN}" if folder.is_dir() else "there is no such folder",
        where=str(folder),
        remedy="Name the folder of a run, as `neurotrain-hw demo`, `learn` or `train` printed it.",
    )


def check(results: object, *, where: str = RESULTS) -> None:
    """Hold a document against the schema; FormatError names the key at fault, UnknownNameError an unknown section."""
    if not isinstance(results, Mapping):
        raise FormatError(f"got {kind_of(results)}", where=where, need="an object")
    names = [name.removesuffix("?") for name in (*HEADER, *SECTIONS)]
    for key in results:
        if key.removesuffix("_reason") not in names:
            raise UnknownNameError(f"section (in {where})", key, names)
    hold(results, {**HEADER, **{f"{name}?": kind for name, kind in SECTIONS.items()}}, where)
    _check_lengths(results, where)


def _check_lengths(results: Mapping[str, Any], where: str) -> None:
    """Rows as long as their heads: accuracies by column, bits by step count."""
    accuracy, sram = results.get("accuracy"), results.get("sram")
    rows = (
        [("accuracy.rows", "values", "columns", r, accuracy["columns"]) for r in accuracy["rows"]] if accuracy else []
    )
    rows += [("sram.rules", "bits", "steps", r, sram["steps"]) for r in sram["rules"]] if sram else []
    for key, item, head, row, against in rows:
        if len(row[item]) != len(against):
            what = f"{len(row[item])} {item} for {len(against)} {head}"
            raise FormatError(
                what, where=f"{where}: {key} ({row.get('network') or row.get('rule')})", need=len(against)
            )
