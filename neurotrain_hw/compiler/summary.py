"""What the compiler did, layer by layer, read off the program and the graph it came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurotrain_hw.compiler.neurons import DECAY_ONE, VTH_SHIFT
from neurotrain_hw.interchange import Graph
from neurotrain_hw.program import Program


@dataclass(frozen=True)
class LayerRow:
    """One layer: shape (n_post, n_pre), and the chip's parameters in the units of the source graph.

    `weight_error`: the largest difference between a weight as the chip applies it and the graph's, relative to the
    layer's largest weight. `zero_share`: of the chip's weights. `threshold`, `threshold_wanted`, `decay`,
    `decay_wanted`: means over the neurons. `cores`: cores that the neurons lie on.
    """

    weights: str
    neurons: str
    n_post: int
    n_pre: int
    bits: int
    weight_exp: int
    weight_error: float
    zero_share: float
    decay: float
    decay_wanted: float
    threshold: float
    threshold_wanted: float
    cores: int


def layer_rows(graph: Graph, program: Program) -> tuple[LayerRow, ...]:
    """One row per connection of a compiled graph, from the integers back into the graph's units."""
    return tuple(_layer(graph, program, connection.name) for connection in program.connections)


def _layer(graph: Graph, program: Program, name: str) -> LayerRow:
    connection = program.connection(name)
    population = program.population(connection.post)
    lif, scale = graph.nodes[population.name], float(program.scale(population.name)[0])
    gain = np.asarray(lif.r, np.float64) * graph.meaning.dt_s / lif.tau
    wanted = np.asarray(graph.nodes[name].weight, np.float64) * gain[:, None]
    got = connection.matrix() * (2.0 ** (connection.weight_exp + VTH_SHIFT) * scale)
    return LayerRow(
        weights=name,
        neurons=population.name,
        n_post=population.n,
        n_pre=program.population(connection.pre).n,
        bits=connection.num_weight_bits,
        weight_exp=connection.weight_exp,
        weight_error=float(np.abs(got - wanted).max() / np.abs(wanted).max()),
        zero_share=float(np.mean(connection.matrix() == 0)),
        decay=float(np.mean(1 - population.parameter("dv") / DECAY_ONE)),
        decay_wanted=float(np.mean(1 - graph.meaning.dt_s / lif.tau)),
        threshold=float(np.mean(population.parameter("vth") * (2.0**VTH_SHIFT * scale))),
        threshold_wanted=float(np.mean(lif.v_threshold)),
        cores=len({(part.chip, part.core) for part in program.placement if part.population == population.name}),
    )
