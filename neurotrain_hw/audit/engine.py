"""The engine rows of an audit: can the chip's learning engine form what the rule asks for?"""

from __future__ import annotations

from collections.abc import Iterator

from neurotrain_hw.audit.verdict import Aspect, Result, Row
from neurotrain_hw.chips import Chip, Figure
from neurotrain_hw.rules import Needs, Rule, needs_of

SIGNED_MODULATOR_BITS = 8
"""Bits of a fed-back error: 7 bits and sign, as the modulators of a program clip it."""

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
        yield _row(
            "learning on the chip", "weights that change", _answer(supported, False), supported,
            "the weights are fixed once loaded", "Train off the chip and load the weights.",
        )  # fmt: skip
        return
    yield _form(rule, needs, chip)
    family = chip.text("learning.rule_family")
    if family == "software" or rule.kind is None:
        return
    yield from _signals(needs, chip)
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
        result = Result.PASS if _is_the_fixed_rule(family, needs) else Result.FAIL
    return Row(
        "form of the rule", Aspect.ENGINE, asked, limit, result,
        "" if result == Result.PASS else f"the engine runs {limit}" if family else "the chip file does not say",
        "" if result != Result.FAIL else "Train off the chip, or take a rule with a form that the engine has.",
        _source(figure),
    )  # fmt: skip


def _is_the_fixed_rule(family: str | None, needs: Needs) -> bool:
    """Whether a chip with one fixed rule has this one, with the signal that it needs."""
    if family == "sdsp":
        return needs.signal == "activity" and needs.psi == "step"
    plain = needs.form == "3f" and not needs.tags and not needs.post_bits
    return family == "e-prop" and plain and needs.signal in ("error-symmetric", "error")


def _signals(needs: Needs, chip: Chip) -> Iterator[Row]:
    figure = chip.figure("learning.third_factor")
    kind = chip.text("learning.third_factor")
    fixed = chip.text("learning.rule_family") == "e-prop"
    if chip.text("learning.rule_family") == "sdsp" and _is_the_fixed_rule("sdsp", needs):
        return  # it forms both flags itself
    if needs.third_factor:
        enough = ("global", "per-neuron", "software") if needs.signal == "reward" else ("per-neuron", "software")
        yield _row(
            "third factor", "one for all neurons" if needs.signal == "reward" else "one per post neuron",
            _answer(figure, kind in enough), figure,
            chip.text("learning.third_factor_note") or "the engine takes no such factor",
            "Take a rule without a third factor, or a chip that has one per neuron.",
        )  # fmt: skip
    if needs.membrane_at_update:
        yield _row(
            "pseudo-derivative", f"psi ({needs.psi}) from the membrane at every update",
            _answer(figure, kind in ("per-neuron", "software")), figure,
            "the engine reads traces and spikes, not the membrane; only a program of the post neuron could send psi",
            "Take a rule with psi = \"none\".",
        )  # fmt: skip
    if needs.weight_transport and not fixed:
        yield Row(
            "weight transport", Aspect.ENGINE, "the readout weights read backward, by their post neuron",
            "synapses are reached through their pre neuron", Result.FAIL,
            "no core can look up by post neuron the weights that another core stores by pre neuron",
            "Use random feedback: eprop-random.", _source(chip.figure("learning.form")),
        )  # fmt: skip
    if needs.signal in ("error-random", "error-adaptive", "layer-local"):
        graded = chip.figure("neuron.graded_spike_bits")
        bits = chip.integer("neuron.graded_spike_bits")
        yield _row(
            "error broadcast", f"{SIGNED_MODULATOR_BITS} bits, signed, a spike",
            _answer(graded, (bits or 0) >= SIGNED_MODULATOR_BITS), graded,
            "spikes carry no value wide enough for an error", "Project the target instead: drtp.", unit="bits",
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
                      source=_source(chip.figure("learning.form")))  # fmt: skip
        else:
            yield _row(label, " ".join(wanted), _answer(figure, set(wanted) <= set(there or ())), figure,
                       "the engine has no such trace", "Rewrite the rule with the traces there are.")  # fmt: skip
    if needs.tags:
        figure = chip.figure("learning.synaptic_state")
        fields = [f.name for f in chip.state("learning.synaptic_state") or () if f.name not in ("weight", "label")]
        yield _row("tags", " ".join(needs.tags), _answer(figure, len(fields) >= len(needs.tags)), figure,
                   "a synapse has no room for it", "Take a rule that keeps its traces per neuron.")  # fmt: skip
    if needs.column_access:
        yield _columns(chip)
    impulse, bits = max((t.impulse for t in rule.traces.values()), default=0.0), chip.integer("learning.trace_bits")
    if rule.traces:
        yield _row(
            "trace range", f"impulses up to {impulse:g}",
            _answer(chip.figure("learning.trace_bits"), impulse < 2 ** (bits or 0)), chip.figure("learning.trace_bits"),
            "one spike saturates the trace", "Scale the impulse down and the products up.", unit="bits",
        )  # fmt: skip


