"""What Lava cannot express, found and named before it starts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.program import PARAMETERS, STATES, Arithmetic, Connection, Plasticity, Population, Program
from neurotrain_hw.program.synapses import Convolution
from neurotrain_hw.rules import parse_sum

HISTORIES = ("weights", "tag_1", "tag_2")
_INT8, _INT16 = 2**7 - 1, 2**15 - 1
_EXACT_IN_FLOAT = 2**53
_SHARED = {
    "lif_reset": ("reset_interval", "reset_offset"),
    "atrlif": ("theta_step",),
    "delta": ("cum_error",),
    "sigma_delta": ("cum_error", "relu"),
}
"""Per kind: what the arithmetic of Lava's model takes once for all neurons."""


def check_program(program: Program, given_factors: Iterable[str]) -> None:
    """Raise UnsupportedError naming the first part of a program that has no exact counterpart in Lava.

    `given_factors`: names of learning connections whose third factors come from outside.
    """
    for population in program.populations:
        _check_population(population)
    for connection in program.connections:
        if connection.plasticity is not None:
            _check_plasticity(program, connection, connection.plasticity, set(given_factors))
        if connection.conv is not None:
            _check_convolution(connection, connection.conv)
        if connection.port == "none" or connection.transpose_of is not None:
            _check_backward(program, connection)


def recordable(program: Program) -> list[str]:
    """All keys that `record` accepts for a program."""
    keys = []
    for p in program.populations:
        keys += [f"{p.name}.{key}" for key in ("spikes", *STATES[p.kind], *(("y1", "y2", "y3") if p.modulator else ()))]
    for c in program.connections:
        keys += [f"{c.name}.{key}@epochs" for key in HISTORIES if c.plasticity is not None]
    return keys


def _check_population(population: Population) -> None:
    where, kind = f"population '{population.name}' ({population.kind})", population.kind
    if kind == "lif_refractory":
        raise UnsupportedError(
            "Lava has LIFRefractory in floating point only", where=where,
            remedy="Run it in the simulator, or use kind 'lif' where refractory_period is 0.",
        )  # fmt: skip
    if population.arithmetic != Arithmetic():
        raise UnsupportedError(
            f"Lava's neurons have one arithmetic, not {population.arithmetic}", where=where, need=str(Arithmetic()),
            remedy="Run it in the simulator, or give the population the default Arithmetic().",
        )  # fmt: skip
    for key in _SHARED.get(kind, ()):
        if np.unique(population.parameter(key)).size > 1:
            raise UnsupportedError(
                f"Lava has one {key} for all neurons of a population", where=where,
                remedy="Make one population for each value.",
            )  # fmt: skip
    for key in ("bias_mant", "bias_exp"):
        if key in PARAMETERS[kind] and np.abs(population.parameter(key).astype(np.int64)).max() > _INT16:
            raise UnsupportedError(f"Lava keeps {key} in 16 bits", where=where, limit=_INT16)


def _check_backward(program: Program, connection: Connection) -> None:
    read = None if connection.transpose_of is None else program.connection(connection.transpose_of)
    if read is None or read.plasticity is not None:
        raise UnsupportedError(
            "in Lava no connection can read weights that another one learns", where=f"connection '{connection.name}'",
            remedy="Run it in the simulator, or feed back through fixed weights.",
        )  # fmt: skip


def shifted_kernel(connection: Connection) -> npt.NDArray[np.int64]:
    """The kernel with its `weight_exp` shifted in, as Lava's Conv needs it, which has none; int64."""
    return connection.matrix().astype(np.int64) << max(connection.weight_exp, 0)


def _check_convolution(connection: Connection, geometry: Convolution) -> None:
    where = f"conv '{connection.name}'"
    if connection.weight_exp < 0:
        raise UnsupportedError(
            f"Lava's Conv ignores weight_exp, which is {connection.weight_exp}: a sum shifted right", where=where,
            need="0 or more, which is shifted into the kernel",
            remedy="Shift the integers of the kernel instead, or run it in the simulator.",
        )  # fmt: skip
    kernel = shifted_kernel(connection)
    sizes = (*kernel.shape[1:3], *geometry.stride, *geometry.padding, *geometry.dilation, geometry.groups)
    if max(sizes) > _INT8:
        raise UnsupportedError(
            "Lava keeps kernel size, stride, padding, dilation and groups in 8 bits", where=where, need=max(sizes),
            limit=_INT8, remedy="Use smaller ones, or run it in the simulator.",
        )  # fmt: skip
    if np.abs(kernel).max(initial=0) >= 1 << 31:
        raise UnsupportedError("a weight of its kernel, shifted, does not fit into 32 bits", where=where, limit=1 << 31)
    largest = int(np.abs(kernel).sum(axis=(1, 2, 3)).max())
    if connection.num_message_bits and largest << 31 > _EXACT_IN_FLOAT:
        raise UnsupportedError(
            "Lava sums convolutions in floating point, which is not exact for graded values of 32 bits and weights "
            "of this size", where=where, need=f"a sum of magnitudes of {largest} for one output channel",
            limit=_EXACT_IN_FLOAT >> 31, remedy="Use smaller weights, or run it in the simulator.",
        )  # fmt: skip


def _check_plasticity(program: Program, connection: Connection, plasticity: Plasticity, given: set[str]) -> None:
    where = f"learning connection '{connection.name}'"
    if connection.kind != "dense":
        raise UnsupportedError(
            f"Lava learns on dense connections, this one is {connection.kind}", where=where,
            remedy="Use kind 'dense' (LearningSparse loses weights that are 0; nothing learns with delays).",
        )  # fmt: skip
    if plasticity.rounding != "shared":
        raise UnsupportedError(
            f"Lava draws one random number for all synapses, and the rule's rounding is '{plasticity.rounding}'",
            where=where, remedy="Set rounding to 'shared', or run it in the simulator.",
        )  # fmt: skip
    if plasticity.weight_bits is not None:
        raise UnsupportedError(
            f"Lava keeps learned weights on every integer, not on the grid of {plasticity.weight_bits} bits",
            where=where, remedy="Set weight_bits to None, or run it in the simulator.",
        )  # fmt: skip
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
