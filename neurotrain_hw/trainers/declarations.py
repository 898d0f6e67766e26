"""Which rules there are: where each lives, its constants, and the layers that it can train; in one table (no torch)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

from neurotrain_hw.errors import UnknownNameError, UnsupportedError, ValueRangeError
from neurotrain_hw.networks.spec import ModelSpec
from neurotrain_hw.rules import load_rule, rule_names
from neurotrain_hw.trainers.constants import (
    BpttSettings,
    EpropSettings,
    EsdRtrlSettings,
    EtlpSettings,
    FpttSettings,
    Loss,
    OnlineSettings,
    OstlSettings,
    RtrlSettings,
    RuleSettings,
    StllrSettings,
    TbpttSettings,
    TraceSettings,
)

PER_STEP: tuple[Loss, ...] = ("membrane-ce", "membrane-mse", "spike-mse")
MEMBRANE: tuple[Loss, ...] = ("membrane-ce", "membrane-mse")
ANY_LOSS: tuple[Loss, ...] = (*PER_STEP, "count-ce", "count-mse")


@dataclass(frozen=True)
class Declaration:
    """A rule that `train` knows.

    `home`: module in this package and function that makes its trainer. `memory`: whether what it keeps grows with the
    steps of a sample, is bounded by a window, or is local in time. `deep`: whether more than one hidden layer can be
    trained. `words`: bound on words per sample, None for none (the words are those of RTRL's derivatives).
    """

    home: tuple[str, str]
    constants: RuleSettings
    memory: Literal["sample", "window", "local"] = "local"
    losses: tuple[Loss, ...] = PER_STEP
    deep: bool = True
    words: int | None = None


DECLARATIONS: Mapping[str, Declaration] = {
    "bptt": Declaration(("bptt", "trainer"), BpttSettings(), "sample", ANY_LOSS),
    "decolle": Declaration(("decolle", "trainer"), TraceSettings()),
    "dfa": Declaration(("dfa", "trainer"), TraceSettings()),
    "drtp": Declaration(("drtp", "trainer"), TraceSettings()),
    "eprop": Declaration(("eprop", "trainer"), EpropSettings()),
    "eprop-adaptive": Declaration(
        ("eprop", "trainer"), EpropSettings(feedback="adaptive", feedback_decay=1e-3), losses=MEMBRANE, deep=False
    ),
    "eprop-filtered": Declaration(
        ("eprop", "trainer"), EpropSettings(feedback="random", readout_filter=True), losses=MEMBRANE, deep=False
    ),
    "eprop-random": Declaration(("eprop", "trainer"), EpropSettings(feedback="random"), losses=MEMBRANE),
    "es-d-rtrl": Declaration(("es_d_rtrl", "trainer"), EsdRtrlSettings()),
    "etlp": Declaration(("etlp", "trainer"), EtlpSettings()),
    "fptt": Declaration(("fptt", "trainer"), FpttSettings(), losses=PER_STEP),
    "ostl": Declaration(("ostl", "trainer"), OstlSettings()),
    "osttp": Declaration(("osttp", "trainer"), RtrlSettings(reset_gradient="full", loss="membrane-mse")),
    "ottt": Declaration(("ottt", "trainer"), TraceSettings()),
    "rtrl": Declaration(("rtrl", "trainer"), RtrlSettings(), words=10_000_000),
    "s-tllr": Declaration(("s_tllr", "trainer"), StllrSettings()),
    "sign-dfa": Declaration(("dfa", "with_signs"), TraceSettings(), losses=MEMBRANE),
    "stsf": Declaration(("stsf", "trainer"), OnlineSettings(loss="spike-mse"), losses=("spike-mse",)),
    "tbptt": Declaration(("bptt", "truncated"), TbpttSettings(), "window"),
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
    named = load_rule(rule).defaults
    return replace(constants, **{f.name: named[f.name] for f in fields(constants) if f.name in named})  # type: ignore[arg-type]


def check(rule: str, spec: ModelSpec, constants: RuleSettings) -> None:
    """Raise UnsupportedError where a rule cannot train this network, ValueRangeError where its constants do not fit."""
    declared = declaration(rule)
    if type(constants) is not type(declared.constants):
        raise ValueRangeError(
            f"constants of another rule: {constants}", where=rule, need=type(declared.constants).__name__
        )
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
    words = spec.synapses * sum(spec.sizes[1:]) * constants.batch
    if declared.words is not None and words > declared.words:
        raise UnsupportedError(
            "it keeps the derivative of every neuron by every weight", where=f"{rule} on {spec.name}",
            need=f"{words:,} words", limit=f"{declared.words:,}",
            remedy="It is for small networks: take ostl or eprop.",
        )  # fmt: skip
