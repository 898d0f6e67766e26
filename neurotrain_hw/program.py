"""Program: the integer network, its placement on cores and its memory map.

A program holds integers only. It is what the compiler makes, what the simulator and Lava run, and what a person
who starts from integers builds by hand (`ProgramBuilder`). Time is part of it: a value that a population sends at
step t reaches the target of a connection at step t+1 (`delays` add to that); steps are counted from 1, as in Lava.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnknownNameError, UnsupportedError

PopulationKind = Literal["input", "lif", "lif_reset", "ternary_lif"]
ConnectionKind = Literal["dense", "delay_dense", "sparse"]
SignMode = Literal["mixed", "excitatory", "inhibitory"]
Port = Literal["current", "signal"]
PrePort = Literal["spikes", "error"]
IntOrArray = int | npt.NDArray[np.int32]

PARAMETERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "input": (),
        "lif": ("du", "dv", "vth", "bias_mant", "bias_exp"),
        "lif_reset": ("du", "dv", "vth", "bias_mant", "bias_exp", "reset_interval", "reset_offset"),
        "ternary_lif": ("du", "dv", "vth_lo", "vth_hi", "bias_mant", "bias_exp"),
    }
)

TRACE_KEYS = tuple(f"{trace}_{part}" for trace in ("x1", "x2", "y1", "y2", "y3") for part in ("impulse", "tau"))


@dataclass(frozen=True)
class Modulator:
    """How a post neuron forms the third factor of its learning connections, in integers, once a step.

    With v' the membrane before the reset, theta = vth << 6 and clip127(x) = clip(x, -127, 127):

        psi = 1                                  (psi = "none")
        psi = |v' - theta| <= psi_halfwidth      (psi = "box"; 24-bit membrane units)
        signal = "feedback":  M = psi * clip127(tz(L, signal_shift)),  L the int32 sum of the `signal` port
        signal = "error":     z = min(tz(z * (4096 - trace_decay), 12) + s * trace_impulse, 2^23 - 1)
                              e = clip127(target - (z >> trace_shift)),  M = psi * e

    where tz shifts toward zero, s is this step's spike and `target` is the value that the input population named
    `target` sends in the same step. The neuron sends y1 = max(M, 0), y2 = max(-M, 0), y3 = 0 at its own step, and,
    for signal = "error", e (signed) on its port `error`, which feedback connections read with one step of latency.
    z is set to 0 when the neuron's state is reset (`lif_reset`).
    """

    signal: Literal["error", "feedback"]
    psi: Literal["none", "box"] = "none"
    psi_halfwidth: int = 0
    signal_shift: int = 0
    target: str | None = None
    trace_decay: int = 0
    trace_impulse: int = 0
    trace_shift: int = 0


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one kind.

    `parameters` holds the integers of the kind (`PARAMETERS`), each a scalar or an int32 array (n,): du, dv decay
    0..4096 of 12 bits, vth threshold mantissa (theta = vth << 6), bias_mant << bias_exp, reset_interval and
    reset_offset in steps. Neurons of a shape with several axes are numbered in C order.
    """

    name: str
    kind: PopulationKind
    shape: tuple[int, ...]
    parameters: Mapping[str, IntOrArray] = field(default_factory=dict)
    modulator: Modulator | None = None

    @property
    def n(self) -> int:
        """Number of neurons."""
        return math.prod(int(size) for size in self.shape)

    def parameter(self, key: str) -> npt.NDArray[np.int32]:
        """One value per neuron, int32 (n,)."""
        return np.broadcast_to(np.asarray(self.parameters[key], np.int32), (self.n,)).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Plasticity:
    """A learning rule on a connection, as the engine of Loihi-class chips takes it.

    `kind` 2f: y traces come from post spikes; 3f: the post population's modulator (or recorded third factors)
    delivers y1..y3. `dw`, `dd`, `dt`: sums of products in Lava's notation or None. Impulses and taus of the traces
    (`x1_impulse`, `x1_tau`, ...) may be fractions; a missing one is 0. `tag_1`, `tag_2`: initial tags int32
    (n_post, n_pre) or None for zeros. `rounding`: `shared` draws one random number for all synapses of an epoch,
    as Lava does. `rule`: the name of the rule in the library, for reports.
    """

    kind: Literal["2f", "3f"]
    dw: str | None = None
    dd: str | None = None
    dt: str | None = None
    traces: Mapping[str, float] = field(default_factory=dict)
    t_epoch: int = 1
    rng_seed: int = 1
    tag_1: npt.NDArray[np.int32] | None = None
    tag_2: npt.NDArray[np.int32] | None = None
    rounding: Literal["shared"] = "shared"
    rule: str = ""


