"""The learning engine: sums of products applied to weights and tags at the end of an epoch.

Compiled; exact against Lava's `LearningConnectionModelBitApproximate` (`magma/core/model/py/connection.py`).

A product is a part that hangs on the pre neuron, times a part that hangs on the post neuron, times factors of the
synapse's own values. Products of 32 bits wrap, so that their order does not matter. The synapses that a part of 0
does not rule out are changed line by line: a row holds the synapses of one pre neuron, a column those of one post
neuron.
"""

from __future__ import annotations

import math

import numpy as np

from neurotrain_hw.simulator.line_kernel import X0, Y0, U, change_line
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
from neurotrain_hw.simulator.traces import close_traces, gather, padded, part_stride
from neurotrain_hw.simulator.views import kernel, plain_bytes, reals, wide, words


@kernel
def learn(rule_at, t, k, number):
    """Close an epoch of a rule: decay traces, change w, d and t, forget the spike times.

    `k`, `number`: the step and the epoch, counted from where the rule's random numbers begin.
    """
    rule = wide(rule_at, R_SIDES)
    below = plain_bytes(rule[R_BELOW_AT], 1)
    # all synapses where values may lie outside the accumulator's range, as every product clips them: in the first
    # epoch, where weights and tags are as given, and while a tag_1 stands at -257
    every = t == rule[R_EPOCH] or below[0] != 0
    below[0] = 0
    for s in range(2):
        gather(rule_at + (R_SIDES + s * S_COLUMNS) * 8, every)
        close_traces(rule_at, rule_at + (R_SIDES + s * S_COLUMNS) * 8, k)
    pre_at, post_at = rule_at + R_SIDES * 8, rule_at + (R_SIDES + S_COLUMNS) * 8
    pre, post = wide(pre_at, S_COLUMNS), wide(post_at, S_COLUMNS)
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
    if on == 0 and not every:
        return
    for q in range(rule[R_PRODUCTS]):
        product_at = rule[R_PRODUCTS_AT] + q * Q_COLUMNS * 8
        if on >> wide(product_at, Q_COLUMNS)[Q_DEPENDENCY] & 1:
            _fill_part(product_at, pre_at, 0, rule[R_EPOCH])
            _fill_part(product_at, post_at, 1, rule[R_EPOCH])
    # First the rows of the pre neurons whose products may reach every post neuron, by all products, then the columns
    # of the post neurons that spiked, in all other rows, by the products that a post spike gates. Where few post
    # neurons are listed, or many spiked, one of the two does all.
    whole = rows if on & U or every else (pre[S_SPIKED] if on & X0 else 0)
    narrow = post[S_SPIKED] if on & Y0 else 0
    if narrow * 4 > columns:
        whole = rows
    lift = 127 - math.floor(reals(rule[R_ROUNDING_AT], number + 1)[number] * 128)
    for phase in range(2):
        first, count, gates = 0, whole, on
        mine_at, other_at, mine = pre_at, post_at, 0
        if phase == 1:
            first, count, gates = whole, narrow, on & Y0
            mine_at, other_at, mine = post_at, pre_at, 1
            if whole == rows:
                break
        elif post[S_IN_ROW] == 0 and columns < whole:
            count, mine_at, other_at, mine, whole = columns, post_at, pre_at, 1, rows
        spiked = words(post[S_SPIKED_AT], count)
        for a in range(count):
            m = np.int64(spiked[a]) if phase == 1 else a
            change_line(rule_at, mine_at, other_at, mine, m, first, gates, lift, every)


@kernel
def _fill_part(product_at, side_at, number, epoch):
    """A product's part on a side, for the listed neurons: the factors that hang on them, the gate, and the mantissa.

    It has one value, or one for each step at which the other side's neuron may have spiked.
    """
    product, side = wide(product_at, Q_COLUMNS), wide(side_at, S_COLUMNS)
    live, slots, dependency = side[S_LIVE], product[Q_SLOTS + number], product[Q_DEPENDENCY]
    n, stride = padded(live), padded(side[S_N])
    own = words(side[S_OWN_AT], n)
    gated, scale = dependency == number, np.int32(1 if number else product[Q_MANT])
    for slot in range(0 if slots == 1 else 1, slots):
        step = slot if slots > 1 else (epoch + 1 if gated and epoch > 1 else epoch)
        part = words(side[S_PARTS_AT] + (product[Q_PART + number] + slot * part_stride(side[S_N])) * 4, n + 32)
        for a in range(n):
            part[a] = scale if own[a] > 0 or not gated else np.int32(0)
        for f in range(product[Q_FACTORS]):
            factor = wide(product[Q_FACTORS_AT] + f * F_COLUMNS * 8, F_COLUMNS)
            constant, limit, which = factor[F_CONSTANT], factor[F_LIMIT], factor[F_WHICH]
            if factor[F_OF] != number:
                continue
            read_at = side[S_HISTORY_AT] + (step * side[S_TRACES] + which) * stride * 4
            read = words(side[S_OWN_AT] if which < 0 else read_at, n)
            for a in range(n):
                value = np.int64(min(read[a], np.int32(1)) if which < 0 else read[a]) + constant
                part[a] = np.int32(part[a] * np.int32(min(max(value, -limit), limit - 1)))
        for a in range(live, n + 32):
            part[a] = 0
