"""A slow, literal simulation of a program without plasticity, made of the pure functions in `arithmetic.py`."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from neurotrain_hw.program import STATES, Program
from neurotrain_hw.program.synapses import SparseWeights
from neurotrain_hw.simulator import arithmetic as a

LIFS = ("lif", "lif_reset", "lif_refractory", "ternary_lif")


class Reference:
    """Runs dense inputs {name: int (T, n)}; keeps spikes, all states, third factors and counts of every step.

    `log`: lists of rows by name, `<population>.spikes`, `.<state>`, `.y1`, `.y2`. `events`: synaptic events by
    connection; `active`: neuron updates with something to do by population.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.weights = {c.name: self._weights(c) for c in program.connections}
        self.stored = {c.name: _stored(c, self.weights[c.name]) for c in program.connections}
        self.state = {p.name: _rest(p) for p in program.populations}
        self.due = defaultdict(lambda: defaultdict(lambda: 0))
        self.log = defaultdict(list)
        self.events = dict.fromkeys((c.name for c in program.connections), 0)
        self.active = dict.fromkeys((p.name for p in program.populations), 0)

    def _weights(self, c):
        return c.matrix().astype(np.int64)

    def run(self, inputs: dict, steps: int) -> Reference:
        for t in range(1, steps + 1):
            self.step(t, inputs)
        return self

    def step(self, t: int, inputs: dict) -> None:
        sent, error = {}, {}
        for p in self.program.populations:
            if p.kind == "input":
                data = inputs[p.name]
                sent[p.name] = data[t - 1].astype(np.int64) if t <= len(data) else np.zeros(p.n, np.int64)
        for p in self.program.populations:
            if p.kind != "input":
                sent[p.name], error[p.name] = self.neurons(p, t, sent)
        for c in self.program.connections:
            self.propagate(c, t, error[c.pre] if c.pre_port == "error" else sent[c.pre])
        for p in self.program.populations:
            self.log[f"{p.name}.spikes"].append(sent[p.name])

    def neurons(self, p, t, sent):
        """What a population sends in step t, and the error of its modulator."""
        s, one = self.state[p.name], {k: p.parameter(k).astype(np.int64) for k in p.parameters}
        arriving = {port: np.zeros(p.n, np.int64) for port in ("current", "imag", "signal")}
        for c in self.program.connections:
            if c.post == p.name:
                arriving[c.port] = a.wrap32(arriving[c.port] + self.due[c.name].pop(t, 0))
        if p.kind == "lif_reset":
            hit = t % one["reset_interval"] == one["reset_offset"] % one["reset_interval"]
            for k in s:
                s[k] = np.where(hit, 0, s[k])
        bias = _bias(one, p.n)
        rest = _rest(p)
        busy = (arriving["current"] != 0) | (arriving["imag"] != 0) | (bias != 0)
        self.active[p.name] += int(np.any([busy, *(s[k] != rest[k] for k in STATES[p.kind])], axis=0).sum())
        if p.kind in LIFS:
            out, error = self.lif(p, s, one, bias, arriving, sent)
        else:
            out, error = getattr(self, p.kind)(s, one, bias, arriving["current"], arriving["imag"]), None
        for k in STATES[p.kind]:
            self.log[f"{p.name}.{k}"].append(s[k].copy())
        return out, error

    def lif(self, p, s, one, bias, arriving, sent):
        how = p.arithmetic
        s["u"] = a.update_current(s["u"], arriving["current"], one["du"], how.u_overflow)
        v = a.update_voltage(s["v"], s["u"], bias, one["dv"], how.v_overflow)
        theta = one["vth_hi" if p.kind == "ternary_lif" else "vth"] << 6
        spike = a.exceeds(v, theta, how.threshold).astype(np.int64)
        if p.kind == "ternary_lif":
            spike = a.ternary_spike(v, one["vth_lo"] << 6, theta, how.threshold)
        if p.kind == "lif_refractory":
            waits = s["refractory"] > 0
            spike, v = np.where(waits, 0, spike), np.where(waits, s["v"], v)
            s["refractory"] = a.count_refractory(s["refractory"], spike, one["refractory_period"])
        error = self.modulate(p, s, v, theta, spike, arriving["signal"], sent)
        s["v"] = a.reset_voltage(v, theta, spike, how.reset)
        return spike, error

    def atrlif(self, s, one, bias, current, imag):
        s["u"] = a.update_current(s["u"], current, one["du"])
        s["v"] = a.update_voltage(s["v"], s["u"], bias, one["dv"])
        theta = a.decay_theta(s["theta"], a.scale(one["theta_0"], 6), one["dtheta"])
        spike, s["r"], s["theta"] = a.adapt(s["v"], a.decay(s["r"], one["dr"]), theta, a.scale(one["theta_step"], 6))
        return spike

    def sigma(self, s, one, bias, current, imag):
        s["sigma"] = a.wrap32(s["sigma"] + current)
        return s["sigma"].copy()

    def delta(self, s, one, bias, current, imag):
        return self.encode(s, one, a.scale(current, one["spike_exp"] + one["state_exp"]))

    def sigma_delta(self, s, one, bias, current, imag):
        s["sigma"] = a.wrap32(s["sigma"] + current)
        return self.encode(s, one, a.activate(s["sigma"], bias, one["relu"]))

    def encode(self, s, one, act):
        threshold = a.scale(one["vth"], one["spike_exp"] + one["state_exp"])
        coded, s["residue"], s["error"] = a.encode_delta(
            act, s["act"], s["residue"], s["error"], threshold, one["cum_error"]
        )
        s["act"] = act
        return coded >> one["state_exp"]

    def rf(self, s, one, bias, current, imag):
        before = s["imag"]
        s["real"], s["imag"] = self.resonate(s, one, current, imag)
        return a.fire_at_phase(s["real"], s["imag"], before, a.scale(one["vth"], one["state_exp"]))

    def rf_iz(self, s, one, bias, current, imag):
        real, imag = self.resonate(s, one, current, imag)
        spike, s["real"], s["imag"] = a.fire_and_reset(real, imag, a.scale(one["vth"], one["state_exp"]))
        return spike

    def resonate(self, s, one, current, imag):
        real_in, imag_in = a.scale(current, one["state_exp"]), a.scale(imag, one["state_exp"])
        return a.resonate(s["real"], s["imag"], real_in, imag_in, one["sin_decay"], one["cos_decay"], one["decay_bits"])

    def rf_zero(self, s, one, bias, current, imag):
        sent, s["u"], s["v"] = a.resonate_zero(s["u"], s["v"], current, imag, one["lst"], one["lct"], one["uth"])
        return sent

    def modulate(self, p, s, v, theta, spike, signal, sent):
        m = p.modulator
        if m is None:
            return None
        psi = a.third_factor_box(v, theta, m.psi_halfwidth) if m.psi == "box" else 1
        if m.signal == "feedback":
            third, error = psi * np.clip(a.shift_toward_zero(signal, m.signal_shift), -127, 127), None
        else:
            s["z"] = np.minimum(a.decay(s["z"], m.trace_decay) + spike * m.trace_impulse, 2**23 - 1)
            error = np.clip(sent[m.target] - (s["z"] >> m.trace_shift), -127, 127)
            third = psi * error
        self.log[f"{p.name}.y1"].append(np.maximum(third, 0))
        self.log[f"{p.name}.y2"].append(np.maximum(-third, 0))
        return error

    def propagate(self, c, t, values):
        values = values if c.num_message_bits else (values != 0).astype(np.int64)
        if c.kind == "conv":
            arriving, self.events[c.name] = self.convolve(c, values), self.events[c.name] + self.reached(c, values)
            self.due[c.name][t + 1] = arriving
            return
        w = self.weights[c.name]
        self.events[c.name] += int(self.stored[c.name][:, values != 0].sum())
        delays = _delays(c)
        for d in np.unique(delays):
            late = a.sum_messages(np.where(delays == d, w, 0), values, c.weight_exp, wide=c.kind == "delay_dense")
            self.due[c.name][t + 1 + int(d)] = a.wrap32(self.due[c.name][t + 1 + int(d)] + late)

    def convolve(self, c, values):
        """One output neuron and one tap after the other; the sum wraps into 24 bits."""
        out = np.zeros(self.program.population(c.post).shape, np.int64)
        image = values.reshape(self.program.population(c.pre).shape)
        for place, tap, position in self.taps(c):
            channels = self.channels(c, place[2])
            products = a.wrap32(self.weights[c.name][(place[2], *tap)] * image[(*position, channels)])
            out[place] = a.wrap32(out[place] + products.sum())
        return a.wrap24(a.shift_sum(out, c.weight_exp)).ravel()

    def reached(self, c, values):
        """Pairs of an output neuron and a tap (with its channel of the input) that a value reaches."""
        image = values.reshape(self.program.population(c.pre).shape)
        return sum(int((image[(*at, self.channels(c, place[2]))] != 0).sum()) for place, _, at in self.taps(c))

    def channels(self, c, c_out):
        """The input channels of the group that an output channel belongs to."""
        outputs, _, _, width = self.weights[c.name].shape
        group = c_out // (outputs // c.conv.groups)
        return slice(group * width, (group + 1) * width)

    def taps(self, c):
        """Every output neuron, index into the (flipped) kernel, and position in the input that lies inside it."""
        _, k_x, k_y, _ = self.weights[c.name].shape
        size, g = self.program.population(c.pre).shape, c.conv
        for place in np.ndindex(*self.program.population(c.post).shape):
            for i, j in np.ndindex(k_x, k_y):
                x = place[0] * g.stride[0] + i * g.dilation[0] - g.padding[0]
                y = place[1] * g.stride[1] + j * g.dilation[1] - g.padding[1]
                if 0 <= x < size[0] and 0 <= y < size[1]:
                    yield place, (k_x - 1 - i, k_y - 1 - j), (x, y)


