"""What a rule needs of a chip, read off its definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from neurotrain_hw.rules.rule import History, Rule, Signal
from neurotrain_hw.rules.sums import WIDTH_BITS, Product

TRANSPORTED: tuple[Signal, ...] = ("error-symmetric", "backpropagated")
FED_BACK: tuple[Signal, ...] = ("error-random", "error-adaptive", "target-projection", "layer-local")
_ONE_BIT = ("x0", "y0")


@dataclass(frozen=True)
class Operations:
    """Multiplications and additions of one event at one synapse; shifts and 1-bit gates are free."""

    multiplications: int
    additions: int


@dataclass(frozen=True)
class Needs:
    """The requirements of one rule.

    `form`: the engine form, None where no sum of products exists. `pre_traces`, `post_traces`: traces that the engine
    keeps; `third_factors`: of y1..y3, those that the post neuron delivers; `tags`: of tag_1, tag_2. `operations`: per
    gate (x0, y0, u). `column_access`: a post spike changes all synapses that lead to it; `sweep`: every synapse is
    visited at epochs. `random_numbers`: per synapse and update. `history`: kept for every step, so that memory grows
    with T. `weight_transport`: the learning signal reads forward weights backward. `feedback_matrix`: it has weights
    of its own. `synapse_bits`: bits per synapse besides the weight and the tags, by purpose.
    """

    form: Literal["2f", "3f"] | None
    pre_traces: tuple[str, ...]
    post_traces: tuple[str, ...]
    third_factors: tuple[str, ...]
    tags: tuple[str, ...]
    operations: Mapping[str, Operations]
    signal: Signal
    psi: str
    column_access: bool
    sweep: bool
    stochastic: bool
    random_numbers: int
    history: tuple[History, ...]
    weight_transport: bool
    feedback_matrix: bool
    synapse_bits: Mapping[str, int]

    @property
    def growth(self) -> Literal["constant", "linear"]:
        """How its memory grows with the number of steps of a sample."""
        return "linear" if self.history else "constant"

    @property
    def third_factor(self) -> bool:
        """Whether anything besides pre and post activity enters."""
        return self.signal != "none"

    @property
    def membrane_at_update(self) -> bool:
        """Whether the membrane of the post neuron must be readable when it learns."""
        return self.psi != "none"

    def bits_per_synapse(self, tag_bits: int = WIDTH_BITS["t"]) -> int:
        """State per synapse besides the weight, in bits."""
        return len(self.tags) * tag_bits + sum(self.synapse_bits.values())

    def bits_per_pre(self, trace_bits: int = WIDTH_BITS["x1"]) -> int:
        """State per pre neuron, in bits, without the history."""
        return len(self.pre_traces) * trace_bits

    def bits_per_post(self, trace_bits: int = WIDTH_BITS["y1"]) -> int:
        """State per post neuron (own traces and delivered factors), in bits, without the history."""
        return (len(self.post_traces) + len(self.third_factors)) * trace_bits


def needs_of(rule: Rule) -> Needs:
    """Read off a rule what it needs."""
    variables, products = rule.variables, [p for s in rule.sums.values() for p in s.products]
    post = tuple(y for y in ("y1", "y2", "y3") if y in variables)
    gates = sorted({p.dependency for p in products})
    stochastic = rule.rounding == "stochastic"
    return Needs(
        form=rule.kind,
        pre_traces=tuple(x for x in ("x1", "x2") if x in variables),
        post_traces=post if rule.kind == "2f" else (),
        third_factors=post if rule.kind == "3f" else (),
        tags=tuple(
            tag
            for tag, target, variable in (("tag_1", "dt", "t"), ("tag_2", "dd", "d"))
            if target in rule.sums or variable in variables
        ),
        operations={gate: _operations([p for p in products if p.dependency == gate]) for gate in gates},
        signal=rule.modulation.signal,
        psi=rule.modulation.psi,
        column_access="y0" in gates,
        sweep="u" in gates,
        stochastic=stochastic,
        random_numbers=len(rule.sums) if stochastic else 0,
        history=rule.history,
        weight_transport=rule.modulation.signal in TRANSPORTED,
        feedback_matrix=rule.modulation.signal in FED_BACK,
        synapse_bits=dict(rule.synapse_bits),
    )


def _operations(products: list[Product]) -> Operations:
    return Operations(sum(map(_multiplications, products)), sum(map(_additions, products)))


def _multiplications(product: Product) -> int:
    """One fewer than its many-bit terms: factors other than gates and signs, and a mantissa that is no power of two."""
    terms = sum(f.variable not in _ONE_BIT and not f.sign_of for f in product.factors)
    size = abs(product.mant)
    terms += size & (size - 1) != 0
    return max(terms - 1, 0)


def _additions(product: Product) -> int:
    """One into the accumulator, one per added constant."""
    return 1 + sum(f.constant != 0 for f in product.factors)
