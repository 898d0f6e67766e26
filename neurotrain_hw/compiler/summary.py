"""What the compiler did, connection by connection: the integers beside what the source asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurotrain_hw.compiler.integers import IntegerLayer, IntegerSynapses
from neurotrain_hw.compiler.lower import Lowered
from neurotrain_hw.compiler.membrane import DECAY_MAX, DECAY_ONE, WEIGHT_ONE
from neurotrain_hw.program import Program


@dataclass(frozen=True)
class LayerRow:
    """One connection with the neurons behind it, in the units of the source graph.

    `kind`: dense, conv, ... `shape`: of its weights, (n_post, n_pre) or (C_out, C_in / groups, height, width).
    `weight_error`: the largest difference between a weight as the chip applies it and the graph's, relative to the
    largest weight. `zero_share`: of the chip's weights. `delay`: steps beyond the one that every connection takes.
    `threshold`, `decay`, `current_decay` and those `_wanted`: means over the neurons; a threshold that is never reached
    is None. `cores`: cores that the neurons lie on.
    """

    weights: str
    neurons: str
    kind: str
    shape: tuple[int, ...]
    n_post: int
    n_pre: int
    bits: int
    weight_exp: int
    weight_error: float
    zero_share: float
    delay: int
    current_decay: float
    current_decay_wanted: float
    decay: float
    decay_wanted: float
    threshold: float | None
    threshold_wanted: float | None
    cores: int


def layer_rows(lowered: Lowered, placed: Program | None = None) -> tuple[LayerRow, ...]:
    """One row per connection of a network, layer by layer; `placed`: the program with its placement, for `cores`."""
    program = placed or lowered.program
    made = {c.name for c in program.connections}
    return tuple(
        _row(layer, synapses, program)
        for layer in lowered.layers
        for synapses in layer.synapses
        if synapses.source.name in made
    )


def _row(layer: IntegerLayer, synapses: IntegerSynapses, program: Program) -> LayerRow:
    ideal, source = layer.source, synapses.source
    by_row = (-1, *(1,) * (source.weight.ndim - 1))
    wanted = source.row_scale.reshape(by_row) * source.weight
    error = np.abs(synapses.scale.reshape(by_row) * synapses.q - wanted).max()
    largest = float(np.abs(wanted).max())
    reached = np.isfinite(ideal.threshold)
    threshold = layer.vth * (WEIGHT_ONE * layer.unit * ideal.gain)
    return LayerRow(
        weights=source.name,
        neurons=ideal.name,
        kind=program.connection(source.name).kind,
        shape=source.weight.shape,
        n_post=ideal.n,
        n_pre=program.population(source.pre).n,
        bits=synapses.bits,
        weight_exp=synapses.weight_exp,
        weight_error=float(error) / largest if largest else 0.0,
        zero_share=float(np.mean(synapses.q == 0)),
        delay=source.delay,
        current_decay=float(np.mean((DECAY_MAX - layer.du) / DECAY_ONE)),
        current_decay_wanted=float(np.mean(ideal.current_decay)),
        decay=float(np.mean(1 - layer.dv / DECAY_ONE)),
        decay_wanted=float(np.mean(ideal.decay)),
        threshold=float(np.mean(threshold[reached])) if reached.any() else None,
        threshold_wanted=float(np.mean((ideal.threshold * ideal.gain)[reached])) if reached.any() else None,
        cores=len({(part.chip, part.core) for part in program.placement if part.population == ideal.name}),
    )
