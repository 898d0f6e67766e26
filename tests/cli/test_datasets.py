"""`datasets`: what it lists, shows and checks, in words and in JSON."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dataset_files import idx_folder
from typer.testing import CliRunner

from neurotrain_hw.cli import app
from neurotrain_hw.data.catalogue import DATASETS

LABELS = np.arange(20, dtype=np.uint8) % 10
IMAGES = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder of data but the one that is named."""
    monkeypatch.setenv("NEUROTRAIN_HW_DATA", str(tmp_path / "none"))


def run(line: str) -> tuple[int, str]:
    """Exit code and output of a command line."""
    done = CliRunner().invoke(app, ["datasets", *line.split()])
    return done.exit_code, done.output


def test_list_names_every_dataset(tmp_path: Path) -> None:
    code, shown = run("list")
    assert code == 0
    assert all(name in shown for name in DATASETS)
    code, text = run("list --json")
    found = {entry["name"]: entry for entry in json.loads(text)}
    assert list(found) == list(DATASETS)
    assert found["nmnist"]["shape"] == [2, 34, 34]
    assert (found["nmnist"]["kind"], found["digits"]["kind"]) == ("events", "images")
    assert {name: entry["here"] for name, entry in found.items() if entry["here"] != "no"} == {"digits": "yes"}
    idx_folder(tmp_path, {"t10k": (IMAGES, LABELS)})
    listed = json.loads(run(f"list --json --data {tmp_path}")[1])
    assert {entry["name"]: entry["here"] for entry in listed}["mnist"] == "part"


def test_show_tells_source_files_and_checksums() -> None:
    code, shown = run("show nmnist")
    assert code == 0
    for archive in DATASETS["nmnist"].archives:
        assert archive.name in shown
        assert archive.md5 in shown
    document = json.loads(run("show shd --json")[1])
    assert document["archives"][0]["url"] == "https://zenkelab.org/datasets/shd_train.h5.zip"
    assert document["archives"][0]["path"] is None
    assert "two of the twelve speakers" in document["split"]


def test_an_unknown_name_is_a_mistake() -> None:
    code, shown = run("show nminst")
    assert code == 2
    assert "nmnist" in shown
    assert run("check nminst")[0] == 2


def test_check_reads_and_compares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("check mnist")[0] == 1
    idx_folder(tmp_path, {"train": (IMAGES, LABELS), "t10k": (IMAGES, LABELS)})
    code, text = run(f"check mnist --data {tmp_path} --json")
    assert code == 1
    assert {file["state"] for file in json.loads(text)["files"]} == {"another checksum"}
    facts = DATASETS["mnist"]
    sums = [hashlib.md5((tmp_path / a.name).read_bytes()).hexdigest() for a in facts.archives]
    archives = tuple(replace(a, md5=md5) for a, md5 in zip(facts.archives, sums, strict=True))
    monkeypatch.setitem(DATASETS, "mnist", replace(facts, archives=archives))
    code, text = run(f"check mnist --data {tmp_path} --read --json")
    document = json.loads(text)
    assert (code, document["ok"]) == (0, True)
    assert (document["read"]["train"], document["read"]["validation"], document["read"]["test"]) == (10, 10, 20)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(b"nonsense")
    code, shown = run(f"check mnist --data {tmp_path} --read")
    assert code == 1
    assert "train-labels-idx1-ubyte.gz" in shown


def test_check_reads_a_file_of_ones_own(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", x=np.ones((40, 6, 2, 5, 5), np.uint8), y=np.arange(40) % 4)
    code, shown = run(f"check {tmp_path / 'own.npz'}")
    assert code == 0
    assert "shape (2, 5, 5)" in shown
    (tmp_path / "own.npz").write_bytes(b"PK")
    code, text = run(f"check {tmp_path / 'own.npz'} --json")
    assert (code, json.loads(text)["fault"]["error"]) == (1, "FormatError")
