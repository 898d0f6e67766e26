"""What a snapshot refuses: another program, damage, and states that a run cannot have."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from plastic_programs import random_plastic_program

from neurotrain_hw.errors import FormatError
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Program
from neurotrain_hw.simulator import Session


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Program, Path]:
    """A learning program and a snapshot of it after 17 steps."""
    program, inputs, third, _ = random_plastic_program(3, t_epoch=4)
    session = Session(program, record=["h.spikes"])
    session.run(
        {k: EventStream.from_dense(v).window(0, 17) for k, v in inputs.items()}, steps=17,
        third_factors={k: v[:, :17] for k, v in third.items()},
    )  # fmt: skip
    session.save(tmp_path / "run.snapshot")
    return program, tmp_path / "run.snapshot"


def change(path: Path, edit: Callable[[dict, dict[str, np.ndarray]], None]) -> None:
    """Write a snapshot anew with its document and arrays (by the name of the part) edited."""
    with zipfile.ZipFile(path) as archive:
        document = json.loads(archive.read("snapshot.json"))
        parts = document["snapshot"]["parts"]
        arrays = {k: np.load(io.BytesIO(archive.read(f"{ref['array']}.npy"))) for k, ref in parts.items()}
    edit(document["snapshot"], arrays)
    for name in list(parts):
        if name not in arrays:
            del parts[name]
    with zipfile.ZipFile(path, "w") as archive:
        for number, (name, array) in enumerate(arrays.items()):
            parts[name] = {"array": number, "type": array.dtype.name, "shape": list(array.shape)}
            with archive.open(f"{number}.npy", "w") as member:
                np.lib.format.write_array(member, array, version=(1, 0))
        archive.writestr("snapshot.json", json.dumps(document))


def set_value(name: str, value: int) -> Callable[[dict, dict[str, np.ndarray]], None]:
    def edit(body: dict, arrays: dict[str, np.ndarray]) -> None:
        arrays[name][0] = value

    return edit


def drop(name: str) -> Callable[[dict, dict[str, np.ndarray]], None]:
    def edit(body: dict, arrays: dict[str, np.ndarray]) -> None:
        del arrays[name]

    return edit


CONTRADICTIONS: dict[str, tuple[Callable[[dict, dict[str, np.ndarray]], None], str]] = {
    "a part is missing": (drop("totals"), "'totals' is not of this program"),
    "a part is shorter": (lambda body, arrays: arrays.update(w=arrays["w"][1:]), "'w' is not of this program"),
    "another type": (lambda body, arrays: arrays.update(x=arrays["x"].astype(np.int64)), "'x' is not of this program"),
    "a spike after the epoch": (set_value("tx", 5), "'tx' holds times beyond the epoch"),
    "a spike before it": (set_value("ty", -1), "'ty' holds times beyond the epoch"),
    "no initial weights": (drop("initial_0"), "initial_0"),
    "other initial weights": (
        lambda body, arrays: arrays.update(initial_1=arrays["initial_1"][:-1]), "the weights are not of this program",
    ),
    "a generator of another seed": (
        lambda body, arrays: body["streams"][0].__setitem__(1, 7), "a generator of another seed",
    ),
    "a generator too few": (lambda body, arrays: body["streams"].pop() and None, "states that generators cannot have"),
    "an impossible generator": (
        lambda body, arrays: body["streams"][0].__setitem__(2, 2), "states that generators cannot have",
    ),
    "a negative step": (lambda body, arrays: body.update(step=-1), "step, learn and record"),
    "a number for yes": (lambda body, arrays: body.update(learn=1), "step, learn and record"),
    "a record of nothing": (lambda body, arrays: body.update(record=["g.spikes"]), "no population called 'g'"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_is_refused(saved: tuple[Program, Path], name: str) -> None:
    program, path = saved
    edit, message = CONTRADICTIONS[name]
    change(path, edit)
    with pytest.raises(FormatError, match=message) as caught:
        Session.resume(program, path)
    assert caught.value.where == str(path)


def test_an_edit_that_changes_nothing_is_accepted(saved: tuple[Program, Path]) -> None:
    """So the cases above are refused for what they change."""
    program, path = saved
    change(path, lambda body, arrays: None)
    assert Session.resume(program, path).step == 17


def test_another_program_is_refused(saved: tuple[Program, Path]) -> None:
    program, path = saved
    weights = program.connection("c0").weights.copy()
    weights[0, 0] ^= 2
    with pytest.raises(FormatError, match=r"of another program.*'plastic-3', bit for bit"):
        Session.resume(program.with_weights({"c0": weights}), path)


def test_a_program_file_is_no_snapshot(saved: tuple[Program, Path], tmp_path: Path) -> None:
    from neurotrain_hw import save_program

    program, _ = saved
    save_program(program, tmp_path / "p.nhw")
    with pytest.raises(FormatError, match="no snapshot file"):
        Session.resume(program, tmp_path / "p.nhw")
    with pytest.raises(FormatError, match="there is no such file"):
        Session.resume(program, tmp_path / "none")


def test_mutated_snapshots_are_refused_or_run(saved: tuple[Program, Path]) -> None:
    """No crash and no foreign error, whatever bytes change; what is accepted can go on."""
    program, path = saved
    good, rng, accepted = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(500):
        bad = bytearray(good)
        for at in rng.integers(0, len(bad), rng.integers(1, 4)):
            bad[at] = rng.integers(0, 256)
        path.write_bytes(bad[: rng.integers(0, len(bad))] if rng.random() < 0.2 else bad)
        accepted += goes_on(program, path)
    assert accepted < 100


def test_any_values_in_a_snapshot_are_refused_or_run(saved: tuple[Program, Path]) -> None:
    """The same where the file is sound and its numbers are not: no value becomes a place in memory."""
    program, path = saved
    good, rng, accepted = path.read_bytes(), np.random.default_rng(1), 0

    def scramble(body: dict, arrays: dict[str, np.ndarray]) -> None:
        for name in rng.choice(sorted(arrays), rng.integers(1, 4)):
            array = arrays[name]
            if array.size:
                limits = np.iinfo(array.dtype)
                low, high = ((limits.min, limits.max), (-3, 300))[rng.integers(2)]
                at = rng.random(array.shape) < rng.choice([0.02, 0.5])
                array[at] = rng.integers(max(low, limits.min), min(high, limits.max), at.sum(), endpoint=True)

    for _ in range(200):
        path.write_bytes(good)
        change(path, scramble)
        accepted += goes_on(program, path)
    assert accepted > 50


def goes_on(program: Program, path: Path) -> bool:
    """Whether a snapshot is accepted, and then runs on; FormatError names the file."""
    try:
        session = Session.resume(program, path)
    except FormatError as error:
        assert str(path) in str(error)
        return False
    factors = {
        c.name: np.zeros((3, 9, c.weights.shape[0]), np.int32)
        for c in program.connections
        if c.plasticity and c.plasticity.kind == "3f" and program.population(c.post).modulator is None
    }
    session.run({}, steps=9, third_factors=factors)
    return True