def _columns(chip: Chip) -> Row:
    label, need = "column access", "at a post spike, all synapses that lead to the neuron"
    if chip.text("learning.rule_family") == "sum-of-products":
        return Row(label, Aspect.ENGINE, need, "a sweep over all synapses at every epoch", Result.PASS,
                   source=_source(chip.figure("learning.form")))  # fmt: skip
    return _row(label, need, Result.UNKNOWN, chip.figure("learning.trigger"), "", "")


def _arithmetic(rule: Rule, needs: Needs, chip: Chip) -> Iterator[Row]:
    products = [p for s in rule.sums.values() for p in s.products]
    if chip.text("learning.rule_family") == "sum-of-products":
        figure, bits = chip.figure("learning.scale_mant_bits"), chip.integer("learning.scale_mant_bits") or 1
        widest = max(products, key=lambda p: abs(p.mant)).mant
        yield _row(
            "scale of a product", f"mantissas up to {widest}",
            _answer(figure, all(-(2 ** (bits - 1)) <= p.mant < 2 ** (bits - 1) for p in products)), figure,
            "the factor has more digits than the engine", "Round it to fewer.", unit="bits",
        )  # fmt: skip
    if needs.stochastic:
        figure = chip.figure("learning.rounding")
        yield _row("rounding", "stochastic", _answer(figure, "stochastic" in (chip.texts("learning.rounding") or ())),
                   figure, "small changes are always rounded away", "Use larger steps, or more bits.")  # fmt: skip
    figure, longest = chip.figure("learning.epoch_max"), chip.integer("learning.epoch_max") or 0
    yield _row("learning epoch", f"{rule.t_epoch}", _answer(figure, rule.t_epoch <= longest), figure,
               "the engine must learn more often", f"Set t_epoch to at most {longest}.", unit="steps")  # fmt: skip


def _answer(figure: Figure, met: bool) -> Result:
    """Unknown where the figure is, else whether the requirement is met."""
    if not figure.known:
        return Result.UNKNOWN
    return Result.PASS if met else Result.FAIL


def _row(
    requirement: str, need: str, result: Result, figure: Figure, reason: str, remedy: str, *, unit: str = ""
) -> Row:
    """An engine row; reason and remedy are told only where the requirement is not met."""
    if result == Result.UNKNOWN:
        reason, remedy = f"nobody has published '{figure.key}', as far as we know", ""
    elif result == Result.PASS:
        reason, remedy = "", ""
    limit = f"{figure.words} {unit}".strip() if figure.known else figure.words
    return Row(requirement, Aspect.ENGINE, need, limit, result, reason, remedy, _source(figure))


def _source(figure: Figure) -> str:
    return f"{figure.key} ({figure.status}: {figure.source})"
