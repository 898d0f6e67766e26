"""The constants of every rule, as data (no torch); those that a rule file names have its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Psi = Literal["surrogate", "triangle", "box", "tanh", "fast"]
Loss = Literal[
    "membrane-ce", "membrane-mse", "membrane-bce", "spike-mse", "count-ce", "count-mse", "mean-membrane-ce",
    "mean-membrane-mse", "max-membrane-ce", "max-membrane-mse", "last-membrane-ce", "last-membrane-mse",
    "first-spike-ce", "first-spike-mse",
]  # fmt: skip
# the others are known at a sample's end
PER_STEP: tuple[Loss, ...] = ("membrane-ce", "membrane-mse", "membrane-bce", "spike-mse")
Decoding = Literal["rate", "membrane", "membrane-max", "membrane-last", "first-spike"]
ResetGradient = Literal["constant", "gate", "full"]
Optimiser = Literal["adam", "adamw", "adamax", "sgd"]
Schedule = Literal["linear", "cosine", "constant"]
# adaptive: a threshold that rises with spikes; learned: decay or threshold; heterogeneous: decays differ in a layer
Layer = Literal[
    "dense", "conv", "recurrent", "bias", "adaptive", "synaptic", "alpha", "learned", "heterogeneous"
]  # fmt: skip


@dataclass(frozen=True)
class RuleSettings:
    """What every rule has: optimiser, passes over the samples, samples per batch, and the loss.

    `gain`: from membranes (in thresholds) or spike counts to logits. `psi`: pseudo-derivative at v - threshold before
    the reset: the model's `surrogate`, or one with the width `psi_width` in thresholds.

    `rate_strength`, `rate_target`, `rate_lower`, `rate_upper`, `rate_level`: activity regularisation (`activity.py`).
    `schedule`: how the learning rate goes over the run: falling to 0, along a line or half a cosine, or constant.
    `momentum` (sgd alone) and `weight_decay` as in torch; `clip_norm`: largest length of an update's whole gradient.
    `decoding`: how outputs are read, None for the spikes' rate, or the mean membrane where outputs never spike.
    `population`: output neurons per class.
    """

    learning_rate: float = 1e-2
    optimiser: Optimiser = "adam"
    epochs: int = 15
    batch: int = 32
    loss: Loss = "membrane-bce"
    gain: float = 5.0
    psi: Psi = "surrogate"
    psi_width: float = 1.0
    rate_target: float = 0.1
    rate_strength: float = 0.0
    rate_lower: float | None = None
    rate_upper: float | None = None
    rate_level: Literal["neuron", "layer"] = "neuron"
    schedule: Schedule = "linear"
    momentum: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float | None = None
    decoding: Decoding | None = None
    population: int = 1


@dataclass(frozen=True)
class BpttSettings(RuleSettings):
    """Surrogate-gradient BPTT; `reset_gradient` as in `trainers/cells.py`."""

    learning_rate: float = 5e-3
    loss: Loss = "count-ce"
    gain: float = 0.25
    reset_gradient: ResetGradient = "gate"


@dataclass(frozen=True)
class TbpttSettings(RuleSettings):
    """BPTT through windows of `window` steps."""

    learning_rate: float = 5e-3
    reset_gradient: ResetGradient = "constant"
    window: int = 8


@dataclass(frozen=True)
class FpttSettings(RuleSettings):
    """FPTT: `alpha` pulls weights to their running mean, whose own rate is `beta`.

    `parts`: updates per sample, None for one at every step.
    """

    learning_rate: float = 3e-3
    alpha: float = 0.1
    beta: float = 0.5
    parts: int | None = None
    reset_gradient: ResetGradient = "gate"


@dataclass(frozen=True)
class OnlineSettings(RuleSettings):
    """Rules without a way back: `update` the weights after every sample (batch) or `step`; first `burn_in` steps: not.

    `feedback_scale`: standard deviation of fixed random matrices, None for the rule's own.
    """

    update: Literal["sample", "step"] = "sample"
    burn_in: int = 0
    feedback_scale: float | None = None


@dataclass(frozen=True)
class TraceSettings(OnlineSettings):
    """Rules with a trace per pre neuron; `trace_decay` per step, None for the layer's own beta."""

    trace_decay: float | None = None


@dataclass(frozen=True)
class EpropSettings(TraceSettings):
    """e-prop: `feedback`, and whether eligibilities pass the filter of the readout (`readout_filter`).

    `feedback_decay`: share of the readout and of adaptive feedback that is lost per update.
    """

    feedback: Literal["symmetric", "random", "adaptive"] = "symmetric"
    readout_filter: bool = False
    feedback_decay: float = 0.0


@dataclass(frozen=True)
class RtrlSettings(OnlineSettings):
    """RTRL; `reset_gradient` as in `trainers/cells.py`."""

    reset_gradient: ResetGradient = "gate"


@dataclass(frozen=True)
class OstlSettings(RtrlSettings):
    """OSTL: `complete` with the term H of recurrent synapses; `feedback` through the layers or random."""

    # reset_gradient `gate`: with `full`, a loss on membranes that a spike clears teaches outputs not to spike
    complete: bool = False
    feedback: Literal["symmetric", "random"] = "symmetric"


@dataclass(frozen=True)
class EsdRtrlSettings(RtrlSettings):
    """ES-D-RTRL: `alpha` smooths both factors."""

    reset_gradient: ResetGradient = "constant"
    alpha: float = 0.9


@dataclass(frozen=True)
class EtlpSettings(TraceSettings):
    """ETLP: labels arrive at `target_rate_hz`, and weights change only then.

    None for 30 labels per sample, at most one per step: the authors' 100 Hz give as many in the 300 ms of an N-MNIST
    recording, but hardly one in a sample of ten steps of 1 ms.
    """

    loss: Loss = "spike-mse"
    rate_strength: float = 0.05
    target_rate_hz: float | None = None


@dataclass(frozen=True)
class StllrSettings(OnlineSettings):
    """S-TLLR: decays and amplitudes of the causal (pre) and the non-causal (post) term."""

    psi: Psi = "fast"
    psi_width: float = 0.01
    lambda_post: float = 0.2
    lambda_pre: float = 0.75
    alpha_post: float = -1.0
    alpha_pre: float = 1.0
    feedback: Literal["symmetric", "random"] = "symmetric"


@dataclass(frozen=True)
class TracePropagationSettings(OnlineSettings):
    """Trace Propagation: `trace_decay` of the student's and the target's traces; `similarity` scales their products."""

    psi: Psi = "triangle"
    trace_decay: float = 0.98
    similarity: float = 0.03


@dataclass(frozen=True)
class PerturbationSettings(OnlineSettings):
    """Perturbed currents or weights: noise of standard deviation `sigma`; `draws` of it per batch (weights alone)."""

    sigma: float = 0.05
    draws: int = 8


@dataclass(frozen=True)
class UnsupervisedSettings(TraceSettings):
    """Hidden layers without a teacher: strength `amplitude` of their change beside the readout's.

    `post_decay`: of the post traces, None for beta. `depression`: of pre after post, beside potentiation 1 (STDP).
    """

    optimiser: Optimiser = "sgd"
    learning_rate: float = 0.05
    amplitude: float = 0.01
    post_decay: float | None = None
    depression: float = 1.05
