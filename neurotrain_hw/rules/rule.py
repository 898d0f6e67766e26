"""Rule: a learning rule as data, read alike by the float trainer, the integer simulator, Lava and the audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.program import Plasticity
from neurotrain_hw.rules.sums import SumOfProducts

Training = Literal["direct", "conversion", "evolutionary"]
Learning = Literal["supervised", "unsupervised", "reinforcement"]
Temporal = Literal["local", "window", "non-local"]
Spatial = Literal["local", "three-factor", "layer-local", "non-local"]
Psi = Literal["none", "box", "triangle", "surrogate"]
Signal = Literal[
    "none", "reward", "error", "error-symmetric", "error-random", "error-adaptive", "target-projection",
    "layer-local", "backpropagated",
]  # fmt: skip
Computer = Literal["nobody", "neuron", "network", "processor", "host"]
Changes = Literal["epoch", "pre-spike", "post-spike", "either-spike", "sample-end"]
Rounding = Literal["stochastic", "nearest", "none"]
Engine = Literal["trainer", "simulator", "lava"]
History = Literal["spikes", "membranes"]

SAMPLED: Mapping[str, str] = MappingProxyType(
    {
        "after-spike": "in the step of the event, with the impulse of that step's spike already added",
        "before-spike": "in the step of the event, without the impulse of that step's spike",
        "epoch-end": "at the end of the learning epoch, with the spikes of its last step",
        "before-reset": "in the same step, after integration and before the reset",
        "after-reset": "in the same step, after the reset",
        "before-update": "as it stands before this epoch's changes",
        "same-step": "the value of the same step",
        "previous-step": "the value sent in the previous step",
        "per-sample": "one value per sample",
    }
)
"""At which moment a factor is read: the words that `Rule.sampling` uses."""

LEARNING_SIGNALS: Mapping[str, str] = MappingProxyType(
    {
        "none": "no third factor",
        "reward": "one scalar for all neurons, from outside",
        "error": "the output neuron's own error, target minus output",
        "error-symmetric": "the output errors, through the transpose of the readout weights",
        "error-random": "the output errors, through fixed random feedback weights",
        "error-adaptive": "the output errors, through feedback weights that learn beside the readout",
        "target-projection": "the label, through fixed random weights",
        "layer-local": "the error of a fixed random readout of the layer itself",
        "backpropagated": "the exact gradient, backward through layers and time",
    }
)
"""What the learning signal L of a rule is made of."""


@dataclass(frozen=True)
class Taxonomy:
    """Where a rule stands: how the network comes to be trained, by what signal, and how local that is."""

    training: Training
    learning: Learning
    temporal: Temporal
    spatial: Spatial
    mechanisms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trace:
    """A trace: `x <- x * exp(-1/tau)` a step, `+ impulse` a spike; tau in steps, impulse in trace units (0..127)."""

    impulse: float
    tau: float


@dataclass(frozen=True)
class Modulation:
    """How a post neuron forms its third factor `M_j = psi_j * L_j`, and who computes it."""

    psi: Psi = "none"
    signal: Signal = "none"
    computed_by: Computer = "nobody"
    meaning: str = ""


@dataclass(frozen=True)
class Rule:
    """One learning rule.

    `kind`: the engine form, 2f (post traces made from post spikes) or 3f (y1..y3 delivered by the post neuron), or
    None for a rule that is no sum of products. `dw`, `dt`, `dd` change weight, tag_1 and tag_2. `traces`: x1, x2
    and, for 2f, y1..y3. `t_epoch`: steps of a learning epoch. `sampling`: per factor (a variable, `v` the membrane
    that psi reads, `L` the learning signal) one word of SAMPLED. `history`: what every neuron must keep for every
    step of a sample; empty for an online rule. `synapse_bits`: further bits per synapse, by name. `engines`: what
    runs this definition today, empty for nothing; `note` says what is missing. `defaults`: other parameters.

    Raises ValueRangeError where the parts contradict each other.
    """

    name: str
    title: str
    summary: str
    equation: str
    source: str
    taxonomy: Taxonomy
    changes: Changes
    kind: Literal["2f", "3f"] | None = None
    dw: SumOfProducts | None = None
    dt: SumOfProducts | None = None
    dd: SumOfProducts | None = None
    traces: Mapping[str, Trace] = field(default_factory=dict)
    t_epoch: int = 1
    rounding: Rounding = "stochastic"
    modulation: Modulation = Modulation()
    sampling: Mapping[str, str] = field(default_factory=dict)
    history: tuple[History, ...] = ()
    synapse_bits: Mapping[str, int] = field(default_factory=dict)
    engines: tuple[Engine, ...] = ()
    note: str = ""
    defaults: Mapping[str, int | float | str | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in ("traces", "sampling", "synapse_bits", "defaults"):
            object.__setattr__(self, key, MappingProxyType(dict(getattr(self, key))))
        for key, what, remedy in _contradictions(self):
            raise ValueRangeError(what, where=f"rule '{self.name}': {key}", remedy=remedy)

    @property
    def sums(self) -> Mapping[str, SumOfProducts]:
        """The sums of products it has, by target: dw, dt, dd."""
        return {k: v for k, v in (("dw", self.dw), ("dt", self.dt), ("dd", self.dd)) if v is not None}

    @property
    def variables(self) -> frozenset[str]:
        """Every variable that a product reads as a factor."""
        return frozenset().union(*(s.variables for s in self.sums.values()))

    @property
    def psi_reads_membrane(self) -> bool:
        """Whether an update reads the membrane of the post neuron."""
        return self.modulation.psi != "none"

    def to_toml(self) -> str:
        """Its document, as rule files hold it."""
        from neurotrain_hw.rules.documents import to_toml  # documents are built on rules, not rules on documents

        return to_toml(self)

    def plasticity(
        self,
        *,
        rng_seed: int,
        tag_1: npt.NDArray[np.int32] | None = None,
        tag_2: npt.NDArray[np.int32] | None = None,
    ) -> Plasticity:
        """The rule as the engine of Loihi-class chips takes it; UnsupportedError if it is no sum of products.

        For 3f, y1..y3 get the time constant 65535 that Lava's Loihi3FLearningRule gives them.
        """
        if self.kind is None:
            raise UnsupportedError(
                "it is no sum of products, so no learning engine runs it", where=f"rule '{self.name}'",
                remedy="Train with it off the chip, or take a rule with an engine form: `neurotrain-hw rules list`.",
            )  # fmt: skip
        traces = {
            f"{name}_{k}": v for name, t in self.traces.items() for k, v in (("impulse", t.impulse), ("tau", t.tau))
        }
        if self.kind == "3f":
            traces |= {f"{y}_tau": 65535.0 for y in ("y1", "y2", "y3")}
        return Plasticity(
            kind=self.kind,
            dw=str(self.dw) if self.dw else None,
            dt=str(self.dt) if self.dt else None,
            dd=str(self.dd) if self.dd else None,
            traces=traces,
            t_epoch=self.t_epoch,
            rng_seed=rng_seed,
            tag_1=tag_1,
            tag_2=tag_2,
            rule=self.name,
        )


def choices(alias: object) -> tuple[str, ...]:
    """The texts that a Literal type allows."""
    return get_args(alias)


def _contradictions(rule: Rule) -> Iterator[tuple[str, str, str]]:
    """(key, what, remedy) for every part that another part contradicts."""
    if (rule.kind is None) != (not rule.sums):
        yield "kind", "sums of products and `kind` go together", 'Give kind = "2f" or "3f" and dw, or neither.'
    gates = {s.u for s in rule.sums.values() if s.u is not None}
    if len(gates) > 1:
        yield "dw", f"u{min(gates)} and u{max(gates)} stand in one rule", "All u of dw, dt and dd need the same digit."
    if rule.t_epoch < 1:
        yield "t_epoch", f"a learning epoch of {rule.t_epoch} steps", "It has at least 1."
    yield from _contradicting_traces(rule)
    if rule.kind is not None and (rule.kind == "3f") != (rule.modulation.signal != "none"):
        yield (
            "modulation.signal",
            f"a {rule.kind} rule with the signal '{rule.modulation.signal}'",
            "3f rules have one.",
        )
    if rule.modulation.psi != "none" and rule.modulation.signal == "none":
        yield "modulation.psi", "a pseudo-derivative without a learning signal", "Say which signal it multiplies."
    yield from _contradicting_sampling(rule)


def _contradicting_traces(rule: Rule) -> Iterator[tuple[str, str, str]]:
    own = {"2f": ("x1", "x2", "y1", "y2", "y3"), "3f": ("x1", "x2"), None: ()}[rule.kind]
    for name, trace in rule.traces.items():
        if name not in own:
            yield f"traces.{name}", f"a {rule.kind or 'non-engine'} rule makes no trace '{name}'", f"It makes {own}."
        elif name not in rule.variables:
            yield f"traces.{name}", "no product reads this trace", "Leave it out."
        elif trace.impulse < 0 or trace.tau < 0:
            yield f"traces.{name}", "impulse and tau must not be negative", ""
    for name in sorted(rule.variables & set(own) - set(rule.traces)):
        yield f"traces.{name}", "a product reads this trace, which has no impulse and tau", "Add both."


def _contradicting_sampling(rule: Rule) -> Iterator[tuple[str, str, str]]:
    needed = set(rule.variables) - {"x0", "y0"}
    needed |= {"v"} if rule.psi_reads_membrane else set()
    needed |= {"L"} if rule.modulation.signal != "none" else set()
    for name in sorted(needed - set(rule.sampling)):
        yield f"sampling.{name}", "not said when this factor is read", f"One of {', '.join(SAMPLED)}."
    for name in sorted(set(rule.sampling) - needed):
        yield f"sampling.{name}", "the rule has no such factor", "Leave it out."
    for name, word in rule.sampling.items():
        if word not in SAMPLED:
            yield f"sampling.{name}", f"'{word}' is no moment", f"One of {', '.join(SAMPLED)}."
