"""`neurotrain-hw demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurotrain_hw.cli import output


def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything that the demo makes.")] = Path("runs/demo"),
    seeds: Annotated[int, typer.Option(min=1, max=20, help="How many seeds to train and teach with.")] = 3,
    jobs: Annotated[int, typer.Option(min=1, help="How many networks to train at the same time.")] = 2,
    lava: Annotated[bool, typer.Option("--lava/--no-lava", help="Compare with Lava, where it is installed.")] = True,
    as_json: output.JsonOption = False,
) -> None:
    """The whole trip on real digits, in minutes, with an HTML report.

    Trains a 64-128-10 network of LIF neurons with 8-bit weights (BPTT, and online e-prop), takes it through NIR,
    compiles it for Loihi 2, runs the test set in exact integers on the simulator and on Lava, learns on the simulated
    chip, and shows accuracy, memory, events and energy. Each step prints a line with its figures. Started again, it
    skips what is done; after Ctrl-C it goes on where it stopped.

    Example: neurotrain-hw demo --out runs/demo
    """
    with output.user_errors(as_json, interrupted="The same command goes on where this one stopped."):
        from neurotrain_hw.demo import DemoSettings, run_demo

        with output.StatusBar(hidden=as_json) as bar:

            def say(line: str) -> None:
                output.check_interrupt()
                bar.print(line, err=as_json)

            results = run_demo(out, DemoSettings(seeds=seeds, jobs=jobs), lava=lava, say=say, status=bar.update)
        if as_json:
            output.print_json(results)
