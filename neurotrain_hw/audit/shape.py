"""NetworkShape: what an audit must know of a network: how many neurons, which connections, how many bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.memory import layout_of
from neurotrain_hw.memory.layout import Copies
from neurotrain_hw.program import Program
from neurotrain_hw.program.fan_in import FanIn, fan_in

if TYPE_CHECKING:
    from neurotrain_hw.networks.spec import ModelSpec

DEFAULT_WEIGHT_BITS = 8


@dataclass(frozen=True)
class Layer:
    """`neurons` neurons; `role` input (they only send and hold no state), hidden or output."""

    name: str
    neurons: int
    role: str


@dataclass(frozen=True)
class Wiring:
    """`synapses` stored weights of `weight_bits` bits; `learns`: a rule changes them; `feedback`: they carry errors.

    `fan_in`: where they lie, if known; else they are taken to be spread evenly over both layers. `indexed`: a sparse
    list. `generated`: drawn from a seed, not stored. `on_grid`: where they learn, they stay on the grid of so many
    bits. `copies`: they are those of another wiring, read backward (`memory.Wire`).
    """

    pre: str
    post: str
    synapses: int
    weight_bits: int
    learns: bool = True
    feedback: bool = False
    fan_in: FanIn | None = field(default=None, compare=False, repr=False)
    indexed: bool = False
    generated: bool = False
    on_grid: bool = False
    copies: Copies = ""


@dataclass(frozen=True)
class NetworkShape:
    """A network's layers and connections by size; raises ValueRangeError if a connection names no layer."""

    name: str
    layers: tuple[Layer, ...]
    wirings: tuple[Wiring, ...]

    def __post_init__(self) -> None:
        names = {layer.name for layer in self.layers}
        for wiring in self.wirings:
            for end in (wiring.pre, wiring.post):
                if end not in names:
                    raise ValueRangeError(f"'{end}' is no layer", where=f"connection {wiring.pre} -> {wiring.post}")

    @staticmethod
    def fully_connected(
        sizes: Sequence[int], *, weight_bits: int = DEFAULT_WEIGHT_BITS, name: str = ""
    ) -> NetworkShape:
        """A chain of layers from inputs to outputs, such as (64, 128, 10)."""
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueRangeError(f"layer sizes {tuple(sizes)}", need="at least an input and an output layer")
        names = ["input", *(f"hidden{k}" for k in range(1, len(sizes) - 1)), "output"]
        roles = ["input", *("hidden" for _ in sizes[1:-1]), "output"]
        return NetworkShape(
            name or "-".join(map(str, sizes)),
            tuple(Layer(*row) for row in zip(names, sizes, roles, strict=True)),
            tuple(Wiring(names[k], names[k + 1], sizes[k] * sizes[k + 1], weight_bits) for k in range(len(sizes) - 1)),
        )

    @staticmethod
    def from_model(spec: ModelSpec) -> NetworkShape:
        """The shape of an architecture of `models/`; a layer without weight bits is taken to have 8.

        Convolutions and pools count unrolled, a synapse for every pair of neurons that they connect.
        """
        names = ["input", *(layer.name for layer in spec.layers)]
        last = len(names) - 1
        roles = ["input" if k == 0 else "output" if k == last else "hidden" for k in range(len(names))]
        return NetworkShape(
            spec.name,
            tuple(Layer(*row) for row in zip(names, spec.sizes, roles, strict=True)),
            tuple(
                Wiring(pre, layer.name, count, layer.weight_bits or DEFAULT_WEIGHT_BITS)
                for k, layer in enumerate(spec.layers)
                for pre, count in (
                    (names[k], layer.connections(spec.shapes[k])),
                    (layer.name, layer.recurrent_weights),
                )
                if count
            ),
        )

    @staticmethod
    def from_program(program: Program) -> NetworkShape:
        """The shape of a program: its plastic connections learn, or every forward one if none is plastic.

        A convolution counts unrolled, a synapse for every tap within its input: the most that a chip stores for it.
        """
        inputs, outputs = set(program.inputs), set(program.outputs)
        forward = [c for c in program.connections if c.port == "current"]
        wires = {wire.name: wire for wire in layout_of(program).wires}
        plastic = {c.name for c in program.connections if c.plasticity is not None} or {c.name for c in forward}
        return NetworkShape(
            program.name,
            tuple(
                Layer(p.name, p.n, "input" if p.name in inputs else "output" if p.name in outputs else "hidden")
                for p in program.populations
            ),
            tuple(
                Wiring(
                    c.pre,
                    c.post,
                    fan_in(program, c).synapses([(0, program.population(c.post).n)]),
                    wires[c.name].weight_bits,
                    learns=c.name in plastic,
                    feedback=c.port in ("signal", "none"),
                    fan_in=fan_in(program, c),
                    indexed=c.kind not in ("dense", "delay_dense"),
                    on_grid=c.plasticity is not None and c.plasticity.weight_bits is not None,
                    copies=wires[c.name].copies,
                )
                for c in program.connections
            ),
        )

    def layer(self, name: str) -> Layer:
        """The layer of that name."""
        return next(layer for layer in self.layers if layer.name == name)

    def with_weight_bits(self, bits: int) -> NetworkShape:
        """The same with so many bits in every weight that is not fed back; those that learn stay on their grid."""
        return replace(
            self,
            wirings=tuple(w if w.feedback else replace(w, weight_bits=bits, on_grid=True) for w in self.wirings),
        )

    @property
    def neurons(self) -> int:
        """Neurons that hold state."""
        return sum(layer.neurons for layer in self.layers if layer.role != "input")

    @property
    def senders(self) -> int:
        """Everything that spikes: neurons and input channels."""
        return sum(layer.neurons for layer in self.layers)

    @property
    def outputs(self) -> int:
        """Output neurons."""
        return sum(layer.neurons for layer in self.layers if layer.role == "output")

    @property
    def weight_bits(self) -> int:
        """The widest weight."""
        return max((w.weight_bits for w in self.wirings), default=0)

    @property
    def learning(self) -> tuple[Wiring, ...]:
        """The connections that a rule changes."""
        return tuple(w for w in self.wirings if w.learns and not w.feedback)

    def neurons_of(self, names: frozenset[str]) -> int:
        """Neurons or channels of some layers."""
        return sum(layer.neurons for layer in self.layers if layer.name in names)
