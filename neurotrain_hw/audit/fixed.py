"""The rows of a chip whose circuit has one rule: is it this one, and where does it do otherwise?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from neurotrain_hw.audit.rows import engine_row
from neurotrain_hw.audit.verdict import Result, Row
from neurotrain_hw.chips import Chip
from neurotrain_hw.rules import SAMPLED, Needs, Rule

_TABLED = ("triangle", "surrogate")
"""Pseudo-derivatives that a table of a few levels only comes near to; a box is two of its levels."""


def is_the_fixed_rule(family: str | None, rule: Rule, needs: Needs) -> bool:
    """Whether the circuit has a rule of this form, with the signal that it needs.

    e-prop: one pre trace times a signed third factor at every step, with the readout's own weights as feedback for
    hidden layers and the error itself for the output. SDSP: steps of one at pre spikes, by flags of the membrane.
    """
    if family == "sdsp":
        return needs.signal == "activity" and needs.psi == "step"
    if family != "e-prop" or rule.kind != "3f" or rule.t_epoch != 1:
        return False
    plain = not needs.tags and not needs.post_bits and needs.pre_traces == ("x1",) and tuple(needs.operations) == ("u",)
    every = all(total.u == 0 for total in rule.sums.values())
    halves = [tuple(f.variable for f in p.factors) for s in rule.sums.values() for p in s.products]
    kernel = sorted(halves) == [("x1", "y1"), ("x1", "y2")]
    psi = needs.psi == "none" if needs.signal == "error" else needs.psi != "step"
    return plain and every and kernel and psi and needs.signal in ("error-symmetric", "error")


def fixed_rows(rule: Rule, needs: Needs, chip: Chip) -> Iterator[Row]:
    """What a fixed circuit prescribes: how fast its traces fade, how fine psi is, when it reads membrane and signal."""
    family = chip.text("learning.rule_family")
    if not is_the_fixed_rule(family, rule, needs):
        return
    if family == "e-prop":
        yield from _decays(rule, needs, chip)
    if needs.psi in _TABLED:
        figure = chip.figure("learning.psi_levels")
        yield engine_row(
            "pseudo-derivative", f"psi ({needs.psi})", _departs(figure.known, met=False), figure,
            "the circuit takes psi from a table of so many levels", 'Say psi = "box", or accept the steps.',
            unit="levels",
        )  # fmt: skip
    for name, what, key in (("v", "membrane", "learning.membrane_read"), ("L", "signal", "learning.signal_read")):
        word = rule.sampling.get(name)
        figure, there = chip.figure(key), chip.text(key)
        if word is None or (family == "sdsp" and name == "L"):
            continue
        yield engine_row(
            f"step of the {what}", f"{word}: {SAMPLED[word]}", _departs(figure.known, met=word == there), figure,
            "the circuit reads it at another moment", f'Say {name} = "{there}" in [sampling], and train its float '
            "twin so.",
        )  # fmt: skip


def _decays(rule: Rule, needs: Needs, chip: Chip) -> Iterator[Row]:
    """The share of a trace that is left after a step, against the decays that the circuit has.

    A time constant is a setting, so another one is a departure and not another rule.
    """
    figure = chip.figure("learning.output_trace_decay" if needs.signal == "error" else "learning.hidden_trace_decay")
    values = figure.value if isinstance(figure.value, tuple) else ()
    limits = [float(v) for v in values]
    for name, trace in rule.traces.items():
        left = math.exp(-1 / trace.tau) if trace.tau else 0.0
        met = len(limits) == 2 and limits[0] <= left <= limits[1]
        least = f"{limits[0]:g} to {limits[1]:g}" if len(limits) == 2 else "another one"
        yield engine_row(
            f"decay of {name}", f"{left:.4g} of it is left after a step", _departs(figure.known, met=met), figure,
            "the circuit's trace fades more slowly, or faster", f"Take a trace of which {least} is left.",
        )  # fmt: skip


def _departs(known: bool, *, met: bool) -> Result:
    return Result.UNKNOWN if not known else Result.PASS if met else Result.DEPARTS
