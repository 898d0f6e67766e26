"""The compiled loops of the float twin, over the tables that `twin_tables` fills."""

from __future__ import annotations

import numpy as np
from numba import njit

compiled = njit(cache=True, nogil=True, error_model="numpy")
"""Divisors are never 0, so none is checked."""

P_FIRST, P_N, P_INPUT, P_INTERVAL, P_OFFSET, P_REACHED, P_SUBTRACT, P_SIGNAL, P_PSI, P_TARGET = range(10)
P_SENDS_SIGN, P_TRACE = 10, 11
P_COLUMNS = 12
"""A population: place of its first neuron, size, and so on; P_SIGNAL one of the numbers below, 0 for none.
P_SENDS_SIGN: its error leaves as a sign; P_TRACE: y1 is its trace, and the halves of the third factor y2 and y3."""
FEEDBACK, ERROR, REWARD = 1, 2, 3

F_HALFWIDTH, F_SIGNAL_SCALE, F_KEEP, F_IMPULSE, F_TRACE_SCALE = range(5)
F_COLUMNS = 5
"""Real constants of a population's modulator."""

N_KEEP_U, N_KEEP_V, N_THETA, N_BIAS = range(4)
"""Rows of a neuron's constants (4, neurons)."""

U, V, Z, E, SENT, CURRENT, SIGNAL, Y1, Y2, Y3 = range(10)
STATES = 10
"""Rows of the state (STATES, neurons): the third factors of this step are Y1..Y3."""

C_PRE, C_POST, C_WEIGHTS, C_TO_SIGNAL, C_FROM_ERROR, C_RULE, C_BACKWARD = range(7)
C_COLUMNS = 7
"""A connection: populations, place of its first weight (laid out n_pre x n_post), ports, rule or -1.
C_BACKWARD: the weights are another connection's, laid out n_post x n_pre. C_TO_SIGNAL: TO_SIGNAL or TO_NOTHING, 0 for
the current."""
TO_SIGNAL, TO_NOTHING = 1, 2

R_CONNECTION, R_X, R_Y, R_TAGS, R_THREE, R_GROUPS, R_GROUP_COUNT, R_PLAIN, R_HAS_T = range(9)
R_COLUMNS = 9
"""A rule: its connection, places of its traces x (2, n_pre), y (3, n_post) and tags, and its groups of products;
R_PLAIN: one group, without synaptic factors."""

G_PRODUCTS, G_COUNT, G_TARGET = range(3)
G_COLUMNS = 3
"""Products of one target that share their pre and synaptic factors; G_TARGET 0: the weight, 1: the tag."""

Q_DEPENDENCY, Q_U, Q_FACTORS, Q_COUNT = range(4)
Q_COLUMNS = 4
"""A product: dependency X0, Y0 or EVERY, and its factors."""
X0, Y0, EVERY = range(3)

K_VARIABLE, K_SIGN, K_COLUMNS = 0, 1, 2
"""A factor: one of the numbers below, and whether only its sign counts."""
X1, X2, YY1, YY2, YY3, GATE_X, GATE_Y, WEIGHT, TAG = range(9)


@compiled
def run(pops, reals, neurons, state, conns, scales, weights, rules, bounds, decays, traces_x, traces_y, tags,
        groups, products, product_scales, factors, constants, inputs, step, learning, out, counts):  # fmt: skip
    """Go through inputs (T, all input neurons) after step `step`; the spikes of population `out` add to counts (n,)."""
    for k in range(inputs.shape[0]):
        step += 1
        at = 0
        for p in range(pops.shape[0]):
            if pops[p, P_INPUT]:
                n, first = pops[p, P_N], pops[p, P_FIRST]
                state[SENT, first : first + n] = inputs[k, at : at + n]
                at += n
        for p in range(pops.shape[0]):
            if not pops[p, P_INPUT]:
                _neurons(pops, reals, neurons, state, p, step)
        for c in range(conns.shape[0]):
            _propagate(pops, state, conns, scales, weights, c)
        if learning:
            for r in range(rules.shape[0]):
                _learn(pops, state, conns, weights, rules, bounds, decays, traces_x, traces_y, tags, groups, products,
                       product_scales, factors, constants, r, step)  # fmt: skip
        first = pops[out, P_FIRST]
        for j in range(pops[out, P_N]):
            counts[j] += state[SENT, first + j]


