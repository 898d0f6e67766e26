"""A slow, literal simulation of a program without plasticity, made of the pure functions in `arithmetic.py`."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from neurotrain_hw.program import Program
from neurotrain_hw.simulator import arithmetic as a
from neurotrain_hw.synapses import derive_sign_mode, truncate_weights


class Reference:
    """Runs dense inputs {name: int (T, n)}; keeps spikes, u, v, third factors and event counts of every step."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.weights = {c.name: self._weights(c) for c in program.connections}
        self.state = {p.name: {k: np.zeros(p.n, np.int64) for k in "uvz"} for p in program.populations}
        self.due = defaultdict(lambda: defaultdict(lambda: 0))
        self.log = defaultdict(list)
        self.events = dict.fromkeys((c.name for c in program.connections), 0)
        self.active = dict.fromkeys((p.name for p in program.populations), 0)

    def _weights(self, c):
        mode = c.sign_mode or derive_sign_mode(c.weights)
        return truncate_weights(c.weights, mode, c.num_weight_bits).astype(np.int64)

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
        s, one = self.state[p.name], {k: p.parameter(k).astype(np.int64) for k in p.parameters}
        arriving = {port: np.zeros(p.n, np.int64) for port in ("current", "signal")}
        for c in self.program.connections:
            if c.post == p.name:
                arriving[c.port] = a.wrap32(arriving[c.port] + self.due[c.name].pop(t, 0))
        if p.kind == "lif_reset":
            hit = t % one["reset_interval"] == one["reset_offset"] % one["reset_interval"]
            for k in "uvz":
                s[k] = np.where(hit, 0, s[k])
        bias = a.effective_bias(one["bias_mant"], one["bias_exp"])
        self.active[p.name] += int(((arriving["current"] != 0) | (bias != 0) | (s["u"] != 0) | (s["v"] != 0)).sum())
        s["u"] = a.update_current(s["u"], arriving["current"], one["du"])
        v = a.update_voltage(s["v"], s["u"], bias, one["dv"])
        high = one["vth_hi" if p.kind == "ternary_lif" else "vth"] << 6
        spike = (v > high).astype(np.int64)
        if p.kind == "ternary_lif":
            spike = np.where(spike == 1, 1, -(v < one["vth_lo"] << 6).astype(np.int64))
        error = self.modulate(p, s, v, high, spike, arriving["signal"], sent)
        s["v"] = np.where(spike != 0, 0, v)
        for k in "uv":
            self.log[f"{p.name}.{k}"].append(s[k].copy())
        return spike, error

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
        w = self.weights[c.name]
        values = values if c.num_message_bits else (values != 0).astype(np.int64)
        stored = (w != 0) if c.kind == "sparse" else np.ones(w.shape, bool)
        self.events[c.name] += int(stored[:, values != 0].sum())
        delays = np.zeros(w.shape, np.int64) if c.delays is None else c.delays
        for d in np.unique(delays):
            acc = a.wrap32(np.where(delays == d, w, 0) @ values)
            shifted = acc << c.weight_exp if c.weight_exp > 0 else acc >> -c.weight_exp
            self.due[c.name][t + 1 + int(d)] = a.wrap32(self.due[c.name][t + 1 + int(d)] + a.wrap32(shifted))
