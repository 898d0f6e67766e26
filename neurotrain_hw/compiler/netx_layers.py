"""Programs as lava-dl's layers, to the integer: the way back from `compile_netx`.

What lava-dl's netx builds in Lava from a file is what counts (`lib/dl/netx/hdf5.py`, `blocks/process.py`, `utils.py`);
a Program that it would not build as it stands is refused with the layer and the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurotrain_hw.compiler.netx import MAX_DELAY, MESSAGE_BITS
from neurotrain_hw.compiler.netx_neurons import I64, bias_of, first_in_volume, neuron_of
from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.interchange.netx_file import LayerKind, NetxLayer, NetxNeuron
from neurotrain_hw.program import Connection, Population, Program

DECAY_NONE = 4095  # a du with which nothing of a current is kept
_WRAP = 1 << 23  # the sum of a convolution wraps into 24 bits


@dataclass(frozen=True)
class Netx:
    """The layers of a `.net` file, and the arguments of lava-dl's `hdf5.Network` that the file has no place for.

    `reset_interval`: steps between resets of the LIF layers, or None; read back with `compile_netx(..., steps=...)`.
    """

    layers: tuple[NetxLayer, ...]
    reset_interval: int | None = None
    spike_exp: int = 6
    input_message_bits: int = 0

    @property
    def arguments(self) -> str:
        """What to call `hdf5.Network` with, besides the file; empty where its defaults do."""
        parts = [] if self.reset_interval is None else [f"reset_interval={self.reset_interval}", "reset_offset=1"]
        parts += [] if self.spike_exp == 6 else [f"spike_exp={self.spike_exp}"]
        parts += [] if self.input_message_bits == 0 else [f"input_message_bits={self.input_message_bits}"]
        return ", ".join(parts)


@dataclass(frozen=True)
class _Stage:
    """A population, the connections from the one before it (real parts first), and that from itself."""

    population: Population
    forward: tuple[Connection, ...]
    recurrent: Connection | None = None


def netx_of(program: Program) -> Netx:
    """The layers that lava-dl's netx builds as this program; compiled again, they give its integers.

    Populations are numbered by layer in the file, so their names are lost, and with them placement and scales.
    UnsupportedError names the population or connection that netx cannot hold, and why.
    """
    source, stages = _chain(program)
    volume = len(source.shape) == 3  # what is sent is a volume in the file, flattened before a dense layer
    shape = tuple(reversed(source.shape)) if volume else (source.n,)
    layers, before, sends = [NetxLayer("input", shape)], source, stages[0].forward[0].num_message_bits
    input_bits = sends
    for number, stage in enumerate(stages):
        neuron = neuron_of(stage.population)
        if number == 0 and _enters_neurons(stage):
            as_they_are = {"weight": np.ones(1, np.int64)}
            layers, input_bits = [NetxLayer("input", shape, as_they_are, np.zeros(1, np.int64), neuron=neuron)], 0
        else:
            for connection in (*stage.forward, *([stage.recurrent] if stage.recurrent else [])):
                _check_messages(connection, sends)
            if stage.forward[0].kind == "conv":
                layers.append(_conv(stage, neuron, volume))
            else:
                layers += [NetxLayer("flatten")] if volume else []
                layers.append(_dense(stage, neuron, first_in_volume(before.shape) if volume else None))
            volume = stage.forward[0].kind == "conv"
        before, sends = stage.population, MESSAGE_BITS[neuron.kind]
    return Netx(tuple(layers), _resets([stage.population for stage in stages]), _spike_exp(program), input_bits)


def _chain(program: Program) -> tuple[Population, list[_Stage]]:
    """The input and what follows it, one after another."""
    if len(program.inputs) != 1:
        raise UnsupportedError(
            f"it has {len(program.inputs)} inputs", where=f"program '{program.name}'", need="1, the first layer"
        )
    for connection in program.connections:
        _check_static(connection)
    source = program.population(program.inputs[0])
    stages: list[_Stage] = []
    here, left = source.name, [c for c in program.connections if c.pre != c.post]
    while onward := [c for c in left if c.pre == here]:
        left = [c for c in left if c.pre != here]
        targets = list(dict.fromkeys(c.post for c in onward))
        ports = [c.port for c in onward]
        if len(targets) > 1 or len(set(ports)) < len(ports):
            raise UnsupportedError(
                f"it sends through {len(onward)} connections to {', '.join(targets)}", where=f"population '{here}'",
                need="a chain: one connection, to the next layer",
            )  # fmt: skip
        here = targets[0]
        own = [c for c in program.connections if c.pre == c.post == here]
        if len(own) > 1:
            raise UnsupportedError(f"{len(own)} connections to itself", where=f"population '{here}'", need="at most 1")
        if any(stage.population.name == here for stage in stages):
            raise UnsupportedError("it sends back to an earlier layer", where=f"population '{onward[0].pre}'")
        forward = tuple(sorted(onward, key=lambda c: c.port == "imag"))
        stages.append(_Stage(program.population(here), forward, own[0] if own else None))
    reached = {source.name, *(stage.population.name for stage in stages)}
    apart = [p.name for p in program.populations if p.name not in reached]
    if left or apart or not stages:
        name = left[0].name if left else (apart or [source.name])[0]
        raise UnsupportedError("it lies beside the chain of layers", where=f"'{name}'", need="a chain from the input")
    if program.outputs != (here,):
        raise UnsupportedError(
            f"its outputs are {', '.join(program.outputs) or 'none'}", where=f"program '{program.name}'",
            need=f"'{here}', the last layer",
        )  # fmt: skip
    return source, stages


def _check_static(connection: Connection) -> None:
    where = f"connection '{connection.name}'"
    if connection.plasticity is not None:
        raise UnsupportedError("it learns, and netx has no learning rules", where=where)
    if connection.transpose_of is not None or connection.port in ("signal", "none") or connection.pre_port == "error":
        raise UnsupportedError("it carries a learning signal, which netx has no place for", where=where)


def _check_messages(connection: Connection, sends: int) -> None:
    if connection.num_message_bits != sends:
        raise UnsupportedError(
            f"messages of {connection.num_message_bits} bits", where=f"connection '{connection.name}'",
            need=f"{sends}, which netx takes from the kind of the neurons that send",
        )  # fmt: skip


def _enters_neurons(stage: _Stage) -> bool:
    """Whether the input's values go straight to neurons that keep no current: netx's input layer with neurons."""
    connection, population = stage.forward[0], stage.population
    if connection.kind != "sparse" or connection.num_message_bits == 0 or stage.recurrent or len(stage.forward) > 1:
        return False
    keeps = population.kind != "delta" and np.any(population.parameters.get("du", 0) != DECAY_NONE)
    matrix = connection.matrix()
    alone = connection.weight_exp == 0 and np.array_equal(matrix, np.eye(*matrix.shape, dtype=matrix.dtype))
    return alone and not keeps and bias_of(population) is None


def _dense(stage: _Stage, neuron: NetxNeuron, order: I64 | None) -> NetxLayer:
    population, (real, *imag), own = stage.population, stage.forward, stage.recurrent
    where = f"connection '{real.name}'"
    if population.kind == "delta":
        raise UnsupportedError(
            "delta neurons behind weights", where=f"population '{population.name}'", need="an input's values, one each"
        )
    resonates = neuron.kind in ("RF", "RF_PHASE")
    if resonates != bool(imag) or (resonates and own):
        raise UnsupportedError(
            "netx gives resonators one complex matrix and nothing else", where=f"population '{population.name}'",
            need="a connection to each of the ports current and imag" + (", none to itself" if own else ""),
        )  # fmt: skip
    parts = {"real": real, "imag": imag[0]} if imag else {"weight": real}
    parts |= {"weight_rec": own} if own else {}
    weights = {}
    for key, connection in parts.items():
        matrix = _integers(connection)
        weights[key] = matrix if order is None or key == "weight_rec" else matrix[:, order]
        if resonates:
            _check_range([matrix], connection)
    if not resonates:  # netx chooses sign and bits for the recurrent weights together with the others
        _check_range(list(weights.values()), real)
    delay = _delays(real)
    if delay is not None and (own or imag):
        raise UnsupportedError("delays in a recurrent or complex layer, whose weights netx then scales", where=where)
    if own is not None and _delays(own) is not None:
        raise UnsupportedError("delays between the neurons of a layer", where=f"connection '{own.name}'")
    if delay is not None and order is not None:
        delay = delay[:, order]
    kind: LayerKind = "dense_comp" if imag else "dense_rec" if own else "dense"
    return NetxLayer(kind, (population.n,), weights, bias_of(population), delay, neuron=neuron)


def _conv(stage: _Stage, neuron: NetxNeuron, volume: bool) -> NetxLayer:
    population, connection, geometry = stage.population, stage.forward[0], stage.forward[0].conv
    where = f"connection '{connection.name}'"
    if geometry is None or not volume or stage.recurrent or neuron.kind not in ("CUBA", "SDNN"):
        raise UnsupportedError(
            "a convolution behind a dense layer, of resonators, or with recurrent weights", where=where,
            need="one that reads the input or a convolution",
        )  # fmt: skip
    kernel = _integers(connection)
    peak = int(np.abs(kernel).sum(axis=(1, 2, 3)).max()) << connection.num_message_bits
    if connection.weight_exp and peak >= _WRAP:
        raise UnsupportedError(
            f"its sum, up to {peak}, may wrap before it is shifted by {connection.weight_exp}", where=where,
            need="weight_exp 0", limit=_WRAP - 1,
        )  # fmt: skip
    kernel = np.ascontiguousarray(kernel.transpose(0, 3, 2, 1)[:, :, ::-1, ::-1])
    pairs = {"stride": geometry.stride, "padding": geometry.padding, "dilation": geometry.dilation}
    shape = tuple(reversed(population.shape))
    return NetxLayer(
        "conv", shape, {"weight": kernel}, bias_of(population), None,
        {key: (y, x) for key, (x, y) in pairs.items()}, geometry.groups, neuron,
    )  # fmt: skip


def _integers(connection: Connection) -> I64:
    """The weights with their exponent in them, int64; netx has whole weights and chooses an exponent itself."""
    matrix, exp = connection.matrix().astype(np.int64), connection.weight_exp
    if exp >= 0:
        return matrix << exp
    if np.any(matrix % (1 << -exp)):
        raise UnsupportedError(
            f"its exponent {exp} drops bits of the weighted sum, and netx has none",
            where=f"connection '{connection.name}'", need=f"weights that are multiples of {1 << -exp}",
            remedy="Compile with --weight-exp 0.",
        )  # fmt: skip
    return matrix >> -exp


def _check_range(parts: Sequence[I64], connection: Connection) -> None:
    """What netx's `optimize_weight_bits` keeps as it is: weights of one sign of 8 bits, of both of 9, or even."""
    low, high = min(int(w.min()) for w in parts), max(int(w.max()) for w in parts)
    mixed = low < 0 <= high
    fits = low >= -256 and high <= 254 if mixed else low >= -255 and high <= 255
    fine = not mixed or (low >= -128 and high <= 127) or all(not np.any(w % 2) for w in parts)
    if low == high == 0:
        raise UnsupportedError(
            "all its weights are 0, and netx divides by the largest", where=f"connection '{connection.name}'"
        )
    if not (fits and fine):
        raise UnsupportedError(
            f"with its exponent, its weights reach from {low} to {high}, and netx would clip them or drop a bit",
            where=f"connection '{connection.name}'",
            need="-255..-1, 0..255, -128..127, or even numbers from -256 to 254",
            remedy="Compile with another --weight-exp.",
        )  # fmt: skip


