"""The learning engine: traces, and sums of products applied to weights and tags at the end of an epoch.

Compiled; exact against Lava's `LearningConnectionModelBitApproximate` (`magma/core/model/py/connection.py`).
Work follows events: a pre neuron whose products are all zero in this epoch is not visited.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

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

LOW, HIGH = -(2**15) - 1, 2**15 - 1
# counters of a learning connection
L_PROPOSED, L_APPLIED, L_ROUNDED, L_SATURATED, L_TRACES = range(5)


@njit(cache=True, nogil=True)
def see_spikes(tables, r, state, sent, pre_start, post_start, third, t, k, numbers):
    """Note this step's spikes: times within the epoch, impulses of repeated spikes; take the third factors."""
    rule = tables.rules[r]
    n_pre, n_post, epoch = rule[R_PRE_N], rule[R_POST_N], rule[R_EPOCH]
    now = (t - 1) % epoch + 1
    x, y, tx, ty = rule[R_X], rule[R_Y], rule[R_TX], rule[R_TY]
    for j in range(n_pre):
        if sent[pre_start + j] != 0:
            if state.tx[tx + j] > 0:
                for v in range(2):
                    at = x + v * n_pre + j
                    state.x[at] = _impulse(state.x[at], tables.impulse[r, v, 0], tables.impulse[r, v, 1], 0)
            state.tx[tx + j] = now
    for i in range(n_post):
        if sent[post_start + i] != 0:
            if state.ty[ty + i] > 0:
                for v in range(3):
                    at = y + v * n_post + i
                    state.y[at] = _impulse(
                        state.y[at], tables.impulse[r, 2 + v, 0], tables.impulse[r, 2 + v, 1],
                        numbers.y_impulse_early[r, k],
                    )  # fmt: skip
            state.ty[ty + i] = now
    if rule[R_THIRD]:
        for v in range(3):
            for i in range(n_post):
                state.y[y + v * n_post + i] = third[v, i]


