"""A rule and its needs in words, as rows of (what, value): for the command line and for the pages of the docs."""

from __future__ import annotations

from collections.abc import Mapping

from neurotrain_hw.rules.needs import Needs
from neurotrain_hw.rules.rule import Rule
from neurotrain_hw.rules.terms import COMPUTERS, FORMED, LEARNING_SIGNALS, RUNS_ON, SAMPLED

Rows = list[tuple[str, object]]


def definition_rows(rule: Rule) -> Rows:
    """How a rule is defined, beside its equation and its sums: taxonomy, traces, third factor, sampling, constants."""
    taxonomy, modulation = rule.taxonomy, rule.modulation
    rows: Rows = [
        ("runs in", rule.status),
        ("made for", RUNS_ON[rule.runs_on]),
        (
            "training",
            f"{taxonomy.training}, {taxonomy.learning}; in time {taxonomy.temporal}, in space {taxonomy.spatial}",
        ),
        ("mechanisms", ", ".join(taxonomy.mechanisms)),
        ("weights change", f"{rule.changes}, rounding {rule.rounding}"),
    ]
    rows += [(f"trace {k}", f"impulse {t.impulse:g}, tau {t.tau:g} steps") for k, t in rule.traces.items()]
    if modulation.signal != "none":
        rows.append(("learning signal", f"{modulation.signal}: {LEARNING_SIGNALS[modulation.signal]}"))
        rows.append(("third factor", f"psi {modulation.psi}; {modulation.meaning}"))
        rows.append(("computed by", f"{modulation.computed_by}: {COMPUTERS[modulation.computed_by]}"))
    if modulation.formed != "nothing":
        rows.append(("in this version", FORMED[modulation.formed]))
    rows += [(f"{name} is read", f"{word}: {SAMPLED[word]}") for name, word in rule.sampling.items()]
    return rows + [(f"default {k}", v) for k, v in rule.defaults.items()]


def needs_rows(needs: Needs) -> Rows:
    """What a rule needs of a chip."""
    gates = {"x0": "pre spike", "y0": "post spike", "u": "epoch" if needs.form else "step"}
    cost = [f"{gates[g]}: {o.multiplications} mul, {o.additions} add" for g, o in needs.operations.items()]
    return [
        ("engine form", needs.form or "none: it is no sum of products"),
        ("traces per pre neuron", " ".join(needs.pre_traces) or "none"),
        ("traces per post neuron", " ".join(needs.post_traces) or "none"),
        ("factors sent by the post neuron", " ".join(needs.third_factors) or "none"),
        ("tags per synapse", " ".join(needs.tags) or "none"),
        ("bits per synapse, tags of 9 bits", _bits(needs.bits_per_synapse(), needs.synapse_bits)),
        ("bits per pre neuron, traces of 7 bits", _bits(needs.bits_per_pre(), needs.pre_bits)),
        ("bits per post neuron, traces of 7 bits", _bits(needs.bits_per_post(), needs.post_bits)),
        ("membrane at every update", _yes(needs.membrane_at_update)),
        ("weight transport", _yes(needs.weight_transport)),
        ("feedback matrix", _yes(needs.feedback_matrix)),
        ("label in every layer that learns", _yes(needs.label)),
        ("column access at post spikes", _yes(needs.column_access)),
        ("sweep over all synapses", _yes(needs.sweep)),
        ("random numbers per synapse and update", needs.random_numbers),
        ("random numbers per post neuron and step", needs.random_per_post),
        ("operations per synapse", "; ".join(cost) or "not counted"),
        ("operations per post neuron and step, for its third factor", _signal_cost(needs)),
        (
            "memory over the steps of a sample",
            f"{needs.growth}" + (f": {', '.join(needs.history)}" if needs.history else ""),
        ),
    ]


def remarks(rule: Rule) -> dict[str, str]:
    """Where it comes from, where it departs from that, and what is missing."""
    found = {"Source": rule.source, "Approximate": rule.approximate, "Note": rule.note}
    return {name: text for name, text in found.items() if text}


def _bits(total: int, further: Mapping[str, int]) -> str:
    return str(total) + (f", of these {', '.join(f'{k} {v}' for k, v in further.items())}" if further else "")


def _signal_cost(needs: Needs) -> str:
    if not needs.third_factor:
        return "none"
    fixed, each = needs.signal_operations.fixed, needs.signal_operations.per_output
    text = f"{fixed.multiplications} mul, {fixed.additions} add"
    if each.multiplications or each.additions:
        text += f", and {each.multiplications} mul, {each.additions} add for each output"
    return text


def _yes(value: bool) -> str:
    return "yes" if value else "no"
