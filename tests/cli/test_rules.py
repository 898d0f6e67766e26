"""`neurotrain-hw rules`."""

import json
import re
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from neurotrain_hw.cli.rules import app
from neurotrain_hw.rules import load_rule, rule_names

runner = CliRunner()


def test_list_shows_every_rule_and_what_runs_it() -> None:
    result = runner.invoke(app, ["list"])
    assert result.exit_code == 0
    assert all(name in result.stdout for name in rule_names())
    assert re.search(r"eprop-alif .*nothing yet", result.stdout)


def test_list_as_json() -> None:
    rows = {row["rule"]: row for row in json.loads(runner.invoke(app, ["list", "--json"]).stdout)}
    assert rows["bptt"]["memory"] == "linear" and rows["eprop"]["memory"] == "constant"


def test_show_gives_equation_sums_and_needs() -> None:
    result = runner.invoke(app, ["show", "reward-stdp"])
    assert result.exit_code == 0
    assert "dt = 2^-2*y0*x1 - 2^-2*x0*y1 - 2^-3*u0*t" in result.stdout
    assert "tag_1" in result.stdout and "weight transport" in result.stdout


def test_show_tells_who_computes_the_signal_and_what_is_approximate() -> None:
    shown = " ".join(runner.invoke(app, ["show", "decolle"]).stdout.split())
    assert "network: further neurons on the chip, and the program of the post neuron" in shown
    assert "a Modulator of the program forms it" in shown
    assert "Approximate: One trace of 6 steps stands for the paper's difference of two" in shown
    assert "2 add, and 1 mul, 2 add for each output" in shown
    shown = " ".join(runner.invoke(app, ["show", "eprop-alif"]).stdout.split())
    assert "it must be given from outside (`third_factors` of simulate)" in shown
    assert "nothing yet (its synapses alone: the simulator, with y1..y3 given from outside)" in shown


def test_show_counts_the_state_of_a_rule_for_a_processor() -> None:
    shown = " ".join(runner.invoke(app, ["show", "eprop-alif-filtered"]).stdout.split())
    assert "a processor on the chip, which visits every synapse in software" in shown
    assert "32, of these threshold eligibility 16, filtered eligibility 16" in shown
    assert "step: 6 mul, 4 add" in shown


def test_show_as_json_is_the_file_with_its_needs() -> None:
    document = json.loads(runner.invoke(app, ["show", "pair-stdp", "--json"]).stdout)
    assert document["dw"] == "2^-2*y0*x1 - 2^-2*x0*y1"
    assert document["needs"]["pre_traces"] == ["x1"]
    assert document["needs"]["bits_per"] == {"synapse": 0, "pre": 7, "post": 7}
    assert document["status"] == "trainer, simulator, lava"


def test_check_reads_a_text_and_points_at_a_fault() -> None:
    good = runner.invoke(app, ["check", "2^-2*x1*y0 - 2^-2*y1*x0"])
    assert good.exit_code == 0 and "2^-2*y0*x1 - 2^-2*x0*y1" in good.stdout
    bad = runner.invoke(app, ["check", "x0*(2*x1)"])
    assert bad.exit_code == 1 and "column 7" in bad.stdout
    shifts = json.loads(runner.invoke(app, ["check", "x0*x1*w", "--json"]).stdout)
    assert shifts == {"ok": True, "text": {"canonical": "x0*x1*w", "right_shifts": [5]}}
    fault = json.loads(runner.invoke(app, ["check", "x0**w", "--json"]).stdout)
    assert fault["ok"] is False and fault["what"] == "'**' is no operator at column 4"


def test_check_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(load_rule("pair-stdp").to_toml())
    assert runner.invoke(app, ["check", str(path)]).exit_code == 0
    path.write_text(load_rule("pair-stdp").to_toml().replace("2f", "5f"))
    bad = runner.invoke(app, ["check", str(path)])
    assert bad.exit_code == 1 and "mine.toml: kind" in bad.stdout.replace("\n", "")
    assert runner.invoke(app, ["check", str(tmp_path / "none.toml")]).exit_code == 2


def test_an_unknown_rule_gets_the_nearest_name() -> None:
    result = runner.invoke(app, ["show", "pair-sdtp"])
    assert result.exit_code == 2 and "pair-stdp" in result.output


def test_rules_and_audit_import_neither_torch_nor_numba() -> None:
    code = (
        "import sys; from neurotrain_hw.rules import *; from neurotrain_hw.audit import *;"
        "from neurotrain_hw.chips import load_chip; from neurotrain_hw.networks import load_model;"
        "audit(load_rule('bptt'), NetworkShape.from_model(load_model('digits-fc')), load_chip('loihi2'), steps=4);"
        "print([m for m in ('torch', 'numba', 'nir', 'h5py', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
