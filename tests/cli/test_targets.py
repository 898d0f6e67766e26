"""`neurotrain-hw targets`."""

import json
import subprocess
import sys
import time
from pathlib import Path

from typer.testing import CliRunner

from neurotrain_hw import files
from neurotrain_hw.cli.targets import app

runner = CliRunner()


def test_list_shows_every_chip_and_what_is_unknown() -> None:
    result = runner.invoke(app, ["list"])
    assert result.exit_code == 0
    row = next(line for line in result.stdout.splitlines() if "loihi2" in line)
    assert "128" in row and "192 KiB" in row and "per-neuron" in row and "unpublished" in row
    assert "unknown" in next(line for line in result.stdout.splitlines() if "speck" in line)


def test_list_as_json_has_null_for_unknown() -> None:
    chips = {c["id"]: c for c in json.loads(runner.invoke(app, ["list", "--json"]).stdout)}
    assert len(chips) == 11
    assert chips["loihi2"]["memory.sram_core_bytes"] == 196608
    assert chips["speck"]["memory.sram_core_bytes"] is None


def test_show_gives_every_figure_with_status_and_source() -> None:
    result = runner.invoke(app, ["show", "loihi1"])
    assert result.exit_code == 0
    row = next(line for line in result.stdout.splitlines() if "energy.synop_pj" in line)
    assert "23.6" in row and "davies18" in row
    assert "IEEE Micro" in result.stdout and "Published measurements" in result.stdout


def test_show_as_json_tells_unknown_from_known() -> None:
    document = json.loads(runner.invoke(app, ["show", "loihi2", "--json"]).stdout)
    figure = document["figures"]["energy.synop_pj"]
    assert figure["value"] is None and figure["known"] is False and figure["status"] == "U"
    assert document["figures"]["structure.cores"]["value"] == 128
    assert document["calibrations"][0]["independent"] is True


def test_show_of_an_unknown_chip_is_a_usage_error_with_the_nearest_names() -> None:
    result = runner.invoke(app, ["show", "lohi2"])
    assert result.exit_code == 2
    assert "Did you mean loihi2" in result.stderr


def test_show_does_not_stumble_over_brackets_in_a_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = (files.shipped("targets") / "odin.toml").read_text()
    path.write_text(text.replace('topology = "crossbar', 'topology = "[/bold] crossbar'))
    result = runner.invoke(app, ["show", str(path)])
    assert result.exit_code == 0, result.exception
    assert "[/bold] crossbar" in result.stdout


def test_check_of_the_shipped_files_is_good() -> None:
    result = runner.invoke(app, ["check", *map(str, sorted(files.shipped("targets").glob("*.toml")))])
    assert result.exit_code == 0
    assert result.stdout.count("good") == 11


def test_check_of_a_faulty_file_is_a_negative_answer_with_line_and_key(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text((files.shipped("targets") / "odin.toml").read_text().replace("cores = 1", 'cores = "one"'))
    result = runner.invoke(app, ["check", str(path)])
    assert result.exit_code == 1
    assert "key 'structure.cores'" in result.stdout and "an integer" in result.stdout
    document = json.loads(runner.invoke(app, ["check", str(path), "--json"]).stdout)
    assert document[0]["ok"] is False and "structure.cores" in document[0]["faults"][0]["where"]


def test_check_of_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    assert runner.invoke(app, ["check", str(tmp_path / "none.toml")]).exit_code == 2


def test_list_is_quick_and_loads_nothing_heavy() -> None:
    """1 s on an idle machine for the whole process; 3 s here, where other tests run beside."""
    code = (
        "import sys; from neurotrain_hw.cli.targets import app\n"
        "try: app(['list'])\n"
        "except SystemExit: print([m for m in ('torch', 'numba', 'sklearn', 'plotly', 'h5py') if m in sys.modules])"
    )
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - start)
    assert done.stdout.splitlines()[-1] == "[]"
    assert min(seconds) < 3
