"""The compiled step: connections deliver, neurons update, spikes travel, plastic connections learn.

Work on synapses follows events: a silent pre neuron costs nothing, a connection with nothing in flight is skipped.
Every formula is a pure function in `arithmetic.py`, against which these kernels are tested.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from neurotrain_hw.simulator.layout import (
    C_BUFFER,
    C_DEPTH,
    C_ERROR,
    C_EXP,
    C_GRADED,
    C_POST,
    C_POST_N,
    C_POST_START,
    C_PRE,
    C_PRE_N,
    C_PRE_START,
    C_ROWS,
    C_RULE,
    C_SIGNAL,
    C_SLOT,
    C_SPARSE,
    C_WEIGHTS,
    I32,
    I64,
    M_DECAY,
    M_IMPULSE,
    M_PSI,
    M_SHIFT,
    M_SIGNAL,
    M_TARGET,
    M_TRACE_SHIFT,
    M_WIDTH,
    P_INPUT,
    P_KIND,
    P_MODULATOR,
    P_N,
    P_START,
)
from neurotrain_hw.simulator.plasticity import learn
from neurotrain_hw.simulator.rule_tables import R_EPOCH, R_POST_N, R_THIRD
from neurotrain_hw.simulator.traces import see_spikes

V_LIMIT = 2**23


class State(NamedTuple):
    """Everything that changes during a run; one entry per neuron unless said otherwise.

    `sent`: value sent in this step. `error`, `third`: the modulator's error and third factor M. `active`: indices of
    the neurons that sent, per population from its start on, `active_n` of them. `buffer`: what is in flight, per
    connection (depth, n_post); `slot_used`: which slots hold anything. `w`, `tag_1`, `tag_2`, `x`, `y`, `tx`, `ty`:
    plastic weights, tags, traces and spike times within the epoch, at the offsets of the rule tables. `below`: per
    rule, whether a tag_1 stands at -257, below what the accumulator holds.
    """

    u: I32
    v: I32
    z: I32
    sent: I32
    error: I32
    third: I32
    current: I32
    signal: I32
    active: I32
    active_n: I64
    buffer: I32
    slot_used: npt.NDArray[np.bool_]
    accumulator: I32
    w: I32
    tag_1: I32
    tag_2: I32
    x: I32
    y: I32
    tx: I32
    ty: I32
    below: npt.NDArray[np.bool_]


class Inputs(NamedTuple):
    """Input events of a run: `pointer` int64 (inputs, steps + 1), `neuron` and `value` int32 over all inputs.

    `third` int32 (rules, 3, steps or 0, widest post): recorded third factors for rules whose post population has no
    modulator.
    """

    pointer: I64
    neuron: I32
    value: I32
    third: I32


class Recorder(NamedTuple):
    """What a run records: `events` flags (populations,), `states` first row in u, v, M tables or -1 (populations, 3).

    `neuron`, `value`: recorded events; `per_step` int64 (steps, populations): how many. `used` int64 (1,): entries of
    `neuron` in use; `table` int32 (rows, steps): recorded states.
    """

    events: npt.NDArray[np.bool_]
    states: I64
    neuron: I32
    value: I32
    per_step: I64
    used: I64
    table: I32


class Counts(NamedTuple):
    """Counters: per neuron `spikes`; per population `active`, `idle`; per connection `events`; per rule `learning`."""

    spikes: I64
    active: I64
    idle: I64
    events: I64
    learning: I64


def _digest_of_sources() -> int:
    """A number that changes with any module that the compiled code is made of."""
    folder = Path(__file__).parent
    modules = ("kernels", "layout", "plasticity", "rule_tables", "traces")
    sources = [(folder / f"{name}.py").read_bytes() for name in modules]
    return int(hashlib.sha256(b"".join(sources)).hexdigest()[:15], 16)


def _compiled(digest: int) -> Any:
    """`advance`, kept on disk under the digest: Numba's own key does not see a change in a function that is called."""

    @njit(cache=True, nogil=True)
    def advance(net, state, inputs, recorder, numbers, counts, first, last, offset, learning):
        """Run steps `first` to `last` (from 1); `offset` is the step before row 0 of inputs, recorder and numbers.

        Stops early where the recorder is full and returns the next step to run.
        """
        if digest < 0:  # never; it makes the digest part of the cache's key
            return first
        room = recorder.neuron.size - state.v.size
        for t in range(first, last + 1):
            if recorder.used[0] > room:
                return t
            k = t - 1 - offset
            _deliver(net, state, t)
            for p in range(net.populations.shape[0]):
                if net.populations[p, P_KIND] == 0:
                    _take_input(net, state, inputs, p, k)
            for p in range(net.populations.shape[0]):
                if net.populations[p, P_KIND] != 0:
                    _update_neurons(net, state, p, t, counts)
                _count_and_record(net, state, recorder, counts, p, k)
            for c in range(net.connections.shape[0]):
                _propagate(net, state, c, t, counts)
            if learning:
                _learn(net, state, inputs, numbers, counts, t, k, offset)
        return last + 1

    return advance