@compiled
def _neurons(pops, reals, neurons, state, p, step):
    """One step of a population: reset by the clock, integrate, spike, form the third factor, reset."""
    first, n, interval = pops[p, P_FIRST], pops[p, P_N], pops[p, P_INTERVAL]
    if interval > 0 and step % interval == pops[p, P_OFFSET] % interval:
        state[U, first : first + n] = 0.0
        state[V, first : first + n] = 0.0
        state[Z, first : first + n] = 0.0
    signal = pops[p, P_SIGNAL]
    for i in range(first, first + n):
        u = state[U, i] * neurons[N_KEEP_U, i] + state[CURRENT, i] * 64.0
        v = state[V, i] * neurons[N_KEEP_V, i] + u + neurons[N_BIAS, i]
        theta = neurons[N_THETA, i]
        spike = v > theta or (pops[p, P_REACHED] != 0 and v == theta)
        form = 0.0
        z = state[Z, i] * reals[p, F_KEEP] + spike * reals[p, F_IMPULSE]
        state[Z, i] = z
        if signal == FEEDBACK:
            form = state[SIGNAL, i] * reals[p, F_SIGNAL_SCALE]
        elif signal == ERROR:
            form = state[SENT, pops[pops[p, P_TARGET], P_FIRST] + i - first] - z * reals[p, F_TRACE_SCALE]
            state[E, i] = form
            if pops[p, P_SENDS_SIGN]:  # less than the least error of the chip has no sign there
                state[E, i] = np.sign(form) if abs(form) >= 1.0 else 0.0
        elif signal == REWARD:
            form = state[SENT, pops[pops[p, P_TARGET], P_FIRST]] * reals[p, F_SIGNAL_SCALE]
        if pops[p, P_PSI] == 1 and abs(v - theta) > reals[p, F_HALFWIDTH]:
            form = 0.0
        if pops[p, P_TRACE]:
            state[Y1, i] = z * reals[p, F_TRACE_SCALE]
            state[Y2, i], state[Y3, i] = max(form, 0.0), max(-form, 0.0)
        else:
            state[Y1, i], state[Y2, i] = max(form, 0.0), max(-form, 0.0)
        if spike:
            v = v - theta if pops[p, P_SUBTRACT] else 0.0
        state[U, i], state[V, i], state[SENT, i] = u, v, 1.0 if spike else 0.0
        state[CURRENT, i] = state[SIGNAL, i] = 0.0


@compiled
def _propagate(pops, state, conns, scales, weights, c):
    """What a connection carries to the next step."""
    if conns[c, C_TO_SIGNAL] == TO_NOTHING:
        return
    pre, post = pops[conns[c, C_PRE]], pops[conns[c, C_POST]]
    row, into = E if conns[c, C_FROM_ERROR] else SENT, SIGNAL if conns[c, C_TO_SIGNAL] else CURRENT
    n, first = post[P_N], post[P_FIRST]
    for i in range(pre[P_N]):
        value = state[row, pre[P_FIRST] + i] * scales[c]
        if value == 0.0:
            continue
        if conns[c, C_BACKWARD]:
            for j in range(n):
                state[into, first + j] += value * weights[conns[c, C_WEIGHTS] + j * pre[P_N] + i]
        else:
            start = conns[c, C_WEIGHTS] + i * n
            _add_scaled(state[into, first : first + n], value, weights[start : start + n])


