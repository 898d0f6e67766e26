"""Dialects: how the frameworks that write NIR mean it, for files that carry no meaning of their own.

Each was compared with what its framework recorded; docs/reference/nir-primitives-and-dialects.md lists the cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import nir
import numpy as np

from neurotrain_hw.errors import FormatError, UnknownNameError, UnsupportedError, ValueRangeError
from neurotrain_hw.interchange.meaning import Loops, Meaning, NodeMeaning, Precision, Reset
from neurotrain_hw.interchange.primitives import NEURONS, SPIKING
from neurotrain_hw.interchange.signs import misfit, step_told

SNNTORCH_DT_S = 1e-4  # snntorch/export_nir.py and import_nir.py write and read this step and no other
LAVA_DT_S = 1e-4  # NIR's lava_to_nir.py

LONG_S = 0.5
"""Time constants that are all this long or longer are perhaps milliseconds; those of networks are far shorter."""

_TIMES = ("tau", "tau_syn", "tau_mem")
_LITERAL = NodeMeaning("zero", "euler")
_LEAKY = NodeMeaning("none", "euler")
_SINABS = NodeMeaning("subtract_multiple", "euler", drive="unit", threshold="reached", floor="threshold")
_ROCKPOOL = NodeMeaning("subtract_multiple", "exponential", drive="unit", threshold="reached")
_SPYX = NodeMeaning("subtract_delayed", "euler", drive="unit", decided="before")


@dataclass(frozen=True)
class Dialect:
    """One framework's answers to what NIR leaves open.

    `neurons`: the meaning of each kind of neuron that the framework writes; others are refused. `step_s`: seconds per
    step where they are fixed. `told`: whether the file's numbers tell the step. `times`: what the file's time constants
    count (`scaled`: seconds times the step, where all are shorter than a step); ours are seconds. `delay_steps`: of
    what a weight node sends. `input_past_loop`: edges lead the input of a recurrent layer to its recurrent weights, and
    mean its neurons. `resets`: by kind (or `recurrent`, for neurons in a loop) and the reset asked for, what the
    framework makes of it.
    """

    neurons: Mapping[str, NodeMeaning]
    step_s: float | None = None
    told: bool = False
    times: Literal["seconds", "steps", "seconds or scaled"] = "seconds"
    precision: Precision = "float32"
    loops: Loops = "neurons"
    delay_steps: int = 0
    input_past_loop: bool = False
    resets: Mapping[tuple[str, str], Reset] = field(default_factory=dict)


DIALECTS: Mapping[str, Dialect] = MappingProxyType({
    "nir": Dialect(
        {"I": _LEAKY, "LI": _LEAKY, "CubaLI": _LEAKY, "IF": _LITERAL, "LIF": _LITERAL, "CubaLIF": _LITERAL},
        precision="float64",
    ),
    "snntorch": Dialect(
        {"LIF": _LITERAL, "CubaLIF": _LITERAL}, step_s=SNNTORCH_DT_S,
        resets={
            ("LIF", "subtract"): "subtract_pending", ("CubaLIF", "subtract"): "subtract_pending",
            # Synaptic, RLeaky and RSynaptic lose what arrives in the step after a spike; Leaky does not.
            ("CubaLIF", "zero_delayed"): "zero_held", ("recurrent", "zero_delayed"): "zero_held",
        },
    ),
    "norse": Dialect(
        {"LI": _LEAKY, "CubaLI": _LEAKY, "IF": replace(_LITERAL, drive="unit"), "LIF": _LITERAL, "CubaLIF": _LITERAL},
        times="seconds or scaled", loops="edges",  # Norse 1.1.0 writes dt / tau_mem_inv, older ones 1 / tau_mem_inv
    ),
    "sinabs": Dialect(
        {"IF": _SINABS, "LIF": replace(_SINABS, integration="exponential", floor="none")}, times="steps",
    ),
    "rockpool": Dialect(
        {"LIF": _ROCKPOOL, "CubaLIF": replace(_ROCKPOOL, drive="unit_decayed")}, told=True,
    ),
    "spyx": Dialect(
        {"LIF": _SPYX, "CubaLIF": replace(_SPYX, reset="subtract_before")}, told=True, input_past_loop=True,
    ),
    "spikingjelly": Dialect({"IF": _LITERAL, "LIF": _LITERAL}, told=True),
    "lava-dl": Dialect(
        {"CubaLIF": NodeMeaning("zero", "truncated", drive="unit", threshold="reached")},
        step_s=LAVA_DT_S, precision="float64", delay_steps=1,
    ),
})  # fmt: skip


def read_in(
    graph: nir.NIRGraph, dialect: str, *, dt_s: float | None, reset: Reset | None = None, where: str
) -> tuple[nir.NIRGraph, Meaning, tuple[str, ...]]:
    """The graph with its times in seconds, its meaning in a dialect, and notes on what was assumed.

    `reset` replaces the dialect's own for all neurons that spike. Raises UnknownNameError for a dialect that does not
    exist, UnsupportedError for nodes and values that its framework does not write, ValueRangeError where `dt_s` does
    not fit or is missing.
    """
    check_name(dialect)
    rules = DIALECTS[dialect]
    notes: list[str] = []
    _check_kinds(graph, dialect, rules, where)
    step = _step(graph, dialect, rules, dt_s, where, notes)
    if rules.times == "steps":
        graph = _in_seconds(graph, step)
    elif rules.times == "seconds or scaled" and _all_below(graph, step):
        notes.append(f"all time constants are shorter than the step of {step:.4g} s: read as seconds times the step")
        graph = _in_seconds(graph, 1 / step)
    if rules.input_past_loop:
        graph = _past_loops(graph, notes)
    nodes = {name: _meaning(graph, name, rules, reset) for name in graph.nodes}
    for name, node in graph.nodes.items():
        fault = misfit(dialect, node, step)
        if fault:
            raise UnsupportedError(
                f"node '{name}' ({type(node).__name__}): {fault}", where=where,
                remedy="Give the dialect that it was written in, or nir for the equations as they stand.",
            )  # fmt: skip
        _check_step(name, node, nodes[name], step, where)
    shortest = min((float(tau.min()) for tau in _time_constants(graph)), default=0.0)
    if shortest >= LONG_S and _any_unit(rules):
        notes.append(
            f"every time constant is {shortest:.4g} s or longer: if the file counts milliseconds, as hxtorch does, "
            "give time_unit='ms' (on the command line --time-unit ms)"
        )
    told = {name: meaning for name, meaning in nodes.items() if meaning != NodeMeaning()}
    return graph, Meaning(step, told, rules.precision, rules.loops), tuple(notes)


def in_milliseconds(graph: nir.NIRGraph, dialect: str, *, where: str) -> nir.NIRGraph:
    """The graph of a file whose times count milliseconds, in seconds: time constants, delays, and the r of I and IF.

    ValueRangeError for a dialect whose framework fixes the unit.
    """
    check_name(dialect)
    rules = DIALECTS[dialect]
    if not _any_unit(rules):
        raise ValueRangeError(f"files of the dialect {dialect} have a unit of time of their own", where=where,
                              remedy="Give no --time-unit, or the dialect nir.")  # fmt: skip
    graph = _in_seconds(graph, 1e-3)
    nodes = {
        name: replace(node, r=node.r * 1e3) if isinstance(node, nir.I | nir.IF) else node  # v' = r x, per millisecond
        for name, node in graph.nodes.items()
    }
    return nir.NIRGraph(nodes, list(graph.edges), metadata=dict(graph.metadata), type_check=False)


def check_name(dialect: str) -> None:
    """UnknownNameError unless the dialect is known."""
    if dialect not in DIALECTS:
        raise UnknownNameError("dialect", dialect, DIALECTS)


def _check_kinds(graph: nir.NIRGraph, dialect: str, rules: Dialect, where: str) -> None:
    for name, node in graph.nodes.items():
        kind = type(node).__name__
        if kind in NEURONS and kind not in rules.neurons:
            raise UnsupportedError(
                f"node '{name}' is of kind {kind}, which {dialect} does not write", where=where,
                need=" ".join(rules.neurons),
                remedy="Give another dialect; nir takes the equations as they stand.",
            )  # fmt: skip


def _meaning(graph: nir.NIRGraph, name: str, rules: Dialect, reset: Reset | None) -> NodeMeaning:
    kind = type(graph.nodes[name]).__name__
    if kind in NEURONS:
        meaning = rules.neurons[kind]
        if reset is None or kind not in SPIKING:
            return meaning
        asked = rules.resets.get((kind, reset), reset)
        if ("recurrent", reset) in rules.resets and _in_a_loop(graph, name):
            asked = rules.resets["recurrent", reset]
        return replace(meaning, reset=asked)
    weighted = kind in ("Affine", "Linear", "Conv1d", "Conv2d")
    return NodeMeaning(delay_steps=rules.delay_steps if weighted else 0)


def _step(graph: nir.NIRGraph, dialect: str, rules: Dialect, dt_s: float | None, where: str, notes: list[str]) -> float:
    if rules.step_s is not None:
        if dt_s is not None and dt_s != rules.step_s:
            raise ValueRangeError(
                f"dt_s is {dt_s}, the dialect {dialect} has a fixed step",
                where="dt_s",
                need=f"{rules.step_s} or nothing",
            )
        return rules.step_s
    if dt_s is not None:
        return dt_s
    if rules.times == "steps":
        notes.append("time constants count steps; a step is called 0.001 s, which changes no spike")
        return 1e-3
    found = step_told(graph, dialect) if rules.told else None
    if found is None:
        raise ValueRangeError(
            f"the dialect {dialect} needs the length of a step, which NIR does not hold", where="dt_s",
            remedy="Give dt_s (on the command line --dt), in seconds.",
        )  # fmt: skip
    notes.append(f"the step of {found:.6g} s follows from the neurons' r")
    return found


def _in_seconds(graph: nir.NIRGraph, unit: float) -> nir.NIRGraph:
    """The graph with time constants and delays that count units of so many seconds turned into seconds."""
    nodes = {}
    for name, node in graph.nodes.items():
        changed = {key: getattr(node, key) * unit for key in (*_TIMES, "delay") if hasattr(node, key)}
        nodes[name] = replace(node, **changed) if changed else node
    return nir.NIRGraph(nodes, list(graph.edges), metadata=dict(graph.metadata), type_check=False)


def _all_below(graph: nir.NIRGraph, step: float) -> bool:
    """Whether there are time constants, all shorter than a step."""
    found = _time_constants(graph)
    return bool(found) and all(np.all(values < step) for values in found)


def _any_unit(rules: Dialect) -> bool:
    """Whether neither the dialect nor its files say what times count."""
    return rules.times == "seconds" and rules.step_s is None and not rules.told


def _time_constants(graph: nir.NIRGraph) -> list[Any]:
    return [getattr(node, key) for node in graph.nodes.values() for key in _TIMES if hasattr(node, key)]


def _past_loops(graph: nir.NIRGraph, notes: list[str]) -> nir.NIRGraph:
    """The graph with the input of recurrent layers led to their neurons, not through their recurrent weights."""
    before: dict[str, set[str]] = {}
    after: dict[str, set[str]] = {}
    for pre, post in graph.edges:
        before.setdefault(post, set()).add(pre)
        after.setdefault(pre, set()).add(post)
    edges = []
    for pre, post in graph.edges:
        targets = after.get(post, set())
        if isinstance(graph.nodes[post], nir.Linear | nir.Affine) and targets < before[post] and len(targets) == 1:
            (neurons,) = targets
            if pre != neurons:
                notes.append(f"edge {pre} -> {post} was led to '{neurons}', whose recurrent weights '{post}' are")
                post = neurons
        edges.append((pre, post))
    return nir.NIRGraph(dict(graph.nodes), edges, metadata=dict(graph.metadata), type_check=False)


def _check_step(name: str, node: Any, meaning: NodeMeaning, step: float, where: str) -> None:
    """Forward Euler needs time constants of at least a step."""
    for key in _TIMES:
        value = getattr(node, key, None)
        if value is not None and meaning.integration == "euler" and np.any(value < step * (1 - 1e-6)):
            raise FormatError(
                f"{key} goes down to {float(value.min()):.4g} s, shorter than the step of {step:.4g} s",
                where=f"{where}: node '{name}'", remedy="Give the step that the network was trained with.",
            )  # fmt: skip


def _in_a_loop(graph: nir.NIRGraph, name: str) -> bool:
    after: dict[str, list[str]] = {}
    for pre, post in graph.edges:
        after.setdefault(pre, []).append(post)
    seen: set[str] = set()
    left = list(after.get(name, ()))
    while left:
        here = left.pop()
        if here not in seen:
            seen.add(here)
            left += after.get(here, ())
    return name in seen
