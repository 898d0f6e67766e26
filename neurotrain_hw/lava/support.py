"""What Lava cannot express, found and named before it starts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.program import Connection, Plasticity, Population, Program
from neurotrain_hw.rules import parse_sum

HISTORIES = ("weights", "tag_1", "tag_2")
_INT16 = 2**15 - 1


def check_program(program: Program, given_factors: Iterable[str]) -> None:
    """Raise UnsupportedError naming the first part of a program that has no exact counterpart in Lava.

    `given_factors`: names of learning connections whose third factors come from outside.
    """
    for population in program.populations:
        _check_population(population)
    for connection in program.connections:
        if connection.plasticity is not None:
            _check_plasticity(program, connection, connection.plasticity, set(given_factors))


def recordable(program: Program) -> list[str]:
    """All keys that `record` accepts for a program."""
    keys = []
    for p in program.populations:
        names = ["spikes"] if p.kind == "input" else ["spikes", "u", "v"]
        keys += [f"{p.name}.{key}" for key in names + (["y1", "y2"] if p.modulator else [])]
    for c in program.connections:
        keys += [f"{c.name}.{key}@epochs" for key in HISTORIES if c.plasticity is not None]
    return keys


def _check_population(population: Population) -> None:
    where = f"population '{population.name}' ({population.kind})"
    if population.kind == "lif_reset":
        for key in ("reset_interval", "reset_offset"):
            if np.unique(population.parameter(key)).size > 1:
                raise UnsupportedError(f"Lava's LIFReset has one {key} for all neurons", where=where)
        if population.parameter("reset_interval").min() < 1:
            raise ValueRangeError("a reset interval below 1", where=where, need="at least 1 step")
    for key in () if population.kind == "input" else ("bias_mant", "bias_exp"):
        if np.abs(population.parameter(key).astype(np.int64)).max() > _INT16:
            raise UnsupportedError(f"Lava keeps {key} in 16 bits", where=where, limit=_INT16)


def _check_plasticity(program: Program, connection: Connection, plasticity: Plasticity, given: set[str]) -> None:
    where = f"learning connection '{connection.name}'"
    if connection.kind != "dense":
        raise UnsupportedError(
            f"Lava learns on dense connections, this one is {connection.kind}", where=where,
            remedy="Use kind 'dense' (LearningSparse loses weights that are 0; nothing learns with delays).",
        )  # fmt: skip
    if plasticity.rounding != "shared":
        raise UnsupportedError(
            f"Lava draws one random number for all synapses, not '{plasticity.rounding}'", where=where
        )
    rules = [rule for rule in (plasticity.dw, plasticity.dd, plasticity.dt) if rule is not None]
    if not rules:
        raise UnsupportedError("Lava needs at least one of dw, dd and dt", where=where)
    for rule in rules:
        parse_sum(rule)
    if plasticity.kind == "3f":
        post = program.population(connection.post)
        if post.modulator is None and connection.name not in given:
            raise UnsupportedError(
                f"its third factor comes from nowhere: population '{post.name}' has no modulator", where=where
            )
        for key, value in plasticity.traces.items():
            if key.startswith("y") and value not in (0, 65535):
                raise UnsupportedError(
                    f"Lava's three-factor rule has no {key}: its y traces are what the post neurons send", where=where
                )
