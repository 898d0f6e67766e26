"""`neurotrain-hw verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurotrain_hw.cli import output


def verify(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Golden cases (.npz), or folders of them.")],
    as_json: output.JsonOption = False,
) -> None:
    """Replay recorded runs on the simulator and compare every element.

    Prints one line per case; for a case that differs, the first difference: variable, index, step, expected and
    actual value. A case of a kind that is not simulated yet is refused by name. Exit code 0: all cases agree;
    1: some differ or were refused; 2: a path does not exist. Example:

        neurotrain-hw verify tests/golden/lava/lif_dense_0001.npz
    """
    with output.user_errors(as_json):
        from neurotrain_hw.errors import FormatError, NeurotrainError
        from neurotrain_hw.simulator.golden import load_case, verify_case

        files = [f for path in paths for f in (sorted(path.rglob("*.npz")) if path.is_dir() else [path])]
        for path in paths:
            if not path.exists():
                raise FormatError("there is no such file or folder", where=str(path), need="a golden case (*.npz)")
        if not files:
            raise FormatError("no golden case (*.npz) lies here", where=", ".join(map(str, paths)))
        results = []
        for file in files:
            try:
                case = load_case(file)
                difference = verify_case(case)
                state, text = ("agrees", "") if difference is None else ("differs", str(difference))
                results.append({"file": str(file), "case": case.name, "result": state, "detail": text})
            except NeurotrainError as error:
                results.append({"file": str(file), "case": file.stem, "result": "refused", "detail": str(error)})
            if not as_json:
                row = results[-1]
                typer.echo(f"{row['result']:8} {row['case']}" + (f": {row['detail']}" if row["detail"] else ""))
        counts = {state: sum(r["result"] == state for r in results) for state in ("agrees", "differs", "refused")}
        if as_json:
            output.print_json({"counts": counts, "cases": results})
        else:
            typer.echo(", ".join(f"{n} {state}" for state, n in counts.items()))
        if counts["agrees"] != len(results):
            output.stop(output.EXIT_NEGATIVE)
