"""The same program in less memory: weights of fewer bits, and feedback that follows from a seed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import cast

import numpy as np

from neurotrain_hw.memory.generated import Generated
from neurotrain_hw.program import Connection, Program, SignMode
from neurotrain_hw.program.synapses import SparseWeights, pack_weights, truncation

_SEED = 1


def narrowed(program: Program, bits: int, *, learning: bool = False, but: Collection[str] = ()) -> Program:
    """The program with at most `bits` bits in its static weights, the lower ones cut off; convolutions stay.

    `learning`: also in those that learn, which then stay on the grid of so many bits. `but`: connections that stay.
    Weights that were trained with so many bits lose less than these.
    """
    return replace(
        program,
        connections=tuple(
            c if c.name in but or (c.plasticity is not None and not learning) else _narrow(_on_grid(c, bits), bits)
            for c in program.connections
        ),
    )


def with_generated_feedback(program: Program) -> tuple[Program, Mapping[str, Generated]]:
    """The program with new fixed feedback weights, drawn from a seed within the range of the old, and the seeds."""
    seeds: dict[str, Generated] = {}
    connections = []
    for k, c in enumerate(program.connections):
        if c.port == "signal" and c.plasticity is None and c.kind == "dense" and c.transpose_of is None:
            matrix = c.matrix()
            largest = int(np.abs(matrix).max(initial=2)) // 2 * 2
            seeds[c.name] = Generated(_SEED + k, min(max(largest, 2), 254))
            weights = seeds[c.name].weights(matrix.shape)
            connections.append(replace(c, weights=weights, num_weight_bits=8, sign_mode="mixed"))
        else:
            connections.append(c)
    return replace(program, connections=tuple(connections)), seeds


def _on_grid(connection: Connection, bits: int) -> Connection:
    """Learned weights of at most so many bits, in the run as in memory."""
    rule = connection.plasticity
    if rule is None:
        return connection
    return replace(connection, plasticity=replace(rule, weight_bits=min(bits, rule.weight_bits or bits)))


def _narrow(connection: Connection, bits: int) -> Connection:
    if connection.kind == "conv" or connection.num_weight_bits <= bits:
        return connection
    mode, weights = cast(SignMode, connection.resolved_sign_mode), connection.weights
    if isinstance(weights, SparseWeights):
        cut = _narrow_rows(weights, connection.num_weight_bits - bits, truncation(mode, bits))
        return replace(connection, weights=cut, num_weight_bits=bits)
    if isinstance(weights, np.ndarray):
        return replace(connection, num_weight_bits=bits, sign_mode=mode)
    return replace(connection, weights=pack_weights(weights.matrix(), mode, bits), num_weight_bits=bits)


def _narrow_rows(weights: SparseWeights, cut: int, shift: int) -> SparseWeights:
    """Mantissas without their `cut` lowest bits; synapses of weight 0 go."""
    mantissa = weights.mantissa >> cut
    kept = mantissa != 0
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
    return replace(
        weights, pointer=before[weights.pointer], post=weights.post[kept], mantissa=mantissa[kept], shift=shift,
        delay=None if weights.delay is None else weights.delay[kept],
    )  # fmt: skip
