"""The rows about a rule's learning signal: who computes it, on what way it comes, and of which step it is."""

from __future__ import annotations

from collections.abc import Iterator

from neurotrain_hw.audit.rows import answer, engine_row, source_of
from neurotrain_hw.audit.verdict import Aspect, Result, Row
from neurotrain_hw.chips import Chip
from neurotrain_hw.rules import COMPUTERS, SAMPLED, Needs, Rule
from neurotrain_hw.rules.needs import FED_BACK, TRANSPORTED

SIGNED_MODULATOR_BITS = 8
"""Bits of a fed-back error: 7 bits and sign, as the modulators of a program clip it."""
SIGN_BITS = 2
"""Bits of the sign of an error: -1, 0 or 1."""

_BROUGHT = (*FED_BACK, *TRANSPORTED)
_ONE_FOR_ALL = "reward"
_FROM_ELSEWHERE = ("error", "error-random", "error-sign")
"""Signals that a processor can form without reading the neurons that learn: it sees what the outputs send."""


def signal_rows(rule: Rule, needs: Needs, chip: Chip) -> Iterator[Row]:
    """What is needed beside traces: third factors, psi, weights read backward, errors on their way."""
    if not needs.third_factor:
        return
    by_processor = _by_processor(rule, needs, chip)
    yield _third_factor(rule, needs, chip, by_processor=by_processor)
    if needs.membrane_at_update:
        figure = chip.figure("learning.third_factor")
        yield engine_row(
            "pseudo-derivative", f"psi ({needs.psi}) from the membrane at every update",
            answer(figure, chip.text("learning.third_factor") in ("per-neuron", "software")), figure,
            "the engine reads traces and spikes, not the membrane; only a program of the post neuron could send psi",
            "Take a rule with psi = \"none\".",
        )  # fmt: skip
    if needs.weight_transport:
        figure = chip.figure("synapse.read_backward")
        yield engine_row(
            "weight transport", "weights that learn, read backward by their post neuron",
            answer(figure, chip.flag("synapse.read_backward") is True), figure,
            "synapses are found by their pre neuron: a second copy would be needed, and nothing on the chip keeps it "
            "equal to weights that learn",
            "Use random feedback: eprop-random.",
        )  # fmt: skip
    if not by_processor:
        yield from _on_the_way(rule, needs, chip)


def _by_processor(rule: Rule, needs: Needs, chip: Chip) -> bool:
    """Whether a processor forms the factors of each neuron, since its program cannot, and the rule lets it."""
    return (
        rule.modulation.computed_by == "processor"
        and needs.psi == "none"
        and chip.text("learning.third_factor") not in ("per-neuron", "software")
        and chip.flag("learning.processor_writes_traces") is True
    )


def _third_factor(rule: Rule, needs: Needs, chip: Chip, *, by_processor: bool) -> Row:
    figure, kind = chip.figure("learning.third_factor"), chip.text("learning.third_factor")
    computer = rule.modulation.computed_by
    need = "one for all neurons" if needs.signal == _ONE_FOR_ALL else "one per post neuron"
    need = f"{need}, computed by {COMPUTERS[computer]}"
    writes = chip.figure("learning.processor_writes_traces")
    if by_processor:
        return Row("third factor", Aspect.ENGINE, need, "a processor writes the post traces of each neuron",
                   Result.PASS, source=source_of(writes))  # fmt: skip
    enough = ("global", "per-neuron", "software") if needs.signal == _ONE_FOR_ALL else ("per-neuron", "software")
    if kind == "global" and computer == "processor" and needs.signal != _ONE_FOR_ALL and not writes.known:
        return engine_row("third factor", need, Result.UNKNOWN, writes, "", "")
    remedy = "Take a rule without a third factor, or a chip that has one per neuron."
    if needs.signal in _FROM_ELSEWHERE and needs.psi == "none" and chip.flag(writes.key):
        remedy = 'Let a processor form it: computed_by = "processor" in a copy of the rule.'
    return engine_row(
        "third factor", need, answer(figure, kind in enough), figure,
        chip.text("learning.third_factor_note") or "the engine takes no such factor", remedy,
    )  # fmt: skip


def _on_the_way(rule: Rule, needs: Needs, chip: Chip) -> Iterator[Row]:
    """Errors travel as values of spikes, and what another neuron sends is there in the next step."""
    bits = SIGN_BITS if needs.signal == "error-sign" else SIGNED_MODULATOR_BITS
    if needs.signal in ("error-random", "error-sign", "error-adaptive", "error-symmetric", "layer-local"):
        graded = chip.figure("neuron.graded_spike_bits")
        yield engine_row(
            "error broadcast", f"{bits} bits, signed, a spike",
            answer(graded, (chip.integer("neuron.graded_spike_bits") or 0) >= bits), graded,
            "spikes carry no value wide enough for an error", "Project the target instead: drtp.", unit="bits",
        )  # fmt: skip
    word = rule.sampling.get("L")
    if needs.signal not in _BROUGHT or word is None:
        return
    late = word == "same-step"
    yield Row(
        "step of the signal", Aspect.ENGINE, f"{word}: {SAMPLED[word]}",
        "what other neurons send arrives in the next step", Result.DEPARTS if late else Result.PASS,
        "it comes through synapses, a step later than the rule says" if late else "",
        'Say L = "previous-step" in [sampling], and train its float twin so.' if late else "",
    )  # fmt: skip
