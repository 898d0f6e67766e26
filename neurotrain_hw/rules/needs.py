"""What a rule needs of a chip, read off its definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from neurotrain_hw.program import Modulator
from neurotrain_hw.rules.rule import Operations, Rule
from neurotrain_hw.rules.signals import modulator_of
from neurotrain_hw.rules.sums import WIDTH_BITS, Product
from neurotrain_hw.rules.terms import History, Psi, RunsOn, Signal

TRANSPORTED: tuple[Signal, ...] = ("error-symmetric", "error-adaptive", "backpropagated")
FED_BACK: tuple[Signal, ...] = ("error-random", "error-adaptive", "error-sign", "target-projection", "layer-local")
LABELLED: tuple[Signal, ...] = ("target-projection", "layer-local")
_ONE_BIT = ("x0", "y0")


@dataclass(frozen=True)
class SignalOperations:
    """Operations of forming one third factor, per post neuron and step.

    `neuron`: what the post neuron's modulator does, the counters `signal_multiplications` and `signal_additions` of a
    run. `brought`, `per_output`: what synaptic events bring at most, once and for each output.
    """

    neuron: Operations
    brought: Operations
    per_output: Operations

    @property
    def fixed(self) -> Operations:
        """What does not grow with the outputs."""
        return _sum(self.neuron, self.brought)

    def of(self, outputs: int) -> Operations:
        """Multiplications and additions with that many outputs."""
        each = Operations(outputs * self.per_output.multiplications, outputs * self.per_output.additions)
        return _sum(self.fixed, each)


@dataclass(frozen=True)
class Needs:
    """The requirements of one rule.

    `form`: the engine form, None where no sum of products exists; `runs_on`: the least that can change the weights.
    `pre_traces`, `post_traces`: traces that the engine keeps; `third_factors`: of y1..y3, those that the post neuron
    delivers; `tags`: of tag_1, tag_2. `operations`: per synapse and event, by gate (x0, y0, u). `signal_operations`:
    per post neuron and step. `column_access`: a post spike changes all synapses that lead to it; `sweep`: every synapse
    is visited at epochs. `random_numbers`: per synapse and update; `random_per_post`: per post neuron and step.
    `history`: kept for every step, so that memory grows with T. `weight_transport`: the learning signal reads
    weights that learn backward. `feedback_matrix`: it has weights of its own. `label`: it takes the label, in
    every layer that learns. `synapse_bits`, `pre_bits`, `post_bits`: further bits per synapse and neuron, by purpose.
    `signal_bits`: what the post neuron's modulator keeps from step to step.
    """

    form: Literal["2f", "3f"] | None
    runs_on: RunsOn
    pre_traces: tuple[str, ...]
    post_traces: tuple[str, ...]
    third_factors: tuple[str, ...]
    tags: tuple[str, ...]
    operations: Mapping[str, Operations]
    signal_operations: SignalOperations
    signal: Signal
    psi: Psi
    column_access: bool
    sweep: bool
    stochastic: bool
    random_numbers: int
    random_per_post: int
    history: tuple[History, ...]
    weight_transport: bool
    feedback_matrix: bool
    label: bool
    synapse_bits: Mapping[str, int]
    pre_bits: Mapping[str, int]
    post_bits: Mapping[str, int]
    signal_bits: int

    @property
    def growth(self) -> Literal["constant", "linear"]:
        """How its memory grows with the number of steps of a sample."""
        return "linear" if self.history else "constant"

    @property
    def third_factor(self) -> bool:
        """Whether anything besides pre and post activity enters at the synapse."""
        return self.signal not in ("none", "injected")

    @property
    def membrane_at_update(self) -> bool:
        """Whether the membrane of the post neuron must be readable when it learns."""
        return self.psi != "none"

    def bits_per_synapse(self, tag_bits: int = WIDTH_BITS["t"]) -> int:
        """State per synapse besides the weight, in bits."""
        return len(self.tags) * tag_bits + sum(self.synapse_bits.values())

    def bits_per_pre(self, trace_bits: int = WIDTH_BITS["x1"]) -> int:
        """State per pre neuron, in bits, without the history."""
        return len(self.pre_traces) * trace_bits + sum(self.pre_bits.values())

    def bits_per_post(self, trace_bits: int = WIDTH_BITS["y1"]) -> int:
        """State per post neuron (own traces, delivered factors, what its program keeps), in bits, without history."""
        traces = (len(self.post_traces) + len(self.third_factors)) * trace_bits
        return traces + sum(self.post_bits.values()) + self.signal_bits


def needs_of(rule: Rule) -> Needs:
    """Read off a rule what it needs."""
    variables, products = rule.variables, [p for s in rule.sums.values() for p in s.products]
    post = tuple(y for y in ("y1", "y2", "y3") if y in variables)
    signal = rule.modulation.signal
    operations = rule.operations if rule.kind is None else _by_gate(products)
    stochastic = rule.rounding == "stochastic"
    modulator = modulator_of(rule)
    return Needs(
        form=rule.kind,
        runs_on=rule.runs_on,
        pre_traces=tuple(x for x in ("x1", "x2") if x in variables),
        post_traces=post if rule.kind == "2f" else (),
        third_factors=post if rule.kind == "3f" else (),
        tags=tuple(
            tag
            for tag, target, variable in (("tag_1", "dt", "t"), ("tag_2", "dd", "d"))
            if target in rule.sums or variable in variables
        ),
        operations=dict(operations),
        signal_operations=_signal_operations(rule, modulator),
        signal=signal,
        psi=rule.modulation.psi,
        column_access="y0" in operations,
        sweep="u" in operations,
        stochastic=stochastic,
        random_numbers=max(len(rule.sums), 1) if stochastic else 0,
        random_per_post=rule.random_per_post,
        history=rule.history,
        weight_transport=signal in TRANSPORTED,
        feedback_matrix=signal in FED_BACK,
        label=signal in LABELLED,
        synapse_bits=dict(rule.synapse_bits),
        pre_bits=dict(rule.pre_bits),
        post_bits=dict(rule.post_bits),
        signal_bits=0 if modulator is None or rule.kind is None else modulator.state_bits,
    )


_NONE = Operations(0, 0)

_BROUGHT: Mapping[Signal, tuple[Operations, Operations]] = {
    "error-symmetric": (_NONE, Operations(1, 1)),
    "error-random": (_NONE, Operations(1, 1)),
    "error-adaptive": (_NONE, Operations(1, 1)),
    "error-sign": (_NONE, Operations(0, 1)),
    "target-projection": (Operations(0, 1), _NONE),  # a row of the matrix, found by the label
    "layer-local": (_NONE, Operations(1, 2)),  # its spike into every local output, the errors back through the same
    "backpropagated": (_NONE, Operations(1, 1)),
}
"""What synapses bring to the neuron, at most: once a step, and once for each output; nothing for all other signals."""


def _signal_operations(rule: Rule, modulator: Modulator | None) -> SignalOperations:
    """What the neuron does is its modulator's, as the simulator counts it; where none forms the signal, psi alone: a
    comparison of the membrane for a step, the distance and a product with L for any other."""
    brought, per_output = _BROUGHT.get(rule.modulation.signal, (_NONE, _NONE))
    if modulator is not None:
        return SignalOperations(Operations(*modulator.operations), brought, per_output)
    psi = rule.modulation.psi
    own = _NONE if psi == "none" else Operations(0, 1) if psi == "step" else Operations(1, 1)
    return SignalOperations(own, brought, per_output)


def _sum(a: Operations, b: Operations) -> Operations:
    return Operations(a.multiplications + b.multiplications, a.additions + b.additions)


def _by_gate(products: list[Product]) -> dict[str, Operations]:
    gates: list[str] = sorted({p.dependency for p in products})
    found = {}
    for gate in gates:
        gated = [p for p in products if p.dependency == gate]
        found[gate] = Operations(sum(map(_multiplications, gated)), sum(map(_additions, gated)))
    return found


def _multiplications(product: Product) -> int:
    """One fewer than its many-bit terms: factors other than gates and signs, and a mantissa that is no power of two."""
    terms = sum(f.variable not in _ONE_BIT and not f.sign_of for f in product.factors)
    size = abs(product.mant)
    terms += size & (size - 1) != 0
    return max(terms - 1, 0)


def _additions(product: Product) -> int:
    """One into the accumulator, one per added constant."""
    return 1 + sum(f.constant != 0 for f in product.factors)
