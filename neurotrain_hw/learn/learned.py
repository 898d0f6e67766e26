"""What was learned, as a program that learns no more: the network alone, with its weights bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.errors import CapacityError, UnsupportedError
from neurotrain_hw.memory import place
from neurotrain_hw.program import Connection, Program
from neurotrain_hw.program.connection import SignMode

I32 = npt.NDArray[np.int32]


def learned_program(program: Program, weights: Mapping[str, I32], chip: Chip, *, name: str) -> Program:
    """The network of a learning program with learned `weights`, int32 (n_post, n_pre) by connection.

    What only learning needs is left out: targets, errors, feedback. A weight that learns may take odd values, and
    weights of both signs are loaded on a grid of even ones; where there are odd values, positive and negative weights
    are loaded as connections of their own, whose 8 bits hold every value (-256 as a third one). UnsupportedError where
    a negative weight exponent would round their sums apart. The program is placed on the chip; where the chip has no
    room for it in this form, it is not, and says so in its notes.
    """
    kept = _reaches(program)
    populations = tuple(replace(p, modulator=None) for p in program.populations if p.name in kept)
    connections = tuple(
        part
        for c in program.connections
        if c.port in ("current", "imag") and {c.pre, c.post} <= kept
        for part in _loaded(c, weights.get(c.name))
    )
    timing = program.sample_timing
    found = Program(
        name, populations, connections, program.outputs, chip.id, scales=program.scales,
        timing=replace(timing, depth={k: d for k, d in timing.depth.items() if k in kept}), notes=program.notes,
    )  # fmt: skip
    try:
        return place(found, chip)
    except CapacityError as error:
        note = f"not placed: {error.what}; on the chip the weights stay where they learned"
        return replace(found, chip="", notes=(*found.notes, note))


def _reaches(program: Program) -> set[str]:
    """The populations from which spikes reach an output."""
    kept = set(program.outputs)
    while True:
        more = {c.pre for c in program.connections if c.port in ("current", "imag") and c.post in kept} - kept
        if not more:
            return kept
        kept |= more


def _loaded(connection: Connection, weights: I32 | None) -> Iterator[Connection]:
    still = replace(connection, plasticity=None)
    if weights is None:
        yield still
        return
    whole = replace(still, weights=weights.astype(np.int16))
    if np.array_equal(whole.matrix(), weights):
        yield whole
        return
    if connection.weight_exp < 0 or weights.min() < -256 or weights.max() > 255:
        raise UnsupportedError(
            "its learned weights cannot be loaded bit for bit", where=f"connection '{connection.name}'",
            need="weights from -256 to 255 and a weight exponent of at least 0",
        )  # fmt: skip
    lowest = weights == -256  # a magnitude of 9 bits, and an even one
    for name, mode, part in (
        ("positive", "excitatory", weights > 0), ("negative", "inhibitory", (weights < 0) & ~lowest),
        ("lowest", "mixed", lowest),
    ):  # fmt: skip
        if part.any():
            values = np.where(part, weights, 0).astype(np.int16)
            yield replace(
                still, name=f"{connection.name}-{name}", kind="sparse", weights=values, num_weight_bits=8,
                sign_mode=cast(SignMode, mode),
            )  # fmt: skip