@njit(nogil=True)
def _deliver(net, state, t):
    """Sum what arrives at step t into `current` and `signal`; int32 sums that wrap."""
    state.current[:] = 0
    state.signal[:] = 0
    for c in range(net.connections.shape[0]):
        row = net.connections[c]
        slot = t % row[C_DEPTH]
        if not state.slot_used[row[C_SLOT] + slot]:
            continue
        state.slot_used[row[C_SLOT] + slot] = False
        n, start = row[C_POST_N], row[C_POST_START]
        arriving = state.buffer[row[C_BUFFER] + slot * n : row[C_BUFFER] + (slot + 1) * n]
        into = state.signal[start : start + n] if row[C_SIGNAL] else state.current[start : start + n]
        for i in range(n):
            into[i] = np.int32(into[i] + arriving[i])
            arriving[i] = 0


@njit(nogil=True)
def _take_input(net, state, inputs, p, k):
    start, n, row = net.populations[p, P_START], net.populations[p, P_N], net.populations[p, P_INPUT]
    for a in range(state.active_n[p]):
        state.sent[start + state.active[start + a]] = 0
    count = 0
    if k < inputs.pointer.shape[1] - 1:
        for e in range(inputs.pointer[row, k], inputs.pointer[row, k + 1]):
            i, value = inputs.neuron[e], inputs.value[e]
            if value != 0 and i < n:
                state.sent[start + i] = value
                state.active[start + count] = i
                count += 1
    state.active_n[p] = count


@njit(nogil=True, forceinline=True)
def _shift_toward_zero(x, bits):
    """`arithmetic.shift_toward_zero`."""
    return x >> bits if x >= 0 else -((-x) >> bits)


@njit(nogil=True)
def _update_neurons(net, state, p, t, counts):
    """`arithmetic.update_current`, `.update_voltage`, threshold, reset, and the modulator.

    Inside the loop only scalars and local arrays are touched: handing the tuples on would count references per neuron.
    """
    kind, start, n = net.populations[p, P_KIND], net.populations[p, P_START], net.populations[p, P_N]
    us, vs, zs, current, signal = state.u, state.v, state.z, state.current, state.signal
    sent, error, third, spiking = state.sent, state.error, state.third, state.active
    du, dv, biases, theta, theta_low = net.du, net.dv, net.bias, net.theta, net.theta_low
    modulated = net.populations[p, P_MODULATOR] >= 0
    m = net.modulators[max(net.populations[p, P_MODULATOR], 0)] if modulated else net.populations[p]
    count = 0
    active = 0
    for i in range(start, start + n):
        if kind == 2 and t % net.interval[i] == net.offset[i]:
            us[i] = vs[i] = zs[i] = 0
        u, v, a, bias = np.int64(us[i]), np.int64(vs[i]), current[i], biases[i]
        if (u | v | a | bias) != 0:
            active += 1
            u = np.int64(np.int32(_shift_toward_zero(u * (4095 - du[i]), 12) + np.int64(np.int32(np.int64(a) << 6))))
            if u > V_LIMIT:
                u -= 1 << 24
            elif u <= -V_LIMIT:
                u += 1 << 24
            v = np.int64(np.int32(_shift_toward_zero(v * (4096 - dv[i]), 12) + u + bias))
            v = min(max(v, -V_LIMIT + 1), V_LIMIT - 1)
            us[i] = u
        spike = 0
        if v > theta[i]:
            spike = 1
        elif kind == 3 and v < theta_low[i]:
            spike = -1
        if modulated:
            psi = 0 if m[M_PSI] == 1 and abs(v - theta[i]) > m[M_WIDTH] else 1
            if m[M_SIGNAL] == 0:
                target = sent[m[M_TARGET] + i - start]
                zs[i], error[i] = _error(zs[i], spike, target, m[M_DECAY], m[M_IMPULSE], m[M_TRACE_SHIFT])
                third[i] = psi * error[i]
            else:
                third[i] = psi * min(max(_shift_toward_zero(np.int64(signal[i]), m[M_SHIFT]), -127), 127)
        vs[i] = 0 if spike != 0 else v
        sent[i] = spike
        if spike != 0:
            spiking[start + count] = i - start
            count += 1
    state.active_n[p] = count
    counts.active[p] += active
    counts.idle[p] += n - active


