"""The engine rows of an audit: can the chip's learning engine form what the rule asks for?"""

from __future__ import annotations

from collections.abc import Iterator

from neurotrain_hw.audit.fixed import fixed_rows, is_the_fixed_rule
from neurotrain_hw.audit.rows import answer, engine_row, source_of
from neurotrain_hw.audit.signals import signal_rows
from neurotrain_hw.audit.verdict import Aspect, Result, Row
from neurotrain_hw.chips import Chip
from neurotrain_hw.rules import Needs, Rule, needs_of

_FAMILIES = {
    "sum-of-products": "sums of products of traces, gated by spikes or epochs",
    "programmable": "a programmable product of pre trace, post trace and third factor",
    "e-prop": "one fixed rule: e-prop with the readout's own weights as feedback",
    "sdsp": "one fixed rule: SDSP, steps of one at pre spikes",
    "one-shot-last-layer": "one fixed rule: one-shot learning of 1-bit weights in the last layer",
    "software": "any rule, as a program",
    "none": "no learning",
}


def engine_rows(rule: Rule, chip: Chip, *, batch: int) -> Iterator[Row]:
    """One row per requirement that the chip's learning engine must meet; the first failing form ends the list."""
    needs = needs_of(rule)
    supported = chip.figure("learning.supported")
    if not chip.flag("learning.supported"):
        yield engine_row(
            "learning on the chip", "weights that change", answer(supported, False), supported,
            "the weights are fixed once loaded", "Train off the chip and load the weights.",
        )  # fmt: skip
        return
    yield _form(rule, needs, chip)
    family = chip.text("learning.rule_family")
    if family == "software" or rule.kind is None:
        return
    if family in ("e-prop", "sdsp"):
        yield from fixed_rows(rule, needs, chip)
    else:
        yield from signal_rows(rule, needs, chip)
    if family in ("sum-of-products", "programmable"):
        yield from _state(rule, needs, chip)
        yield from _arithmetic(rule, needs, chip)
    if batch > 1:
        yield Row(
            "batch", Aspect.ENGINE, f"{batch} samples at once", "1", Result.FAIL,
            "a chip holds one state per neuron and sees one sample after the other", "Use batch 1.",
        )  # fmt: skip


def _form(rule: Rule, needs: Needs, chip: Chip) -> Row:
    figure = chip.figure("learning.rule_family")
    family = chip.text("learning.rule_family")
    limit = _FAMILIES.get(family or "", "unknown")
    if needs.history:
        asked = "all steps of a sample kept, and walked backward"
    elif rule.kind is None:
        asked = "a program that visits every synapse: it is no sum of products"
    else:
        asked = "a sum of products" if rule.kind == "2f" else "a sum of products with a third factor per neuron"
    if family is None:
        result = Result.UNKNOWN
    elif family == "software":
        result = Result.PASS
    elif family in ("sum-of-products", "programmable"):
        result = Result.PASS if rule.kind else Result.FAIL
    else:
        result = Result.PASS if is_the_fixed_rule(family, rule, needs) else Result.FAIL
    return Row(
        "form of the rule", Aspect.ENGINE, asked, limit, result,
        "" if result == Result.PASS else f"the engine runs {limit}" if family else "the chip file does not say",
        "" if result != Result.FAIL else "Train off the chip, or take a rule with a form that the engine has.",
        source_of(figure),
    )  # fmt: skip


def _state(rule: Rule, needs: Needs, chip: Chip) -> Iterator[Row]:
    programmable = chip.text("learning.rule_family") == "programmable"
    for label, wanted, key in (
        ("pre traces", needs.pre_traces, "learning.pre_traces"),
        ("post traces", needs.post_traces + needs.third_factors, "learning.post_traces"),
    ):
        if not wanted:
            continue
        figure, there = chip.figure(key), chip.texts(key)
        if programmable and there is None:
            yield Row(label, Aspect.ENGINE, " ".join(wanted), "as many as memory holds", Result.PASS,
                      source=source_of(chip.figure("learning.form")))  # fmt: skip
        else:
            yield engine_row(label, " ".join(wanted), answer(figure, set(wanted) <= set(there or ())), figure,
                             "the engine has no such trace", "Rewrite the rule with the traces there are.")  # fmt: skip
    if needs.tags:
        figure = chip.figure("learning.synaptic_state")
        fields = [f.name for f in chip.state("learning.synaptic_state") or () if f.name not in ("weight", "label")]
        yield engine_row("tags", " ".join(needs.tags), answer(figure, len(fields) >= len(needs.tags)), figure,
                         "a synapse has no room for it", "Take a rule that keeps its traces per neuron.")  # fmt: skip
    if needs.column_access:
        yield _columns(chip)
    impulse, bits = max((t.impulse for t in rule.traces.values()), default=0.0), chip.integer("learning.trace_bits")
    if rule.traces:
        yield engine_row(
            "trace range", f"impulses up to {impulse:g}",
            answer(chip.figure("learning.trace_bits"), impulse < 2 ** (bits or 0)), chip.figure("learning.trace_bits"),
            "one spike saturates the trace", "Scale the impulse down and the products up.", unit="bits",
        )  # fmt: skip


def _columns(chip: Chip) -> Row:
    label, need = "column access", "at a post spike, all synapses that lead to the neuron"
    if chip.text("learning.rule_family") == "sum-of-products":
        return Row(label, Aspect.ENGINE, need, "a sweep over all synapses at every epoch", Result.PASS,
                   source=source_of(chip.figure("learning.form")))  # fmt: skip
    return engine_row(label, need, Result.UNKNOWN, chip.figure("learning.trigger"), "", "")


def _arithmetic(rule: Rule, needs: Needs, chip: Chip) -> Iterator[Row]:
    products = [p for s in rule.sums.values() for p in s.products]
    if chip.text("learning.rule_family") == "sum-of-products":
        figure, bits = chip.figure("learning.scale_mant_bits"), chip.integer("learning.scale_mant_bits") or 1
        widest = max(products, key=lambda p: abs(p.mant)).mant
        yield engine_row(
            "scale of a product", f"mantissas up to {widest}",
            answer(figure, all(-(2 ** (bits - 1)) <= p.mant < 2 ** (bits - 1) for p in products)), figure,
            "the factor has more digits than the engine", "Round it to fewer.", unit="bits",
        )  # fmt: skip
    if needs.stochastic:
        figure = chip.figure("learning.rounding")
        met = "stochastic" in (chip.texts("learning.rounding") or ())
        yield engine_row("rounding", "stochastic", answer(figure, met), figure,
                         "small changes are always rounded away", "Use larger steps, or more bits.")  # fmt: skip
    figure, longest = chip.figure("learning.epoch_max"), chip.integer("learning.epoch_max") or 0
    yield engine_row("learning epoch", f"{rule.t_epoch}", answer(figure, rule.t_epoch <= longest), figure,
                     "the engine must learn more often", f"Set t_epoch to at most {longest}.",
                     unit="steps")  # fmt: skip
