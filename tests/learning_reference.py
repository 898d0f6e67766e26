"""The learning engine written out densely, as sections 3.3 and 3.5 of the notes on Lava describe it.

Every synapse is visited at every epoch, every random number is drawn alone when it is due, and a sum of products is
evaluated factor by factor on whole matrices of 32-bit integers. Shares only the rule parser with the simulator.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from reference import Reference

from neurotrain_hw.program import Connection, Program
from neurotrain_hw.rules.language import parse_sum

BITS = {"x0": 1, "y0": 1, "x1": 7, "x2": 7, "y1": 7, "y2": 7, "y3": 7, "w": 9, "d": 9, "t": 9}
RANGE = {"mixed": (-256, 255), "excitatory": (0, 255), "inhibitory": (-255, 0)}


class LearningReference(Reference):
    """`Reference`, with plastic connections; `third` are recorded third factors int32 (3, steps, n_post)."""

    def __init__(self, program: Program, third: dict[str, np.ndarray] | None = None) -> None:
        super().__init__(program)
        self.third = third or {}
        self.engines = {c.name: Engine(c) for c in program.connections if c.plasticity is not None}

    def _weights(self, c: Connection) -> np.ndarray:
        return super()._weights(c) if c.plasticity is None else first_weights(c)

    def step(self, t: int, inputs: dict) -> None:
        super().step(t, inputs)
        for name, engine in self.engines.items():
            c = self.program.connection(name)
            pre, post = (self.log[f"{p}.spikes"][-1] != 0 for p in (c.pre, c.post))
            if name in self.third:
                factors = self.third[name][:, t - 1]
            elif self.program.population(c.post).modulator is not None:
                factors = np.array([self.log[f"{c.post}.y{k}"][-1] for k in (1, 2, 3)])
            else:
                factors = None
            engine.step(t, pre, post, factors)
            self.weights[name] = engine.var["w"]


class Engine:
    """The state of one learning connection: traces, times, w, d, t, generators and counts."""

    def __init__(self, c: Connection) -> None:
        self.rule = rule = c.plasticity
        n_post, n_pre = c.weights.shape
        self.sign = c.sign_mode or "mixed"
        zeros = np.zeros((n_post, n_pre), np.int64)
        self.var = {
            "w": first_weights(c),
            "d": zeros if rule.tag_2 is None else rule.tag_2.astype(np.int64),
            "t": zeros if rule.tag_1 is None else rule.tag_1.astype(np.int64),
        }
        self.x, self.y = np.zeros((2, n_pre), np.int64), np.zeros((3, n_post), np.int64)
        self.tx, self.ty = np.zeros(n_pre, np.int64), np.zeros(n_post, np.int64)
        self.x_tau, self.x_impulse = self._constants(("x1", "x2"))
        self.y_tau, self.y_impulse = self._constants(("y1", "y2", "y3"))
        if rule.kind == "3f":
            self.y_tau, self.y_impulse = np.full(3, 65535.0), np.zeros(3)
        self.sums = {v: parse_sum(text) for v, text in (("w", rule.dw), ("d", rule.dd), ("t", rule.dt)) if text}
        self.generators = [np.random.default_rng(rule.rng_seed + k) for k in range(4)]
        self.rounding = np.random.default_rng(2)
        self.counts: Counter[str] = Counter()
        self._draw()
        self.rounding.random(1)

    def _constants(self, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        given = self.rule.traces
        return tuple(np.array([float(given.get(f"{n}_{part}", 0)) for n in names]) for part in ("tau", "impulse"))

    def _draw(self) -> None:
        gx, ix, gy, iy = self.generators
        self.r_xd, self.r_yd = gx.random(1)[0], gy.random(1)[0]
        self.r_xi, self.r_yi = (g.integers(0, 128, size=1, dtype=int)[0] for g in (ix, iy))

    def step(self, t: int, pre: np.ndarray, post: np.ndarray, third: np.ndarray | None) -> None:
        now = (t - 1) % self.rule.t_epoch + 1
        again = (self.tx > 0) & pre
        self.x[:, again] = impulse(self.x[:, again], self.x_impulse, 0)
        self.tx[pre] = now
        self._draw()
        again = (self.ty > 0) & post
        self.y[:, again] = impulse(self.y[:, again], self.y_impulse, self.r_yi)
        self.ty[post] = now
        if self.rule.kind == "3f":
            self.y = third.astype(np.int64)
        self._draw()
        self.counts["random"] += 8
        if t % self.rule.t_epoch == 0:
            self.learn(t)

    def learn(self, t: int) -> None:
        r = self.rounding.random(1)[0]
        self.counts["random"] += self.rule.rounding == "shared"
        hx = self._history(self.x, self.tx, self.x_tau, self.x_impulse, self.r_xd, self.r_xi)
        hy = self._history(self.y, self.ty, self.y_tau, self.y_impulse, self.r_yd, self.r_yi)
        self.x = hx[-1]
        if self.rule.kind == "2f":
            self.y = hy[-1]
        old = dict(self.var)
        for v, series in self.sums.items():
            acc = old[v] << 7
            for product in series.products:
                acc = clip16(acc + self._product(product, hx, hy, old, t))
            self.var[v] = self._store(v, old[v], acc, self._round_up(v, r, t // self.rule.t_epoch))
            if self.rule.rounding == "independent":
                self.counts["random"] += int((acc != old[v] << 7).sum())
        self.tx[:] = 0
        self.ty[:] = 0

    def _history(self, traces, times, tau, size, r_decay, r_impulse):
        out = [traces]
        for k in range(1, self.rule.t_epoch + 1):
            row = np.zeros_like(traces)
            for v in range(len(tau)):
                if tau[v] != 0:
                    z = np.exp(-1 / tau[v]) * out[-1][v]
                    row[v] = np.floor(z).astype(np.int64) + (r_decay < z % 1)
            hit = times == k
            row[:, hit] = impulse(row[:, hit], size, r_impulse)
            out.append(row)
        self.counts["traces"] += sum(
            int(((traces[v] != 0) | (times != 0)).sum()) for v in range(len(tau)) if tau[v] != 0 or size[v] != 0
        )
        return np.array(out)

    def _product(self, product, hx, hy, old, t):
        gates = {"x0": self.tx[None, :] > 0, "y0": self.ty[:, None] > 0}
        if product.dependency == "u":
            gate = int(t / self.rule.t_epoch) % 2**product.u == 0
        else:
            gate = gates[product.dependency]
        out = np.ones(old["w"].shape, np.int32)
        out *= np.asarray(gate, np.int32)
        for f in product.factors:
            if f.variable in gates:
                value = gates[f.variable].astype(np.int64) + f.constant
            elif f.variable in old:
                value = old[f.variable] + f.constant
                value = np.sign(value) if f.sign_of else value
            else:
                value = self._trace(f.variable, product.dependency, hx, hy) + f.constant
            limit = 2 ** BITS[f.variable]
            out *= np.clip(value, -limit, limit - 1).astype(np.int32)
        out *= np.int32(product.mant)
        shift = max(0, sum(BITS[f.variable] for f in product.factors) + 4 - 15)
        return clip16(np.left_shift(np.right_shift(out, np.int32(shift)), np.int32(product.exp + 7)).astype(np.int64))

    def _trace(self, name, dependency, hx, hy):
        """The trace at the step that the dependency points to: of the pre spike, of the post spike, or the last."""
        v = int(name[1]) - 1
        n_post, n_pre = self.var["w"].shape
        at = {
            "x0": np.broadcast_to(self.tx[None, :], (n_post, n_pre)),
            "y0": np.broadcast_to(self.ty[:, None], (n_post, n_pre)),
            "u": np.full((n_post, n_pre), self.rule.t_epoch),
        }[dependency]
        if name[0] == "x":
            return hx[at, v, np.arange(n_pre)[None, :]]
        return hy[at, v, np.arange(n_post)[:, None]]

    def _round_up(self, v, r, epoch):
        """A function of what is dropped, in 0..1, that says whether to round up."""
        if self.rule.rounding == "nearest":
            return lambda dropped: dropped >= 0.5
        if self.rule.rounding == "independent":
            n_post, n_pre = self.var["w"].shape
            key = self.rule.rng_seed % 2**32, (self.rule.rng_seed >> 32) + ("wdt".index(v) << 30)
            j, i = np.mgrid[:n_post, :n_pre]
            r = threefry(key, (j + n_post * i, np.full_like(j, epoch))) / 2**32
        return lambda dropped: r < dropped

    def _store(self, v, old, acc, up):
        held, grid = acc, 1
        if v == "w" and self.rule.weight_bits is not None:
            grid = 2 ** (8 - self.rule.weight_bits + (self.sign == "mixed"))
        if v == "d" or (v == "w" and self.sign == "excitatory"):
            held = np.maximum(acc, 0)
        elif v == "w" and self.sign == "inhibitory":
            held = np.minimum(acc, 0)
        exact = held / (128 * grid)
        q = (np.floor(exact).astype(np.int64) + up(exact % 1)) * grid
        low, high = {"w": RANGE[self.sign], "d": (0, 255), "t": (-257, 255)}[v]
        new = np.clip(q, -(-low // grid) * grid, high // grid * grid)
        if v == "w":
            proposed, saturated = acc != old << 7, (held != acc) | (new != q)
            self.counts["proposed"] += int(proposed.sum())
            self.counts["applied"] += int((proposed & (new != old)).sum())
            self.counts["saturated"] += int((proposed & saturated).sum())
            self.counts["rounded"] += int((proposed & (new == old) & ~saturated).sum())
        return new


def threefry(key, counter):
    """Threefry-2x32 with 20 rounds (Salmon et al., SC 2011), written out in whole numbers of 64 bits."""
    keys = [*key, key[0] ^ key[1] ^ 0x1BD11BDA]
    x, y = ((c + k) % 2**32 for c, k in zip(counter, keys, strict=False))
    for n in range(20):
        x = (x + y) % 2**32
        turn = [13, 15, 26, 6, 17, 29, 16, 24][n % 8]
        y = (y * 2**turn % 2**32 + y // 2 ** (32 - turn)) ^ x
        if n % 4 == 3:
            m = n // 4 + 1
            x, y = (x + keys[m % 3]) % 2**32, (y + keys[(m + 1) % 3] + m) % 2**32
    return x


def first_weights(c: Connection) -> np.ndarray:
    """A plastic connection's weights are truncated once, in its own or the mixed mode, and not clipped."""
    sign = -1 if c.sign_mode == "inhibitory" else 1
    dropped = 8 - c.num_weight_bits + (c.sign_mode in (None, "mixed"))
    step = 2**dropped
    return sign * (sign * c.weights.astype(np.int64) // step) * step


def impulse(value, size, r):
    """clip(value + whole + (r < fraction in 1/256), 0, 127), traces in rows."""
    whole = np.floor(size)
    fraction = np.round((size - whole) * 256)
    return np.clip(value + whole[:, None] + (r < fraction)[:, None], 0, 127).astype(np.int64)


def clip16(value):
    """The accumulator's range, with Lava's bound one below that of 16 bits."""
    return np.clip(value, -(2**15) - 1, 2**15 - 1)
