"""`neurotrain-hw train --audit-memory`: how the memory that a rule needs grows with the length of a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from neurotrain_hw.cli import output
from neurotrain_hw.errors import ValueRangeError

if TYPE_CHECKING:
    from neurotrain_hw.trainers import MemoryAudit, RuleSettings, UserModule


def audit(
    model: str | UserModule, rule: str, constants: RuleSettings | None, steps: str, samples: int, as_json: bool
) -> None:
    """Measure, print, and end with 1 where the measurement contradicts what the rule is declared to need."""
    from neurotrain_hw.trainers.memory_audit import audit_memory

    lengths = _lengths(steps)
    with output.StatusBar(hidden=as_json) as bar:

        def follow(length: int) -> None:
            output.check_interrupt()
            bar.update(f"{length} steps", lengths.index(length) / len(lengths))

        found = audit_memory(model, rule, steps=lengths, samples=samples, constants=constants, progress=follow)
    if as_json:
        output.print_json(found.as_dict())
    else:
        _show(found)
    if not found.agrees:
        output.stop(output.EXIT_NEGATIVE)


def _lengths(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts):
        raise ValueRangeError(f"got '{text}'", where="--audit-steps", need="whole numbers, as in 100,400,1600")
    return sorted({int(part) for part in parts})


def _show(found: MemoryAudit) -> None:
    rows = [
        (steps, f"{count:,}", f"{count / found.bytes[0]:.2f}")
        for steps, count in zip(found.steps, found.bytes, strict=True)
    ]
    output.table(
        f"{found.rule} on {found.model}, batch {found.samples}: bytes formed to learn from one batch",
        ("steps", "bytes", f"against {found.steps[0]} steps"), rows,
    )  # fmt: skip
    fit = "" if found.r_squared is None else f", R^2 {found.r_squared:.4f}"
    typer.echo(f"line: {found.slope:,.1f} bytes per step + {found.intercept:,.0f} bytes{fit}")
    words = {"local": "local in time", "window": "bounded by a window", "sample": "growing with the sample"}
    agreement = "as declared" if found.agrees else "NOT as declared"
    typer.echo(f"memory {_VERDICTS[found.verdict]}, {agreement}: {words[found.declared]}")


_VERDICTS = {"constant": "is constant", "grows": "grows"}
