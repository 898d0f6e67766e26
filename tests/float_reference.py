"""A learning program in real numbers, written out on whole matrices: what the compiled float twin is held against."""

from __future__ import annotations

import math

import numpy as np

from neurotrain_hw.rules.language import parse_sum

RANGE = {"mixed": (-256, 255), "excitatory": (0, 255), "inhibitory": (-255, 0)}


class FloatReference:
    """Runs dense inputs {name: (T, n)} step by step; `weights` by connection, `spikes` of every step by population."""

    def __init__(self, program):
        self.program = program
        self.weights = {c.name: c.matrix().astype(float) for c in program.connections}
        self.due = {c.name: np.zeros(c.weights.shape[0]) for c in program.connections}
        self.state = {p.name: {k: np.zeros(p.n) for k in "uvz"} for p in program.populations}
        self.rules = {c.name: Engine(c) for c in program.connections if c.plasticity is not None}
        self.spikes = {p.name: [] for p in program.populations}

    def run(self, inputs, steps):
        for t in range(1, steps + 1):
            sent, error, third = {}, {}, {}
            for p in self.program.populations:
                if p.kind == "input":
                    sent[p.name] = np.asarray(inputs[p.name][t - 1], float)
            for p in self.program.populations:
                if p.kind != "input":
                    self.neurons(p, t, sent, error, third)
            for c in self.program.connections:
                weights = self.weights[c.name] if c.transpose_of is None else self.weights[c.transpose_of].T
                self.due[c.name] = weights @ (error if c.pre_port == "error" else sent)[c.pre]
                self.due[c.name] *= 2.0**c.weight_exp
            for name, engine in self.rules.items():
                c = self.program.connection(name)
                engine.learn(t, self.weights[name], sent[c.pre] != 0, sent[c.post] != 0, third.get(c.post))
            for p in self.program.populations:
                self.spikes[p.name].append(sent[p.name])
        return self

    def neurons(self, p, t, sent, error, third):
        s, one = self.state[p.name], {k: p.parameter(k).astype(float) for k in p.parameters}
        arriving = {"current": np.zeros(p.n), "signal": np.zeros(p.n), "none": np.zeros(p.n)}
        for c in self.program.connections:
            if c.post == p.name:
                arriving[c.port] = arriving[c.port] + self.due[c.name]
        if p.kind == "lif_reset":
            hit = (t - one["reset_offset"]) % one["reset_interval"] == 0
            for k in s:
                s[k] = np.where(hit, 0.0, s[k])
        s["u"] = s["u"] * (4095 - one["du"]) / 4096 + 64 * arriving["current"]
        v = s["v"] * (4096 - one["dv"]) / 4096 + s["u"] + one["bias_mant"] * 2 ** one["bias_exp"]
        theta, m = 64 * one["vth"], p.modulator
        spike = v > theta
        sent[p.name] = spike.astype(float)
        if m is not None:
            s["z"] = s["z"] * (4096 - m.trace_decay) / 4096 + spike * m.trace_impulse
            filtered = s["z"] / 2**m.trace_shift
            if m.signal == "error":
                signal = sent[m.target] - filtered
                error[p.name] = np.trunc(np.clip(signal, -1, 1)) if m.error_sent == "sign" else signal
            elif m.signal == "reward":
                signal = np.full(p.n, sent[m.target][0] / 2**m.signal_shift)
            else:
                signal = arriving["signal"] / 2**m.signal_shift
            formed = signal * (np.abs(v - theta) <= m.psi_halfwidth) if m.psi == "box" else signal
            halves = [np.maximum(formed, 0), np.maximum(-formed, 0)]
            third[p.name] = [filtered, *halves] if m.beside == "trace" else [*halves, np.zeros(p.n)]
        s["v"] = np.where(spike, 0.0, v)


class Engine:
    """Traces, tag and sums of one learning connection, evaluated product by product."""

    def __init__(self, c):
        self.rule, (n_post, n_pre) = c.plasticity, c.weights.shape
        self.range = RANGE[c.resolved_sign_mode]
        self.trace = {k: np.zeros(n_pre if k[0] == "x" else n_post) for k in ("x1", "x2", "y1", "y2", "y3")}
        self.tag = np.zeros((n_post, n_pre))

    def learn(self, t, w, pre, post, third):
        for k in self.trace:
            tau, impulse = (float(self.rule.traces.get(f"{k}_{part}", 0)) for part in ("tau", "impulse"))
            keep = math.exp(-1 / tau) if tau else 0.0
            self.trace[k] = self.trace[k] * keep + impulse * (pre if k[0] == "x" else post)
        if self.rule.kind == "3f":
            self.trace |= dict(zip(("y1", "y2", "y3"), third or [np.zeros(len(post))] * 3, strict=True))
        dw, dt = (self.sum(text, t, w, pre, post) for text in (self.rule.dw, self.rule.dt))
        w[:] = np.clip(w + dw, *self.range)
        self.tag += dt

    def sum(self, text, t, w, pre, post):
        total = np.zeros_like(w)
        for p in parse_sum(text).products if text else ():
            part = np.full_like(w, p.mant * 2.0**p.exp / 2**p.shift)
            gate = {"x0": pre[None, :], "y0": post[:, None], "u": p.u is None or t % 2**p.u == 0}
            part = part * gate[p.dependency]
            for f in p.factors:
                value = {"w": w, "t": self.tag, "x0": pre[None, :], "y0": post[:, None]}.get(f.variable)
                if value is None:
                    value = self.trace[f.variable]
                    value = value[None, :] if f.variable[0] == "x" else value[:, None]
                part = part * (np.sign(value + f.constant) if f.sign_of else value + f.constant)
            total += part
        return total
