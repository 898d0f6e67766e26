"""Learning rules of a program as number tables for the compiled engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.program import Connection, Plasticity, WeightRounding
from neurotrain_hw.program.synapses import truncation
from neurotrain_hw.rules.language import parse_sum
from neurotrain_hw.rules.sums import WIDTH_BITS, Factor, Product
from neurotrain_hw.simulator.addresses import address
from neurotrain_hw.simulator.arithmetic import split_impulse
from neurotrain_hw.simulator.lanes import NEURONS

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

TRACES = (("x1", "x2"), ("y1", "y2", "y3"))
GATES = ("x0", "y0")
SYNAPTIC = ("w", "d", "t")
TARGETS = ("dw", "dd", "dt")
DEPENDENCIES = ("x0", "y0", "u")
SIGNS = {"mixed": 0, "excitatory": 1, "inhibitory": 2}

PRE, POST, VALUES = range(3)
"""What a factor hangs on: the pre neuron, the post neuron, the values of the synapse."""

# a rule: what it is, its memory, and two sides
(
    R_EPOCH, R_THIRD, R_SIGN, R_PERIOD, R_PRE_N, R_POST_N, R_ROW, R_TARGETS, R_READS, R_DEPENDENCIES, R_PRODUCTS,
    R_PRODUCTS_AT, R_WEIGHTS_AT, R_TAG_2_AT, R_TAG_1_AT, R_BELOW_AT, R_COUNTS_AT, R_LINE_AT, R_READY_AT,
    R_ROUNDING_AT, R_GIVEN_AT, R_GIVEN_STEP, R_GIVEN_TRACE, R_ROUNDS, R_DROPS, R_SEED,
    R_NOW, R_DRAW_AT,
) = range(28)  # fmt: skip
R_SIDES = 28
SHARED, INDEPENDENT, NEAREST = range(3)
"""How a rule rounds: R_ROUNDS. R_DROPS: bits that stored weights lack, besides the fraction of the accumulator;
R_NOW: the epoch that ends; R_DRAW_AT: the compiled part that draws numbers for each synapse."""
# the pre and the post side of a rule
(
    S_N, S_TRACES, S_FULL, S_WHOLE, S_KEEPS, S_TRACES_AT, S_TIMES_AT, S_DECAY_AT, S_IMPULSE_AT, S_DRAWN_DECAY_AT,
    S_DRAWN_IMPULSE_AT, S_DRAWN_EARLY_AT, S_LIVE, S_SPIKED, S_IN_ROW, S_LIST_AT, S_REST_AT, S_SPIKED_AT, S_OWN_AT,
    S_HISTORY_AT, S_PARTS, S_PARTS_AT,
) = range(22)  # fmt: skip
S_COLUMNS = 22
R_COLUMNS = R_SIDES + 2 * S_COLUMNS
# products and their factors; Q_PART and Q_SLOTS of the pre side, then of the post side
Q_TARGET, Q_DEPENDENCY, Q_MANT, Q_EXP, Q_SHIFT, Q_SYNAPTIC, Q_FACTORS, Q_FACTORS_AT, Q_PART, Q_SLOTS = *range(9), 10
Q_COLUMNS = 12
# a product that is ready to be added to a line
Y_PART_AT, Y_SCALE, Y_DOWN, Y_UP, Y_FACTORS, Y_FACTORS_AT = range(6)
Y_COLUMNS = 6
F_OF, F_WHICH, F_CONSTANT, F_SIGN, F_LIMIT = range(5)
F_COLUMNS = 5


class RuleTables(NamedTuple):
    """What does not change: one row per learning connection in `rules`, some columns of which each state fills.

    `products` (all rules' products, Q_COLUMNS) and `factors` (theirs, F_COLUMNS) int64. `decay` float64 (rules, 5):
    exp(-1 / tau) of x1, x2, y1, y2, y3, or 0 where tau is 0. `impulse` int64 (rules, 5, 2): whole part and fraction
    in 1/256.
    """

    rules: I64
    products: I64
    factors: I64
    decay: F64
    impulse: I64


def build_rule_tables(connections: Sequence[Connection]) -> RuleTables:
    """The tables of all plastic connections, in order."""
    learning = [(c, c.plasticity) for c in connections if c.plasticity is not None]
    found = [_products(rule) for _, rule in learning]
    factors = [_factor(f) for products in found for _, product in products for f in product.factors]
    tables = RuleTables(
        np.zeros((len(learning), R_COLUMNS), np.int64), np.zeros((sum(map(len, found)), Q_COLUMNS), np.int64),
        np.array(factors, np.int64).reshape(-1, F_COLUMNS), np.zeros((len(learning), 5)),
        np.zeros((len(learning), 5, 2), np.int64),
    )  # fmt: skip
    first_product = first_factor = 0
    for number, ((c, rule), products) in enumerate(zip(learning, found, strict=True)):
        for k, name in enumerate(name for side in TRACES for name in side):
            tau = _constant(rule, name, "tau")
            tables.decay[number, k] = np.exp(-1 / tau) if tau else 0.0
            tables.impulse[number, k] = split_impulse(_constant(rule, name, "impulse"))
        _fill_rule(tables, number, c, rule, products)
        last = first_product + len(products)
        tables.rules[number, R_PRODUCTS_AT] = address(tables.products) + first_product * Q_COLUMNS * 8
        for row, (target, product) in zip(tables.products[first_product:last], products, strict=True):
            _fill_product(row, target, product)
            row[Q_FACTORS_AT] = address(tables.factors) + first_factor * F_COLUMNS * 8
            first_factor += len(product.factors)
        _divide_parts(tables.rules[number], tables.products[first_product:last], products)
        first_product = last
    return tables


def padded(n: int) -> int:
    """The next multiple of the number of lanes."""
    return -(-n // NEURONS) * NEURONS


def part_length(n: int) -> int:
    """Words from one row of a side's tables to the next: a line may begin at any neuron, and ends with full lanes."""
    return padded(n) + NEURONS


def row_length(n_post: int) -> int:
    """Words from one pre neuron's weights (or tags) to the next one's: an odd number of cache lines.

    Weights of one post neuron would else fall into few sets of the cache, and drive each other out.
    """
    return 16 * (padded(n_post) // 16 | 1)


def sides_of(row: I64) -> I64:
    """The pre and the post side of a rule, int64 (2, S_COLUMNS), a view of its row."""
    return row[R_SIDES:].reshape(2, S_COLUMNS)


def _fill_rule(
    tables: RuleTables, number: int, c: Connection, rule: Plasticity, products: list[tuple[int, Product]]
) -> None:
    row = tables.rules[number]
    row[R_EPOCH], row[R_THIRD], row[R_SIGN] = rule.t_epoch, rule.kind == "3f", SIGNS[c.sign_mode or "mixed"]
    row[R_POST_N], row[R_PRE_N] = c.weights.shape
    row[R_ROW] = row_length(c.weights.shape[0])
    row[R_ROUNDS], row[R_SEED] = get_args(WeightRounding).index(rule.rounding), rule.rng_seed
    if rule.weight_bits is not None:
        row[R_DROPS] = truncation(c.sign_mode or "mixed", rule.weight_bits)
    row[R_PERIOD], row[R_PRODUCTS] = _period(rule, c.name), len(products)
    for target, product in products:
        row[R_TARGETS] |= 1 << target
        row[R_READS] |= 1 << target
        row[R_DEPENDENCIES] |= 1 << DEPENDENCIES.index(product.dependency)
        for f in product.factors:
            row[R_READS] |= 1 << SYNAPTIC.index(f.variable) if f.variable in SYNAPTIC else 0
    sides = sides_of(row)
    sides[:, S_N], sides[:, S_TRACES] = (row[R_PRE_N], row[R_POST_N]), (2, 3)
    sides[:, S_KEEPS], sides[:, S_WHOLE] = (1, not row[R_THIRD]), (0, 1)
    for side, first in zip(sides, (0, 2), strict=True):
        side[S_DECAY_AT] = address(tables.decay) + (5 * number + first) * 8
        side[S_IMPULSE_AT] = address(tables.impulse) + (5 * number + first) * 16


def _fill_product(row: I64, target: int, product: Product) -> None:
    row[Q_TARGET], row[Q_DEPENDENCY] = target, DEPENDENCIES.index(product.dependency)
    row[Q_MANT], row[Q_EXP] = product.mant, product.exp + 7
    row[Q_SHIFT] = min(product.shift, 31)  # beyond 31 bits, numbers of 32 bits have nothing left but their sign
    row[Q_FACTORS], row[Q_SYNAPTIC] = len(product.factors), any(f.variable in SYNAPTIC for f in product.factors)


def _divide_parts(rule: I64, rows: I64, products: list[tuple[int, Product]]) -> None:
    """Give each product its places among the parts of both sides."""
    for k, side in enumerate(sides_of(rule)):
        for row, (_, product) in zip(rows, products, strict=True):
            row[Q_SLOTS + k] = _slots(product, k, int(rule[R_EPOCH]))
            row[Q_PART + k] = side[S_PARTS]
            side[S_PARTS] += row[Q_SLOTS + k] * part_length(int(side[S_N]))
            side[S_FULL] |= _always(product, k)


def _products(rule: Plasticity) -> list[tuple[int, Product]]:
    texts = [(target, getattr(rule, name)) for target, name in enumerate(TARGETS)]
    return [(target, product) for target, text in texts if text for product in parse_sum(text).products]


def _factor(f: Factor) -> list[int]:
    """What it hangs on; which trace (-1: the gate x0 or y0) or value it reads; constant, sgn, 2^bits."""
    limit = 1 << WIDTH_BITS[f.variable]
    if f.variable in SYNAPTIC:
        return [VALUES, SYNAPTIC.index(f.variable), f.constant, int(f.sign_of), limit]
    side = PRE if f.variable[0] == "x" else POST
    which = -1 if f.variable in GATES else TRACES[side].index(f.variable)
    return [side, which, f.constant, int(f.sign_of), limit]


def _slots(product: Product, side: int, epoch: int) -> int:
    """Values that a product's part on a side has: 1, or one per step that the other side's spike may be at."""
    crossed = product.dependency == GATES[1 - side] and any(f.variable in TRACES[side] for f in product.factors)
    return epoch + 1 if crossed and epoch > 1 else 1


def _always(product: Product, side: int) -> bool:
    """Whether a product's part on a side is other than 0 where no neuron has spiked and traces are 0."""
    mine = [f for f in product.factors if f.variable in TRACES[side] or f.variable == GATES[side]]
    return product.dependency != GATES[side] and all(f.constant != 0 for f in mine)


def _constant(rule: Plasticity, trace: str, part: str) -> float:
    """An impulse or tau; the y traces of a three-factor rule are given by the post neuron (Loihi3FLearningRule)."""
    if rule.kind == "3f" and trace.startswith("y"):
        return 65535.0 if part == "tau" else 0.0
    return float(rule.traces.get(f"{trace}_{part}", 0.0))


def _period(rule: Plasticity, name: str) -> int:
    """2^k of the rule's u_k (1 without one); all targets share one k."""
    found = {parse_sum(text).u for text in (rule.dw, rule.dd, rule.dt) if text} - {None}
    if len(found) > 1:
        raise UnsupportedError(
            f"the rule uses u{' and u'.join(str(u) for u in sorted(k for k in found if k is not None))}",
            where=f"connection '{name}'", need="one and the same u_k in dw, dd and dt",
        )  # fmt: skip
    k = found.pop() if found else 0
    return 1 << (k or 0)
