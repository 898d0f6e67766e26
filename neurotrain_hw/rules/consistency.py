"""Contradictions between the parts of a rule, among them moments of sampling that the engine does not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from neurotrain_hw.rules.signals import FORMS, PSI_FORMS
from neurotrain_hw.rules.sums import WIDTH_BITS
from neurotrain_hw.rules.terms import BESIDE, COMPUTERS, FORMED, LEARNING_SIGNALS, RUNS_ON, SAMPLED

if TYPE_CHECKING:
    from neurotrain_hw.rules.rule import Rule

Contradiction = tuple[str, str, str]
"""(key, what, remedy)"""

OWN_TRACES = {"2f": ("x1", "x2", "y1", "y2", "y3"), "3f": ("x1", "x2"), None: ()}
"""The traces that the engine makes from spikes, by kind of rule."""

GATES = ("x0", "y0", "u")


def contradictions(rule: Rule) -> Iterator[Contradiction]:
    """Every part of a rule that another part contradicts."""
    if (rule.kind is None) != (not rule.sums):
        yield "kind", "sums of products and `kind` go together", 'Give kind = "2f" or "3f" and dw, or neither.'
    if rule.runs_on not in RUNS_ON or (rule.runs_on == "engine") != (rule.kind is not None):
        yield (
            "runs_on", f"'{rule.runs_on}' for a rule of kind {rule.kind}",
            'A sum of products runs on the "engine", what is none on a "processor" or a "host".',
        )  # fmt: skip
    gates = {s.u for s in rule.sums.values() if s.u is not None}
    if len(gates) > 1:
        yield "dw", f"u{min(gates)} and u{max(gates)} stand in one rule", "All u of dw, dt and dd need the same digit."
    if rule.t_epoch < 1:
        yield "t_epoch", f"a learning epoch of {rule.t_epoch} steps", "It has at least 1."
    yield from _arithmetic(rule)
    yield from _traces(rule)
    yield from _signal(rule)
    yield from _counts(rule)
    yield from _sampling(rule)


def _arithmetic(rule: Rule) -> Iterator[Contradiction]:
    for target, total in rule.sums.items():
        for product in total.products:
            if product.bound >= 1 << 31:
                yield (
                    target, f"{product} can reach {product.bound}, and the engine multiplies in 32 bits: it would wrap",
                    "Take fewer factors.",
                )  # fmt: skip
            if rule.rounding == "none" and (product.shift or product.exp < 0):
                yield "rounding", f"'none', while {product} has fractions", 'Say "stochastic" or "nearest".'


def _traces(rule: Rule) -> Iterator[Contradiction]:
    own = OWN_TRACES[rule.kind]
    for name, trace in rule.traces.items():
        if name not in own:
            yield f"traces.{name}", f"a {rule.kind or 'non-engine'} rule makes no trace '{name}'", f"It makes {own}."
        elif name not in rule.variables:
            yield f"traces.{name}", "no product reads this trace", "Leave it out."
        elif trace.impulse < 0 or trace.tau < 0:
            yield f"traces.{name}", "impulse and tau must not be negative", ""
        elif trace.impulse >= 1 << WIDTH_BITS["x1"]:
            yield f"traces.{name}", f"an impulse of {trace.impulse:g} in a trace of 7 bits", "Give at most 127."
    for name in sorted(rule.variables & set(own) - set(rule.traces)):
        yield f"traces.{name}", "a product reads this trace, which has no impulse and tau", "Add both."


def _signal(rule: Rule) -> Iterator[Contradiction]:
    modulation = rule.modulation
    signal = modulation.signal
    known = ((signal, LEARNING_SIGNALS), (modulation.computed_by, COMPUTERS), (modulation.formed, FORMED),
             (modulation.beside, BESIDE))  # fmt: skip
    if any(word not in words for word, words in known):
        yield "modulation", f"unknown words in {modulation}", "The rule language's page lists them."
    outside = signal not in ("none", "injected")
    if rule.kind is not None and (rule.kind == "3f") != outside:
        yield "modulation.signal", f"a {rule.kind} rule with the signal '{signal}'", "3f rules have one."
    if modulation.psi != "none" and not outside:
        yield "modulation.psi", "a pseudo-derivative without a learning signal", "Say which signal it multiplies."
    if (modulation.formed != "nothing") != (rule.kind == "3f"):
        yield (
            "modulation.formed", f"'{modulation.formed}' in a rule of kind {rule.kind}",
            'A 3f rule says "modulator" or "given", any other nothing.',
        )  # fmt: skip
    if modulation.beside != "nothing" and rule.kind != "3f":
        yield "modulation.beside", f"'{modulation.beside}' in a rule of kind {rule.kind}", "3f rules alone have one."
    if modulation.formed == "modulator":
        yield from _what_a_modulator_sends(rule)
    if "simulator" in rule.engines and rule.kind is None:
        yield "engines", "the simulator runs sums of products", "Leave it out, or give dw."


def _what_a_modulator_sends(rule: Rule) -> Iterator[Contradiction]:
    """A modulator of a program forms some signals and some psi, and sends y3 only where y1 is taken."""
    modulation = rule.modulation
    if modulation.signal not in FORMS or modulation.psi not in PSI_FORMS:
        yield (
            "modulation.formed", f"no modulator forms psi '{modulation.psi}' with the signal '{modulation.signal}'",
            f'Say "given", or take a psi of {", ".join(PSI_FORMS)}.',
        )  # fmt: skip
    if modulation.beside == "nothing" and "y3" in rule.variables:
        yield "modulation.beside", "a product reads y3, which is 0 then", "Say what y1 carries beside M."


def _counts(rule: Rule) -> Iterator[Contradiction]:
    if rule.kind is not None and rule.operations:
        yield "operations", "those of a sum of products follow from it", "Leave the table out."
    for gate in set(rule.operations) - set(GATES):
        yield f"operations.{gate}", "no such event", "x0: a pre spike, y0: a post spike, u: a step or epoch."


def _sampling(rule: Rule) -> Iterator[Contradiction]:
    needed = set(rule.variables) - {"x0", "y0"}
    needed |= {"v"} if rule.psi_reads_membrane else set()
    needed |= {"L"} if rule.modulation.signal != "none" else set()
    for name in sorted(needed - set(rule.sampling)):
        yield f"sampling.{name}", "not said when this factor is read", f"One of {', '.join(SAMPLED)}."
    for name in sorted(set(rule.sampling) - needed):
        yield f"sampling.{name}", "the rule has no such factor", "Leave it out."
    for name, word in rule.sampling.items():
        if word not in SAMPLED:
            yield f"sampling.{name}", f"'{word}' is no moment", f"One of {', '.join(SAMPLED)}."
        elif name in WIDTH_BITS and rule.kind is not None and word not in _moments(rule, name):
            there = ", ".join(_moments(rule, name))
            yield f"sampling.{name}", f"the engine does not read it '{word}'", f"It reads it: {there}."


def _moments(rule: Rule, name: str) -> list[str]:
    """When the engine reads a factor, in the words of SAMPLED.

    A trace: in the step of the spike that gates the product, with that spike's impulse; gated by u, at the end of the
    epoch; in an epoch of one step these are one. A trace always read with its own impulse taken off counts as read
    before the spike. What the post neuron sends is of the step in which it is read, and so may be its own trace.
    """
    if name in ("w", "d", "t"):
        return ["before-update"]
    if name not in OWN_TRACES[rule.kind]:
        return ["same-step", "previous-step", "after-spike", "per-sample"]
    products = [p for s in rule.sums.values() for p in s.products if any(f.variable == name for f in p.factors)]
    found = ["epoch-end" if gated else "after-spike" for gated in sorted({p.dependency == "u" for p in products})]
    factors = [f for p in products for f in p.factors if f.variable == name]
    if rule.t_epoch == 1:
        found = ["after-spike", "epoch-end"]
    if all(f.constant == -rule.traces[name].impulse for f in factors if name in rule.traces):
        found.append("before-spike")
    return found
