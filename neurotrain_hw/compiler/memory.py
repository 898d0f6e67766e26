"""Bits that a program needs on each core, by purpose, against the memories of the chip.

What is counted, with the widths of the chip file (an unknown one is asked for, never assumed):

    weights         every synapse of a dense connection, every stored one of a sparse one, with num_weight_bits
                    (mixed 8-bit weights are the even numbers -256..254: the sign is among the 8 bits); a plastic
                    connection keeps the learning engine's 9 signed bits
    kernels         a chip whose file lists `conv` in `synapse.sharing` keeps the weights of a convolution once on
                    every core, for the output channels that lie there; any other chip stores it unrolled, as a sparse
                    connection with a synapse for every tap within the input
    synapse indices of a sparse or unrolled connection, ceil(log2(targets on the core)) bits
    delays, tags    `synapse.delay_bits_max` and `synapse.tag_bits`, where a connection uses them
    block overhead  headers and padding of synapse blocks, where the chip file describes blocks
    neuron state    each state variable of each neuron, all but u as wide as v, or the record that the chip keeps
    parameters      du, dv, threshold, bias: once per population where all neurons share them, else per neuron
    pre traces      one per used x trace and pre neuron of a plastic connection, on every core that holds its synapses
    post traces     one per used y trace and post neuron
    modulator       per post neuron: the error's trace (24 bits) or the sum of the `signal` port (32 bits)

Not counted, since no chip file gives a formula: routing tables, microcode, spike queues, random number generators, and
parameters that only some kinds of neurons have (refractory periods, resonators' decays, exponents of sigma-delta).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from neurotrain_hw.chips import Chip
from neurotrain_hw.errors import CapacityError
from neurotrain_hw.program import STATES, Connection, CoreSlice, MemoryRow, Plasticity, Population, Program
from neurotrain_hw.program.fan_in import ConvolutionFanIn, Ranges, fan_in

SYNAPSES, NEURONS, LEARNING = "synapses", "neurons", "learning"
_PLASTIC_WEIGHT_BITS = 9
_ERROR_TRACE_BITS = 24
_SIGNAL_BITS = 32
_WIDTHS = {
    "du": "neuron.decay_bits", "dv": "neuron.decay_bits", "vth": "neuron.threshold_mant_bits",
    "vth_lo": "neuron.threshold_mant_bits", "vth_hi": "neuron.threshold_mant_bits",
    "bias_mant": "neuron.bias_mant_bits", "bias_exp": "neuron.bias_exp_bits",
}  # fmt: skip
_WHY = "to count the memory of a core"
_X_TRACES, _Y_TRACES = ("x1", "x2"), ("y1", "y2", "y3")


class CoreMemory:
    """What ranges of a program's neurons take on a core of a chip; everything that is the same for all is kept.

    Raises UnsupportedError for a figure that is needed and that the chip file calls unknown, CapacityError for a
    delay that the chip cannot hold.
    """

    def __init__(self, program: Program, chip: Chip) -> None:
        self.program, self.chip, self.pools = program, chip, pools(chip)
        self._populations = {p.name: p for p in program.populations}
        self._wires: dict[str, list[_Wire]] = {p.name: [] for p in program.populations}
        for connection in program.connections:
            self._wires[connection.post].append(_Wire(program, connection, chip))

    def needs(self, slices: Sequence[CoreSlice]) -> dict[tuple[str, str], int]:
        """Bits by (kind of memory, purpose) of slices that lie on one core; purposes without bits are left out."""
        needs: Counter[tuple[str, str]] = Counter()
        for name, ranges in _by_population(slices).items():
            population, neurons = self._populations[name], sum(last - first for first, last in ranges)
            for purpose, bits in _neuron_bits(population, self.chip, neurons).items():
                needs[NEURONS, purpose] += bits
            if population.modulator is not None:
                bits = _ERROR_TRACE_BITS if population.modulator.signal == "error" else _SIGNAL_BITS
                needs[LEARNING, "modulator state"] += bits * neurons
            for wire in self._wires[name]:
                for purpose, bits in wire.bits(ranges).items():
                    needs[SYNAPSES, purpose] += bits
            for purpose, bits in self._trace_bits(name, neurons).items():
                needs[LEARNING, purpose] += bits
        return {key: bits for key, bits in needs.items() if bits}

    def axons_in(self, slices: Sequence[CoreSlice]) -> int:
        """Pre neurons that have synapses on a core: one input axon for each, counted once per connection."""
        parts = _by_population(slices)
        return sum(wire.fan_in.axons(ranges) for name, ranges in parts.items() for wire in self._wires[name])

    def synapses(self, part: CoreSlice) -> int:
        """Synapses stored for a slice; of a shared kernel, its weights."""
        return sum(wire.stored([(part.first, part.last)]) for wire in self._wires[part.population])

    def rows(self, slices: Iterable[CoreSlice]) -> tuple[MemoryRow, ...]:
        """The memory map of placed slices: one row per core and purpose."""
        cores: dict[tuple[int, int], list[CoreSlice]] = {}
        for part in slices:
            cores.setdefault((part.chip, part.core), []).append(part)
        return tuple(
            MemoryRow(where[0], where[1], purpose, bits, *self.pools[kind])
            for where, parts in sorted(cores.items())
            for (kind, purpose), bits in self.needs(parts).items()
        )

    def _trace_bits(self, name: str, neurons: int) -> dict[str, int]:
        """Traces of the learning engine: pre traces once per connection and core, post traces once per neuron."""
        pre, post = 0, set[str]()
        for wire in self._wires[name]:
            if wire.connection.plasticity is not None:
                used = _variables(wire.connection.plasticity)
                pre += len(used & set(_X_TRACES)) * self._populations[wire.connection.pre].n
                post |= used & set(_Y_TRACES)
        if not (pre or post):
            return {}
        bits = self.chip.require_integer("learning.trace_bits", _WHY)
        return {"pre traces": bits * pre, "post traces": bits * len(post) * neurons}


def pools(chip: Chip) -> Mapping[str, tuple[str, int | None]]:
    """For each kind of memory the pool that it draws from, and the pool's bits per core (None: unknown).

    A unified core memory is one pool. Else synapses have their own where the chip file gives its size, neurons
    the records of `neurons_per_core`, and the rest no limit that is known.
    """
    core = _bits(chip.integer("memory.sram_core_bytes"))
    synapses = _bits(chip.integer("memory.synapse_bytes_per_core"))
    if chip.flag("memory.unified") or synapses is None:
        return dict.fromkeys((SYNAPSES, NEURONS, LEARNING), ("core memory", core))
    state, neurons = chip.integer("memory.neuron_state_bytes"), chip.integer("structure.neurons_per_core")
    records = None if state is None or neurons is None else 8 * state * neurons
    return {
        SYNAPSES: ("synapse memory", synapses),
        NEURONS: ("neuron records", records),
        LEARNING: ("learning state", None),
    }


class _Wire:
    """A connection on a chip: bits of one synapse by purpose, and whether its kernel is shared."""

    def __init__(self, program: Program, connection: Connection, chip: Chip) -> None:
        self.connection, self.chip, self.fan_in = connection, chip, fan_in(program, connection)
        self.indexed = connection.kind not in ("dense", "delay_dense")
        self.shares = "conv" in (chip.texts("synapse.sharing") or ())
        tags = _tags(connection.plasticity)
        entry = {
            "weights": connection.num_weight_bits if connection.plasticity is None else _PLASTIC_WEIGHT_BITS,
            "delays": _delay_bits(connection, chip),
            "tags": tags * chip.require_integer("synapse.tag_bits", _WHY) if tags else 0,
        }
        self.entry = {purpose: bits for purpose, bits in entry.items() if bits}

    def stored(self, ranges: Ranges) -> int:
        """Synapses that are stored for post neurons, or the weights of their shared kernel."""
        if self.shares and isinstance(self.fan_in, ConvolutionFanIn):
            return self.fan_in.kernel_entries(ranges)
        return self.fan_in.synapses(ranges)

    def bits(self, ranges: Ranges) -> dict[str, int]:
        """Bits by purpose."""
        stored = self.stored(ranges)
        if self.shares and isinstance(self.fan_in, ConvolutionFanIn):
            return {"kernels": stored * self.connection.num_weight_bits}
        targets = sum(last - first for first, last in ranges)
        entry = self.entry | ({"synapse indices": _index_bits(targets, self.chip)} if self.indexed else {})
        return {purpose: bits * stored for purpose, bits in entry.items()} | {
            "block overhead": self._block_overhead(ranges, sum(entry.values()))
        }

    def _block_overhead(self, ranges: Ranges, entry_bits: int) -> int:
        """Headers and padding: an axon's synapses lie in blocks of at most N, each with a header, padded to a word."""
        size, header = (self.chip.integer(f"synapse.block_{key}") for key in ("synapses_max", "overhead_bits"))
        align = self.chip.integer("synapse.block_align_bits")
        if not (size and header and align):
            return 0
        per_axon, axons = self.fan_in.by_axon(ranges)
        full, rest = np.divmod(per_axon, size)
        padded_full = -(-(size * entry_bits + header) // align) * align
        padded_rest = np.where(rest > 0, -(-(rest * entry_bits + header) // align) * align, 0)
        return int(((full * padded_full + padded_rest - per_axon * entry_bits) * axons).sum())


def _by_population(slices: Sequence[CoreSlice]) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for part in slices:
        found.setdefault(part.population, []).append((part.first, part.last))
    return found


def _neuron_bits(population: Population, chip: Chip, neurons: int) -> dict[str, int]:
    record = chip.integer("memory.neuron_state_bytes")
    if record is not None:
        return {"neuron records (state and parameters)": 8 * record * neurons}
    states = STATES[population.kind]
    widths = ["neuron.u_bits" if state == "u" else "neuron.v_bits" for state in states]
    bits = sum(chip.require_integer(width, _WHY) for width in widths)
    return {
        f"neuron state ({', '.join(states)})": bits * neurons,
        "neuron parameters": _parameter_bits(population, chip, neurons),
    }


def _delay_bits(connection: Connection, chip: Chip) -> int:
    """Bits of each delay; CapacityError where the chip's are too few, or it has no delays at all."""
    if connection.kind not in ("delay_dense", "delay_sparse"):
        return 0
    bits, longest = chip.require_integer("synapse.delay_bits_max", _WHY), connection.longest_delay
    if longest >= 1 << bits:
        raise CapacityError(
            f"a delay is longer than {chip.name} can hold", where=f"connection '{connection.name}'",
            need=f"{longest} steps", limit=f"{(1 << bits) - 1} steps", remedy="Shorten the delays.",
        )  # fmt: skip
    return bits


def _index_bits(targets: int, chip: Chip) -> int:
    need = max(targets - 1, 1).bit_length()
    allowed = chip.integers("synapse.index_bits_allowed")
    return min((bits for bits in allowed or () if bits >= need), default=need)


def _parameter_bits(population: Population, chip: Chip, neurons: int) -> int:
    return sum(
        chip.require_integer(figure, _WHY) * (1 if np.ndim(population.parameters[key]) == 0 else neurons)
        for key, figure in _WIDTHS.items()
        if key in population.parameters
    )


def _tags(plasticity: Plasticity | None) -> int:
    """Tags that a rule keeps per synapse: tag_1 (t) and tag_2 (d), where it reads, changes or sets them."""
    if plasticity is None:
        return 0
    used = _variables(plasticity)
    tag_1 = "t" in used or plasticity.dt is not None or plasticity.tag_1 is not None
    tag_2 = "d" in used or plasticity.dd is not None or plasticity.tag_2 is not None
    return int(tag_1) + int(tag_2)


def _variables(plasticity: Plasticity) -> set[str]:
    text = " ".join(rule for rule in (plasticity.dw, plasticity.dd, plasticity.dt) if rule)
    return set(re.findall(r"[xyuwdt]\d?", text))


def _bits(size_bytes: int | None) -> int | None:
    return None if size_bytes is None else 8 * size_bytes
