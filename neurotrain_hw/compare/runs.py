"""The runs that are compared: the reference in floats, the integer simulator, Lava, and the source itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.compare.activity import Activity, Array
from neurotrain_hw.compiler.ideal import IdealNetwork
from neurotrain_hw.events import EventStream
from neurotrain_hw.interchange import Graph
from neurotrain_hw.program import Program
from neurotrain_hw.program.numbering import chip_numbers, to_chip
from neurotrain_hw.reference import run_graph
from neurotrain_hw.simulator import Run, simulate, simulate_batch

RUNS: Mapping[str, str] = MappingProxyType(
    {
        "source": "the source as it was trained",
        "reference": "NIR reference in floating point",
        "equations": "the chip's equations without rounding (float64)",
        "chip": "integer simulator",
        "compiled": "the program as it is compiled now",
        "lava": "Lava",
    }
)
"""The runs by the names that tables use."""

Inputs = npt.NDArray[np.integer[Any]]


def run_reference(graph: Graph, network: IdealNetwork, x: Inputs, *, states: bool = True) -> Activity:
    """The graph in its own precision on recordings (B, T, *shape), spikes in the steps in which they are decided.

    A neuron that decides before its update, or whose spikes are delayed, shows them later than it decides: the
    recordings are then followed by silence, and the spikes moved back.
    """
    names = [layer.name for layer in network.layers if layer.name in graph.nodes]
    late = {name: _late(graph, name) for name in names}
    steps, longest = x.shape[1], max(late.values())
    given = np.moveaxis(x, 1, 0)
    if longest:
        given = np.concatenate([given, np.zeros((longest, *given.shape[1:]), given.dtype)])
    run = run_graph(graph, {network.inputs[0].name: given}, record=names, states=states)
    sent = {name: _flat(run.sent[name][late[name] : late[name] + steps]) for name in names}
    spiking = {layer.name for layer in network.layers if layer.spikes}
    counts = {
        name: values.astype(np.uint8) if name in spiking else np.zeros(values.shape, np.uint8)
        for name, values in sent.items()
    }  # fmt: skip
    v, i = ({name: _flat(values[:steps]) for name, values in part.items()} for part in (run.v, run.i))
    return Activity("reference", counts, i, v)


def run_chip(
    program: Program, network: IdealNetwork, x: Inputs, *, run: str = "chip", states: bool = True, threads: int = 1
) -> Activity:  # fmt: skip
    """The program on the integer simulator, every recording (B, T, *shape) from a fresh state."""
    streams, timing = _streams(program, network, x), program.sample_timing
    steps = x.shape[1] + max(timing.depth.values())
    runs = simulate_batch(program, streams, steps=steps, record=_record(program, network, states), threads=threads)
    starts = {layer.name: timing.depth[layer.name] for layer in network.layers}
    return _activity(run, program, network, [(found, starts) for found in runs], x.shape[1], states)


def run_lava(program: Program, network: IdealNetwork, x: Inputs) -> Activity:
    """The program in Lava: recordings one after the other in one run, or each in a run of its own where they must be.

    Raises UnsupportedError for what Lava cannot express, LavaUnavailableError, LavaRunError.
    """
    streams, timing = _streams(program, network, x), program.sample_timing
    steps, ahead = x.shape[1], max(timing.depth.values())
    record = _record(program, network, True)
    if timing.apart:
        runs = [simulate(program, given, steps=steps + ahead, record=record, engine="lava") for given in streams]
        places = [(found, {layer.name: timing.depth[layer.name] for layer in network.layers}) for found in runs]
    else:
        joined = {name: EventStream.concatenate([given[name] for given in streams]) for name in streams[0]}
        found = simulate(program, joined, steps=steps * len(streams) + ahead, record=record, engine="lava")
        places = [
            (found, {layer.name: timing.depth[layer.name] + k * steps for layer in network.layers})
            for k in range(len(streams))
        ]  # fmt: skip
    return _activity("lava", program, network, places, steps, True)


def run_torch(module: Any, x: Inputs) -> Activity:
    """A network of the verb `train` on recordings (B, T, n): the spikes of its layers."""
    import torch

    with torch.no_grad():
        found = module(torch.from_numpy(np.moveaxis(x.reshape(*x.shape[:2], -1), 1, 0).astype(np.float32)))
    # an integrator sends its membrane, and no spikes
    sent = {
        layer.name: (s if layer.spikes else torch.zeros_like(s)).flatten(2).numpy().astype(np.uint8)
        for layer, s in zip(module.spec.layers, found, strict=True)
    }
    return Activity("source", sent)


def recorded(spikes: Mapping[str, Array], first: int, last: int) -> Activity:
    """Recordings first..last of recorded spikes, (N, T, *shape) by layer."""
    return Activity(
        "source",
        {name: np.moveaxis(s[first:last].reshape(last - first, s.shape[1], -1), 1, 0) for name, s in spikes.items()},
    )


def _late(graph: Graph, name: str) -> int:
    meaning = graph.meaning.node(name)
    return meaning.delay_steps + int(meaning.decided == "before")


def _flat(values: Array) -> Array:
    return values.reshape(*values.shape[:2], -1)


def _streams(program: Program, network: IdealNetwork, x: Inputs) -> list[dict[str, EventStream]]:
    name = network.inputs[0].name
    flat = x.reshape(*x.shape[:2], -1).astype(np.int32)
    return [{name: to_chip(program, name, EventStream.from_dense(sample, dt_s=network.dt_s))} for sample in flat]


def _record(program: Program, network: IdealNetwork, states: bool) -> list[str]:
    wanted = [f"{layer.name}.spikes" for layer in network.layers]
    read = network.layers if states else [layer for layer in network.layers if not layer.spikes]
    return wanted + [f"{layer.name}.{key}" for layer in read for key in ("u", "v")]


def _activity(
    run: str, program: Program, network: IdealNetwork, places: Sequence[tuple[Run, Mapping[str, int]]], steps: int,
    states: bool,
) -> Activity:  # fmt: skip
    """Windows of runs, each with the step at which a layer's window begins, in the source's numbering."""
    sent: dict[str, Array] = {}
    kept: dict[str, dict[str, Array]] = {"u": {}, "v": {}}
    for layer in network.layers:
        name, order = layer.name, chip_numbers(program, layer.name)
        windows = [(found, slice(starts[name], starts[name] + steps)) for found, starts in places]
        sent[name] = np.stack(
            [f.spikes[name].window(w.start, w.stop).dense().astype(np.uint8)[:, order] for f, w in windows], axis=1
        )
        if states or not layer.spikes:
            for key, into in kept.items():
                into[name] = np.stack([f.states[f"{name}.{key}"][w][:, order] for f, w in windows], axis=1)
    return Activity(run, sent, **kept)
