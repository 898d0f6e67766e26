"""What a network asks a chip to keep, without the chip: groups of neurons, and the wires onto them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from neurotrain_hw.errors import UnknownNameError, ValueRangeError
from neurotrain_hw.memory.generated import Generated
from neurotrain_hw.memory.widths import PARAMETER_WIDTHS
from neurotrain_hw.program import STATES, Connection, Plasticity, Population, Program
from neurotrain_hw.program.fan_in import ConvolutionFanIn, FanIn, fan_in

Copies = Literal["", "fixed", "learned", "signs"]
SIGN_BITS = 2
"""Of a weight that is the sign of another: -1, 0 or 1."""

_PRE, _POST = ("x1", "x2"), ("y1", "y2", "y3")


@dataclass(frozen=True, eq=False)
class Learning:
    """What a learning rule keeps: traces per pre and per post neuron, third factors delivered to it, tags.

    `synapse_bits`, `pre_bits`, `post_bits`: further bits per synapse, pre and post neuron, by purpose. `engine`: the
    chip's learning engine changes the weights, in the width that it has for them, unless `weight_bits` says that they
    stay on the grid of weights of so many bits.
    """

    pre_traces: tuple[str, ...] = ()
    post_traces: tuple[str, ...] = ()
    third_factors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    synapse_bits: Mapping[str, int] = field(default_factory=dict)
    pre_bits: Mapping[str, int] = field(default_factory=dict)
    post_bits: Mapping[str, int] = field(default_factory=dict)
    engine: bool = True
    weight_bits: int | None = None


@dataclass(frozen=True, eq=False)
class Wire:
    """Synapses from `n_pre` neurons of `pre` onto the group `post`.

    `indexed`: a sparse list, which keeps each target's index. `longest_delay`: in steps, 0 for none. `feedback`: the
    weights carry errors or targets to a modulator. `generated`: they are drawn anew from a seed, not stored. `copies`:
    its weights are those of a wire the other way, fixed ones, such as learn, or their signs: stored once more where
    the chip cannot read them backward, unless they are drawn from a seed.
    """

    name: str
    pre: str
    post: str
    n_pre: int
    fan_in: FanIn
    weight_bits: int
    indexed: bool = False
    longest_delay: int = 0
    delayed: bool = False
    learning: Learning | None = None
    feedback: bool = False
    generated: bool = False
    copies: Copies = ""

    @property
    def learns(self) -> bool:
        """Whether its weights change, or are a copy of such as do."""
        return self.learning is not None or self.copies == "learned"

    @property
    def dense(self) -> bool:
        """Whether it is a full matrix without delays, as a generated one must be."""
        return not self.indexed and not self.delayed


@dataclass(frozen=True, eq=False)
class Group:
    """Neurons of one kind: their state variables, parameters (True: one for each neuron), and modulator's signal.

    `modulator_bits`: its state per neuron, None for what is usual for the signal.
    """

    name: str
    neurons: int
    states: tuple[str, ...]
    parameters: Mapping[str, bool] = field(default_factory=dict)
    modulator: str = ""
    modulator_bits: int | None = None


@dataclass(frozen=True, eq=False)
class Layout:
    """Groups in the order in which they are placed (inputs are none: they come from outside), and all wires."""

    name: str
    groups: tuple[Group, ...]
    wires: tuple[Wire, ...]

    def with_weight_bits(self, bits: int, *, learning: bool = False) -> Layout:
        """The same with at most so many bits in every wire, in those that learn only if asked for; kernels stay."""
        return replace(
            self,
            wires=tuple(
                w if isinstance(w.fan_in, ConvolutionFanIn) or (w.learns and not learning) else _narrow(w, bits)
                for w in self.wires
            ),
        )

    def with_generated_feedback(self) -> Layout:
        """The same with every fixed feedback matrix drawn from a seed."""
        return replace(
            self,
            wires=tuple(
                replace(w, generated=True) if w.feedback and w.learning is None and w.dense and not w.copies else w
                for w in self.wires
            ),
        )


def layout_of(program: Program, generated: Mapping[str, Generated] | None = None) -> Layout:
    """The layout of a program; `generated` names the fixed connections that the chip draws from seeds.

    Raises UnknownNameError for a name that is no connection, ValueRangeError for one that learns or whose weights are
    not those of its seed.
    """
    seeds = dict(generated or {})
    for name, source in seeds.items():
        _check_generated(program, name, source)
    sizes = {p.name: p.n for p in program.populations}
    return Layout(
        program.name,
        tuple(_group(p) for p in program.populations if p.kind != "input"),
        tuple(
            _wire(program, c, sizes[c.pre], generated=c.name in seeds or c.transpose_of in seeds)
            for c in program.connections
        ),
    )


def learning_of(plasticity: Plasticity) -> Learning:
    """What a rule keeps, read off its sums of products and its initial tags."""
    text = " ".join(rule for rule in (plasticity.dw, plasticity.dd, plasticity.dt) if rule)
    used = set(re.findall(r"[xyuwdt]\d?", text))
    post = tuple(y for y in _POST if y in used)
    kept = {
        "tag_1": "t" in used or plasticity.dt is not None or plasticity.tag_1 is not None,
        "tag_2": "d" in used or plasticity.dd is not None or plasticity.tag_2 is not None,
    }
    return Learning(
        pre_traces=tuple(x for x in _PRE if x in used),
        post_traces=post if plasticity.kind == "2f" else (),
        third_factors=post if plasticity.kind == "3f" else (),
        tags=tuple(tag for tag, there in kept.items() if there),
        weight_bits=plasticity.weight_bits,
    )


def _group(population: Population) -> Group:
    parameters = population.parameters
    return Group(
        population.name,
        population.n,
        STATES[population.kind],
        {key: np.ndim(parameters[key]) > 0 for key in PARAMETER_WIDTHS if key in parameters},
        "" if population.modulator is None else population.modulator.signal,
        None if population.modulator is None else population.modulator.state_bits,
    )


def _wire(program: Program, connection: Connection, n_pre: int, *, generated: bool) -> Wire:
    bits = connection.num_weight_bits if connection.plasticity is None else weight_bits_of(connection)
    copies: Copies = ""
    if connection.transpose_of is not None:
        read = program.connection(connection.transpose_of)
        grid = read.plasticity is None or read.plasticity.weight_bits is not None
        copies = "signs" if connection.signs_only else "fixed" if grid else "learned"
        bits = SIGN_BITS if connection.signs_only else weight_bits_of(read)
    return Wire(
        connection.name,
        connection.pre,
        connection.post,
        n_pre,
        fan_in(program, connection),
        bits,
        indexed=connection.kind not in ("dense", "delay_dense"),
        longest_delay=connection.longest_delay,
        delayed=connection.kind in ("delay_dense", "delay_sparse"),
        learning=None if connection.plasticity is None else learning_of(connection.plasticity),
        feedback=connection.port in ("signal", "none"),
        generated=generated,
        copies=copies,
    )


def weight_bits_of(connection: Connection) -> int:
    """Bits of a connection's weights: those of the grid that learned ones stay on, else of the first ones."""
    rule = connection.plasticity
    return connection.num_weight_bits if rule is None or rule.weight_bits is None else rule.weight_bits