@compiled
def _learn(pops, state, conns, weights, rules, bounds, decays, traces_x, traces_y, tags, groups, products,
           product_scales, factors, constants, r, step):  # fmt: skip
    """Close the epoch of a step: traces, then weights and tags from their old values."""
    c = rules[r, R_CONNECTION]
    pre, post = pops[conns[c, C_PRE]], pops[conns[c, C_POST]]
    n_pre, n_post = pre[P_N], post[P_N]
    x = traces_x[rules[r, R_X] : rules[r, R_X] + 2 * n_pre].reshape(2, n_pre)
    y = traces_y[rules[r, R_Y] : rules[r, R_Y] + 3 * n_post].reshape(3, n_post)
    x0, y0 = state[SENT, pre[P_FIRST] : pre[P_FIRST] + n_pre], state[SENT, post[P_FIRST] : post[P_FIRST] + n_post]
    for k in range(2):
        for i in range(n_pre):
            x[k, i] = x[k, i] * decays[r, 0, k] + (decays[r, 1, k] if x0[i] != 0 else 0.0)
    for k in range(3):
        for j in range(n_post):
            if rules[r, R_THREE]:
                y[k, j] = state[Y1 + k, post[P_FIRST] + j]
            else:
                y[k, j] = y[k, j] * decays[r, 0, 2 + k] + (decays[r, 1, 2 + k] if y0[j] != 0 else 0.0)
    count = rules[r, R_GROUP_COUNT]
    of_pre, of_post = np.empty((count, n_pre)), np.zeros((count, n_post))
    busy = False
    for g in range(count):
        group = groups[rules[r, R_GROUPS] + g]
        for q in range(group[G_PRODUCTS], group[G_PRODUCTS] + group[G_COUNT]):
            if products[q, Q_DEPENDENCY] == EVERY and step % (1 << products[q, Q_U]) != 0:
                continue
            busy = _add_post(of_post[g], y, y0, products[q], product_scales[q], factors, constants) or busy
        _fill_pre(of_pre[g], x, x0, products[group[G_PRODUCTS]], factors, constants)
    if not busy:
        return
    at, tag_at = conns[c, C_WEIGHTS], rules[r, R_TAGS]
    if rules[r, R_PLAIN]:
        _outer(weights[at : at + n_pre * n_post], of_pre[0], of_post[0], bounds[r, 0], bounds[r, 1])
        return
    dw, dt = np.empty(n_post), np.empty(n_post)
    for i in range(n_pre):
        dw[:] = 0.0
        dt[:] = 0.0
        moved = False
        for g in range(count):
            group = groups[rules[r, R_GROUPS] + g]
            if of_pre[g, i] != 0.0:
                moved = True
                change = dt if group[G_TARGET] else dw
                w = weights[at + i * n_post : at + (i + 1) * n_post]
                t = tags[tag_at + i * n_post : tag_at + (i + 1) * n_post] if rules[r, R_HAS_T] else w
                _add(change, of_pre[g, i], of_post[g], w, t, products[group[G_PRODUCTS]], factors, constants)
        if moved:
            _change(weights[at + i * n_post : at + (i + 1) * n_post], dw, bounds[r, 0], bounds[r, 1])
            if rules[r, R_HAS_T]:
                tags[tag_at + i * n_post : tag_at + (i + 1) * n_post] += dt


@compiled
def _outer(weights, pre, post, low, high):
    """Add the outer product of the two parts to the weights of a connection, within bounds."""
    n = post.size
    for i in range(pre.size):
        factor = pre[i]
        if factor != 0.0:
            for j in range(n):
                w = weights[i * n + j] + factor * post[j]
                w = low if w < low else w
                weights[i * n + j] = high if w > high else w


@compiled
def _change(weights, change, low, high):
    """Add changes to weights (n,) within bounds."""
    for j in range(weights.size):
        w = weights[j] + change[j]
        w = low if w < low else w
        weights[j] = high if w > high else w


@compiled
def _add_post(part, y, y0, product, scale, factors, constants):
    """Add a product's post part (n_post,), its scale included; whether any of it is not 0."""
    busy = False
    for j in range(part.size):
        if product[Q_DEPENDENCY] == Y0 and y0[j] == 0:
            continue
        value = scale
        for f in range(product[Q_FACTORS], product[Q_FACTORS] + product[Q_COUNT]):
            variable = factors[f, K_VARIABLE]
            if YY1 <= variable <= YY3:
                value *= y[variable - YY1, j] + constants[f]
            elif variable == GATE_Y:
                value *= (y0[j] != 0) + constants[f]
        part[j] += value
        busy = busy or value != 0.0
    return busy


@compiled
def _fill_pre(part, x, x0, product, factors, constants):
    """A product's pre part (n_pre,)."""
    for i in range(part.size):
        value = 0.0 if product[Q_DEPENDENCY] == X0 and x0[i] == 0 else 1.0
        for f in range(product[Q_FACTORS], product[Q_FACTORS] + product[Q_COUNT]):
            variable = factors[f, K_VARIABLE]
            if variable <= X2:
                value *= x[variable, i] + constants[f]
            elif variable == GATE_X:
                value *= (x0[i] != 0) + constants[f]
        part[i] = value


@compiled
def _add_scaled(change, pre, post):
    """change += pre * post."""
    for j in range(change.size):
        change[j] += pre * post[j]


@compiled
def _add(change, pre, post, w, t, product, factors, constants):
    """Add pre part times post part times synaptic factors to the change of one pre neuron's synapses (n_post,)."""
    synaptic = False
    for f in range(product[Q_FACTORS], product[Q_FACTORS] + product[Q_COUNT]):
        synaptic = synaptic or factors[f, K_VARIABLE] >= WEIGHT
    if not synaptic:
        _add_scaled(change, pre, post)
        return
    for j in range(change.size):
        value = pre * post[j]
        if value == 0.0:
            continue
        for f in range(product[Q_FACTORS], product[Q_FACTORS] + product[Q_COUNT]):
            variable = factors[f, K_VARIABLE]
            if variable >= WEIGHT:
                factor = (w[j] if variable == WEIGHT else t[j]) + constants[f]
                value *= np.sign(factor) if factors[f, K_SIGN] else factor
        change[j] += value
