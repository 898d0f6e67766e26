"""Which rules there are: where each lives, its constants, and the layers that it can train; in one table (no torch)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

from neurotrain_hw.errors import UnknownNameError, UnsupportedError, ValueRangeError
from neurotrain_hw.networks.spec import LayerSpec, ModelSpec
from neurotrain_hw.rules import load_rule, rule_names
from neurotrain_hw.rules.signals import CONSTANTS as CHIP_CONSTANTS
from neurotrain_hw.trainers.common_checks import check_common
from neurotrain_hw.trainers.constants import (
    PER_STEP,
    BpttSettings,
    ConversionSettings,
    DiehlCookSettings,
    EpropSettings,
    EsdRtrlSettings,
    EtlpSettings,
    ForwardForwardSettings,
    FpttSettings,
    HybridSettings,
    Layer,
    Loss,
    OnlineSettings,
    OstlSettings,
    PerturbationSettings,
    RewardSettings,
    RtrlSettings,
    RuleSettings,
    S4nnSettings,
    SpikepropSettings,
    SstdpSettings,
    StdlSettings,
    StllrSettings,
    TargetPropagationSettings,
    TbpttSettings,
    TracePropagationSettings,
    TraceSettings,
    TripletSettings,
    UnsupervisedSettings,
)
from neurotrain_hw.trainers.needs import Need, check_needs

ALL_LAYERS: tuple[Layer, ...] = (
    "dense", "conv", "recurrent", "bias", "adaptive", "synaptic", "alpha", "learned", "heterogeneous"
)  # fmt: skip
# every word is kept per neuron, before the synapse or behind it
PER_NEURON: tuple[Layer, ...] = ("dense", "conv", "recurrent", "bias")
# with the trace of the pre neurons through their synaptic current
TRACED: tuple[Layer, ...] = (*PER_NEURON, "synaptic")
# errors do not pass from neuron to neuron within a step, in which an alpha neuron has no answer
BROADCAST: tuple[Layer, ...] = (*TRACED, "alpha")
PER_SYNAPSE: tuple[Layer, ...] = ("dense", "recurrent", "bias")
FORWARD: tuple[Layer, ...] = tuple(kind for kind in ALL_LAYERS if kind != "learned")
DENSE: tuple[Layer, ...] = ("dense",)
MEMBRANE: tuple[Loss, ...] = ("membrane-ce", "membrane-mse", "membrane-bce")
ANY_LOSS: tuple[Loss, ...] = get_args(Loss)


@dataclass(frozen=True)
class Declaration:
    """A rule that `train` knows.

    `home`: module in this package and function that makes its trainer. `layers`: kinds that it can train; a network
    with another kind is refused. `memory`: whether what it keeps grows with the
    steps of a sample, is bounded by a window, or is local in time. `deep`: whether more than one hidden layer can be
    trained. `words`: bound on words per sample, None for none (the words are those of RTRL's derivatives).
    `samples` in a batch and `hidden` layers: at least. `unused`: constants that it has no use for.
    `needs`: what it asks of neurons and pools. `model`: one of the package's that it can train. `encoding`: the one
    that it is made for, taken where none is named; None for any.
    """

    home: tuple[str, str]
    constants: RuleSettings
    layers: tuple[Layer, ...] = PER_NEURON
    memory: Literal["sample", "window", "local"] = "local"
    losses: tuple[Loss, ...] = PER_STEP
    deep: bool = True
    words: int | None = None
    samples: int = 1
    hidden: int = 0
    unused: frozenset[str] = frozenset()
    needs: tuple[Need, ...] = ()
    model: str = "digits-fc"
    encoding: str | None = None


_RATE = frozenset({"rate_strength", "rate_target", "rate_lower", "rate_upper", "rate_level"})
_PSI = frozenset({"psi", "psi_width"})
_SCALE = frozenset({"feedback_scale"})  # no random feedback
_WEIGHTS_ALONE = _RATE | _PSI | _SCALE | {"update", "burn_in"}
_UNTAUGHT = _RATE | _PSI | _SCALE
_TIMES = _RATE | _PSI | {"gain", "population"}
_RELUS = _RATE | _PSI | {"gain", "population"}

# outputs are to spike at every step where they are the target, and never where not
TAUGHT = TraceSettings(loss="membrane-bce", gain=5.0)


def _of_spike_times(module: str, constants: RuleSettings) -> Declaration:
    """A rule on first spikes of neurons that spike once and forget nothing."""
    return Declaration(
        (module, "trainer"), constants, layers=("dense", "conv", "once"), losses=("first-spike-mse",), unused=_TIMES,
        needs=("no leak", "one spike", "sums"), model="digits-once", encoding="latency",
    )  # fmt: skip


DECLARATIONS: Mapping[str, Declaration] = {
    "ann-conversion": Declaration(
        ("ann_conversion", "trainer"),
        ConversionSettings(),
        layers=("dense", "conv", "bias"),
        losses=("membrane-ce",),
        unused=_RELUS,
        needs=("rate", "plain weights", "sums"),
        model="digits-if",
    ),
    "bcm": Declaration(
        ("unsupervised", "bcm"), UnsupervisedSettings(), layers=DENSE, unused=_UNTAUGHT | {"depression"}
    ),
    "bptt": Declaration(("bptt", "trainer"), BpttSettings(), (*ALL_LAYERS, "once"), "sample", ANY_LOSS),
    "decolle": Declaration(("decolle", "trainer"), replace(TAUGHT, psi="triangle"), BROADCAST),
    "dfa": Declaration(("dfa", "trainer"), TAUGHT, BROADCAST),
    "diehl-cook": Declaration(
        ("diehl_cook", "trainer"),
        DiehlCookSettings(),
        layers=DENSE,
        deep=False,
        hidden=1,
        unused=_UNTAUGHT | {"update", "burn_in"},
    ),
    "difference-target-propagation": Declaration(
        ("difference_target_propagation", "trainer"), TargetPropagationSettings(), BROADCAST, hidden=1
    ),
    "drtp": Declaration(("drtp", "trainer"), replace(TAUGHT, rate_strength=0.05), BROADCAST),
    "ell": Declaration(("ell", "trainer"), TAUGHT, BROADCAST),
    "eprop": Declaration(("eprop", "trainer"), EpropSettings(loss="membrane-ce", gain=1.0), (*TRACED, "adaptive")),
    "eprop-adaptive": Declaration(
        ("eprop", "trainer"),
        EpropSettings(feedback="adaptive", feedback_decay=1e-3),
        layers=(*BROADCAST, "adaptive"),
        losses=MEMBRANE,
        deep=False,
    ),
    "eprop-filtered": Declaration(
        ("eprop", "trainer"),
        EpropSettings(feedback="random", readout_filter=True),
        layers=(*BROADCAST, "adaptive"),
        losses=MEMBRANE,
        deep=False,
    ),
    "eprop-random": Declaration(
        ("eprop", "trainer"), EpropSettings(feedback="random"), layers=(*BROADCAST, "adaptive"), losses=MEMBRANE
    ),
    "es-d-rtrl": Declaration(("es_d_rtrl", "trainer"), EsdRtrlSettings(), unused=_SCALE),
    "etlp": Declaration(("etlp", "trainer"), EtlpSettings(), layers=(*BROADCAST, "adaptive")),
    "evolution-strategies": Declaration(
        ("weight_perturbation", "evolution"), PerturbationSettings(), layers=FORWARD, unused=_WEIGHTS_ALONE
    ),
    "forward-forward": Declaration(
        ("forward_forward", "trainer"),
        ForwardForwardSettings(),
        PER_NEURON,
        hidden=1,
        unused=_RATE | _SCALE | {"population"},
    ),
    "fptt": Declaration(("fptt", "trainer"), FpttSettings(), layers=ALL_LAYERS, losses=PER_STEP, unused=_RATE),
    "hebb": Declaration(
        ("unsupervised", "hebb"), UnsupervisedSettings(), layers=DENSE, unused=_UNTAUGHT | {"depression"}
    ),
    "hybrid-conversion": Declaration(
        ("hybrid_conversion", "trainer"),
        HybridSettings(),
        layers=("dense", "conv", "bias"),
        memory="sample",
        losses=ANY_LOSS,
        unused=frozenset({"population"}),
        needs=("rate", "plain weights", "sums"),
        model="digits-if",
    ),
    "node-perturbation": Declaration(
        ("node_perturbation", "trainer"), PerturbationSettings(), layers=DENSE, unused=_RATE | _PSI | _SCALE | {"draws"}
    ),
    "oja": Declaration(
        ("unsupervised", "oja"), UnsupervisedSettings(), layers=DENSE, unused=_UNTAUGHT | {"depression"}
    ),
    "ostl": Declaration(("ostl", "trainer"), OstlSettings(), layers=PER_SYNAPSE),
    "osttp": Declaration(("osttp", "trainer"), RtrlSettings(rate_strength=0.05), layers=PER_SYNAPSE),
    "ottt": Declaration(("ottt", "trainer"), TAUGHT, TRACED, unused=_SCALE),
    "pair-stdp": Declaration(("unsupervised", "pair_stdp"), UnsupervisedSettings(), layers=DENSE, unused=_UNTAUGHT),
    "readout-only": Declaration(("readout_only", "trainer"), TAUGHT, BROADCAST, unused=_RATE | _SCALE),
    "reward-stdp": Declaration(
        ("reward_stdp", "trainer"), RewardSettings(), layers=DENSE, unused=_UNTAUGHT | {"update", "burn_in"}
    ),
    "rtrl": Declaration(
        ("rtrl", "trainer"), RtrlSettings(), (*PER_SYNAPSE, "adaptive"), words=10_000_000, unused=_SCALE
    ),
    "s4nn": _of_spike_times("s4nn", S4nnSettings()),
    "s-tllr": Declaration(("s_tllr", "trainer"), StllrSettings()),
    "sign-dfa": Declaration(("dfa", "with_signs"), TAUGHT, BROADCAST, losses=MEMBRANE),
    "spikeprop": replace(
        _of_spike_times("spikeprop", SpikepropSettings()),
        layers=("dense", "conv", "synaptic", "once"),
        needs=("slope", "one spike", "sums"),
        model="digits-once-synaptic",
    ),
    "sstdp": _of_spike_times("sstdp", SstdpSettings()),
    "stdl": Declaration(("stdl", "trainer"), StdlSettings(), ("dense", "conv", "bias"), unused=_RATE | _SCALE),
    "stsf": Declaration(
        ("stsf", "trainer"),
        OnlineSettings(loss="spike-mse", optimiser="sgd", learning_rate=1.0),
        layers=DENSE,
        losses=("spike-mse",),
        unused=_PSI,
    ),
    "tbptt": Declaration(("bptt", "truncated"), TbpttSettings(), (*ALL_LAYERS, "once"), "window"),
    "trace-propagation": Declaration(
        ("trace_propagation", "trainer"), TracePropagationSettings(), samples=2, hidden=1, unused=_RATE
    ),
    "triplet-stdp": Declaration(
        ("unsupervised", "triplet_stdp"), TripletSettings(), layers=DENSE, unused=_UNTAUGHT | {"depression"}
    ),
    "weight-perturbation": Declaration(
        ("weight_perturbation", "trainer"), PerturbationSettings(), layers=FORWARD, unused=_WEIGHTS_ALONE | {"draws"}
    ),
}


def trainable_rules() -> list[str]:
    """Names of the rules that `train` knows."""
    return sorted(DECLARATIONS)


def declaration(rule: str) -> Declaration:
    """What is declared of a rule; UnknownNameError for a rule that `train` does not know."""
    if rule not in DECLARATIONS:
        raise UnknownNameError("rule to train with", rule, DECLARATIONS)
    return DECLARATIONS[rule]


def default_settings(rule: str) -> RuleSettings:
    """A rule's constants as they come, those of its rule file where that names them."""
    constants = declaration(rule).constants
    if rule not in rule_names():
        return constants
    # what a modulator on a chip is set to is in the chip's integers
    named = {name: value for name, value in load_rule(rule).defaults.items() if name not in CHIP_CONSTANTS}
    return replace(constants, **{f.name: named[f.name] for f in fields(constants) if f.name in named})  # type: ignore[arg-type]


def check(rule: str, spec: ModelSpec, constants: RuleSettings) -> None:
    """Raise UnsupportedError where a rule cannot train this network, ValueRangeError where its constants do not fit."""
    declared = declaration(rule)
    if type(constants) is not type(declared.constants):
        raise ValueRangeError(
            f"constants of another rule: {constants}", where=rule, need=type(declared.constants).__name__
        )
    for name in sorted(declared.unused):
        if getattr(constants, name) != getattr(declared.constants, name):
            raise ValueRangeError("this rule has no use for it", where=f"{rule}: {name}", remedy="Leave it out.")
    if constants.loss not in declared.losses:
        late = constants.loss not in PER_STEP
        why = "is known only at the end of a sample, when this rule has learned" if late else "has no error it can send"
        raise ValueRangeError(f"the loss '{constants.loss}' {why}", where=rule, need=" or ".join(declared.losses))
    check_common(rule, spec, constants)
    check_needs(rule, spec, declared.needs)
    check_layers(rule, [kinds_of(layer) for layer in spec.layers], constants)
    hidden = len(spec.layers) - 1
    filtered = isinstance(constants, EpropSettings) and constants.readout_filter
    if hidden > 1 and (not declared.deep or filtered):
        raise UnsupportedError(
            f"the model has {hidden} hidden layers; its readout's filter or feedback reaches only the last",
            where=f"{rule} on {spec.name}", need="one hidden layer", remedy="Train with eprop, or a smaller model.",
        )  # fmt: skip
    if hidden < declared.hidden:
        raise UnsupportedError(
            "the model has no hidden layer, and this rule is about nothing else", where=f"{rule} on {spec.name}",
            need=f"{declared.hidden} hidden layer", remedy="Take another model: `neurotrain-hw models list`.",
        )  # fmt: skip
    if constants.batch < declared.samples:
        raise ValueRangeError(
            "it compares the samples of a batch with each other", where=f"{rule}: batch",
            need=f"at least {declared.samples}", limit=constants.batch,
        )  # fmt: skip
    words = spec.synapses * sum(spec.sizes[1:]) * constants.batch
    if declared.words is not None and words > declared.words:
        raise UnsupportedError(
            "it keeps the derivative of every neuron by every weight", where=f"{rule} on {spec.name}",
            need=f"{words:,} words", limit=f"{declared.words:,}",
            remedy="It is for small networks: take ostl or eprop.",
        )  # fmt: skip


def kinds_of(layer: LayerSpec) -> list[Layer]:
    """What a rule must be able to train of a layer."""
    found: dict[Layer, bool] = {
        layer.kind: True,
        "recurrent": layer.recurrent != "none",
        "bias": layer.bias,
        "adaptive": layer.neuron == "adaptive",
        "synaptic": layer.neuron == "synaptic",
        "alpha": layer.neuron == "alpha",
        "once": layer.reset == "once",
        "learned": layer.learn_beta or layer.learn_threshold,
    }
    return [kind for kind, there in found.items() if there]


def check_layers(rule: str, kinds: Sequence[Sequence[Layer]], constants: RuleSettings | None = None) -> None:
    """Raise UnsupportedError for the first layer that is of a kind (each has one or more) the rule cannot train."""
    declared = declaration(rule)
    filtered = isinstance(constants, EpropSettings) and constants.readout_filter
    for position, kind in enumerate(kinds):
        for one in kind:
            if one not in declared.layers:
                fit = sorted(name for name, other in DECLARATIONS.items() if one in other.layers)
                raise UnsupportedError(
                    f"layer {position + 1} is {one}, for which this rule has no learning equation", where=rule,
                    need=" or ".join(declared.layers), remedy=f"Rules that train such layers: {', '.join(fit)}.",
                )  # fmt: skip
        if "conv" in kind and declared.memory == "local" and ("adaptive" in kind or filtered):
            what = "adaptive thresholds" if "adaptive" in kind else "the readout's filter"
            raise UnsupportedError(
                f"layer {position + 1} is conv, and {what} need a word for every position of a kernel", where=rule,
                need="a word per neuron", remedy="Train dense layers, or without it: bptt, eprop.",
            )  # fmt: skip
