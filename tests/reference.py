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

    `log`: lists of rows by name, `<population>.spikes`, `.<state>`, `.y1` to `.y3`. `events`: synaptic events by
    connection; `active`: neuron updates with something to do by population, `thirds` those with a third factor.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.weights = {c.name: self._weights(c) for c in program.connections}
        self.stored = {c.name: _stored(c, self.weights[c.name]) for c in program.connections}
        self.state = {p.name: _rest(p) for p in program.populations}
        self.due = defaultdict(lambda: defaultdict(lambda: 0))
        self.log = defaultdict(list)
        self.events = dict.fromkeys((c.name for c in program.connections), 0)
        self.goodness = {}
        self.thirds = dict.fromkeys((p.name for p in program.populations), 0)
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
            if c.post == p.name and c.port != "none":
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
            out, error = self.lif(p, t, s, one, bias, arriving, sent)
        else:
            out, error = getattr(self, p.kind)(s, one, bias, arriving["current"], arriving["imag"]), None
        for k in STATES[p.kind]:
            self.log[f"{p.name}.{k}"].append(s[k].copy())
        return out, error

    def lif(self, p, t, s, one, bias, arriving, sent):
        how = p.arithmetic
        s["u"] = a.update_current(s["u"], arriving["current"], one["du"], how.u_overflow)
        v = a.update_voltage(s["v"], s["u"], bias, one["dv"], how.v_overflow)
        m, noise = p.modulator, np.zeros(p.n, np.int64)
        if m is not None and m.beside == "noise":
            noise = self.noise(p, t)
            v = np.clip(v + (noise << m.noise_exp), 1 - 2**23, 2**23 - 1)
        theta = one["vth_hi" if p.kind == "ternary_lif" else "vth"] << 6
        spike = a.exceeds(v, theta, how.threshold).astype(np.int64)
        if p.kind == "ternary_lif":
            spike = a.ternary_spike(v, one["vth_lo"] << 6, theta, how.threshold)
        if p.kind == "lif_refractory":
            waits = s["refractory"] > 0
            spike, v = np.where(waits, 0, spike), np.where(waits, s["v"], v)
            s["refractory"] = a.count_refractory(s["refractory"], spike, one["refractory_period"])
        error = None if m is None else self.modulate(p, s, v, theta, spike, arriving["signal"], sent, noise)
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

    def modulate(self, p, s, v, theta, spike, signal, sent, noise):
        """The error that a population sends; its third factors go to the log; in Python's integers."""
        m, rows, errors = p.modulator, [], []
        goodness = self.goodness.get(p.name, 0)
        self.goodness[p.name] = 0
        for i in range(p.n):
            x = int(v[i]) - int(theta[i])
            z = min(_tz(int(s["z"][i]) * (4096 - m.trace_decay), 12) + int(spike[i]) * m.trace_impulse, 2**23 - 1)
            if not (m.signal == "goodness" or m.beside == "trace" or (m.signal == "error" and m.output == "spikes")):
                z = 0
            s["z"][i], h = z, z >> m.trace_shift
            self.goodness[p.name] = min(self.goodness[p.name] + min(h, 127) ** 2, 2**31 - 1)
            learned = 0
            if m.signal == "feedback":
                learned = int(signal[i])
            elif m.signal == "error":
                output = h if m.output == "spikes" else int(v[i]) >> m.trace_shift
                e = _clip(int(sent[m.target][i]) - output, -127, 127)
                learned = (abs(e) // m.error_step) * (1 if e > 0 else -1)
                errors.append(learned if m.error_sent == "value" else (learned > 0) - (learned < 0))
            elif m.signal == "reward":
                learned = _clip(int(sent[m.target][0]), -127, 127)
            elif m.signal == "goodness":
                value = int(sent[m.target][0])
                phase = (value > 0) - (value < 0)
                q = _clip(64 - phase * ((goodness >> m.goodness_shift) - m.goodness_level), 0, 127)
                learned = phase * ((q * min(h, 127)) >> 7)
            psi, bits = _psi(m, x)
            weight, shift = (1, 0) if m.beside == "psi_alone" else (psi, bits)
            third = _clip(_tz(weight * learned, m.signal_shift + shift), -127, 127)
            halves = [max(third, 0), max(-third, 0)]
            first = {"trace": [min(h, 127)], "noise": [64 + int(noise[i])], "nothing": []}
            rows.append([*first.get(m.beside, [min(psi << m.beside_shift, 127)]), *halves, 0][:3])
            self.thirds[p.name] += third != 0
        for k in range(3):
            self.log[f"{p.name}.y{k + 1}"].append(np.array([row[k] for row in rows], np.int64))
        return np.array(errors, np.int64) if m.signal == "error" else None

    def noise(self, p, t):
        """xi of every neuron in step t: number (t - 1) * n + i + 1 of SplitMix64, in Python's integers."""
        return np.array([_splitmix(p.modulator.noise_seed, (t - 1) * p.n + i + 1) % 127 - 63 for i in range(p.n)])

    def propagate(self, c, t, values):
        values = values if c.num_message_bits else (values != 0).astype(np.int64)
        if c.kind == "conv":
            arriving, self.events[c.name] = self.convolve(c, values), self.events[c.name] + self.reached(c, values)
            self.due[c.name][t + 1] = arriving
            return
        if c.port == "none":
            return
        w = self.weights[c.name]
        if c.transpose_of is not None:
            w = np.array([[self.weights[c.transpose_of][k, j] for k in range(w.shape[1])] for j in range(w.shape[0])])
            w = np.sign(w) if c.signs_only else w
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


def _psi(m, x):
    """psi at a distance x from the threshold, and the bits that it is worth."""
    if m.psi == "none":
        return 1, 0
    if m.psi == "box":
        return int(abs(x) <= m.psi_halfwidth), 0
    if m.psi == "triangle":
        return 31 - sum((k * m.psi_halfwidth) >> 5 <= abs(x) for k in range(1, 32)), 5
    return m.psi_values[sum(bound <= x for bound in m.psi_bounds)], 5


def _splitmix(seed, number):
    z = (seed + number * 0x9E3779B97F4A7C15) % 2**64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    return z ^ (z >> 31)


def _tz(value, shift):
    return -(-value >> shift) if value < 0 else value >> shift


def _clip(value, low, high):
    return min(max(value, low), high)


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
