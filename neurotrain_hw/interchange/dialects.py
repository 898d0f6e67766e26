"""Dialects: how the frameworks that write NIR mean it, for files that carry no meaning of their own."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from neurotrain_hw.errors import FormatError, UnknownNameError, UnsupportedError, ValueRangeError
from neurotrain_hw.interchange.meaning import Meaning, NodeMeaning

DIALECTS = ("nir", "snntorch")
NOT_YET = ("norse", "sinabs", "rockpool", "spyx", "spikingjelly", "lava-dl")
SNNTORCH_DT_S = 1e-4  # snntorch/export_nir.py and import_nir.py write and read this step and no other

_READABLE = ("Input", "Output", "Linear", "Affine", "LIF")


def read_in(graph: nir.NIRGraph, dialect: str, *, dt_s: float | None, where: str) -> Meaning:
    """The meaning of a graph in a dialect.

    `nir`: forward Euler with steps of `dt_s`, reset to v_reset in the step of the spike (the equations of
    nir/ir/neuron.py taken literally). `snntorch`: what snnTorch 1.0's own import makes of a file: forward Euler
    with 0.0001 s, reset to zero in the step of the spike. Raises UnsupportedError for dialects and nodes that are
    not read yet, UnknownNameError for a dialect that does not exist, ValueRangeError where `dt_s` does not fit.
    """
    check_name(dialect)
    check_nodes(graph, where=where)
    step = _step(dialect, dt_s)
    lif = {name: NodeMeaning("zero", "euler") for name, node in graph.nodes.items() if isinstance(node, nir.LIF)}
    for name in lif:
        _check_step(name, graph.nodes[name], step, where)
    return Meaning(step, lif)


def detect(graph: nir.NIRGraph) -> tuple[str, str] | None:
    """The dialect that a file shows by its numbers, and how; None where it does not show any.

    snnTorch writes r = tau / 0.0001 s, v_leak = 0 and v_reset = 0 in every neuron; read literally with that step,
    such a file means the same, so that nothing hangs on the guess but the reset, which NIR does not hold.
    """
    neurons = [
        node for node in graph.nodes.values() if type(node).__name__ not in ("Input", "Output", "Linear", "Affine")
    ]
    if neurons and all(_as_snntorch(node) for node in neurons):
        return "snntorch", (
            f"read in the dialect snntorch, detected by r = tau / {SNNTORCH_DT_S} s in every neuron; taken to reset "
            "to zero in the step of the spike (NIR does not say whether the writer subtracted the threshold instead)"
        )
    return None


def check_nodes(graph: nir.NIRGraph, *, where: str) -> None:
    """UnsupportedError names the first node that cannot be read without our own metadata."""
    for name, node in graph.nodes.items():
        kind = type(node).__name__
        if kind not in _READABLE:
            raise UnsupportedError(
                f"node '{name}' is of kind {kind}, which no dialect is read with yet", where=where,
                need=" ".join(_READABLE),
            )  # fmt: skip
        if kind == "LIF" and np.any(node.v_reset != 0):
            raise UnsupportedError(f"node '{name}' resets to a v_reset other than 0", where=where, need="v_reset 0")


def check_name(dialect: str) -> None:
    """UnsupportedError or UnknownNameError unless the dialect can be read."""
    if dialect in NOT_YET:
        raise UnsupportedError(f"the dialect '{dialect}' is not read yet", need=" or ".join(DIALECTS))
    if dialect not in DIALECTS:
        raise UnknownNameError("dialect", dialect, DIALECTS)


def _as_snntorch(node: Any) -> bool:
    return (
        isinstance(node, nir.LIF)
        and bool(np.allclose(node.r * SNNTORCH_DT_S, node.tau, rtol=1e-5, atol=0))
        and not np.any(node.v_leak)
        and not np.any(node.v_reset)
    )


def _step(dialect: str, dt_s: float | None) -> float:
    if dialect == "nir":
        if dt_s is None:
            raise ValueRangeError(
                "the dialect nir needs the length of a step, which NIR does not hold", where="dt_s",
                remedy="Give dt_s (on the command line --dt), in seconds.",
            )  # fmt: skip
        return dt_s
    if dt_s is not None and dt_s != SNNTORCH_DT_S:
        raise ValueRangeError(
            f"dt_s is {dt_s}, the dialect snntorch has a fixed step", where="dt_s", need=f"{SNNTORCH_DT_S} or nothing"
        )
    return SNNTORCH_DT_S


def _check_step(name: str, node: Any, step: float, where: str) -> None:
    if np.any(node.tau < step):
        raise FormatError(
            f"tau goes down to {float(node.tau.min()):.4g} s, shorter than the step of {step:.4g} s",
            where=f"{where}: node '{name}'", remedy="Give the step that the network was trained with.",
        )  # fmt: skip
