"""What makes a Connection valid: kind, ports, delays, learning rule, and the geometry of a convolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnknownNameError, ValueRangeError
from neurotrain_hw.program.connection import TRACE_KEYS, Connection, Plasticity, WeightRounding
from neurotrain_hw.program.population import Population
from neurotrain_hw.program.synapses import PackedWeights, SparseWeights
from neurotrain_hw.program.value_check import check_choice, check_range
from neurotrain_hw.program.weight_check import check_packed, check_sparse

CONNECTION_KINDS = ("dense", "delay_dense", "sparse", "delay_sparse", "conv")


def check_connection(connection: Connection, pre: Population, post: Population, where: str) -> None:
    """Every shape, type and range of a connection between these populations; ValueRangeError names the place."""
    if connection.kind not in CONNECTION_KINDS:
        raise UnknownNameError("kind of connection", connection.kind, CONNECTION_KINDS, where=where)
    check_choice("sign_mode", connection.sign_mode, (None, "mixed", "excitatory", "inhibitory"), where)
    check_choice("port", connection.port, ("current", "imag", "signal", "none"), where)
    check_choice("pre_port", connection.pre_port, ("spikes", "error"), where)
    check_range("weight_exp", connection.weight_exp, -31, 31, where)
    check_range("num_weight_bits", connection.num_weight_bits, 1, 8, where)
    check_range("num_message_bits", connection.num_message_bits, 0, 32, where)
    shape = _check_weights(connection, pre, post, where)
    _check_delays(connection, where)
    if post.kind == "input":
        raise ValueRangeError("it leads into an input", where=where, remedy="Inputs only send.")
    if connection.port == "signal" and (post.modulator is None or post.modulator.signal != "feedback"):
        raise ValueRangeError("it leads to a port 'signal' that its post population does not have", where=where)
    if connection.port == "none" and connection.plasticity is None:
        raise ValueRangeError("it leads nowhere and does not learn", where=where, need="a port, or a learning rule")
    check_choice("signs_only", connection.signs_only, (False, True), where)
    if connection.signs_only and connection.transpose_of is None:
        raise ValueRangeError("signs_only without transpose_of", where=where)
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
        check_choice("plasticity.kind", plasticity.kind, ("2f", "3f"), where)
        check_choice("plasticity.rounding", plasticity.rounding, get_args(WeightRounding), where)
        _check_weight_bits(connection, plasticity, where)
        check_range("plasticity.t_epoch", plasticity.t_epoch, 1, 2**20, where)
        check_range("plasticity.rng_seed", plasticity.rng_seed, 0, 2**62, where)
        for key, value in plasticity.traces.items():
            check_choice("plasticity.traces", key, TRACE_KEYS, where)
            if not 0 <= value < 1e9:
                raise ValueRangeError(f"{key} is {value}", where=where, need="0 or more")


def _check_weight_bits(connection: Connection, plasticity: Plasticity, where: str) -> None:
    """What is learned has as many bits as what it begins with, or more."""
    if plasticity.weight_bits is None:
        return
    check_range("plasticity.weight_bits", plasticity.weight_bits, 1, 8, where)
    if connection.num_weight_bits > plasticity.weight_bits:
        raise ValueRangeError(
            f"its first weights have {connection.num_weight_bits} bits", where=where,
            need=f"at most the {plasticity.weight_bits} bits of the learned ones",
            remedy=f"Set num_weight_bits to {plasticity.weight_bits}.",
        )  # fmt: skip


def check_transposed(connection: Connection, connections: Mapping[str, Connection], where: str) -> None:
    """What a connection reads backward is there, and fits; UnknownNameError or ValueRangeError names the place."""
    if not isinstance(connection.transpose_of, str) or connection.transpose_of not in connections:
        known = [c.name for c in connections.values() if c.kind == "dense"]
        raise UnknownNameError("connection", str(connection.transpose_of), known, where=f"transpose_of of {where}")
    read = connections[connection.transpose_of]
    if (read.pre, read.post) != (connection.post, connection.pre) or read.kind != "dense" or read.transpose_of:
        raise ValueRangeError(
            f"it reads '{read.name}' backward, a {read.kind} connection {read.pre} -> {read.post}", where=where,
            need=f"a dense connection {connection.post} -> {connection.pre} with weights of its own",
        )  # fmt: skip
    own = isinstance(connection.weights, np.ndarray) and not connection.weights.any()
    if not own or connection.kind != "dense" or connection.plasticity is not None:
        raise ValueRangeError(
            "it reads the weights of another connection and has its own, another kind, or a learning rule",
            where=where, need="dense, weights of 0, no plasticity",
        )  # fmt: skip


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
    packed = isinstance(weights, PackedWeights)
    fits = ("dense",) if packed else ("sparse", "delay_sparse")
    if kind not in fits or connection.plasticity is not None or (weights.n_post, _rows(weights)) != shape:
        raise ValueRangeError(
            f"{type(weights).__name__} of shape {(weights.n_post, _rows(weights))} in a {kind} connection", where=where,
            need=f"shape {shape}, kind {' or '.join(fits)}, no learning rule",
        )  # fmt: skip
    mode = connection.sign_mode
    if mode is None:
        raise ValueRangeError("weights in the chip's form without a sign mode", where=where, need="a sign_mode")
    if isinstance(weights, PackedWeights):
        check_packed(weights, mode, connection.num_weight_bits, where)
    else:
        check_sparse(weights, mode, connection.num_weight_bits, where)
    return shape


def _rows(weights: PackedWeights | SparseWeights) -> int:
    """Pre neurons that the arrays hold rows for, whatever their number of axes; their types are checked later."""
    if isinstance(weights, PackedWeights):
        return weights.data.shape[0] if weights.data.ndim else -1
    return weights.pointer.size - 1


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
            check_range(f"conv.{key}", value, low, 2**15, where)
    check_range("conv.groups", geometry.groups, 1, 2**15, where)
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
    if connection.sign_mode is not None:
        raise ValueRangeError("a conv takes its weights as they are", where=where, need="no sign_mode")
    bits = connection.num_weight_bits
    if bits < 8 and (weights.min() < -(1 << (bits - 1)) or weights.max() >= 1 << (bits - 1)):
        raise ValueRangeError(
            f"a conv takes its weights as they are, here {weights.min()} to {weights.max()}", where=where,
            need=f"integers of {bits} bits, as its num_weight_bits says",
        )  # fmt: skip
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
    check_range("max_delay", connection.max_delay, 0, 63, where)
    if delays is None or not delays.size:
        return
    if delays.min() < 0 or delays.max() > 63:
        raise ValueRangeError("a delay lies outside its range", where=where, need="0..63 steps")
    if 0 < connection.max_delay < delays.max():
        raise ValueRangeError(
            "the largest delay is above max_delay", where=where, need=int(delays.max()),
            limit=connection.max_delay, remedy="Give a larger max_delay, or 0 for the largest of the delays.",
        )  # fmt: skip
