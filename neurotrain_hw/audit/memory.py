"""Memory: the bits that a rule on a network takes on a chip, by purpose, and the bits that the chip has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from neurotrain_hw.audit.shape import NetworkShape
from neurotrain_hw.chips import Chip
from neurotrain_hw.rules import Needs, Rule, needs_of

SOFTWARE_WORD_BITS = 32
"""State in software is kept in words of this width: a program's choice, not a figure of a chip."""

ERROR_TRACE_BITS, SIGNAL_BITS = 24, 32
"""What a program's modulator keeps per neuron: the filtered spikes of an error, the sum of what was fed back."""

SYNAPTIC = ("weights", "wider weights", "tags", "gradients", "feedback matrix")
"""Purposes that lie in the memory for synapses where a chip has one."""


@dataclass(frozen=True)
class MemoryNeed:
    """Bits that one purpose takes; None where a figure of the chip is unknown. `formula` shows the arithmetic."""

    purpose: str
    bits: int | None
    formula: str
    learning: bool = True


@dataclass(frozen=True)
class Widths:
    """Bits of the chip's words: all state of a neuron, its membrane, a trace, a tag; None: unknown.

    `learning_weight`: bits of a weight that learns, 0 where the chip keeps it as it is.
    """

    neuron: int | None
    membrane: int | None
    trace: int | None
    tag: int | None
    learning_weight: int = 0


@dataclass(frozen=True)
class StepMemory:
    """The memory of training over `steps` steps. `fits_core`, `fits_chip`: None where a figure is unknown."""

    steps: int
    needs: tuple[MemoryNeed, ...]
    total_bits: int | None
    core_bits: int | None
    chip_bits: int | None

    @property
    def fits_core(self) -> bool | None:
        """Whether all of it fits one core."""
        return None if self.total_bits is None or self.core_bits is None else self.total_bits <= self.core_bits

    @property
    def fits_chip(self) -> bool | None:
        """Whether all of it fits the memory of all cores."""
        return None if self.total_bits is None or self.chip_bits is None else self.total_bits <= self.chip_bits


def memory_needs(
    rule: Rule | None, network: NetworkShape, chip: Chip, *, steps: int, batch: int = 1
) -> tuple[MemoryNeed, ...]:
    """Bits by purpose: inference, and what learning with `rule` (None: inference only) adds.

    Counts one copy of every trace and signal; a chip that keeps a trace on every core that the spike goes to needs
    more. Widths are the chip's; on a chip that learns in software, 32-bit words.
    """
    widths = widths_of(chip)
    needs = [
        MemoryNeed(
            "weights",
            sum(w.synapses * w.weight_bits for w in network.wirings if not w.feedback),
            _sum(f"{w.synapses} x {w.weight_bits} b" for w in network.wirings if not w.feedback),
            learning=False,
        ),
        _need("neuron state", batch * network.neurons, widths.neuron, learning=False),
    ]
    if rule is not None:
        needs += _learning_needs(needs_of(rule), network, widths, steps=steps, batch=batch)
    return tuple(need for need in needs if need.bits != 0)


def memory_by_steps(
    rule: Rule, network: NetworkShape, chip: Chip, steps: Sequence[int], *, batch: int = 1
) -> tuple[StepMemory, ...]:
    """The memory of training at several lengths of a sample, against one core and the whole chip."""
    rows = []
    for count in steps:
        needs = memory_needs(rule, network, chip, steps=count, batch=batch)
        rows.append(StepMemory(count, needs, total_bits(needs), core_bits(chip), chip_bits(chip)))
    return tuple(rows)


def total_bits(needs: Sequence[MemoryNeed]) -> int | None:
    """The sum; None if a part is unknown."""
    total = 0
    for need in needs:
        if need.bits is None:
            return None
        total += need.bits
    return total


def core_bits(chip: Chip) -> int | None:
    """Bits of memory that one core has for networks."""
    return _times(chip.integer("memory.data_bytes_per_core") or chip.integer("memory.sram_core_bytes"), 8)


def chip_bits(chip: Chip) -> int | None:
    """Bits of memory of all cores that are free for networks, or of the chip where cores have none of their own."""
    cores = chip.integer("structure.cores_usable") or chip.integer("structure.cores")
    return _times(core_bits(chip), cores) or _times(chip.integer("memory.sram_chip_bytes"), 8)


