"""What makes a Program valid: every name resolves, every shape agrees, every value lies in its range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnknownNameError, ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import LIF_KINDS, PARAMETERS, TRACE_KEYS, Arithmetic, Connection, Population, Program
from neurotrain_hw.synapses import (
    STORED_BITS,
    PackedWeights,
    SparseWeights,
    check_packed,
    check_sparse,
    is_stored_form,
    truncation,
)

VALUE_RANGES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "du": (-1, 4096), "dv": (0, 4096), "bias_exp": (-31, 31), "reset_interval": (1, 2**31 - 1),
        "refractory_period": (0, 2**31 - 1), "dtheta": (0, 4096), "dr": (0, 4096), "spike_exp": (0, 31),
        "state_exp": (0, 31), "cum_error": (0, 1), "relu": (0, 1), "decay_bits": (0, 31),
        "sin_decay": (-(2**16), 2**16), "cos_decay": (-(2**16), 2**16),
    }
)  # fmt: skip
"""Ranges of parameters; the others are any 32-bit integers. A `du` of -1 is no decay (netx writes it)."""

CONNECTION_KINDS = ("dense", "delay_dense", "sparse", "delay_sparse", "conv")

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
    _check_arithmetic(population, where)
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


def _check_arithmetic(population: Population, where: str) -> None:
    arithmetic = population.arithmetic
    _check_choice("arithmetic.threshold", arithmetic.threshold, ("above", "reached"), where)
    _check_choice("arithmetic.reset", arithmetic.reset, ("zero", "subtract"), where)
    _check_choice("arithmetic.u_overflow", arithmetic.u_overflow, ("wrap_once", "wrap", "saturate"), where)
    _check_choice("arithmetic.v_overflow", arithmetic.v_overflow, ("saturate", "wrap"), where)
    if population.kind not in LIF_KINDS and arithmetic != Arithmetic():
        raise ValueRangeError(f"a {population.kind} has one arithmetic only", where=where, need=str(Arithmetic()))
    if population.kind == "ternary_lif" and arithmetic.reset != "zero":
        raise ValueRangeError("a ternary_lif resets to zero", where=where, need="reset 'zero'")


def _check_connection(populations: Mapping[str, Population], connection: Connection) -> None:
    where = f"connection '{connection.name}' ({connection.pre} -> {connection.post})"
    pre, post = _find(populations, connection.pre, where), _find(populations, connection.post, where)
    if connection.kind not in CONNECTION_KINDS:
        raise UnknownNameError("kind of connection", connection.kind, CONNECTION_KINDS, where=where)
    _check_choice("sign_mode", connection.sign_mode, (None, "mixed", "excitatory", "inhibitory"), where)
    _check_choice("port", connection.port, ("current", "imag", "signal"), where)
    _check_choice("pre_port", connection.pre_port, ("spikes", "error"), where)
    _check_range("weight_exp", connection.weight_exp, -31, 31, where)
    _check_range("num_weight_bits", connection.num_weight_bits, 1, 8, where)
    _check_range("num_message_bits", connection.num_message_bits, 0, 32, where)
    shape = _check_weights(connection, pre, post, where)
    _check_delays(connection, where)
    if post.kind == "input":
        raise ValueRangeError("it leads into an input", where=where, remedy="Inputs only send.")
    if connection.port == "signal" and (post.modulator is None or post.modulator.signal != "feedback"):
        raise ValueRangeError("it leads to a port 'signal' that its post population does not have", where=where)
    if connection.port == "imag" and post.kind not in ("rf", "rf_iz", "rf_zero"):
        raise ValueRangeError("it leads to a port 'imag', which resonators only have", where=where)
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


def _check_weights(connection: Connection, pre: Population, post: Population, where: str) -> tuple[int, ...]:
    """The weights fit the populations and the kind; returns the shape that tags must have."""
    shape: tuple[int, ...] = (post.n, pre.n)
    weights, kind = connection.weights, connection.kind
    if kind == "conv" and isinstance(weights, np.ndarray):
        return _check_conv(connection, weights, pre, post, where)
    if connection.conv is not None:
        raise ValueRangeError(f"a {kind} connection with the geometry of a convolution", where=where, need="kind conv")
    if isinstance(weights, np.ndarray):
        if weights.dtype.kind not in "iu" or weights.shape != shape:
            raise ValueRangeError(
                f"weights have type {weights.dtype} and shape {weights.shape}", where=where, need=f"integers of {shape}"
            )
        return shape
    fits = ("dense",) if isinstance(weights, PackedWeights) else ("sparse", "delay_sparse")
    if kind not in fits or connection.plasticity is not None or weights.shape != shape:
        raise ValueRangeError(
            f"{type(weights).__name__} of shape {weights.shape} in a {kind} connection", where=where,
            need=f"shape {shape}, kind {' or '.join(fits)}, no learning rule",
        )  # fmt: skip
    if connection.sign_mode is None:
        raise ValueRangeError("weights in the chip's form without a sign mode", where=where, need="a sign_mode")
    if isinstance(weights, PackedWeights):
        check_packed(weights, connection.num_weight_bits, where)
        mode, bits = connection.sign_mode, connection.num_weight_bits
        stated = (weights.bits, weights.shift, weights.signed, weights.negative)
        need = (STORED_BITS[bits], truncation(mode, bits), mode == "mixed", mode == "inhibitory")
        if stated != need:
            raise ValueRangeError(
                f"packed weights with (bits, shift, signed, negative) = {stated}", where=where,
                need=f"{need} for {bits} bits, {mode}",
            )  # fmt: skip
    else:
        check_sparse(weights, where)
        if not is_stored_form(weights, connection.sign_mode, connection.num_weight_bits):
            raise ValueRangeError(
                "sparse weights that are not in the chip's form", where=where,
                need=f"mantissas of {connection.num_weight_bits} bits, {connection.sign_mode}; see sparse_weights",
            )  # fmt: skip
    return shape


def _check_conv(
    connection: Connection, weights: npt.NDArray[Any], pre: Population, post: Population, where: str
) -> tuple[int, ...]:
    geometry = connection.conv
    if geometry is None or weights.ndim != 4 or weights.dtype.kind not in "iu" or len(pre.shape) != 3:
        raise ValueRangeError(
            f"a conv with weights of type {weights.dtype} and shape {weights.shape}", where=where,
            need="its geometry, integers (C_out, k_x, k_y, C_in / groups), and a pre population of shape (X, Y, C)",
        )  # fmt: skip
    for key, low in (("stride", 1), ("padding", 0), ("dilation", 1)):
        pair = getattr(geometry, key)
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise ValueRangeError(f"conv.{key} is {str(pair)[:40]}", where=where, need="a pair of integers")
        for value in pair:
            _check_range(f"conv.{key}", value, low, 2**15, where)
    _check_range("conv.groups", geometry.groups, 1, 2**15, where)
    c_out, _, _, c_in = weights.shape
    if pre.shape[2] != c_in * geometry.groups or c_out % geometry.groups or 0 in weights.shape:
        raise ValueRangeError(
            f"a kernel {weights.shape} in {geometry.groups} groups on an input of shape {pre.shape}", where=where,
            need="C_in = its last size times the groups, and C_out a multiple of the groups",
        )  # fmt: skip
    need = geometry.output_shape(pre.shape, weights.shape)
    if tuple(post.shape) != need:
        raise ValueRangeError(f"the post population has shape {post.shape}", where=where, need=need)
    if connection.plasticity is not None or connection.pre_port != "spikes":
        raise ValueRangeError("a conv does not learn, and reads spikes", where=where)
    if connection.num_weight_bits != 8 or connection.sign_mode is not None:
        raise ValueRangeError(
            "a conv takes its weights as they are", where=where, need="num_weight_bits 8 and no sign_mode"
        )
    if weights.min() < -(2**31) or weights.max() >= 2**31:
        raise ValueRangeError("a weight does not fit into 32 bits", where=where)
    return weights.shape


def _check_delays(connection: Connection, where: str) -> None:
    delays: npt.NDArray[Any] | None = connection.delays
    if isinstance(connection.weights, SparseWeights):
        if delays is not None:
            raise ValueRangeError("delays beside SparseWeights", where=where, need="delays within SparseWeights")
        delays = connection.weights.delay
    elif delays is not None and (delays.dtype.kind not in "iu" or delays.shape != connection.weights.shape):
        raise ValueRangeError(
            f"delays have type {delays.dtype} and shape {delays.shape}", where=where,
            need=f"integers of {connection.weights.shape}",
        )  # fmt: skip
    delayed = connection.kind in ("delay_dense", "delay_sparse")
    if (delays is not None) != delayed:
        raise ValueRangeError(
            f"a {connection.kind} connection with{'out' if delays is None else ''} delays", where=where,
            need="delays where the kind is delay_dense or delay_sparse, and only there",
        )  # fmt: skip
    _check_range("max_delay", connection.max_delay, 0, 63, where)
    if delays is None or not delays.size:
        return
    if delays.min() < 0 or delays.max() > 63:
        raise ValueRangeError("a delay lies outside its range", where=where, need="0..63 steps")
    if 0 < connection.max_delay < delays.max():
        raise ValueRangeError(
            "the largest delay is above max_delay", where=where, need=int(delays.max()),
            limit=connection.max_delay, remedy="Give a larger max_delay, or 0 for the largest of the delays.",
        )  # fmt: skip


def _check_choice(key: str, value: object, choices: tuple[object, ...], where: str) -> None:
    if value not in choices:
        raise ValueRangeError(f"{key} is {value!r}", where=where, need=" or ".join(repr(c) for c in choices))


def _check_range(key: str, value: object, low: int, high: int, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise ValueRangeError(f"{key} is {value!r}", where=where, need=f"an integer from {low} to {high}")
