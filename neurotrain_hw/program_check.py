"""What makes a Program valid: every name resolves, every shape agrees, every value lies in its range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from neurotrain_hw.errors import UnknownNameError, ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import PARAMETERS, TRACE_KEYS, Connection, Population, Program

VALUE_RANGES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"du": (-1, 4096), "dv": (0, 4096), "bias_exp": (-31, 31), "reset_interval": (1, 2**31 - 1)}
)
"""Ranges of parameters; the others are any 32-bit integers. A `du` of -1 is no decay (netx writes it)."""

_NAME_LIMIT = 200


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
    for population in program.populations:
        _check_population(populations, population)
    for connection in program.connections:
        _check_connection(populations, connection)
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
        if not math.isfinite(scale):
            raise ValueRangeError(f"the scale is {scale}", where=f"scale of '{name}'", need="a finite number")
    if program.timing is not None:
        _check_range("sample_steps", program.timing.sample_steps, 1, 2**31 - 1, "timing")
        for name, depth in program.timing.depth.items():
            _find(populations, name, "timing")
            _check_range(f"depth of '{name}'", depth, 0, 2**31 - 1, "timing")


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


def _check_population(populations: Mapping[str, Population], population: Population) -> None:
    where = f"population '{population.name}'"
    if population.kind not in PARAMETERS:
        raise UnknownNameError("kind of population", population.kind, PARAMETERS, where=where)
    if not population.shape or any(int(size) < 1 for size in population.shape) or population.n >= 2**31:
        raise ValueRangeError(f"shape {str(population.shape)[:60]}", where=where, need="1 to 2^31 - 1 neurons")
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
    modulator = population.modulator
    if modulator is None:
        return
    if population.kind not in ("lif", "lif_reset"):
        raise ValueRangeError(f"a {population.kind} cannot carry a modulator", where=where, need="lif or lif_reset")
    _check_choice("modulator.signal", modulator.signal, ("error", "feedback"), where)
    _check_choice("modulator.psi", modulator.psi, ("none", "box"), where)
    for key, low, high in (
        ("psi_halfwidth", 0, 2**23), ("signal_shift", 0, 31), ("trace_decay", 0, 4096),
        ("trace_impulse", 0, 2**20), ("trace_shift", 0, 31),
    ):  # fmt: skip
        _check_range(f"modulator.{key}", getattr(modulator, key), low, high, where)
    if modulator.signal == "error":
        target = _find(populations, modulator.target or "", where)
        if target.kind != "input" or target.n != population.n:
            raise ValueRangeError(
                f"its target '{target.name}' is a {target.kind} of {target.n} neurons", where=where,
                need=f"an input of {population.n} neurons",
            )  # fmt: skip


def _check_connection(populations: Mapping[str, Population], connection: Connection) -> None:
    where = f"connection '{connection.name}' ({connection.pre} -> {connection.post})"
    pre, post = _find(populations, connection.pre, where), _find(populations, connection.post, where)
    shape = (post.n, pre.n)
    if connection.kind not in ("dense", "delay_dense", "sparse"):
        raise UnknownNameError("kind of connection", connection.kind, ("dense", "delay_dense", "sparse"), where=where)
    for label, array in (("weights", connection.weights), ("delays", connection.delays)):
        if array is not None and (array.dtype.kind not in "iu" or array.shape != shape):
            raise ValueRangeError(
                f"{label} have type {array.dtype} and shape {array.shape}",
                where=where,
                need=f"integers of {shape}",
            )
    _check_choice("sign_mode", connection.sign_mode, (None, "mixed", "excitatory", "inhibitory"), where)
    _check_choice("port", connection.port, ("current", "signal"), where)
    _check_choice("pre_port", connection.pre_port, ("spikes", "error"), where)
    _check_range("weight_exp", connection.weight_exp, -31, 31, where)
    _check_range("num_weight_bits", connection.num_weight_bits, 1, 8, where)
    _check_range("num_message_bits", connection.num_message_bits, 0, 32, where)
    if (connection.delays is None) == (connection.kind == "delay_dense"):
        raise ValueRangeError(
            f"a {connection.kind} connection with{'out' if connection.delays is None else ''} delays", where=where,
            need="delays where the kind is delay_dense, and only there",
        )  # fmt: skip
    _check_range("max_delay", connection.max_delay, 0, 63, where)
    if connection.delays is not None and (connection.delays.min() < 0 or connection.delays.max() > 63):
        raise ValueRangeError("a delay lies outside its range", where=where, need="0..63 steps")
    if connection.delays is not None and 0 < connection.max_delay < connection.delays.max():
        raise ValueRangeError(
            "the largest delay is above max_delay", where=where, need=int(connection.delays.max()),
            limit=connection.max_delay, remedy="Give a larger max_delay, or 0 for the largest of the delays.",
        )  # fmt: skip
    if post.kind == "input":
        raise ValueRangeError("it leads into an input", where=where, remedy="Inputs only send.")
    if connection.port == "signal" and (post.modulator is None or post.modulator.signal != "feedback"):
        raise ValueRangeError("it leads to a port 'signal' that its post population does not have", where=where)
    if connection.pre_port == "error" and (pre.modulator is None or pre.modulator.signal != "error"):
        raise ValueRangeError("it reads a port 'error' that its pre population does not have", where=where)
    plasticity = connection.plasticity
    if plasticity is not None:
        for label, tag in (("tag_1", plasticity.tag_1), ("tag_2", plasticity.tag_2)):
            if tag is not None and (tag.dtype.kind not in "iu" or tag.shape != shape):
                raise ValueRangeError(
                    f"{label} has type {tag.dtype} and shape {tag.shape}", where=where, need=f"integers of {shape}"
                )
        _check_choice("plasticity.kind", plasticity.kind, ("2f", "3f"), where)
        _check_choice("plasticity.rounding", plasticity.rounding, ("shared",), where)
        _check_range("plasticity.t_epoch", plasticity.t_epoch, 1, 2**20, where)
        _check_range("plasticity.rng_seed", plasticity.rng_seed, 0, 2**62, where)
        for key, value in plasticity.traces.items():
            _check_choice("plasticity.traces", key, TRACE_KEYS, where)
            if not 0 <= value < 1e9:
                raise ValueRangeError(f"{key} is {value}", where=where, need="0 or more")


def _check_choice(key: str, value: object, choices: tuple[object, ...], where: str) -> None:
    if value not in choices:
        raise ValueRangeError(f"{key} is {value!r}", where=where, need=" or ".join(repr(c) for c in choices))


def _check_range(key: str, value: object, low: int, high: int, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise ValueRangeError(f"{key} is {value!r}", where=where, need=f"an integer from {low} to {high}")
