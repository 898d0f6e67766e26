"""`neurotrain-hw report`."""

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from neurotrain_hw.cli.report import report

app = typer.Typer()
app.command()(report)
runner = CliRunner()


def test_writes_the_report_and_says_where(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"title": "Synthetic"}', encoding="utf-8")
    result = runner.invoke(app, [str(tmp_path)])
    assert result.exit_code == 0, result.exception
    assert str(tmp_path / "report.html") in result.stdout
    assert "<title>Synthetic</title>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_as_json(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{}", encoding="utf-8")
    result = runner.invoke(app, [str(tmp_path), "--out", str(tmp_path / "a.html"), "--json"])
    document = json.loads(result.stdout)
    assert document == {"report": str(tmp_path / "a.html"), "bytes": (tmp_path / "a.html").stat().st_size}


def test_a_folder_without_results_is_a_usage_error(tmp_path: Path) -> None:
    result = runner.invoke(app, [str(tmp_path)])
    assert result.exit_code == 2
    assert "no results.json, learn.json or run.json" in result.stderr
    assert not (tmp_path / "report.html").exists()
