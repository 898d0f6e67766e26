"""What makes a Program valid: every name resolves, every shape agrees, every value lies in its range."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from neurotrain_hw.errors import UnknownNameError, ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.program.connection_check import check_connection, check_transposed
from neurotrain_hw.program.modulator import check_modulator
from neurotrain_hw.program.population import LIF_KINDS, PARAMETERS, Arithmetic, Population
from neurotrain_hw.program.program import Program
from neurotrain_hw.program.value_check import check_choice, check_range

VALUE_RANGES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "du": (-1, 4096), "dv": (0, 4096), "bias_exp": (-31, 31), "reset_interval": (1, 2**31 - 1),
        "refractory_period": (0, 2**31 - 1), "dtheta": (0, 4096), "dr": (0, 4096), "spike_exp": (0, 31),
        "state_exp": (0, 31), "cum_error": (0, 1), "relu": (0, 1), "decay_bits": (0, 31),
        "sin_decay": (-(2**16), 2**16), "cos_decay": (-(2**16), 2**16),
    }
)  # fmt: skip
"""Ranges of parameters; the others are any 32-bit integers. A `du` of -1 is no decay (netx writes it)."""

_NAME_LIMIT = 200
_AXES_LIMIT = 8


def check(program: Program) -> None:
    """Every name resolves, every shape agrees; ValueRangeError or UnknownNameError names the place."""
    seen: set[str] = set()
    for name in [p.name for p in program.populations] + [c.name for c in program.connections]:
        if not isinstance(name, str) or not 0 < len(name) <= _NAME_LIMIT:
            raise ValueRangeError(f"a name is {str(name)[:20]!r}", need=f"a text of 1 to {_NAME_LIMIT} characters")
        if name in seen:
            raise ValueRangeError("two parts of a program have the same name", where=f"'{name}'")
        seen.add(name)
    populations = {p.name: p for p in program.populations}
    for population in program.populations:  # all shapes first, since a modulator names another population
        _check_shape(population)
    for population in program.populations:
        _check_population(populations, population)
    for connection in program.connections:
        where = f"connection '{connection.name}' ({connection.pre} -> {connection.post})"
        pre, post = (_find(populations, name, where) for name in (connection.pre, connection.post))
        check_connection(connection, pre, post, where)
        if connection.transpose_of is not None:
            check_transposed(connection, {c.name: c for c in program.connections}, where)
    for name in program.outputs:
        _find(populations, name, "outputs")
    for part in program.placement:
        n = _find(populations, part.population, "placement").n
        if not 0 <= part.first < part.last <= n:
            raise ValueRangeError(
                f"neurons {part.first} to {part.last}", where=f"placement of '{part.population}'",
                need=f"a part of its {n} neurons",
            )  # fmt: skip
    for name, scale in program.scales.items():
        _check_scale(scale, _find(populations, name, "scales").n, f"scale of '{name}'")
    for name, axes in program.source_axes.items():
        _check_axes(axes, _find(populations, name, "source_axes"), f"source_axes of '{name}'")
    if program.timing is not None:
        check_range("sample_steps", program.timing.sample_steps, 1, 2**31 - 1, "timing")
        for name, depth in program.timing.depth.items():
            _find(populations, name, "timing")
            check_range(f"depth of '{name}'", depth, 0, 2**31 - 1, "timing")


def check_inputs(program: Program, inputs: Mapping[str, EventStream]) -> None:
    """Every stream belongs to an input population and has its number of neurons."""
    for name, stream in inputs.items():
        if name not in program.inputs:
            raise UnknownNameError("input population", name, program.inputs)
        need = program.population(name).n
        if stream.n != need:
            raise ValueRangeError(f"the stream has {stream.n} neurons", where=f"input '{name}'", need=need)


def _find(populations: Mapping[str, Population], name: str, where: str) -> Population:
    if name not in populations:
        raise UnknownNameError("population", name, populations, where=where)
    return populations[name]


def _check_scale(scale: float | tuple[float, ...], n: int, where: str) -> None:
    values = np.asarray(scale, np.float64)
    if values.shape not in ((), (n,)) or not np.all(np.isfinite(values)):
        raise ValueRangeError(f"the scale is {str(scale)[:40]}", where=where, need=f"a finite number, or {n} of them")


def _check_axes(axes: tuple[int, ...], population: Population, where: str) -> None:
    if not isinstance(axes, tuple) or sorted(axes) != list(range(len(population.shape))):
        raise ValueRangeError(
            f"the axes are {str(axes)[:40]}", where=where, need=f"the axes of the shape {population.shape}, each once"
        )


def _check_shape(population: Population) -> None:
    sizes = population.shape
    if not 0 < len(sizes) <= _AXES_LIMIT or any(not 0 < int(size) < 2**31 for size in sizes) or population.n >= 2**31:
        raise ValueRangeError(
            f"shape {str(sizes[: _AXES_LIMIT + 1])[:60]}", where=f"population '{population.name}'",
            need=f"1 to {_AXES_LIMIT} axes, and 1 to 2^31 - 1 neurons",
        )  # fmt: skip


def _check_population(populations: Mapping[str, Population], population: Population) -> None:
    where = f"population '{population.name}'"
    if population.kind not in PARAMETERS:
        raise UnknownNameError("kind of population", population.kind, PARAMETERS, where=where)
    for key in PARAMETERS[population.kind]:
        if key not in population.parameters:
            raise ValueRangeError(f"parameter '{key}' is missing", where=where)
        value = np.asarray(population.parameters[key])
        if value.dtype.kind not in "iu" or value.shape not in ((), (population.n,)):
            raise ValueRangeError(
                f"parameter '{key}' has type {value.dtype} and shape {value.shape}", where=where,
                need=f"an integer, or integers of shape ({population.n},)",
            )  # fmt: skip
        low, high = VALUE_RANGES.get(key, (-(2**31), 2**31 - 1))
        if value.min() < low or value.max() > high:
            raise ValueRangeError(
                f"parameter '{key}' reaches from {value.min()} to {value.max()}", where=where,
                need=f"{low} to {high}",
            )  # fmt: skip
    extra = set(population.parameters) - set(PARAMETERS[population.kind])
    if extra:
        known = PARAMETERS[population.kind]
        raise UnknownNameError(f"parameter of a {population.kind}", min(extra), known, where=where)
    _check_arithmetic(population, where)
    modulator = population.modulator
    if modulator is None:
        return
    if population.kind not in ("lif", "lif_reset"):
        raise ValueRangeError(f"a {population.kind} cannot carry a modulator", where=where, need="lif or lif_reset")
    target = None if modulator.target is None else _find(populations, modulator.target, where)
    check_modulator(modulator, population.n, None if target is None else (target.kind, target.n), where)


def _check_arithmetic(population: Population, where: str) -> None:
    arithmetic = population.arithmetic
    check_choice("arithmetic.threshold", arithmetic.threshold, ("above", "reached"), where)
    check_choice("arithmetic.reset", arithmetic.reset, ("zero", "subtract"), where)
    check_choice("arithmetic.u_overflow", arithmetic.u_overflow, ("wrap_once", "wrap", "saturate"), where)
    check_choice("arithmetic.v_overflow", arithmetic.v_overflow, ("saturate", "wrap"), where)
    if population.kind not in LIF_KINDS and arithmetic != Arithmetic():
        raise ValueRangeError(f"a {population.kind} has one arithmetic only", where=where, need=str(Arithmetic()))
    if population.kind == "ternary_lif" and arithmetic.reset != "zero":
        raise ValueRangeError("a ternary_lif resets to zero", where=where, need="reset 'zero'")
    if arithmetic.reset == "subtract" and population.parameter("vth").min() < 0:
        raise ValueRangeError("it resets by subtracting a negative threshold", where=where, need="vth of 0 or more")