def _delays(connection: Connection) -> I64 | None:
    """Delays (n_post, n_pre), or None where there are none."""
    weights = connection.weights
    if connection.kind not in ("delay_dense", "delay_sparse"):
        return None
    delays = weights.delays() if hasattr(weights, "delays") else connection.delays
    found = np.asarray(delays, np.int64)
    if found.max(initial=0) > MAX_DELAY:
        raise UnsupportedError(
            f"a delay of {int(found.max())} steps", where=f"connection '{connection.name}'", limit=f"{MAX_DELAY} steps"
        )
    return found


def _resets(populations: Sequence[Population]) -> int | None:
    """Steps between resets, which netx has once for all LIF layers, each a step after the one before."""
    found = set()
    for number, p in enumerate(populations):
        if p.kind not in ("lif", "lif_reset"):
            continue
        interval, offset = (p.parameters.get(key) for key in ("reset_interval", "reset_offset"))
        found.add(None if interval is None else int(np.max(interval)))
        if interval is not None and (np.ptp(interval) or np.any(np.asarray(offset) != number + 2)):
            raise UnsupportedError(
                f"it is reset in step {np.max(np.asarray(offset))} of every {np.max(interval)}",
                where=f"population '{p.name}'", need=f"step {number + 2}, one after that of the layer before it",
            )  # fmt: skip
    if len(found) > 1:
        raise UnsupportedError("layers with other resets than others", where="resets", need="one interval for all")
    return found.pop() if found else None


def _spike_exp(program: Program) -> int:
    """Binary places of what sigma-delta neurons send, one number for all."""
    found = {int(v) for p in program.populations if "spike_exp" in p.parameters for v in p.parameter("spike_exp")}
    if len(found) > 1:
        raise UnsupportedError(f"spike_exp {sorted(found)}", where=f"program '{program.name}'", need="one for all")
    return found.pop() if found else 6
