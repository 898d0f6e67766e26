"""The learning engine: sums of products applied to weights and tags at the end of an epoch.

Compiled; exact against Lava's `LearningConnectionModelBitApproximate` (`magma/core/model/py/connection.py`).

A product is a part that hangs on the pre neuron, times a part that hangs on the post neuron, times factors of the
synapse's own values. Products of 32 bits wrap, so that their order does not matter. The synapses that a part of 0
does not rule out are changed line by line: a row holds the synapses of one pre neuron, a column those of one post
neuron.
"""

from __future__ import annotations

import numpy as np

from neurotrain_hw.simulator.lanes import NEURONS, choose, every, load, store
from neurotrain_hw.simulator.line_kernel import X0, Y0, U, change_line, limited
from neurotrain_hw.simulator.rule_tables import (
    F_COLUMNS,
    F_CONSTANT,
    F_LIMIT,
    F_OF,
    F_WHICH,
    Q_COLUMNS,
    Q_DEPENDENCY,
    Q_FACTORS,
    Q_FACTORS_AT,
    Q_MANT,
    Q_PART,
    Q_SLOTS,
    R_BELOW_AT,
    R_DEPENDENCIES,
    R_EPOCH,
    R_NOW,
    R_PERIOD,
    R_PRODUCTS,
    R_PRODUCTS_AT,
    R_ROUNDING_AT,
    R_SIDES,
    S_COLUMNS,
    S_HISTORY_AT,
    S_IN_ROW,
    S_LIVE,
    S_N,
    S_OWN_AT,
    S_PARTS_AT,
    S_SPIKED,
    S_SPIKED_AT,
    S_TRACES,
)
from neurotrain_hw.simulator.traces import close_traces, gather, row_of
from neurotrain_hw.simulator.views import kernel, plain_bytes, reals, table_row, words


@kernel
def learn(rule_at, t, k, number):
    """Close an epoch of a rule: decay traces, change w, d and t, forget the spike times.

    `k`, `number`: the step and the epoch, counted from where the rule's random numbers begin.
    """
    rule = table_row(rule_at)
    below = plain_bytes(rule[R_BELOW_AT], 1)
    # all synapses where values may lie outside the accumulator's range, as every product clips them: in the first
    # epoch, where weights and tags are as given, and while a tag_1 stands at -257
    whole = t == rule[R_EPOCH] or below[0] != 0
    below[0] = 0
    for s in range(2):
        gather(rule_at + (R_SIDES + s * S_COLUMNS) * 8, whole)
        close_traces(rule_at, rule_at + (R_SIDES + s * S_COLUMNS) * 8, k)
    pre_at, post_at = rule_at + R_SIDES * 8, rule_at + (R_SIDES + S_COLUMNS) * 8
    pre, post = table_row(pre_at), table_row(post_at)
    rows, columns = pre[S_LIVE], post[S_LIVE]
    if rows == 0 or columns == 0:
        return
    on = rule[R_DEPENDENCIES]
    if (t // rule[R_EPOCH]) % rule[R_PERIOD] != 0:
        on &= ~U
    if pre[S_SPIKED] == 0:
        on &= ~X0
    if post[S_SPIKED] == 0:
        on &= ~Y0
    if on == 0 and not whole:
        return
    for q in range(rule[R_PRODUCTS]):
        product_at = rule[R_PRODUCTS_AT] + q * Q_COLUMNS * 8
        if on >> table_row(product_at)[Q_DEPENDENCY] & 1:
            for s in range(2):
                _fill_part(product_at, rule_at + (R_SIDES + s * S_COLUMNS) * 8, s, rule[R_EPOCH])
    # First the rows of the pre neurons whose products may reach every post neuron, by all products, then the columns
    # of the post neurons that spiked, in all other rows, by the products that a post spike gates. Where few post
    # neurons are listed, or many spiked, one of the two does all.
    wide_rows = rows if on & U or whole else (pre[S_SPIKED] if on & X0 else 0)
    narrow = post[S_SPIKED] if on & Y0 else 0
    if post[S_IN_ROW] and narrow * 4 > columns:
        wide_rows = rows
    random, rule[R_NOW] = reals(rule[R_ROUNDING_AT], number + 1)[number], t // rule[R_EPOCH]
    for phase in range(2):  # one call of a large kernel, which the compiler would else copy to each of three
        first, count, gates = 0, wide_rows, on
        mine_at, other_at, mine = pre_at, post_at, 0
        if phase == 1:
            first, count, gates = wide_rows, narrow, on & Y0
            mine_at, other_at, mine = post_at, pre_at, 1
            if wide_rows == rows:
                break
        elif post[S_IN_ROW] == 0 and columns < wide_rows:
            count, mine_at, other_at, mine, wide_rows = columns, post_at, pre_at, 1, rows
        spiked = words(post[S_SPIKED_AT], count)
        for a in range(count):
            m = np.int64(spiked[a]) if phase == 1 else a
            change_line(rule_at, mine_at, other_at, mine, m, first, gates, random, whole)


@kernel
def _fill_part(product_at, side_at, number, epoch):
    """A product's part on a side, for the listed neurons: the factors that hang on them, the gate, and the mantissa.

    It has one value, or one for each step at which the other side's neuron may have spiked. After the listed neurons
    it is 0.
    """
    product, side, zero = table_row(product_at), table_row(side_at), every(0)
    slots, dependency, row = product[Q_SLOTS + number], product[Q_DEPENDENCY], row_of(side[S_N])
    gated, scale = dependency == number, every(1 if number else product[Q_MANT])
    for slot in range(0 if slots == 1 else 1, slots):
        step = slot if slots > 1 else (epoch + 1 if gated and epoch > 1 else epoch)
        part_at = side[S_PARTS_AT] + (product[Q_PART + number] + slot * row) * 4
        for i in range(0, side[S_LIVE] * 4, NEURONS * 4):
            spiked = load(side[S_OWN_AT] + i) > zero
            part = choose(spiked, scale, zero) if gated else scale
            for f in range(product[Q_FACTORS]):
                factor = table_row(product[Q_FACTORS_AT] + f * F_COLUMNS * 8)
                if factor[F_OF] == number:
                    read = choose(spiked, every(1), zero)
                    if factor[F_WHICH] >= 0:
                        read = load(side[S_HISTORY_AT] + (step * side[S_TRACES] + factor[F_WHICH]) * row * 4 + i)
                    part = part * limited(read, factor[F_CONSTANT], factor[F_LIMIT])
            store(part_at + i, part)
        store(part_at + side[S_LIVE] * 4, zero)