def _rest(p):
    """The state before the first step; z is the trace of a modulator."""
    rest = {k: np.zeros(p.n, np.int64) for k in (*STATES[p.kind], "z")}
    if p.kind == "atrlif":
        rest["theta"] = a.scale(p.parameter("theta_0"), 6)
    return rest


def _bias(one, n):
    """The constant that is added at every step, as it enters the update."""
    if "bias" in one:
        return a.scale(one["bias"], one["spike_exp"] + one["state_exp"])
    if "bias_mant" in one:
        return a.effective_bias(one["bias_mant"], one["bias_exp"])
    return np.zeros(n, np.int64)


def _stored(c, weights):
    """Which synapses the chip holds, bool (n_post, n_pre)."""
    if isinstance(c.weights, SparseWeights):
        stored = np.zeros(c.weights.shape, bool)
        for pre in range(c.weights.shape[1]):
            stored[c.weights.post[c.weights.pointer[pre] : c.weights.pointer[pre + 1]], pre] = True
        return stored
    return weights != 0 if c.kind in ("sparse", "delay_sparse") else np.ones(weights.shape, bool)


def _delays(c):
    if isinstance(c.weights, SparseWeights):
        return c.weights.delays()
    return np.zeros(c.weights.shape, np.int64) if c.delays is None else c.delays
