"""Learning rules as data: the rule language, the rule library, and what a rule needs of a chip."""

from neurotrain_hw.rules.documents import load_rule, parse_rule, rule_names, to_toml
from neurotrain_hw.rules.language import parse_sum
from neurotrain_hw.rules.needs import Needs, SignalOperations, needs_of
from neurotrain_hw.rules.rule import Modulation, Operations, Rule, Taxonomy, Trace
from neurotrain_hw.rules.signals import modulator_of
from neurotrain_hw.rules.sums import WIDTH_BITS, Factor, Product, SumOfProducts
from neurotrain_hw.rules.terms import COMPUTERS, FORMED, LEARNING_SIGNALS, RUNS_ON, SAMPLED

__all__ = [
    "COMPUTERS", "FORMED", "LEARNING_SIGNALS", "RUNS_ON", "SAMPLED", "WIDTH_BITS", "Factor", "Modulation", "Needs",
    "Operations", "Product", "Rule", "SignalOperations", "SumOfProducts", "Taxonomy", "Trace", "load_rule",
    "modulator_of", "needs_of", "parse_rule", "parse_sum", "rule_names", "to_toml",
]  # fmt: skip
