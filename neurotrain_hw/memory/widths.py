"""Bits of every word that a chip keeps: the one place where figures of a chip file become bits of memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from neurotrain_hw.chips import Chip

SOFTWARE_WORD_BITS = 32
"""State in software is kept in words of this width: a program's choice, not a figure of a chip."""

SEED_BITS = 64
"""The seed of weights that are drawn anew instead of being stored."""

MODULATOR_BITS: Mapping[str, int] = MappingProxyType({"error": 24, "feedback": 32})
"""State of a modulator per post neuron: the filtered spikes of an error, the sum of what is fed back."""

PARAMETER_WIDTHS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "du": ("neuron.decay_bits",), "dv": ("neuron.decay_bits",),
        "vth": ("neuron.threshold_mant_bits", "neuron.threshold_bits"),
        "vth_lo": ("neuron.threshold_mant_bits", "neuron.threshold_bits"),
        "vth_hi": ("neuron.threshold_mant_bits", "neuron.threshold_bits"),
        "bias_mant": ("neuron.bias_mant_bits",), "bias_exp": ("neuron.bias_exp_bits",),
    }
)  # fmt: skip
"""Parameters of a neuron that are counted, and the figures that may give their bits, the first known one first."""


@dataclass(frozen=True)
class Width:
    """Bits of one word, None where no figure gives them; `key`: the figure of the chip that does, or should."""

    bits: int | None
    key: str = ""


class Widths:
    """The widths of one chip. A chip that learns in software keeps all state in words of 32 bits."""

    def __init__(self, chip: Chip) -> None:
        self.chip, self.software = chip, in_software(chip)
        fields = chip.state("learning.synaptic_state") or ()
        self._fields = {f.name: f.bits for f in fields}
        self._learned = self._fields.get("weight", 0)
        self._kept = {f.name for f in chip.state("learning.per_neuron_state") or ()}
        self._stored = chip.integer("synapse.stored_bits")
        self._allowed = sorted(chip.integers("synapse.weight_bits_allowed") or ())
        self._u, self._v = self._word("neuron.u_bits"), self._word("neuron.v_bits")
        self._parameters = {name: self._word(self._known(keys)) for name, keys in PARAMETER_WIDTHS.items()}

    def weight(self, bits: int) -> int:
        """A stored weight: `synapse.stored_bits`, or the narrowest of `synapse.weight_bits_allowed` that holds it."""
        return self._stored or next((b for b in self._allowed if b >= bits), bits)

    def learning_weight(self, bits: int) -> int:
        """A weight that learns: the field `weight` of `learning.synaptic_state` where that is wider."""
        return max(self.weight(bits), self._learned)

    def tag(self, name: str) -> Width:
        """A tag, tag_1 or tag_2: its field of `learning.synaptic_state`; for tag_2, which is the delay, `delay`.

        Without such a field, the widest of those that begin with `tag` or `elig`, else `synapse.tag_bits`.
        """
        if self.software:
            return Width(SOFTWARE_WORD_BITS)
        own = self._fields.get(name) or (self._fields.get("delay") if name == "tag_2" else None)
        widest = max((bits for key, bits in self._fields.items() if key.startswith(("tag", "elig"))), default=None)
        return self._figure("synapse.tag_bits") if own is None and widest is None else Width(own or widest)

    @cached_property
    def trace(self) -> Width:
        """A trace: `learning.trace_bits`, else the widest field `trace...` of `learning.per_neuron_state`."""
        if self.software:
            return Width(SOFTWARE_WORD_BITS)
        fields = self.chip.state("learning.per_neuron_state") or ()
        named = max((f.bits for f in fields if f.name.startswith("trace")), default=None)
        return self._figure("learning.trace_bits") if named is None else Width(named)

    @cached_property
    def record(self) -> int | None:
        """All that a neuron keeps, where the chip has a record of fixed size: `memory.neuron_state_bytes`."""
        size = self.chip.integer("memory.neuron_state_bytes")
        return None if size is None or self.software else 8 * size

    @cached_property
    def traces_in_record(self) -> bool:
        """Whether a neuron's record holds its traces: it has a fixed size, and the file names what learning keeps."""
        return self.record is not None and bool(self._kept)

    def in_record(self, purpose: str) -> bool:
        """Whether a neuron's record holds this state of a rule, such as the `calcium leak counter` of ODIN."""
        return self.record is not None and purpose.replace(" ", "_") in self._kept

    @cached_property
    def forms_factors(self) -> bool:
        """Whether the circuit of a fixed rule forms third factors as it needs them, and stores none."""
        return self.chip.text("learning.rule_family") in ("e-prop", "sdsp", "one-shot")

    def state(self, name: str) -> Width:
        """A state variable: u has `neuron.u_bits`, every other one is as wide as v."""
        return self._u if name == "u" else self._v

    def parameter(self, name: str) -> Width:
        """A parameter of `PARAMETER_WIDTHS`."""
        return self._parameters[name]

    @cached_property
    def delay(self) -> Width:
        """A synapse's delay: `synapse.delay_bits_max`."""
        return self._figure("synapse.delay_bits_max")

    def index(self, targets: int) -> int:
        """The target's index in a sparse list: ceil(log2(targets)), up to one of `synapse.index_bits_allowed`."""
        need = max(targets - 1, 1).bit_length()
        allowed = self.chip.integers("synapse.index_bits_allowed") or ()
        return min((bits for bits in allowed if bits >= need), default=need)

    @cached_property
    def generator(self) -> Width:
        """The state of a random number generator: `learning.generator_bits`."""
        return self._figure("learning.generator_bits")

    @cached_property
    def axon(self) -> Width:
        """The entry of an input axon, which finds its synapses: `memory.axon_bits`."""
        return self._figure("memory.axon_bits")

    def _known(self, keys: tuple[str, ...]) -> str:
        return next((key for key in keys if self.chip.integer(key) is not None), keys[0])

    def _word(self, key: str) -> Width:
        return Width(SOFTWARE_WORD_BITS) if self.software else self._figure(key)

    def _figure(self, key: str) -> Width:
        return Width(self.chip.integer(key), key)


def in_software(chip: Chip) -> bool:
    """Whether the chip learns in software, and so keeps its state in words of a processor."""
    return chip.text("learning.rule_family") == "software"
