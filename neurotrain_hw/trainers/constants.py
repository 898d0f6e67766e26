"""The constants of every rule, as data (no torch); those that a rule file names have its values."""

from __future__ import annotations

import math
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
# adaptive: a threshold that rises with spikes; learned: decay or threshold; heterogeneous: decays differ in a layer;
# once: a neuron's first spike is its only one
Layer = Literal[
    "dense", "conv", "recurrent", "bias", "adaptive", "synaptic", "alpha", "learned", "heterogeneous",
    "once",
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
    loss: Loss = "membrane-ce"
    gain: float = 1.0
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

    loss: Loss = "membrane-bce"
    gain: float = 5.0
    learning_rate: float = 5e-3
    reset_gradient: ResetGradient = "constant"
    window: int = 8


@dataclass(frozen=True)
class FpttSettings(RuleSettings):
    """FPTT: `alpha` pulls weights to their running mean, whose own rate is `beta`.

    `parts`: updates per sample, None for one at every step.
    """

    loss: Loss = "membrane-bce"
    gain: float = 5.0
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

    loss: Loss = "membrane-bce"
    gain: float = 5.0
    feedback: Literal["symmetric", "random", "adaptive"] = "symmetric"
    readout_filter: bool = False
    feedback_decay: float = 0.0


@dataclass(frozen=True)
class RtrlSettings(OnlineSettings):
    """RTRL; `reset_gradient` as in `trainers/cells.py`."""

    loss: Loss = "membrane-bce"
    gain: float = 5.0
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

    loss: Loss = "membrane-bce"
    gain: float = 5.0
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

    loss: Loss = "membrane-bce"
    gain: float = 5.0
    psi: Psi = "triangle"
    trace_decay: float = 0.98
    similarity: float = 0.03


@dataclass(frozen=True)
class PerturbationSettings(OnlineSettings):
    """Perturbed currents or weights: noise of standard deviation `sigma`; `draws` of it per batch (weights alone)."""

    loss: Loss = "membrane-bce"
    gain: float = 5.0
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


@dataclass(frozen=True)
class SpikeTimeSettings(RuleSettings):
    """Rules on first-spike times, which are read by the first output spike."""

    loss: Loss = "first-spike-mse"
    decoding: Decoding | None = "first-spike"


@dataclass(frozen=True)
class S4nnSettings(SpikeTimeSettings):
    """S4NN; `gap`: steps by which outputs other than the label's should come later."""

    learning_rate: float = 0.2
    optimiser: Optimiser = "sgd"
    batch: int = 8
    weight_decay: float = 1e-6
    gap: float = 2.0


@dataclass(frozen=True)
class SstdpSettings(S4nnSettings):
    """SSTDP; what causal (`potentiation`) and late (`depression`) spikes count, and `tau` in steps, None for a step."""

    gap: float = 5.0
    potentiation: float = 1.0
    depression: float = 0.0
    tau: float | None = None


@dataclass(frozen=True)
class SpikepropSettings(SpikeTimeSettings):
    """SpikeProp; target times of the label and of the others in shares of T; slopes count as `least_slope` at least.

    `one_sided`: a label that spikes before its target, and others that do after theirs, have no error.
    """

    early: float = 0.25
    late: float = 0.75
    least_slope: float = 0.3
    one_sided: bool = True


@dataclass(frozen=True)
class ConversionSettings(RuleSettings):
    """A network of ReLUs, converted: `balance` by the largest activation of a layer, its `percentile`, or half of it.

    `samples`: training samples that the activations are taken from. `ann_gain`: from the ReLUs' outputs to logits.
    """

    learning_rate: float = 5e-3
    balance: Literal["max", "percentile", "half-max"] = "percentile"
    percentile: float = 99.9
    samples: int = 512
    ann_gain: float = 1.0


@dataclass(frozen=True)
class HybridSettings(ConversionSettings):
    """Conversion for `conversion_epochs`, then surrogate-gradient BPTT as `BpttSettings` has it."""

    loss: Loss = "count-ce"
    gain: float = 0.25
    reset_gradient: ResetGradient = "gate"
    conversion_epochs: int = 10


@dataclass(frozen=True)
class TripletSettings(UnsupervisedSettings):
    """Triplet STDP: amplitudes of pairs and triplets, and decays per step of the slow traces."""

    amplitude: float = 0.1
    trace_decay: float | None = math.exp(-1 / 16.8)
    post_decay: float | None = math.exp(-1 / 33.7)
    slow_pre: float = math.exp(-1 / 101)
    slow_post: float = math.exp(-1 / 125)
    pair_plus: float = 5e-10
    triplet_plus: float = 6.2e-3
    pair_minus: float = 7e-3
    triplet_minus: float = 2.3e-4


@dataclass(frozen=True)
class RewardSettings(UnsupervisedSettings):
    """Reward-modulated STDP: `tag_decay` per step, and what makes one reward for all teach a network.

    `winner`: of the output neurons only the one that answered learns. `hit_rate`: of the running mean of each answer's
    rewards, which is taken off the reward; None takes nothing off. `noise`: standard deviation of a current into every
    output neuron, one per sample. `competing`: a neuron's synapses share a sum and a length. `amplitude`: strength of
    hidden layers' change beside the output layer's.
    """

    learning_rate: float = 0.015
    batch: int = 8
    amplitude: float = 1e-4
    depression: float = 0.0
    tag_decay: float = 0.96
    winner: bool = True
    hit_rate: float | None = 0.05
    noise: float = 0.5
    competing: bool = True


@dataclass(frozen=True)
class TargetPropagationSettings(TraceSettings):
    """Difference target propagation: decay of the rates, size of the step to the outputs' targets, and the noise
    (standard deviation, on rates) that the feedback nets learn to remove."""

    learning_rate: float = 1.6e-2
    rate_decay: float = 0.9
    target_step: float = 0.1
    noise: float = 0.05


@dataclass(frozen=True)
class ForwardForwardSettings(TraceSettings):
    """Forward-Forward: decay of the spike counts per step, and the goodness `theta` that divides right from wrong."""

    learning_rate: float = 1.6e-2
    count_decay: float = 0.9
    theta: float = 2.0


@dataclass(frozen=True)
class StdlSettings(TraceSettings):
    """STDL-style: hidden layers per `subnetwork`, and the most bytes that an auxiliary network may take.

    `trace_decay` 0 drops all of the past; None makes it the layer's own beta.
    """

    trace_decay: float | None = 0.0
    subnetwork: int = 1
    auxiliary_bytes: int = 64 * 2**20


@dataclass(frozen=True)
class DiehlCookSettings(OnlineSettings):
    """Unsupervised STDP with winners: `inhibition` by a winner, in thresholds, and `offset`, the pre trace below which
    a winner's synapse loses.

    `norm`: sum of a row, in thresholds. `theta_step`, `theta_decay`: what a neuron's threshold gains per spike, and
    loses per batch. `answer_rate`: of the mean answers, per batch. `vote`: strength of the outputs' weights, in
    thresholds.
    """

    optimiser: Optimiser = "sgd"
    learning_rate: float = 0.2
    batch: int = 8
    trace_decay: float | None = None
    inhibition: float = 1.0
    offset: float = 0.6
    norm: float = 1.5
    theta_step: float = 0.01
    theta_decay: float = 0.002
    answer_rate: float = 0.05
    vote: float = 4.0
