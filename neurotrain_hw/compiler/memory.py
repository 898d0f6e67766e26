"""Bits that a program needs on each core, by purpose, against the memories of the chip.

What is counted, with the widths of the chip file (an unknown one is asked for, never assumed):

    weights         every synapse of a dense connection, every one with a weight of a sparse one, with num_weight_bits
                    (mixed 8-bit weights are the even numbers -256..254: the sign is among the 8 bits); a plastic
                    connection keeps the learning engine's 9 signed bits
    synapse indices of a sparse connection, ceil(log2(targets on the core)) bits
    delays, tags    `synapse.delay_bits_max` and `synapse.tag_bits`, where a connection uses them
    block overhead  headers and padding of synapse blocks, where the chip file describes blocks
    neuron state    u and v of each neuron, or the fixed record that the chip keeps
    parameters      du, dv, threshold, bias: once per population where all neurons share them, else per neuron
    pre traces      one per used x trace and pre neuron of a plastic connection, on every core that holds its synapses
    post traces     one per used y trace and post neuron
    modulator       per post neuron: the error's trace (24 bits) or the sum of the `signal` port (32 bits)

Not counted, since no chip file gives a formula: routing tables, microcode, spike queues, random number generators.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from neurotrain_hw.chips import Chip
from neurotrain_hw.errors import CapacityError
from neurotrain_hw.program import Connection, CoreSlice, MemoryRow, Plasticity, Population, Program

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


def core_needs(program: Program, chip: Chip, slices: Sequence[CoreSlice]) -> dict[tuple[str, str], int]:
    """Bits by (kind of memory, purpose) that slices lying on one core take; purposes without bits are left out.

    Raises UnsupportedError for a figure that is needed and that the chip file calls unknown.
    """
    needs: dict[tuple[str, str], int] = {}

    def add(kind: str, purpose: str, bits: int) -> None:
        if bits:
            needs[kind, purpose] = needs.get((kind, purpose), 0) + bits

    for part in slices:
        population = program.population(part.population)
        neurons = part.last - part.first
        state = chip.integer("memory.neuron_state_bytes")
        if state is not None:
            add(NEURONS, "neuron records (state and parameters)", 8 * state * neurons)
        else:
            u_bits, v_bits = (chip.require_integer(key, _WHY) for key in ("neuron.u_bits", "neuron.v_bits"))
            add(NEURONS, "neuron state (u, v)", (u_bits + v_bits) * neurons)
            add(NEURONS, "neuron parameters", _parameter_bits(population, chip, neurons))
        if population.modulator is not None:
            bits = _ERROR_TRACE_BITS if population.modulator.signal == "error" else _SIGNAL_BITS
            add(LEARNING, "modulator state", bits * neurons)
        for connection in program.connections:
            if connection.post == part.population:
                for purpose, bits in _synapse_bits(connection, chip, part.first, part.last).items():
                    add(SYNAPSES, purpose, bits)
    for purpose, bits in _trace_bits(program, chip, slices).items():
        add(LEARNING, purpose, bits)
    return needs


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


def rows(program: Program, chip: Chip, slices: Iterable[CoreSlice]) -> tuple[MemoryRow, ...]:
    """The memory map of placed slices: one row per core and purpose."""
    cores: dict[tuple[int, int], list[CoreSlice]] = {}
    for part in slices:
        cores.setdefault((part.chip, part.core), []).append(part)
    pool = pools(chip)
    return tuple(
        MemoryRow(where[0], where[1], purpose, bits, *pool[kind])
        for where, parts in sorted(cores.items())
        for (kind, purpose), bits in core_needs(program, chip, parts).items()
    )


def axons_in(program: Program, slices: Sequence[CoreSlice]) -> int:
    """Pre neurons that have synapses on a core: one input axon for each, counted once per connection."""
    here = {part.population for part in slices}
    return sum(program.population(c.pre).n for c in program.connections if c.post in here)


def _synapse_bits(connection: Connection, chip: Chip, first: int, last: int) -> dict[str, int]:
    per_axon = connection.fan_out(first, last)
    index = 0
    if connection.kind in ("sparse", "delay_sparse"):
        index = _index_bits(last - first, chip)
    synapses = int(per_axon.sum())
    entry = {
        "weights": connection.num_weight_bits if connection.plasticity is None else _PLASTIC_WEIGHT_BITS,
        "synapse indices": index,
        "delays": _delay_bits(connection, chip),
        "tags": tags * chip.require_integer("synapse.tag_bits", _WHY) if (tags := _tags(connection.plasticity)) else 0,
    }
    needs = {purpose: bits * synapses for purpose, bits in entry.items() if bits}
    overhead = _block_overhead(per_axon, sum(entry.values()), chip)
    return needs | ({"block overhead": overhead} if overhead else {})


def _delay_bits(connection: Connection, chip: Chip) -> int:
    """Bits of each delay; CapacityError where the chip's are too few, or it has no delays at all."""
    if connection.delays is None:
        return 0
    bits, longest = chip.require_integer("synapse.delay_bits_max", _WHY), int(connection.delays.max())
    if longest >= 1 << bits:
        raise CapacityError(
            f"a delay is longer than {chip.name} can hold", where=f"connection '{connection.name}'",
            need=f"{longest} steps", limit=f"{(1 << bits) - 1} steps", remedy="Shorten the delays.",
        )  # fmt: skip
    return bits


def _block_overhead(per_axon: np.ndarray[tuple[int], np.dtype[np.int64]], entry_bits: int, chip: Chip) -> int:
    """Headers and padding: an axon's synapses lie in blocks of at most N, each with a header, padded to a word."""
    size, header = chip.integer("synapse.block_synapses_max"), chip.integer("synapse.block_overhead_bits")
    align = chip.integer("synapse.block_align_bits")
    if not (size and header and align):
        return 0
    full, rest = np.divmod(per_axon, size)
    padded_full = -(-(size * entry_bits + header) // align) * align
    padded_rest = np.where(rest > 0, -(-(rest * entry_bits + header) // align) * align, 0)
    return int((full * padded_full + padded_rest - per_axon * entry_bits).sum())


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


def _trace_bits(program: Program, chip: Chip, slices: Sequence[CoreSlice]) -> dict[str, int]:
    """Traces of the learning engine: pre traces once per connection and core, post traces once per neuron."""
    here = {part.population: 0 for part in slices}
    for part in slices:
        here[part.population] += part.last - part.first
    pre, post = 0, {name: set[str]() for name in here}
    for connection in program.connections:
        if connection.plasticity is not None and connection.post in here:
            used = _variables(connection.plasticity)
            pre += len(used & set(_X_TRACES)) * program.population(connection.pre).n
            post[connection.post] |= used & set(_Y_TRACES)
    traces = {"pre traces": pre, "post traces": sum(len(post[name]) * here[name] for name in here)}
    if not any(traces.values()):
        return {}
    bits = chip.require_integer("learning.trace_bits", _WHY)
    return {purpose: bits * count for purpose, count in traces.items()}


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
