"""Recorded runs of real Lava are reproduced element by element, and a wrong element is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurotrain_hw.errors import FormatError, UnsupportedError
from neurotrain_hw.simulator.golden import load_case, verify_case

COPIES = Path(__file__).parents[1] / "golden" / "lava"


@pytest.mark.parametrize("path", sorted(COPIES.glob("*.npz")), ids=lambda p: p.stem)
def test_copied_cases_agree(path: Path) -> None:
    assert verify_case(load_case(path)) is None


def test_every_shared_case_agrees(shared: Path) -> None:
    files = sorted((shared / "golden" / "lava").glob("*.npz"))
    for path in files:
        assert verify_case(load_case(path)) is None, path.name
    assert len(files) >= 60
    assert sum(path.name.startswith("conv_") for path in files) >= 8


def test_what_is_not_simulated_is_refused_by_name(tmp_path: Path) -> None:
    with np.load(COPIES / "lif_dense_0001.npz", allow_pickle=False) as file:
        arrays = dict(file)
    text = str(arrays["case"])
    for old, new in (('"kind": "lif"', '"kind": "hodgkin_huxley"'), ('"kind": "dense"', '"kind": "gap_junction"')):
        assert old in text
        np.savez(tmp_path / "other.npz", **{**arrays, "case": np.array(text.replace(old, new))})
        with pytest.raises(UnsupportedError, match=new.split('"')[3]):
            load_case(tmp_path / "other.npz")


@pytest.mark.parametrize("key", ["h1.spikes", "h1.u", "h1.v"])
def test_one_wrong_element_is_named(key: str) -> None:
    case = load_case(COPIES / "lif_dense_0001.npz")
    wrong = case.expected[key].copy()
    wrong[6, 2] += 1
    found = verify_case(replace(case, expected={**case.expected, key: wrong}))
    assert found is not None
    assert (found.key, found.step, found.index, found.count) == (key, 7, (2,), 1)
    assert found.expected == found.actual + 1
    assert "step 7" in str(found)


def test_one_wrong_weight_is_named() -> None:
    case = load_case(COPIES / "learn3f_direct_0602.npz")
    wrong = case.expected["l0.weights"].copy()
    wrong[1, 0] -= 1
    found = verify_case(replace(case, expected={**case.expected, "l0.weights": wrong}))
    assert found is not None
    assert (found.key, found.step, found.index) == ("l0.weights", None, (1, 0))


def test_weights_at_every_epoch_are_compared() -> None:
    case = load_case(COPIES / "learn2f_triplet_0513.npz")
    rule = case.program.connection("l0").plasticity
    assert rule is not None
    epochs = case.steps // rule.t_epoch
    final = case.expected["l0.weights"]
    history = np.zeros((epochs, *final.shape), np.int32)
    found = verify_case(replace(case, expected={"l0.weights@epochs": history}))
    assert found is not None
    history_end = replace(case, expected={"l0.weights": final})
    assert verify_case(history_end) is None


def test_missing_and_damaged_files_are_typed_errors(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such file"):
        load_case(tmp_path / "none.npz")
    whole = (COPIES / "graded_edge_0306.npz").read_bytes()
    for cut in (0, 10, 500, len(whole) - 30):
        (tmp_path / "cut.npz").write_bytes(whole[:cut])
        with pytest.raises(FormatError, match=r"cut\.npz"):
            load_case(tmp_path / "cut.npz")