def synapse_bits(chip: Chip) -> int | None:
    """Bits of the memory for synapses alone, over all cores; None where there is none or it is unknown."""
    pools = chip.figure("memory.pools_bytes").value
    kernel = pools.get("kernel") if isinstance(pools, Mapping) else None
    cores = chip.integer("structure.cores")
    per_core = _times(chip.integer("memory.synapse_bytes_per_core"), 8)
    return _times(per_core, cores) if per_core else _times(kernel if isinstance(kernel, int) else None, 8)


def widths_of(chip: Chip) -> Widths:
    """The widths of a chip's words, from its figures."""
    if chip.text("learning.rule_family") == "software":
        word = SOFTWARE_WORD_BITS
        return Widths(2 * word, word, word, word)
    membrane, current = chip.integer("neuron.v_bits"), chip.integer("neuron.u_bits")
    whole = _times(chip.integer("memory.neuron_state_bytes"), 8) or chip.integer("neuron.state_bits")
    fields = chip.state("learning.per_neuron_state") or ()
    named = max((f.bits for f in fields if f.name.startswith("trace")), default=None)
    synaptic = [f.bits for f in chip.state("learning.synaptic_state") or () if f.name.startswith(("tag", "elig"))]
    return Widths(
        neuron=whole or (None if membrane is None else membrane + (current or 0)),
        membrane=membrane,
        trace=chip.integer("learning.trace_bits") or named,
        tag=max(synaptic, default=chip.integer("synapse.tag_bits")),
        learning_weight=next((f.bits for f in chip.state("learning.synaptic_state") or () if f.name == "weight"), 0),
    )


def _learning_needs(needs: Needs, network: NetworkShape, widths: Widths, *, steps: int, batch: int) -> list[MemoryNeed]:
    wirings = network.learning
    synapses = sum(w.synapses for w in wirings)
    pre = network.neurons_of(frozenset(w.pre for w in wirings))
    post = network.neurons_of(frozenset(w.post for w in wirings))
    gradients = sum(needs.synapse_bits.values())
    spare = [w.synapses * max(0, widths.learning_weight - w.weight_bits) for w in wirings if needs.form]
    return [
        _need("wider weights", sum(spare), 1),
        _need("traces", batch * (pre * len(needs.pre_traces) + post * len(needs.post_traces)), widths.trace),
        _need("tags", synapses * len(needs.tags), widths.tag),
        _feedback(needs, network),
        _need("third factors", batch * post * len(needs.third_factors), widths.trace),
        *_modulators(needs, network, batch=batch),
        _need("gradients", synapses if gradients else 0, gradients),
        _need("spike history", batch * steps * network.senders * ("spikes" in needs.history), 1),
        _need("membrane history", batch * steps * network.neurons * ("membranes" in needs.history), widths.membrane),
    ]


def _modulators(needs: Needs, network: NetworkShape, *, batch: int) -> list[MemoryNeed]:
    """State of the neurons that form M: output neurons filter their spikes, hidden ones sum what is fed back."""
    learning = frozenset(w.post for w in network.learning)
    neurons = {
        role: sum(x.neurons for x in network.layers if x.role == role and x.name in learning)
        for role in ("hidden", "output")
    }
    errors = needs.form == "3f" and needs.signal.startswith(("error", "target", "layer"))
    fed_back = errors and needs.signal != "error"
    return [
        _need("modulators (error)", batch * neurons["output"] * errors, ERROR_TRACE_BITS),
        _need("modulators (signal)", batch * neurons["hidden"] * fed_back, SIGNAL_BITS),
    ]


def _feedback(needs: Needs, network: NetworkShape) -> MemoryNeed:
    """The weights of the feedback connections there are, or of one from all outputs to every hidden neuron."""
    present = [w for w in network.wirings if w.feedback]
    if present:
        text = _sum(f"{w.synapses} x {w.weight_bits} b" for w in present)
        return MemoryNeed("feedback matrix", sum(w.synapses * w.weight_bits for w in present), text)
    hidden = sum(layer.neurons for layer in network.layers if layer.role == "hidden") * needs.feedback_matrix
    return _need("feedback matrix", hidden * network.outputs, network.weight_bits)


def _need(purpose: str, count: int, bits: int | None, *, learning: bool = True) -> MemoryNeed:
    if count == 0:
        return MemoryNeed(purpose, 0, "", learning)
    width = "unknown" if bits is None else f"{bits} b"
    return MemoryNeed(purpose, None if bits is None else count * bits, f"{count} x {width}", learning)


def _times(value: int | None, factor: int | None) -> int | None:
    return None if value is None or factor is None else value * factor


def _sum(parts: Iterable[str]) -> str:
    return " + ".join(parts)