@njit(cache=True, nogil=True)
def learn(tables, r, state, t, k, epoch_number, numbers, counts):
    """Close an epoch of rule r: decay traces, change w, d and t, forget the spike times."""
    rule = tables.rules[r]
    n_pre, n_post, epoch = rule[R_PRE_N], rule[R_POST_N], rule[R_EPOCH]
    tx = state.tx[rule[R_TX] : rule[R_TX] + n_pre]
    ty = state.ty[rule[R_TY] : rule[R_TY] + n_post]
    x = state.x[rule[R_X] : rule[R_X] + 2 * n_pre].reshape(2, n_pre)
    y = state.y[rule[R_Y] : rule[R_Y] + 3 * n_post].reshape(3, n_post)
    hx = _history(x, tx, tables.decay[r, :2], tables.impulse[r, :2], epoch, numbers.x_decay[r, k],
                  numbers.x_impulse[r, k], counts)  # fmt: skip
    hy = _history(y, ty, tables.decay[r, 2:], tables.impulse[r, 2:], epoch, numbers.y_decay[r, k],
                  numbers.y_impulse[r, k], counts)  # fmt: skip
    x[:] = hx[epoch]
    if not rule[R_THIRD]:
        y[:] = hy[epoch]
    _apply(tables, r, state, hx, hy, tx, ty, (t // epoch) % rule[R_PERIOD] == 0, numbers.weight[r, epoch_number],
           t == epoch, counts)  # fmt: skip
    tx[:] = 0
    ty[:] = 0


@njit(cache=True, nogil=True)
def _impulse(value, whole, fraction, random):
    """`arithmetic.add_impulse`."""
    return min(max(value + whole + (1 if random < fraction else 0), 0), 127)


@njit(cache=True, nogil=True)
def _history(traces, times, decay, impulse, epoch, random_decay, random_impulse, counts):
    """Traces at every step of the epoch, int32 (epoch + 1, traces, n): `arithmetic.decay_trace`, `.add_impulse`."""
    kinds, n = traces.shape
    out = np.zeros((epoch + 1, kinds, n), np.int32)
    out[0] = traces
    for v in range(kinds):
        used = decay[v] != 0.0 or impulse[v, 0] != 0 or impulse[v, 1] != 0
        for i in range(n):
            value = traces[v, i]
            if value == 0 and times[i] == 0:
                continue
            if used:
                counts[L_TRACES] += 1
            for step in range(1, epoch + 1):
                z = decay[v] * value
                whole = math.floor(z)
                value = np.int64(whole) + (1 if random_decay < z - whole else 0)
                if times[i] == step:
                    value = _impulse(value, impulse[v, 0], impulse[v, 1], random_impulse)
                out[step, v, i] = value
    return out


@njit(cache=True, nogil=True)
def _apply(tables, r, state, hx, hy, tx, ty, decimated, random, first_epoch, counts):
    rule = tables.rules[r]
    n_pre, n_post, epoch = rule[R_PRE_N], rule[R_POST_N], rule[R_EPOCH]
    first, last = rule[R_FIRST], rule[R_LAST]
    pre = np.zeros((last - first, n_pre), np.int32)
    post = np.zeros((last - first, epoch + 1, n_post), np.int32)
    for q in range(first, last):
        if tables.products[q, Q_DEPENDENCY] != 2 or decimated:
            _pre_part(tables, q, hx, tx, epoch, pre[q - first])
            _post_part(tables, q, hy, ty, epoch, post[q - first])
    targets = np.zeros(3, np.bool_)
    for q in range(first, last):
        targets[tables.products[q, Q_TARGET]] = True
    posts = _live_posts(post, first_epoch)
    if posts.size == 0:
        return
    lift = 127 - math.floor(random * 128)
    old = np.empty((3, posts.size), np.int32)
    acc = np.empty(posts.size, np.int32)
    for j in range(n_pre):
        live = first_epoch
        for q in range(last - first):
            live = live or pre[q, j] != 0
        if not live:
            continue
        start = rule[R_SYNAPSES] + j * n_post
        for a in range(posts.size):
            at = start + posts[a]
            old[0, a], old[1, a], old[2, a] = state.w[at], state.tag_2[at], state.tag_1[at]
        for target in range(3):
            if not targets[target]:
                continue
            for a in range(posts.size):
                acc[a] = min(max(old[target, a] << 7, LOW), HIGH)
            for q in range(first, last):
                if tables.products[q, Q_TARGET] == target and pre[q - first, j] != 0:
                    spread = tables.products[q, Q_DEPENDENCY] == 0 and epoch > 1
                    slot = tx[j] if spread else 0
                    _add_product(tables, q, pre[q - first, j], post[q - first, slot], posts, hx, ty, j, old, acc)
            if target == 0:
                _store_weights(acc, old[0], posts, state.w[start : start + n_post], rule[R_SIGN], lift, counts)
            elif target == 1:
                for a in range(posts.size):
                    state.tag_2[start + posts[a]] = min((max(acc[a], 0) + lift) >> 7, 255)
            else:
                for a in range(posts.size):
                    state.tag_1[start + posts[a]] = min(max((acc[a] + lift) >> 7, -257), 255)


@njit(cache=True, nogil=True)
def _live_posts(post, every):
    """Indices of the post neurons for which any product can be other than 0; in the first epoch every one."""
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


@njit(cache=True, nogil=True)
def _factor(value, factor):
    """clip(value + constant, -2^W, 2^W - 1), or the sign of the sum."""
    total = value + factor[F_CONSTANT]
    if factor[F_SIGN]:
        return (1 if total > 0 else 0) - (1 if total < 0 else 0)
    return min(max(total, -factor[F_LIMIT]), factor[F_LIMIT] - 1)


@njit(cache=True, nogil=True)
def _pre_part(tables, q, hx, tx, epoch, out):
    """Product of the factors that hang on the pre neuron alone, with the gate x0 and the mantissa; int32 wraps."""
    product = tables.products[q]
    for j in range(out.size):
        gate = tx[j] > 0
        at = tx[j] if product[Q_DEPENDENCY] == 0 else epoch
        value = product[Q_MANT] if gate or product[Q_DEPENDENCY] != 0 else 0
        for f in range(product[Q_FIRST], product[Q_LAST]):
            variable = tables.factors[f, F_VARIABLE]
            if variable < 2 and not product[Q_CROSSED]:
                value = np.int32(value * _factor(hx[at, variable, j], tables.factors[f]))
            elif variable == 5:
                value = np.int32(value * _factor(1 if gate else 0, tables.factors[f]))
        out[j] = value


@njit(cache=True, nogil=True)
def _post_part(tables, q, hy, ty, epoch, out):
    """Product of the factors that hang on the post neuron alone, with the gate y0.

    Slot 0 holds it, but for a product gated by x0 in an epoch of several steps: there slot k holds the value for a
    pre spike at step k of the epoch.
    """
    product = tables.products[q]
    spread = product[Q_DEPENDENCY] == 0 and epoch > 1
    for slot in range(1 if spread else 0, epoch + 1 if spread else 1):
        for i in range(out.shape[1]):
            gate = ty[i] > 0
            at = slot if spread else (ty[i] if product[Q_DEPENDENCY] == 1 else epoch)
            value = 1 if gate or product[Q_DEPENDENCY] != 1 else 0
            for f in range(product[Q_FIRST], product[Q_LAST]):
                variable = tables.factors[f, F_VARIABLE]
                if 2 <= variable < 5:
                    value = np.int32(value * _factor(hy[at, variable - 2, i], tables.factors[f]))
                elif variable == 6:
                    value = np.int32(value * _factor(1 if gate else 0, tables.factors[f]))
            out[slot, i] = value


@njit(cache=True, nogil=True)
def _add_product(tables, q, pre, post, posts, hx, ty, j, old, acc):
    """acc = clip(acc + clip((P >> shift) << exp)) for the live post neurons of pre neuron j; P in int32 that wraps."""
    product = tables.products[q]
    shift, exp = product[Q_SHIFT], product[Q_EXP]
    plain = not product[Q_SYNAPTIC] and not product[Q_CROSSED]
    for a in range(posts.size):
        i = posts[a]
        if post[i] == 0:
            continue
        value = np.int32(pre * post[i])
        if not plain:
            for f in range(product[Q_FIRST], product[Q_LAST]):
                variable = tables.factors[f, F_VARIABLE]
                if variable >= 7:
                    value = np.int32(value * _factor(old[variable - 7, a], tables.factors[f]))
                elif variable < 2 and product[Q_CROSSED]:
                    value = np.int32(value * _factor(hx[ty[i], variable, j], tables.factors[f]))
        value = min(max(np.int32((value >> shift) << exp), LOW), HIGH)
        acc[a] = min(max(acc[a] + value, LOW), HIGH)


@njit(cache=True, nogil=True)
def _store_weights(acc, old, posts, out, sign, lift, counts):
    """Sign, stochastic rounding (`arithmetic.round_weight`) and range of the weights; counts what became of them."""
    low = 0 if sign == 1 else (-255 if sign == 2 else -256)
    high = 0 if sign == 2 else 255
    proposed = applied = saturated = rounded = 0
    for a in range(posts.size):
        total = acc[a]
        held = total
        if sign == 1:
            held = max(held, 0)
        elif sign == 2:
            held = min(held, 0)
        rounded_value = (held + lift) >> 7
        value = min(max(rounded_value, low), high)
        out[posts[a]] = value
        if total != old[a] << 7:
            proposed += 1
            full = held != total or value != rounded_value
            saturated += 1 if full else 0
            applied += 1 if value != old[a] else 0
            rounded += 1 if value == old[a] and not full else 0
    counts[L_PROPOSED] += proposed
    counts[L_APPLIED] += applied
    counts[L_SATURATED] += saturated
    counts[L_ROUNDED] += rounded
