"""Reading `results.json` and `run.json`: what is accepted, and how a fault is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurotrain_hw.errors import DataUnavailableError, FormatError, UnknownNameError
from neurotrain_hw.report import check, read_results

Make = Callable[[], dict[str, Any]]
RUN = {
    "format": "run-1",
    "settings": {"model": {"name": "made-up-net", "layers": []}, "rule": "eprop", "dataset": "made-up", "seed": 3},
    "accuracy": {
        "quantised": {"train": 0.99, "validation": 0.97, "test": 0.951},
        "float": {"train": 0.99, "validation": 0.975, "test": 0.962},
    },
    "history": [{"epoch": 1, "loss": 1.5, "validation": 0.9}, {"epoch": 2, "loss": 0.7, "validation": 0.97}],
    "seconds": 12.5,
    "versions": {"python": "0.0"},
}


def write(folder: Path, name: str, document: object) -> Path:
    text = document if isinstance(document, str) else json.dumps(document)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_every_section_may_be_missing(results: Make) -> None:
    document = results()
    check({})
    for key in document:
        check({k: v for k, v in document.items() if k != key})


def test_every_section_may_be_null_with_a_reason(results: Make) -> None:
    check(dict.fromkeys(results()) | {f"{key}_reason": "synthetic" for key in results()})


@pytest.mark.parametrize(
    ("damage", "key", "need"),
    [
        (lambda d: d.update(seed="7"), "seed", "a whole number"),
        (lambda d: d.update(training={}), "training", "a list"),
        (lambda d: d["training"][1]["curve"][3].update(epoch="four"), "training[1].curve[3].epoch", "a number"),
        (lambda d: d["training"][0]["curve"][0].update(loss=float("nan")), "training[0].curve[0].loss", "a number"),
        (lambda d: d["accuracy"].pop("columns"), "accuracy.columns", "a list"),
        (lambda d: d["energy"][0]["terms"][1].pop("figure_pj"), "energy[0].terms[1].figure_pj", "a number or null"),
        (lambda d: d["on_chip"]["lava"].update(steps=True), "on_chip.lava.steps", "a whole number"),
        (lambda d: d["versions"].update(torch=2), "versions.torch", "a text"),
        (lambda d: d.update(energy=None, energy_reason=5), "energy_reason", "a text"),
        (lambda d: d["raster"].update(population_sizes=[64]), "raster.population_sizes", "an object"),
    ],
)
def test_a_fault_names_file_key_and_what_was_expected(
    results: Make, damage: Callable[[dict[str, Any]], object], key: str, need: str
) -> None:
    document = results()
    damage(document)
    with pytest.raises(FormatError) as caught:
        check(document, where="runs/x/results.json")
    assert caught.value.where == f"runs/x/results.json: {key}"
    assert caught.value.need == need


def test_arrays_that_belong_together_have_one_length(results: Make) -> None:
    document = results()
    document["on_chip"]["curves"][0]["low"].pop()
    with pytest.raises(FormatError, match=r"on_chip\.curves\[0\]: arrays of different lengths .*low 12"):
        check(document)


def test_a_row_is_as_long_as_its_head(results: Make) -> None:
    document = results()
    document["accuracy"]["rows"][0]["values"].pop()
    with pytest.raises(FormatError, match=r"accuracy\.rows \(BPTT\): 3 values for 4 columns"):
        check(document)
    document = results()
    document["sram"]["rules"][1]["bits"].append(1)
    with pytest.raises(FormatError, match=r"sram\.rules \(local\): 6 bits for 5 steps"):
        check(document)


def test_a_section_that_is_misspelt_is_not_passed_over(results: Make) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean energy"):
        check(results() | {"enregy": []})


def test_what_is_no_json_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"results\.json: not JSON: .* at line 2"):
        read_results(write(tmp_path, "results.json", '{\n"title": }'))
    (tmp_path / "results.json").write_bytes(b"\xff{}")
    with pytest.raises(FormatError, match="not UTF-8"):
        read_results(tmp_path)


def test_a_folder_without_a_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailableError, match=r"no results\.json, learn\.json or run\.json"):
        read_results(tmp_path)
    with pytest.raises(DataUnavailableError, match="no such folder"):
        read_results(tmp_path / "nowhere")


def test_a_training_run_becomes_a_document_of_its_own(tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", **{"hidden/integers": np.array([[0, 3], [3, -2]]), "hidden/scale": 0.5})
    document = read_results(write(tmp_path, "run.json", RUN))
    check(document)
    [entry] = document["training"]
    assert entry["test_accuracy"] == [0.951] and entry["float_accuracy"] == [0.962]
    assert [point["validation_accuracy"] for point in entry["curve"]] == [0.9, 0.97]
    [weights] = document["weights"]
    assert dict(zip(weights["values"], weights["counts"], strict=True)) == {-2: 1, 0: 1, 3: 2}


def test_a_damaged_training_run_is_named(tmp_path: Path) -> None:
    write(tmp_path, "run.json", {**RUN, "history": [{"epoch": 1, "loss": 1.5}]})
    with pytest.raises(FormatError, match=r"run\.json: history\[0\]\.validation: this key is missing"):
        read_results(tmp_path)
    write(tmp_path, "run.json", RUN)
    (tmp_path / "weights.npz").write_bytes(b"no zip")
    with pytest.raises(FormatError, match=r"weights\.npz: not a file of arrays"):
        read_results(tmp_path)


def test_results_come_before_the_training_run(tmp_path: Path) -> None:
    write(tmp_path, "run.json", RUN)
    assert read_results(write(tmp_path, "results.json", {"title": "both"})) == {"title": "both"}


def test_a_run_of_train_has_all_that_its_report_needs(tmp_path: Path) -> None:
    from neurotrain_hw.trainers import train

    run = train("digits-fc", "readout-only", epochs=2, steps=3, folder=tmp_path / "run")
    document = read_results(run.folder)
    check(document)
    assert document["headline"][0]["value"] == f"{100 * run.accuracy['quantised']['test']:.1f} %"
    assert len(document["training"][0]["curve"]) == 2 and len(document["weights"]) == 2
