"""Learning rules as data: the rule language, the rule library, and what a rule needs of a chip."""

from neurotrain_hw.rules.language import parse_sum
from neurotrain_hw.rules.sums import Factor, Product, SumOfProducts

__all__ = ["Factor", "Product", "SumOfProducts", "parse_sum"]
