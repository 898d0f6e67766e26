"""Networks as the compiler holds them (ideal, and in integers), and a program of the same integers, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurotrain_hw.compiler.ideal import ConvGeometry, IdealInput, IdealLayer, IdealNetwork, IdealSynapses
from neurotrain_hw.compiler.integers import IntegerLayer, IntegerSynapses
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Arithmetic, Connection, Convolution, Population, Program
from neurotrain_hw.simulator import simulate

FAR = 1 << 20  # a reset that comes once


def layer(
    name: str, shape: tuple[int, ...], synapses: Sequence[IntegerSynapses], *, du: Any = 4095, dv: Any = 400,
    vth: Any = 1000, bias_mant: Any = 0, bias_exp: int = 0, unit: float = 2.0**-10, reset: str = "zero",
    **ideal: Any,
) -> IntegerLayer:  # fmt: skip
    """A layer whose ideal values are its integers', unless `ideal` says otherwise (any field of IdealLayer)."""
    n = int(np.prod(shape))

    def full(value: Any, kind: type = np.int32) -> Any:
        return np.broadcast_to(np.asarray(value, kind), (n,)).astype(kind)

    du, dv, vth, bias_mant = full(du), full(dv), full(vth), full(bias_mant)
    fields = {
        "current_decay": (4095 - du) / 4096, "decay": (4096 - dv) / 4096, "threshold": vth * 64 * unit,
        "bias": np.ldexp(bias_mant.astype(float), bias_exp) * unit, "current_bias": np.zeros(n), "gain": np.ones(n),
    }  # fmt: skip
    fields |= {key: full(value, float) for key, value in ideal.items() if key in fields}
    rest = {key: value for key, value in ideal.items() if key not in fields}
    source = IdealLayer(name, shape, **fields, reset=reset, **rest)  # type: ignore[arg-type]
    return IntegerLayer(source, tuple(synapses), np.full(n, unit), du, dv, vth, bias_mant, bias_exp)


def synapses(
    name: str, pre: str, post: str, q: np.ndarray, *, weight_exp: int = 0, grid: int = 2, unit: float = 2.0**-10,
    conv: ConvGeometry | None = None, latency: int = 0, noise: np.ndarray | float = 0.0,
) -> IntegerSynapses:  # fmt: skip
    """Synapses whose ideal weights are (q + noise) times the scale."""
    scale = unit * grid * 2.0 ** (weight_exp + 6)
    rows = np.full(len(q), scale)
    source = IdealSynapses(name, pre, post, q + noise, rows, conv, latency=latency)
    return IntegerSynapses(source, q.astype(np.int32), rows, 8, 8, grid, "mixed", weight_exp)


def network(inputs: Mapping[str, tuple[int, ...]], layers: Sequence[IntegerLayer]) -> IdealNetwork:
    """The ideal network of the layers; the last is the output, each a step deeper than the one before."""
    depth = dict.fromkeys(inputs, 0) | {one.source.name: k for k, one in enumerate(layers, start=1)}
    return IdealNetwork(
        tuple(IdealInput(name, shape) for name, shape in inputs.items()), tuple(one.source for one in layers),
        tuple(s.source for one in layers for s in one.synapses), (layers[-1].source.name,), 1e-3, depth,
    )  # fmt: skip


def program(inputs: Mapping[str, tuple[int, ...]], layers: Sequence[IntegerLayer], arithmetic: Arithmetic) -> Program:
    """The program of the integers. Shapes of three axes are turned into the chip's (W, H, C)."""
    populations = [Population(name, "input", shape[::-1]) for name, shape in inputs.items()]
    connections = []
    for depth, one in enumerate(layers, start=1):
        shape = one.source.shape
        order = np.arange(one.source.n).reshape(shape).transpose().ravel()  # in the chip's order
        parameters = {"du": one.du, "dv": one.dv, "vth": one.vth, "bias_mant": one.bias_mant}
        populations.append(
            Population(
                one.source.name, "lif_reset", shape[::-1],
                {key: value[order] for key, value in parameters.items()}
                | {"bias_exp": one.bias_exp, "reset_interval": FAR, "reset_offset": depth + 1},
                arithmetic=arithmetic,
            )
        )  # fmt: skip
        connections += [_connection(s, inputs, layers) for s in one.synapses]
    return Program("by-hand", tuple(populations), tuple(connections), (layers[-1].source.name,))


def run(
    made: Program, inputs: Mapping[str, np.ndarray], layers: Sequence[IntegerLayer]
) -> dict[str, dict[str, np.ndarray]]:
    """spikes, u and v of every layer in the source's order, (T, B, n), each sample from a fresh state."""
    steps, batch = next(iter(inputs.values())).shape[:2]
    names = [f"{one.source.name}.{key}" for one in layers for key in ("spikes", "u", "v")]
    out: dict[str, dict[str, list[np.ndarray]]] = {one.source.name: {"spikes": [], "u": [], "v": []} for one in layers}
    for k in range(batch):
        given = {name: EventStream.from_dense(_chip_order(x[:, k]).astype(np.int32)) for name, x in inputs.items()}
        found = simulate(made, given, steps=steps + len(layers), record=names)
        for depth, one in enumerate(layers, start=1):
            name, window = one.source.name, slice(depth, depth + steps)
            values = {
                "spikes": found.spikes[name].dense(),
                "u": found.states[f"{name}.u"],
                "v": found.states[f"{name}.v"],
            }
            for key, value in values.items():
                shape = one.source.shape
                back = value[window].reshape(steps, *shape[::-1]).transpose(0, *range(len(shape), 0, -1))
                out[name][key].append(back.reshape(steps, -1))
    return {name: {key: np.stack(rows, axis=1) for key, rows in kept.items()} for name, kept in out.items()}


def _connection(
    s: IntegerSynapses, inputs: Mapping[str, tuple[int, ...]], layers: Sequence[IntegerLayer]
) -> Connection:
    source = s.source
    if source.conv is not None:
        c = source.conv
        kernel = np.ascontiguousarray((s.q * s.grid)[:, :, ::-1, ::-1].transpose(0, 3, 2, 1)).astype(np.int32)
        geometry = Convolution(c.stride[::-1], c.padding[::-1], c.dilation[::-1], c.groups)
        return Connection(source.name, "conv", source.pre, source.post, kernel, s.weight_exp, conv=geometry)
    shapes = dict(inputs) | {one.source.name: one.source.shape for one in layers}

    def order(name: str) -> np.ndarray:
        return np.arange(int(np.prod(shapes[name]))).reshape(shapes[name]).transpose().ravel()

    matrix = (s.q * s.grid)[np.ix_(order(source.post), order(source.pre))].astype(np.int16)
    return Connection(source.name, "dense", source.pre, source.post, matrix, s.weight_exp, sign_mode="mixed")


def _chip_order(x: np.ndarray) -> np.ndarray:
    """(T, *shape) as (T, n) with the axes of the shape turned round."""
    return x.transpose(0, *range(x.ndim - 1, 0, -1)).reshape(len(x), -1)
