"""Which rules there are: where each lives, its constants, and the layers that it can train; in one table (no torch)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

from neurotrain_hw.errors import UnknownNameError, UnsupportedError, ValueRangeError
from neurotrain_hw.networks.spec import ModelSpec
from neurotrain_hw.rules import load_rule, rule_names
from neurotrain_hw.rules.signals import CONSTANTS as CHIP_CONSTANTS
from neurotrain_hw.trainers.constants import (
    BpttSettings,
    EpropSettings,
    EsdRtrlSettings,
    EtlpSettings,
    FpttSettings,
    Layer,
    Loss,
    OnlineSettings,
    OstlSettings,
    PerturbationSettings,
    RewardSettings,
    RtrlSettings,
    RuleSettings,
    StllrSettings,
    TbpttSettings,
    TracePropagationSettings,
    TraceSettings,
    UnsupervisedSettings,
)

PER_STEP: tuple[Loss, ...] = ("membrane-ce", "membrane-mse", "membrane-bce", "spike-mse")
ALL_LAYERS: tuple[Layer, ...] = ("dense", "recurrent", "adaptive")
DENSE: tuple[Layer, ...] = ("dense",)
MEMBRANE: tuple[Loss, ...] = ("membrane-ce", "membrane-mse", "membrane-bce")
ANY_LOSS: tuple[Loss, ...] = (*PER_STEP, "count-ce", "count-mse")


@dataclass(frozen=True)
class Declaration:
    """A rule that `train` knows.

    `home`: module in this package and function that makes its trainer. `layers`: kinds that it can train; a network
    with another kind is refused. `memory`: whether what it keeps grows with the
    steps of a sample, is bounded by a window, or is local in time. `deep`: whether more than one hidden layer can be
    trained. `words`: bound on words per sample, None for none (the words are those of RTRL's derivatives).
    `samples` in a batch and `hidden` layers: at least. `unused`: constants that it has no use for.
    """

    home: tuple[str, str]
    constants: RuleSettings
    layers: tuple[Layer, ...] = ("dense", "recurrent")
    memory: Literal["sample", "window", "local"] = "local"
    losses: tuple[Loss, ...] = PER_STEP
    deep: bool = True
    words: int | None = None
    samples: int = 1
    hidden: int = 0
    unused: frozenset[str] = frozenset()


_RATE = frozenset({"rate_strength", "rate_target"})
_PSI = frozenset({"psi", "psi_width"})
_SCALE = frozenset({"feedback_scale"})  # no random feedback
_WEIGHTS_ALONE = _RATE | _PSI | _SCALE | {"update", "burn_in"}
_UNTAUGHT = _RATE | _PSI | _SCALE

DECLARATIONS: Mapping[str, Declaration] = {
    "bcm": Declaration(
        ("unsupervised", "bcm"), UnsupervisedSettings(), layers=DENSE, unused=_UNTAUGHT | {"depression"}
    ),
    "bptt": Declaration(("bptt", "trainer"), BpttSettings(), ALL_LAYERS, "sample", ANY_LOSS),
    "decolle": Declaration(("decolle", "trainer"), TraceSettings()),
    "dfa": Declaration(("dfa", "trainer"), TraceSettings()),
    "drtp": Declaration(("drtp", "trainer"), TraceSettings()),
    "ell": Declaration(("ell", "trainer"), TraceSettings()),
    "eprop": Declaration(("eprop", "trainer"), EpropSettings(), layers=ALL_LAYERS),
    "eprop-adaptive": Declaration(
        ("eprop", "trainer"),
        EpropSettings(feedback="adaptive", feedback_decay=1e-3),
        layers=ALL_LAYERS,
        losses=MEMBRANE,
        deep=False,
    ),
    "eprop-filtered": Declaration(
        ("eprop", "trainer"),
        EpropSettings(feedback="random", readout_filter=True),
        layers=ALL_LAYERS,
        losses=MEMBRANE,
        deep=False,
    ),
    "eprop-random": Declaration(
        ("eprop", "trainer"), EpropSettings(feedback="random"), layers=ALL_LAYERS, losses=MEMBRANE
    ),
    "es-d-rtrl": Declaration(("es_d_rtrl", "trainer"), EsdRtrlSettings(), unused=_SCALE),
    "etlp": Declaration(("etlp", "trainer"), EtlpSettings(), layers=ALL_LAYERS),
    "evolution-strategies": Declaration(
        ("weight_perturbation", "evolution"), PerturbationSettings(), layers=DENSE, unused=_WEIGHTS_ALONE
    ),
    "fptt": Declaration(("fptt", "trainer"), FpttSettings(), layers=ALL_LAYERS, losses=PER_STEP, unused=_RATE),
    "hebb": Declaration(
        ("unsupervised", "hebb"), UnsupervisedSettings(), layers=DENSE, unused=_UNTAUGHT | {"depression"}
    ),
    "node-perturbation": Declaration(
        ("node_perturbation", "trainer"), PerturbationSettings(), layers=DENSE, unused=_RATE | _PSI | _SCALE | {"draws"}
    ),
    "oja": Declaration(
        ("unsupervised", "oja"), UnsupervisedSettings(), layers=DENSE, unused=_UNTAUGHT | {"depression"}
    ),
    "ostl": Declaration(("ostl", "trainer"), OstlSettings()),
    "osttp": Declaration(("osttp", "trainer"), RtrlSettings(reset_gradient="full", loss="membrane-mse", gain=0.5)),
    "ottt": Declaration(("ottt", "trainer"), TraceSettings(), unused=_SCALE),
    "pair-stdp": Declaration(("unsupervised", "pair_stdp"), UnsupervisedSettings(), layers=DENSE, unused=_UNTAUGHT),
    "readout-only": Declaration(("readout_only", "trainer"), TraceSettings(), unused=_RATE | _SCALE),
    "reward-stdp": Declaration(
        ("reward_stdp", "trainer"), RewardSettings(), layers=DENSE, unused=_UNTAUGHT | {"update", "burn_in"}
    ),
    "rtrl": Declaration(("rtrl", "trainer"), RtrlSettings(), layers=ALL_LAYERS, words=10_000_000, unused=_SCALE),
    "s-tllr": Declaration(("s_tllr", "trainer"), StllrSettings()),
    "sign-dfa": Declaration(("dfa", "with_signs"), TraceSettings(), losses=MEMBRANE),
    "stsf": Declaration(
        ("stsf", "trainer"), OnlineSettings(loss="spike-mse"), layers=DENSE, losses=("spike-mse",), unused=_PSI | _SCALE
    ),
    "tbptt": Declaration(("bptt", "truncated"), TbpttSettings(), ALL_LAYERS, "window"),
    "trace-propagation": Declaration(
        ("trace_propagation", "trainer"), TracePropagationSettings(), layers=DENSE, samples=2, hidden=1, unused=_RATE
    ),
    "weight-perturbation": Declaration(
        ("weight_perturbation", "trainer"), PerturbationSettings(), layers=DENSE, unused=_WEIGHTS_ALONE | {"draws"}
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
        late = constants.loss in ("count-ce", "count-mse")
        why = "is known only at the end of a sample, when this rule has learned" if late else "has no error it can send"
        raise ValueRangeError(f"the loss '{constants.loss}' {why}", where=rule, need=" or ".join(declared.losses))
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


def check_layers(rule: str, kinds: Sequence[Sequence[Layer]]) -> None:
    """Raise UnsupportedError for the first layer that is of a kind (each has one or more) the rule cannot train."""
    supported = declaration(rule).layers
    for position, kind in enumerate(kinds):
        for one in kind:
            if one not in supported:
                fit = sorted(name for name, other in DECLARATIONS.items() if one in other.layers)
                raise UnsupportedError(
                    f"layer {position + 1} is {one}, for which this rule has no learning equation", where=rule,
                    need=" or ".join(supported), remedy=f"Rules that train such layers: {', '.join(fit)}.",
                )  # fmt: skip
