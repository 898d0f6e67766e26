"""`neurotrain-hw datasets`: what there is to train on, where each comes from, and whether it is here and whole."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurotrain_hw.cli import output

if TYPE_CHECKING:
    from neurotrain_hw.data import Facts
    from neurotrain_hw.data.checking import FileState

app = typer.Typer(name="datasets", help="Datasets: list, show, check.", no_args_is_help=True)

DataOption = Annotated[
    Path | None, typer.Option(help="Folder with the datasets' files. [default: $NEUROTRAIN_HW_DATA, else the user's]")
]


@app.command("list")
def list_datasets(data: DataOption = None, as_json: output.JsonOption = False) -> None:
    """List the datasets: samples of the official parts, shape of a step, classes, and whether the files are here.

    Example: neurotrain-hw datasets list
    """
    with output.user_errors(as_json):
        from neurotrain_hw.data import DATASETS
        from neurotrain_hw.data.checking import presence

        if as_json:
            output.print_json([_document(facts) | {"here": presence(facts, data)} for facts in DATASETS.values()])
            return
        rows = [
            (f.name, f.title, f.kind, f.samples, "x".join(map(str, f.shape)), f.classes, _size(f),
             presence(f, data))
            for f in DATASETS.values()
        ]  # fmt: skip
        output.table("datasets", ("name", "what it is", "kind", "samples", "shape", "classes", "MB", "here"), rows)
        typer.echo("Source, split and licence of one: neurotrain-hw datasets show NAME")


@app.command("show")
def show_dataset(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A dataset's name.")],
    data: DataOption = None,
    as_json: output.JsonOption = False,
) -> None:
    """Show one dataset: its split, source and licence, and the official files with their checksums.

    Example: neurotrain-hw datasets show shd
    """
    with output.user_errors(as_json):
        from neurotrain_hw.data import dataset_facts
        from neurotrain_hw.data.checking import files_of
        from neurotrain_hw.data.places import data_folder, find

        facts = dataset_facts(name)
        found = [(archive, find(facts, archive, data)) for archive in files_of(facts, data)]
        if as_json:
            files = [asdict(archive) | {"path": path} for archive, path in found]
            output.print_json(_document(facts) | {"archives": files, "folder": data_folder(data)})
            return
        about = ("title", "kind", "samples", "shape", "classes", "split", "source", "licence", "checksums")
        rows = [(key, str(getattr(facts, key))) for key in about if getattr(facts, key)]
        output.table(facts.name, ("what", "which"), rows)
        if found:
            typer.echo(f"files, looked for in {data_folder(data)}:")
            for archive, path in found:
                typer.echo(f"  {archive.name}  MD5 {archive.md5}  {path or 'not here'}\n    {archive.url}")


@app.command("check")
def check_dataset(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A dataset's name, or an .npz file of your own.")],
    data: DataOption = None,
    read: Annotated[bool, typer.Option("--read", help="Read every sample, too.")] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Check that the files of a dataset are here and have their official checksums; --read reads all samples.

    Nothing is downloaded. Ends with 0 if all is good, 1 if something is missing, damaged or another, 2 for an unknown
    name.

    Example: neurotrain-hw datasets check nmnist --read
    """
    with output.user_errors(as_json):
        from neurotrain_hw.data import dataset_facts
        from neurotrain_hw.data.checking import ABSENT, OTHER, file_states
        from neurotrain_hw.errors import NeurotrainError

        own = name.endswith(".npz")
        states = [] if own else file_states(dataset_facts(name), data)
        good = all(state.state not in (ABSENT, OTHER) for state in states)
        document: dict[str, Any] = {"dataset": name, "files": [_file(state) for state in states]}
        if (read or own) and not any(state.state == ABSENT for state in states):
            try:
                document["read"] = _read(name, data)
            except NeurotrainError as error:
                good, document["fault"] = False, error.as_dict()
        document["ok"] = good
        if as_json:
            output.print_json(document)
        else:
            _show(document)
        if not good:
            output.stop(output.EXIT_NEGATIVE)


def _read(name: str, data: Path | None) -> dict[str, object]:
    from neurotrain_hw.data import load_dataset

    splits = load_dataset(name, folder=data)
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    counts = {part: len(samples) for part, samples in parts.items()}
    return {**counts, "shape": splits.shape, "classes": splits.classes, "note": splits.note}


def _show(document: dict[str, Any]) -> None:
    if document["files"]:
        rows = [(file["name"], file["state"], str(file["path"] or "")) for file in document["files"]]
        output.table(document["dataset"], ("file", "state", "where"), rows)
    if "fault" in document:
        fault = document["fault"]
        typer.echo(" ".join(str(fault[key]) for key in ("where", "what", "need", "remedy") if fault[key]))
    if "read" in document:
        typer.echo(", ".join(f"{key} {value}" for key, value in document["read"].items() if value))
    typer.echo(f"{document['dataset']}: {'good' if document['ok'] else 'not good'}")


def _file(state: FileState) -> dict[str, object]:
    return {"name": state.archive.name, "state": state.state, "path": state.path, "url": state.archive.url}


def _document(facts: Facts) -> dict[str, Any]:
    return {"kind": facts.kind} | asdict(facts)


def _size(facts: Facts) -> str:
    return "unknown" if facts.megabytes is None else f"{facts.megabytes:,}"
