"""`neurotrain-hw doctor`."""

from __future__ import annotations

from dataclasses import asdict

import typer

from neurotrain_hw.cli import output


def doctor(as_json: output.JsonOption = False) -> None:
    """Tell what is installed, what is missing and what to do about it.

    Looks at Python, at every package of the core and of the extras (train, report, campaign, docs, dev), at the chip
    and model files that came with the package, at the Lava environment, Chromium, the shared data folder and Numba's
    cache of compiled kernels. Nothing is imported or changed. Exit code 0: the core is complete; 1: something is
    missing without which no verb works.

    Example: neurotrain-hw doctor --json
    """
    with output.user_errors(as_json):
        from neurotrain_hw.doctor import core_is_fine, examine

        findings = examine()
        fine = core_is_fine(findings)
        if as_json:
            output.print_json({"core_is_fine": fine, "findings": [asdict(finding) for finding in findings]})
        else:
            output.table(
                "What is here",
                ["part", "what", "here", "found", "what to do"],
                [[f.group, f.name, "yes" if f.ok else "no", f.found, f.remedy] for f in findings],
            )
            typer.echo("The core is complete." if fine else "The core is incomplete: see 'what to do' above.")
        if not fine:
            output.stop(output.EXIT_NEGATIVE)
