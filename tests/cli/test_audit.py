"""`neurotrain-hw audit`."""

import json

import typer
from typer.testing import CliRunner

from neurotrain_hw.cli.audit import audit
from neurotrain_hw.networks import load_model

runner = CliRunner()
app = typer.Typer()
app.command()(audit)


def test_a_rule_that_runs_natively_ends_with_0() -> None:
    result = runner.invoke(app, ["--rule", "eprop-random", "--model", "digits-fc", "--target", "loihi2"])
    assert result.exit_code == 0
    assert "runs natively" in result.stdout and "third factors" in result.stdout


def test_a_rule_that_cannot_run_there_ends_with_1_and_says_why() -> None:
    result = runner.invoke(app, ["--rule", "bptt", "--model", "digits-fc", "--target", "loihi2", "--json"])
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["outcome"] == "off-chip only" and document["runs_there"] is False
    assert document["steps"] == load_model("digits-fc").steps
    assert [row["requirement"] for row in document["rows"] if row["result"] == "fail"] == ["form of the rule"]


def test_sources_of_the_limits_are_shown_on_demand() -> None:
    arguments = ["--rule", "delta", "--model", "digits-fc", "--target", "loihi2", "--steps", "10"]
    assert "lava b6822fbc" not in runner.invoke(app, arguments).stdout
    assert "learning.trace_bits" in runner.invoke(app, [*arguments, "--sources"]).stdout.replace("\n", "")


def test_unknown_names_end_with_2() -> None:
    for change in (["--rule", "nonsense"], ["--model", "nonsense"], ["--target", "nonsense"]):
        arguments = {"--rule": "delta", "--model": "digits-fc", "--target": "loihi2"} | {change[0]: change[1]}
        result = runner.invoke(app, [part for pair in arguments.items() for part in pair])
        assert result.exit_code == 2 and "nonsense" in result.output
