"""A graph to a program of integers: one `lif_reset` population per LIF, one connection per weight node."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.chain import Layer, find_chain
from neurotrain_hw.compiler.exponent import choose_weight_exp, range_notes, unit_of
from neurotrain_hw.compiler.neurons import (
    DECAY_MAX,
    Lif,
    bias_parts,
    chip_arithmetic,
    decay_mantissa,
    lif_of,
    rounding_note,
    threshold_mantissa,
)  # fmt: skip
from neurotrain_hw.compiler.quantise import quantise
from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.interchange import Graph
from neurotrain_hw.program import Connection, IntOrArray, Population, Program, Timing

# What makes a chip's neuron the one of lava proc/lif/models.py, whose integers are made here.
_ARITHMETIC = {"neuron.u_bits": 24, "neuron.v_bits": 24, "neuron.decay_bits": 12, "neuron.threshold_exp": 6}


def compile_graph(graph: Graph, chip: Chip, *, steps: int, weight_exp: int | None = None, name: str = "") -> Program:
    """The program of a graph on a Loihi-class chip, not yet placed on cores (see `place`).

    `steps`: steps T of a sample; the layer of depth d works on it in steps d+1 .. d+T and is reset before them.
    `weight_exp`: the shift of all connections; None chooses one per layer. Populations bear the names of the LIF
    nodes, connections those of the weight nodes; weights are packed as the chip stores them. The chip's file says
    where a neuron spikes and how it overflows. `Program.notes` holds what rounding did, in numbers.
    Raises UnsupportedError for what cannot be lowered exactly (node, reason, remedy), ValueRangeError for weights
    that all become zero and for parameters out of range.
    """
    _check_chip(chip)
    if steps < 1:
        raise ValueRangeError(f"{steps} steps per sample", where="steps", need="at least 1")
    chain = find_chain(graph)
    source = graph.nodes[chain.input]
    populations = [Population(chain.input, "input", tuple(int(n) for n in np.atleast_1d(source.input_type["input"])))]
    connections, scales, notes = [], {}, list(graph.notes)
    before = chain.input
    for layer in chain.layers:
        population, connection, scale, found = _lower_layer(graph, chip, layer, before, steps, weight_exp)
        populations.append(population)
        connections.append(connection)
        scales[population.name] = scale
        notes += found
        before = layer.neurons
    depth = {chain.input: 0} | {layer.neurons: layer.depth for layer in chain.layers}
    return Program(
        name=name or chain.layers[-1].neurons, populations=tuple(populations), connections=tuple(connections),
        outputs=(before,), chip=chip.id, scales=scales, timing=Timing(steps, depth), notes=tuple(notes),
    )  # fmt: skip


def _lower_layer(
    graph: Graph, chip: Chip, layer: Layer, before: str, steps: int, weight_exp: int | None
) -> tuple[Population, Connection, float, list[str]]:
    node = graph.nodes[layer.weights]
    if node.weight.ndim != 2:
        raise UnsupportedError(
            f"weights of shape {node.weight.shape}", where=f"node '{layer.weights}'", need="(n_post, n_pre)"
        )
    weights = quantise(node.weight, graph.meaning.node(layer.weights).quantisation, chip, where=layer.weights)
    late = graph.meaning.node(layer.weights).delay_steps
    if late:
        raise UnsupportedError(
            f"what it sends arrives {late} steps later, which is not lowered yet",
            where=f"node '{layer.weights}'", need="no delay", remedy="Read the file in the dialect nir.",
        )  # fmt: skip
    lif = lif_of(
        graph.nodes[layer.neurons], graph.meaning.node(layer.neurons), dt_s=graph.meaning.dt_s,
        where=f"node '{layer.neurons}'",
    )  # fmt: skip
    exp = choose_weight_exp(weights, lif, chip, layer.neurons) if weight_exp is None else weight_exp
    unit = unit_of(weights, exp)
    dv, vth = decay_mantissa(lif.beta), threshold_mantissa(lif.threshold, unit, where=f"node '{layer.neurons}'")
    notes = [*weights.notes, rounding_note(lif, dv, vth, unit, where=layer.neurons)]
    mant, bias_exp, bias_note = _bias(node, lif, unit, layer)
    notes += [bias_note] if bias_note else []
    notes += range_notes(
        weights, exp, chip, dv=dv, vth=vth, bias=mant.astype(np.int64) << bias_exp, steps=steps, where=layer.neurons
    )
    parameters: dict[str, IntOrArray] = {
        "du": DECAY_MAX, "dv": _shared(dv), "vth": _shared(vth), "bias_mant": _shared(mant), "bias_exp": bias_exp,
        "reset_interval": steps, "reset_offset": layer.depth + 1,
    }  # fmt: skip
    for key in ("dv", "vth"):
        if isinstance(parameters[key], np.ndarray):
            notes.append(f"{layer.neurons}: {key} differs between neurons, which Lava's own LIF process cannot hold")
    population = Population(layer.neurons, "lif_reset", (lif.n,), parameters, arithmetic=chip_arithmetic(chip))
    connection = Connection(
        layer.weights, "dense", before, layer.neurons, weights.chip_weights, weight_exp=exp,
        num_weight_bits=weights.stored_bits, sign_mode=weights.sign_mode,
    ).packed()  # fmt: skip
    return population, connection, lif.gain * unit, notes


def _bias(node: Any, lif: Lif, unit: float, layer: Layer) -> tuple[Any, int, str]:
    """The bias of an Affine node, which the neuron adds at every step; zeros for a Linear node."""
    bias = np.asarray(getattr(node, "bias", np.zeros(lif.n)), np.float64)
    if not bias.any():
        return np.zeros(lif.n, np.int32), 0, ""
    mant, exp, note = bias_parts(bias, unit, where=f"node '{layer.weights}'")
    return mant, exp, f"{layer.weights}: {note}"


def _check_chip(chip: Chip) -> None:
    """UnsupportedError unless the chip has the 24-bit current-based LIF of Loihi and Loihi 2."""
    models = chip.texts("neuron.models") or ()
    wrong = [f"{key} {chip.figure(key).words}" for key, value in _ARITHMETIC.items() if chip.integer(key) != value]
    if "cuba-lif" not in models or wrong:
        raise UnsupportedError(
            f"its neurons are not those that graphs are lowered to ({', '.join(wrong) or 'no cuba-lif'})",
            where=f"chip '{chip.id}'", need="a current-based LIF with 24-bit state and 12-bit decays",
            remedy="Compile for loihi2 or loihi1.",
        )  # fmt: skip


def _shared(values: Any) -> IntOrArray:
    """One integer where all neurons have the same, else the array."""
    return int(values[0]) if np.all(values == values[0]) else values