@njit(nogil=True, forceinline=True)
def _error(z, spike, target, decay, impulse, shift):
    """The filtered spikes z and the error of an output neuron, as `program.Modulator` defines them."""
    z = min(_shift_toward_zero(np.int64(z) * (4096 - decay), 12) + spike * impulse, V_LIMIT - 1)
    return z, min(max(np.int64(target) - (z >> shift), -127), 127)


@njit(nogil=True)
def _count_and_record(net, state, recorder, counts, p, k):
    start, n = net.populations[p, P_START], net.populations[p, P_N]
    for a in range(state.active_n[p]):
        counts.spikes[start + state.active[start + a]] += 1
    if recorder.events[p]:
        used = recorder.used[0]
        for a in range(state.active_n[p]):
            i = state.active[start + a]
            recorder.neuron[used] = i
            recorder.value[used] = state.sent[start + i]
            used += 1
        recorder.per_step[k, p] = state.active_n[p]
        recorder.used[0] = used
    for which in range(3):
        row = recorder.states[p, which]
        if row >= 0:
            source = state.u if which == 0 else (state.v if which == 1 else state.third)
            for i in range(n):
                recorder.table[row + i, k] = source[start + i]


@njit(nogil=True)
def _propagate(net, state, c, t, counts):
    """Add this step's spikes of connection c to what is due at the steps after."""
    row = net.connections[c]
    if row[C_ERROR]:
        pre_count = row[C_PRE_N]
    else:
        pre_count = state.active_n[row[C_PRE]]
    if pre_count == 0:
        return
    n, depth, start, base = row[C_POST_N], row[C_DEPTH], row[C_PRE_START], row[C_WEIGHTS]
    acc, sent, errors, active = state.accumulator, state.sent, state.error, state.active
    fixed, plastic, listed, column, delay = net.weights, state.w, net.listed, net.column, net.delay
    events = 0
    for a in range(pre_count):
        j = a if row[C_ERROR] else active[start + a]
        value = errors[start + j] if row[C_ERROR] else sent[start + j]
        if value == 0:
            continue
        if not row[C_GRADED]:
            value = np.int32(1)
        if row[C_SPARSE]:
            first, last = net.row_pointer[row[C_ROWS] + j], net.row_pointer[row[C_ROWS] + j + 1]
            for s in range(first, last):
                at = delay[s] * n + column[s]
                acc[at] = np.int32(acc[at] + listed[s] * value)
            events += last - first
        elif row[C_RULE] >= 0:
            learned = plastic[base + j * n : base + (j + 1) * n]
            for i in range(n):
                acc[i] = np.int32(acc[i] + learned[i] * value)
            events += n
        else:
            given = fixed[base + j * n : base + (j + 1) * n]
            for i in range(n):
                acc[i] = np.int32(acc[i] + given[i] * value)
            events += n
    counts.events[c] += events
    if events == 0:
        return
    exp = row[C_EXP]
    for d in range(depth):
        slot = (t + 1 + d) % depth
        due = state.buffer[row[C_BUFFER] + slot * n : row[C_BUFFER] + (slot + 1) * n]
        arriving = acc[d * n : (d + 1) * n]
        for i in range(n):
            total = np.int64(arriving[i])
            total = total << exp if exp > 0 else total >> -exp
            due[i] = np.int32(due[i] + total)
            arriving[i] = 0
        state.slot_used[row[C_SLOT] + slot] = True


@njit(nogil=True)
def _learn(net, state, inputs, numbers, counts, t, k, offset):
    for c in range(net.connections.shape[0]):
        row = net.connections[c]
        r = row[C_RULE]
        if r < 0:
            continue
        n, epoch = net.rules.rules[r, R_POST_N], net.rules.rules[r, R_EPOCH]
        third = np.zeros((3, n), np.int32)
        if net.rules.rules[r, R_THIRD]:
            if net.populations[row[C_POST], P_MODULATOR] >= 0:
                for i in range(n):
                    m = state.third[row[C_POST_START] + i]
                    third[0, i], third[1, i] = max(m, 0), max(-m, 0)
            elif k < inputs.third.shape[2]:
                third[:] = inputs.third[r, :, k, :n]
        see_spikes(net.rules, r, state, state.sent, row[C_PRE_START], row[C_POST_START], third, t, k, numbers)
        if t % epoch == 0:
            number = t // epoch - 1 - offset // epoch
            learn(net.rules, r, state, t, k, number, numbers, counts.learning[r])


advance = _compiled(_digest_of_sources())
