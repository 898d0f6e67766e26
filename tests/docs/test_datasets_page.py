"""The page of datasets says what the catalogue says."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurotrain_hw.data import DATASETS, ENCODINGS

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/datasets.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_is_on_the_page_with_its_files(name: str) -> None:
    facts = DATASETS[name]
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` | {facts.title} |")]
    cells = [cell.strip(" <>") for cell in row.strip("|").split("|")]
    size = "unknown" if facts.megabytes is None else f"{facts.megabytes} MB" if facts.megabytes else "none"
    shape = " x ".join(map(str, facts.shape))
    assert cells[2:] == [facts.samples, shape, str(facts.classes), facts.split, facts.source, facts.licence, size]
    for archive in facts.archives:
        assert f"| `{name}` | `{archive.name}` | `{archive.md5}` | {facts.checksums} |" in PAGE


def test_every_encoding_is_on_the_page() -> None:
    assert all(f"| `{name}` |" in PAGE for name in (*ENCODINGS,))
