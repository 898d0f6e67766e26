"""Rule: a learning rule as data, read alike by the float trainer, the integer simulator, Lava and the audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.program import Plasticity, WeightRounding
from neurotrain_hw.rules.consistency import contradictions
from neurotrain_hw.rules.sums import SumOfProducts
from neurotrain_hw.rules.terms import (
    Beside,
    Changes,
    Computer,
    Engine,
    Formed,
    History,
    Learning,
    Psi,
    Rounding,
    RunsOn,
    Signal,
    Spatial,
    Temporal,
    Training,
)


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
class Operations:
    """Multiplications and additions of one event at one synapse; shifts and 1-bit gates are free."""

    multiplications: int
    additions: int


@dataclass(frozen=True)
class Modulation:
    """How a post neuron forms its third factor `M_j = psi_j * L_j`.

    `computed_by`: who would compute it on a chip that runs the rule. `formed`: how it comes about in this version.
    `beside`: what y1 carries beside M, whose halves are then y2 and y3. `meaning`: what y1..y3 carry, in words.
    """

    psi: Psi = "none"
    signal: Signal = "none"
    beside: Beside = "nothing"
    computed_by: Computer = "nobody"
    formed: Formed = "nothing"
    meaning: str = ""


@dataclass(frozen=True)
class Rule:
    """One learning rule.

    `kind`: the engine form, 2f (post traces made from post spikes) or 3f (y1..y3 delivered by the post neuron), or
    None for a rule that is no sum of products. `dw`, `dt`, `dd` change weight, tag_1 and tag_2. `traces`: x1, x2
    and, for 2f, y1..y3. `t_epoch`: steps of a learning epoch. `sampling`: per factor (a variable, `v` the membrane
    that psi reads, `L` the learning signal) one word of SAMPLED. `history`: what every neuron must keep for every
    step of a sample; empty for an online rule. `runs_on`: the least that can change the weights. `synapse_bits`,
    `pre_bits`, `post_bits`: bits per synapse and neuron, by name, besides weight, tags, traces and y1..y3.
    `operations`: of a rule that is no sum of products, per synapse and event (x0 pre spike, y0 post spike, u step).
    `random_per_post`: random numbers per post neuron and step, rounding not counted. `engines`: what runs this
    definition today, empty for nothing; `note` says what is missing, `approximate` where it departs from its source.
    `defaults`: other parameters.

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
    runs_on: RunsOn = "engine"
    synapse_bits: Mapping[str, int] = field(default_factory=dict)
    pre_bits: Mapping[str, int] = field(default_factory=dict)
    post_bits: Mapping[str, int] = field(default_factory=dict)
    operations: Mapping[str, Operations] = field(default_factory=dict)
    random_per_post: int = 0
    engines: tuple[Engine, ...] = ()
    note: str = ""
    approximate: str = ""
    defaults: Mapping[str, int | float | str | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in ("traces", "sampling", "synapse_bits", "pre_bits", "post_bits", "operations", "defaults"):
            object.__setattr__(self, key, MappingProxyType(dict(getattr(self, key))))
        for key, what, remedy in contradictions(self):
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

    @property
    def status(self) -> str:
        """What runs it in this version, in words."""
        if self.engines:
            given = "simulator" in self.engines and self.modulation.formed == "given"
            return ", ".join(self.engines) + (", with y1..y3 given from outside" if given else "")
        if self.kind is None:
            return "nothing yet"
        return "nothing yet (its synapses alone: the simulator, with y1..y3 given from outside)"

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
        rounding: WeightRounding | None = None,
        weight_bits: int | None = None,
    ) -> Plasticity:
        """The rule as the engine of Loihi-class chips takes it; UnsupportedError if it is no sum of products.

        `rounding` None: as Lava does, or to the nearest where the rule asks for it. `weight_bits`: see `Plasticity`.
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
            rounding=rounding or ("nearest" if self.rounding == "nearest" else "shared"),
            weight_bits=weight_bits,
            rule=self.name,
        )