@dataclass(frozen=True, eq=False)
class Connection:
    """Synapses from one population to another.

    `weights` int16 or int32 (n_post, n_pre), as given, before the chip clips and truncates them to
    `num_weight_bits`; the result is shifted by `weight_exp`. `sign_mode` None: derived from the weights.
    `num_message_bits` 0: spikes; above 0: graded values. `delays` (n_post, n_pre) in steps, for `delay_dense`, none
    above `max_delay` (0: the largest of them).
    `port` names the input of the post population (`current`, or `signal` of its modulator), `pre_port` the output
    of the pre population (`spikes`, or the `error` of its modulator).
    """

    name: str
    kind: ConnectionKind
    pre: str
    post: str
    weights: npt.NDArray[Any]
    weight_exp: int = 0
    num_weight_bits: int = 8
    sign_mode: SignMode | None = None
    num_message_bits: int = 0
    delays: npt.NDArray[np.int32] | None = None
    max_delay: int = 0
    plasticity: Plasticity | None = None
    port: Port = "current"
    pre_port: PrePort = "spikes"


@dataclass(frozen=True)
class CoreSlice:
    """Neurons `first` to `last` (excluded) of a population, placed on core `core` of chip `chip`."""

    population: str
    first: int
    last: int
    chip: int
    core: int


@dataclass(frozen=True)
class MemoryRow:
    """Bits that one purpose takes on one core, and the bits there are (None: the chip file does not say).

    `limit_bits` is the limit of the memory that the purpose draws from; rows that share a `pool` share the limit.
    """

    chip: int
    core: int
    purpose: str
    need_bits: int
    pool: str
    limit_bits: int | None


@dataclass(frozen=True)
class Timing:
    """How samples lie in time: `sample_steps` T of input; layer d of depth d works in steps d+1 .. d+T."""

    sample_steps: int
    depth: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Program:
    """The integer network as it is loaded on a chip; see the module's docstring.

    `outputs`: populations read as the network's output. `scales`: per population, how many units of the source
    graph's membrane one integer step of v is worth. `chip`: id of the chip file, or "" for none. `notes`: warnings
    of the compiler, shown in every report.
    """

    name: str
    populations: tuple[Population, ...]
    connections: tuple[Connection, ...]
    outputs: tuple[str, ...] = ()
    chip: str = ""
    placement: tuple[CoreSlice, ...] = ()
    memory: tuple[MemoryRow, ...] = ()
    scales: Mapping[str, float] = field(default_factory=dict)
    timing: Timing | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        from neurotrain_hw.program_check import check  # it names the classes of this module

        check(self)

    def population(self, name: str) -> Population:
        """The population of that name; UnknownNameError names the nearest."""
        for population in self.populations:
            if population.name == name:
                return population
        raise UnknownNameError("population", name, (p.name for p in self.populations))

    @property
    def sample_timing(self) -> Timing:
        """How samples lie in time; UnsupportedError where the program does not say."""
        if self.timing is None:
            raise UnsupportedError(
                "it does not say how samples lie in time", where=f"program '{self.name}'",
                remedy="Compile it from a NIR file, or use neurotrain_hw.simulate.",
            )  # fmt: skip
        return self.timing

    def connection(self, name: str) -> Connection:
        """The connection of that name; UnknownNameError names the nearest."""
        for connection in self.connections:
            if connection.name == name:
                return connection
        raise UnknownNameError("connection", name, (c.name for c in self.connections))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input populations."""
        return tuple(p.name for p in self.populations if p.kind == "input")

    def with_weights(self, weights: Mapping[str, npt.NDArray[Any]]) -> Program:
        """The same program with other weights, per connection name."""
        for name in weights:
            self.connection(name)
        return replace(
            self,
            connections=tuple(
                replace(c, weights=np.asarray(weights[c.name])) if c.name in weights else c for c in self.connections
            ),
        )
