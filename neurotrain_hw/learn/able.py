"""Which rules can be taught: by building a small learning program with each, and by what the chip's engine can do."""

from __future__ import annotations

from collections.abc import Sequence

from neurotrain_hw.audit.engine import engine_rows
from neurotrain_hw.audit.verdict import Result, Row
from neurotrain_hw.chips import Chip, load_chip
from neurotrain_hw.errors import NeurotrainError, NotOnThisChipError, UnsupportedError
from neurotrain_hw.learn.settings import READOUT_RULE
from neurotrain_hw.onchip import OnChipNetwork, build_program
from neurotrain_hw.rules import Rule, load_rule, rule_names

_ROOMY = "loihi2"
_ELSEWHERE = {
    "unsupervised": "`neurotrain_hw.onchip.teach_winners` teaches such rules without labels",
    "reinforcement": "`neurotrain_hw.onchip.teach_by_reward` teaches such rules",
}
_WORDS = {
    "none": "it learns without a teacher: no signal tells its neurons what is wanted",
    "error": "its signal is the neuron's own error, which only the readout has",
    "injected": "its teacher is a current into the neuron, which this network does not send",
    "reward": "its signal is one reward for all neurons, and this command teaches with labels",
    "backpropagated": "its signal is the exact gradient, which goes backward through layers and time",
}


def check_rule(rule: Rule) -> None:
    """Raise UnsupportedError where no network here teaches this rule: the reason, and the rules that can be taught."""
    reason = _obstacle(rule)
    if reason is None:
        return
    remedy = f"Rules that can be taught: {', '.join(learners())}."
    if rule.taxonomy.learning in _ELSEWHERE:
        remedy = f"From Python, {_ELSEWHERE[rule.taxonomy.learning]}. {remedy}"
    raise UnsupportedError(reason, where=f"rule '{rule.name}'", remedy=remedy)


def learners() -> list[str]:
    """The rules of the library that can be taught."""
    return [name for name in rule_names() if _obstacle(load_rule(name)) is None]


def check_engine(rules: Sequence[Rule], chip: Chip) -> None:
    """Raise NotOnThisChipError where the chip's learning engine cannot run one of the rules, as `audit` judges it."""
    failing = engine_failures(rules, chip)
    if failing:
        raise NotOnThisChipError(
            "its learning engine cannot run this: " + "; ".join(f"{r.requirement}: {r.reason}" for r in failing),
            where=f"rule '{rules[0].name}' on {chip.id}",
            remedy=f"{next((r.remedy for r in failing if r.remedy), '')} To see what if: --anyway.".strip(),
        )  # fmt: skip


def engine_failures(rules: Sequence[Rule], chip: Chip) -> list[Row]:
    """What the rules need and the chip's learning engine has not."""
    rows = {row.requirement: row for rule in rules for row in engine_rows(rule, chip, batch=1)}
    return [row for row in rows.values() if row.result == Result.FAIL]


def _obstacle(rule: Rule) -> str | None:
    """Why no learning program can be built with a rule; None if it can."""
    if rule.kind is None:
        return "it is no sum of products, so no learning engine runs it"
    try:
        build_program(OnChipNetwork(2, 2, 2), rule, load_rule(READOUT_RULE), load_chip(_ROOMY), seed=0)
    except NeurotrainError as error:
        return _WORDS.get(rule.modulation.signal, error.what)
    return None
