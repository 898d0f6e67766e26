"""A course goes on where it stopped, is not repeated, grows by seeds, and touches nothing that is not its own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from neurotrain_hw.data import Splits
from neurotrain_hw.errors import CapacityError, FormatError, NotOnThisChipError, OutputError, UnsupportedError
from neurotrain_hw.learn import LearnSettings, course, learn, learners, lessons
from neurotrain_hw.learn.course import Told
from neurotrain_hw.learn.tuned import CONTROLS, is_untuned, network_constants
from neurotrain_hw.onchip import OnChipNetwork, accuracy, build_program, spread, target_levels, teach
from neurotrain_hw.rules import load_rule
from neurotrain_hw.simulator import Session

SMALL = LearnSettings(hidden=12, seeds=1, epochs=2, control=True, twin=False)
PASSING = ("created", "lessons", "settings")


@pytest.fixture(scope="module")
def whole(few: Splits, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("whole") / "course"
    return folder, learn(SMALL, folder, data=few)


def test_it_tells_what_teach_gives(whole: tuple[Path, dict[str, Any]], few: Splits) -> None:
    folder, document = whole
    network, rules = OnChipNetwork(64, 12, 10), (load_rule("eprop-random"), load_rule("delta"))
    program = build_program(network, *rules, SMALL.load_chip(), seed=0)
    lesson = teach(program, target_levels(network, rules[1]), few, epochs=2, seed=0)
    found = document["lessons"]["chip"][0]
    assert (found["test"], found["best"], tuple(found["validation"])) == (lesson.test, lesson.best, lesson.validation)
    assert document["results"]["chip"]["mean"] == spread([lesson.test]).mean
    for row in document["updates"]:
        counts = lesson.counters.connections[row["layer"]]
        assert row["proposed"] == counts.weight_updates_proposed > row["applied"] == counts.weight_updates_applied > 0
        assert row["rounded_away"] == counts.weight_updates_rounded_away
        assert row["saturated"] == counts.weight_updates_saturated
    assert document["samples_learned"] == 80
    assert sorted(path.name for path in folder.iterdir()) == ["learn.json", "learned-seed0.nhw", "lessons"]


def test_a_finished_course_is_not_repeated(
    whole: tuple[Path, dict[str, Any]], few: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lessons, "teach", None)
    monkeypatch.setattr(course, "course_document", None)
    folder, document = whole
    assert learn(SMALL, folder, data=few) == document
    with pytest.raises(FormatError, match="other settings: epochs 2, not 3"):
        learn(replace(SMALL, epochs=3), folder, data=few)


def test_interrupted_it_goes_on_with_the_same_bits(
    whole: tuple[Path, dict[str, Any]], few: Splits, tmp_path: Path
) -> None:
    def stop(line: str) -> None:
        if "epoch 1/2" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(SMALL, tmp_path, jobs=1, data=few, told=Told(say=stop))
    assert not (tmp_path / "learn.json").exists()
    assert (tmp_path / "lessons/chip-seed0/lesson.json").is_file()
    said: list[str] = []
    again = learn(SMALL, tmp_path, jobs=1, data=few, told=Told(say=said.append))
    assert "epoch 1/2" not in " ".join(said)
    folder, document = whole
    assert {k: v for k, v in again.items() if k not in PASSING} == {
        k: v for k, v in document.items() if k not in PASSING
    }
    assert (tmp_path / "learned-seed0.nhw").read_bytes() == (folder / "learned-seed0.nhw").read_bytes()
    assert not (tmp_path / "lessons/chip-seed0").exists()


def test_seeds_and_a_twin_are_added_to_what_there_is(few: Splits, tmp_path: Path) -> None:
    first = replace(SMALL, epochs=1, control=False)
    learn(first, tmp_path, jobs=1, data=few)
    told: list[str] = []
    document = learn(replace(first, seeds=2, twin=True), tmp_path, jobs=1, data=few, told=Told(say=told.append))
    assert not any(line.startswith("on chip, seed 0") for line in told)
    assert [one["seed"] for one in document["lessons"]["chip"]] == [0, 1]
    assert {one["rate"] for one in document["lessons"]["twin"]} <= set(lessons.TWIN_RATES)
    assert document["results"]["chip"]["half_width"] > 0
    assert learn(first, tmp_path, jobs=1, data=few) == document


def test_what_is_not_its_own_is_left_alone(few: Splits, tmp_path: Path) -> None:
    (tmp_path / "learned-seed0.nhw").write_text("mine")
    with pytest.raises(OutputError, match=r"holds learned-seed0\.nhw"):
        learn(SMALL, tmp_path, data=few)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"rule": "bptt"}, UnsupportedError, "no sum of products"),
        ({"rule": "pair-stdp"}, UnsupportedError, "without a teacher"),
        ({"rule": "delta"}, UnsupportedError, "Rules that can be taught: .*eprop-random"),
        ({"chip": "xylo_audio2"}, NotOnThisChipError, "weights are fixed once loaded"),
        ({"chip": "edge_sram", "budget": "700B"}, CapacityError, "weights"),
    ],
)
def test_refused_before_anything_is_written(
    settings: dict[str, str], error: type[Exception], said: str, few: Splits, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said):
        learn(replace(SMALL, **settings), tmp_path / "none", data=few)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_rules_that_can_be_taught_are_named() -> None:
    names = learners()
    assert {"eprop-random", "eprop", "decolle", "ottt", "drtp", "etlp"} <= set(names)
    assert not {"bptt", "pair-stdp", "delta"} & set(names)


def test_rules_of_the_tables_are_tuned() -> None:
    import rules_on_digits
    import rules_on_mnist

    assert not any(is_untuned(name) for name in (*rules_on_digits.RULES, *rules_on_mnist.RULES))
    assert network_constants("drtp", "digits") == CONTROLS["digits"]


def test_a_rule_of_the_users_is_taught_as_it_stands(few: Splits, tmp_path: Path) -> None:
    path = tmp_path / "drtp.toml"  # the name of a rule that is tuned
    text = load_rule("eprop-random").to_toml().replace("2^-7", "2^-6")
    path.write_text(text)
    settings = replace(SMALL, rule=str(path), epochs=1, control=False)
    document = learn(settings, tmp_path / "run", data=few)
    assert document["rules"][0]["dw"] == "2^-6*u0*x1*y1 - 2^-6*u0*x1*y2"
    assert document["network"]["dv"] == OnChipNetwork(1, 1, 1).dv


def test_a_chip_that_could_not_is_told_in_the_document(few: Splits, tmp_path: Path) -> None:
    settings = replace(SMALL, chip="loihi1", epochs=1, control=False, anyway=True)
    document = learn(settings, tmp_path, data=few)
    assert any("Intel Loihi (1) itself could not run this: third factor" in line for line in document["warnings"])


def test_weights_of_few_bits_stay_on_their_grid(few: Splits, tmp_path: Path) -> None:
    from neurotrain_hw.program.file import load_program

    settings = replace(SMALL, weight_bits=4, rounding="independent", control=False)
    document = learn(settings, tmp_path, data=few)
    program = load_program(tmp_path / "learned-seed0.nhw")
    assert [c.name for c in program.connections] == ["in-hidden", "hidden-out"]
    assert all(not (c.matrix() % 32).any() and c.num_weight_bits == 4 for c in program.connections)
    assert accuracy(Session(program, record=["out.spikes"]), few.test) == document["results"]["chip"]["mean"]
    assert any("rounding is independent, as was asked for" in line for line in document["warnings"])
    assert json.loads((tmp_path / "learn.json").read_text())["settings"]["weight_bits"] == 4