def _narrow(wire: Wire, bits: int) -> Wire:
    """At most so many bits; weights that learn, and their copies, then stay on the grid of so many; signs are signs."""
    if wire.copies == "signs":
        return wire
    learning, width = wire.learning, min(wire.weight_bits, bits)
    if learning is not None and learning.engine:
        width = min(bits, learning.weight_bits or bits)  # the grid, however coarse the first weights are
        learning = replace(learning, weight_bits=width)
    if wire.copies == "learned":
        return replace(wire, weight_bits=bits, learning=learning, copies="fixed")
    return replace(wire, weight_bits=width, learning=learning)


def _check_generated(program: Program, name: str, source: Generated) -> None:
    if name not in {c.name for c in program.connections}:
        raise UnknownNameError("connection", name, (c.name for c in program.connections), where="generated")
    connection = program.connection(name)
    where = f"connection '{name}'"
    if connection.plasticity is not None or connection.kind != "dense" or connection.transpose_of is not None:
        raise ValueRangeError(
            "weights that learn, or are not dense, cannot be drawn anew", where=where,
            remedy="Store them: leave the connection out of `generated`.",
        )  # fmt: skip
    matrix = connection.matrix()
    if not np.array_equal(matrix, source.weights(matrix.shape)):
        raise ValueRangeError(
            f"its weights are not those of seed {source.seed}", where=where,
            remedy="Take the weights from Generated.weights, or store them.",
        )  # fmt: skip
