"""The learning engine: sums of products applied to weights and tags at the end of an epoch.

Compiled; exact against Lava's `LearningConnectionModelBitApproximate` (`magma/core/model/py/connection.py`).
Work follows events: a pre neuron whose products are all zero in this epoch is not visited.
"""

from __future__ import annotations

import math

import numpy as np

from neurotrain_hw.simulator.rule_tables import (
    F_CONSTANT,
    F_LIMIT,
    F_SIGN,
    F_VARIABLE,
    Q_CROSSED,
    Q_DEPENDENCY,
    Q_EXP,
    Q_FIRST,
    Q_LAST,
    Q_MANT,
    Q_SHIFT,
    Q_SYNAPTIC,
    Q_TARGET,
    R_EPOCH,
    R_FIRST,
    R_LAST,
    R_PERIOD,
    R_POST_N,
    R_PRE_N,
    R_SIGN,
    R_SYNAPSES,
    R_THIRD,
    R_TX,
    R_TY,
    R_X,
    R_Y,
)
from neurotrain_hw.simulator.traces import L_APPLIED, L_PROPOSED, L_ROUNDED, L_SATURATED, history
from neurotrain_hw.simulator.views import inlined, kernel

LOW, HIGH = -(2**15) - 1, 2**15 - 1


@kernel
def learn(tables, r, state, t, k, epoch_number, numbers, counts):
    """Close an epoch of rule r: decay traces, change w, d and t, forget the spike times."""
    rule = tables.rules[r]
    n_pre, n_post, epoch = rule[R_PRE_N], rule[R_POST_N], rule[R_EPOCH]
    tx = state.tx[rule[R_TX] : rule[R_TX] + n_pre]
    ty = state.ty[rule[R_TY] : rule[R_TY] + n_post]
    x = state.x[rule[R_X] : rule[R_X] + 2 * n_pre]
    y = state.y[rule[R_Y] : rule[R_Y] + 3 * n_post]
    hx = history(x, tx, tables.decay[r, :2], tables.impulse[r, :2], epoch, numbers.x_decay[r, k],
                  numbers.x_impulse[r, k], counts)  # fmt: skip
    hy = history(y, ty, tables.decay[r, 2:], tables.impulse[r, 2:], epoch, numbers.y_decay[r, k],
                  numbers.y_impulse[r, k], counts)  # fmt: skip
    _keep_last(x, hx)
    if not rule[R_THIRD]:
        _keep_last(y, hy)
    every = t == epoch or state.below[r]
    state.below[r] = False
    _apply(tables, r, state, hx, hy, tx, ty, (t // epoch) % rule[R_PERIOD] == 0, numbers.weight[r, epoch_number],
           every, counts)  # fmt: skip
    for j in range(n_pre):
        tx[j] = 0
    for i in range(n_post):
        ty[i] = 0


@kernel
def _keep_last(traces, found):
    """Take over the traces at the end of the epoch."""
    steps, kinds, n = found.shape
    for v in range(kinds):
        for i in range(n):
            traces[v * n + i] = found[steps - 1, v, i]


@kernel
def _apply(tables, r, state, hx, hy, tx, ty, decimated, random, every, counts):
    """Add every product to w, d and t of the synapses that it can change; all products read the values of before.

    `every`: visit all synapses, as values may lie outside the accumulator's range: in the first epoch, where weights
    and tags are as given, and while a tag_1 stands at -257.

    The loops touch local arrays and scalars only: handing tuples or views on would count references per synapse.
    """
    rule, products, factors = tables.rules[r], tables.products, tables.factors
    n_pre, n_post, epoch = rule[R_PRE_N], rule[R_POST_N], rule[R_EPOCH]
    first, last, sign = rule[R_FIRST], rule[R_LAST], rule[R_SIGN]
    pre = np.zeros((last - first, n_pre), np.int32)
    post = np.zeros((last - first, epoch + 1, n_post), np.int32)
    targets = np.zeros(3, np.bool_)
    for q in range(first, last):
        targets[products[q, Q_TARGET]] = True
        if products[q, Q_DEPENDENCY] != 2 or decimated:
            _pre_part(products, factors, q, hx, tx, epoch, pre, q - first)
            _post_part(products, factors, q, hy, ty, epoch, post, q - first)
    posts = _live_posts(post, every)
    if posts.size == 0:
        return
    lift = 127 - math.floor(random * 128)
    if _is_plain(products, first, last, epoch) and not every:
        _apply_plain(products, first, last, pre, post, posts, state.w, rule[R_SYNAPSES], n_post, sign, lift, counts)
        return
    weights, tag_2, tag_1 = state.w, state.tag_2, state.tag_1
    old = np.empty((3, posts.size), np.int32)
    acc = np.empty(posts.size, np.int32)
    for j in range(n_pre):
        live = every
        for q in range(last - first):
            live = live or pre[q, j] != 0
        if not live:
            continue
        start = rule[R_SYNAPSES] + j * n_post
        for a in range(posts.size):
            at = start + posts[a]
            old[0, a], old[1, a], old[2, a] = weights[at], tag_2[at], tag_1[at]
        for target in range(3):
            if not targets[target]:
                continue
            for a in range(posts.size):
                acc[a] = old[target, a] << 7
            for q in range(first, last):
                if products[q, Q_TARGET] == target and (pre[q - first, j] != 0 or every):
                    slot = tx[j] if products[q, Q_DEPENDENCY] == 0 and epoch > 1 else 0
                    plain = not products[q, Q_SYNAPTIC] and not products[q, Q_CROSSED]
                    shift, exp, factor = products[q, Q_SHIFT], products[q, Q_EXP], pre[q - first, j]
                    for a in range(posts.size):
                        value = np.int32(factor * post[q - first, slot, posts[a]])
                        if value != 0 or every:
                            if not plain:
                                value = _synaptic_part(products, factors, q, value, hx, ty, posts[a], j, old, a)
                            value = min(max(np.int32((value >> shift) << exp), LOW), HIGH)
                            acc[a] = min(max(acc[a] + value, LOW), HIGH)
            if target == 0:
                _store_weights(acc, old, posts, weights, start, sign, lift, counts)
            elif target == 1:
                for a in range(posts.size):
                    tag_2[start + posts[a]] = min((max(acc[a], 0) + lift) >> 7, 255)
            else:
                for a in range(posts.size):
                    tag = min(max((acc[a] + lift) >> 7, -257), 255)
                    tag_1[start + posts[a]] = tag
                    state.below[r] |= tag == -257


@kernel
def _is_plain(products, first, last, epoch):
    """Whether a rule changes w alone, by products of a pre part and a post part."""
    plain = True
    for q in range(first, last):
        spread = products[q, Q_DEPENDENCY] == 0 and epoch > 1
        plain = (
            plain and products[q, Q_TARGET] == 0 and not (products[q, Q_SYNAPTIC] or products[q, Q_CROSSED] or spread)
        )
    return plain


@kernel
def _apply_plain(products, first, last, pre, post, posts, weights, base, n_post, sign, lift, counts):
    """The same as `_apply` for a plain rule: live post neurons side by side, in loops that vector units can take."""
    n = posts.size
    parts = np.empty((last - first, n), np.int64)
    for q in range(last - first):
        for a in range(n):
            parts[q, a] = post[q, 0, posts[a]]
    old, acc, new = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    low = 0 if sign == 1 else (-255 if sign == 2 else -256)
    high = 0 if sign == 2 else 255
    floor, ceiling = (0 if sign == 1 else LOW), (0 if sign == 2 else HIGH)
    proposed = applied = saturated = rounded = 0
    for j in range(pre.shape[1]):
        live = False
        for q in range(last - first):
            live = live or pre[q, j] != 0
        if not live:
            continue
        row = weights[base + j * n_post : base + (j + 1) * n_post]
        for a in range(n):
            old[a] = row[posts[a]]
            acc[a] = old[a] << 7
        for q in range(first, last):
            factor, shift, exp = np.int64(pre[q - first, j]), products[q, Q_SHIFT], products[q, Q_EXP]
            part = parts[q - first]
            for a in range(n):
                value = np.int64(np.int32(np.int64(np.int32(factor * part[a])) >> shift << exp))
                acc[a] = min(max(acc[a] + min(max(value, LOW), HIGH), LOW), HIGH)
        for a in range(n):
            held = min(max(acc[a], floor), ceiling)
            value = (held + lift) >> 7
            new[a] = min(max(value, low), high)
            changing, changed = acc[a] != old[a] << 7, new[a] != old[a]
            full = held != acc[a] or new[a] != value
            proposed += changing
            applied += changing and changed
            saturated += changing and full
            rounded += changing and not (changed or full)
        for a in range(n):
            row[posts[a]] = new[a]
    counts[L_PROPOSED] += proposed
    counts[L_APPLIED] += applied
    counts[L_ROUNDED] += rounded
    counts[L_SATURATED] += saturated


@kernel
def _live_posts(post, every):
    """Indices of the post neurons for which any product can be other than 0, or of all."""
    products, slots, n = post.shape
    out = np.empty(n, np.int64)
    count = 0
    for i in range(n):
        live = every
        for q in range(products):
            for slot in range(slots):
                live = live or post[q, slot, i] != 0
        if live:
            out[count] = i
            count += 1
    return out[:count]


@inlined
def _factor(value, constant, sign, limit):
    """clip(value + constant, -2^W, 2^W - 1), or the sign of the sum."""
    total = np.int64(value) + constant
    if sign:
        return (1 if total > 0 else 0) - (1 if total < 0 else 0)
    return min(max(total, -limit), limit - 1)


@kernel
def _pre_part(products, factors, q, hx, tx, epoch, out, row):
    """Product of the factors that hang on the pre neuron alone, with the gate x0 and the mantissa; int32 wraps."""
    for j in range(out.shape[1]):
        gate = tx[j] > 0
        at = tx[j] if products[q, Q_DEPENDENCY] == 0 else epoch
        value = products[q, Q_MANT] if gate or products[q, Q_DEPENDENCY] != 0 else 0
        for f in range(products[q, Q_FIRST], products[q, Q_LAST]):
            variable = factors[f, F_VARIABLE]
            read = np.int64(0)
            if variable < 2 and not products[q, Q_CROSSED]:
                read = np.int64(hx[at, variable, j])
            elif variable == 5:
                read = np.int64(1 if gate else 0)
            else:
                continue
            value = np.int32(value * _factor(read, factors[f, F_CONSTANT], factors[f, F_SIGN], factors[f, F_LIMIT]))
        out[row, j] = value


@kernel
def _post_part(products, factors, q, hy, ty, epoch, out, row):
    """Product of the factors that hang on the post neuron alone, with the gate y0.

    Slot 0 holds it, but for a product gated by x0 in an epoch of several steps: there slot k holds the value for a
    pre spike at step k of the epoch.
    """
    spread = products[q, Q_DEPENDENCY] == 0 and epoch > 1
    for slot in range(1 if spread else 0, epoch + 1 if spread else 1):
        for i in range(out.shape[2]):
            gate = ty[i] > 0
            at = slot if spread else (ty[i] if products[q, Q_DEPENDENCY] == 1 else epoch)
            value = np.int64(1 if gate or products[q, Q_DEPENDENCY] != 1 else 0)
            for f in range(products[q, Q_FIRST], products[q, Q_LAST]):
                variable = factors[f, F_VARIABLE]
                read = np.int64(0)
                if 2 <= variable < 5:
                    read = np.int64(hy[at, variable - 2, i])
                elif variable == 6:
                    read = np.int64(1 if gate else 0)
                else:
                    continue
                value = np.int64(
                    np.int32(value * _factor(read, factors[f, F_CONSTANT], factors[f, F_SIGN], factors[f, F_LIMIT]))
                )
            out[row, slot, i] = value


@inlined
def _synaptic_part(products, factors, q, value, hx, ty, i, j, old, a):
    """The product times its factors w, d, t, and, gated by y0 in a longer epoch, its pre traces at the post spike."""
    for f in range(products[q, Q_FIRST], products[q, Q_LAST]):
        variable = factors[f, F_VARIABLE]
        read = np.int64(0)
        if variable >= 7:
            read = np.int64(old[variable - 7, a])
        elif variable < 2 and products[q, Q_CROSSED]:
            read = np.int64(hx[ty[i], variable, j])
        else:
            continue
        value = np.int32(value * _factor(read, factors[f, F_CONSTANT], factors[f, F_SIGN], factors[f, F_LIMIT]))
    return value


@inlined
def _store_weights(acc, old, posts, weights, start, sign, lift, counts):
    """Sign, stochastic rounding (`arithmetic.round_weight`) and range of the weights; counts what became of them."""
    low = 0 if sign == 1 else (-255 if sign == 2 else -256)
    high = 0 if sign == 2 else 255
    proposed = applied = saturated = rounded = 0
    for a in range(posts.size):
        total, before = acc[a], old[0, a]
        held = total
        if sign == 1:
            held = max(held, 0)
        elif sign == 2:
            held = min(held, 0)
        rounded_value = (held + lift) >> 7
        value = min(max(rounded_value, low), high)
        if value != before:
            weights[start + posts[a]] = value
        if total != before << 7:
            proposed += 1
            full = held != total or value != rounded_value
            saturated += 1 if full else 0
            applied += 1 if value != before else 0
            rounded += 1 if value == before and not full else 0
    counts[L_PROPOSED] += proposed
    counts[L_APPLIED] += applied
    counts[L_SATURATED] += saturated
    counts[L_ROUNDED] += rounded
