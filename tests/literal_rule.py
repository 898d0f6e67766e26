"""One plastic connection run step by step, with the neurons and traces of its rule written out beside it.

A test computes what the published equation changes a weight by, in weight units and without rounding, and `check`
holds the simulator to it: the new weight must be that change, rounded with the random number of the step, but for what
the engine drops when it shifts a product right. Shares no code with the simulator; reads the rule's constants from its
file. Random numbers as in section 3.5 of the notes on Lava.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Connection, Modulator, Population, Program
from neurotrain_hw.rules import load_rule
from neurotrain_hw.simulator import Session

N_IN, N_POST, N_OUT = 7, 5, 3
LIF = {"du": 4095, "dv": 400, "vth": 400, "bias_mant": 0, "bias_exp": 0}
THETA, SEED, EXTERNAL_TAU = LIF["vth"] << 6, 11, 65535.0
Terms = np.ndarray | tuple[np.ndarray, ...]
RANGES = {"mixed": (-256, 255), "excitatory": (0, 255), "t": (-257, 255)}


@dataclass(frozen=True)
class Event:
    """One step: weights and tags before, spikes as 0 and 1, traces with their impulses, third factors as read."""

    t: int
    w: np.ndarray
    tag: np.ndarray
    pre: np.ndarray
    post: np.ndarray
    x: dict[str, np.ndarray]
    y: dict[str, np.ndarray]
    new_w: np.ndarray
    new_tag: np.ndarray
    random: float


class Lesson:
    """in -> post, learning by a rule; with `back`, a population `out` whose error comes back to the port `signal`;
    with `label`, an input of that name does."""

    def __init__(
        self, name: str, *, modulator: Modulator | None = None, sign: str = "mixed", rate: float = 0.2
    ) -> None:
        self.rule, self.sign, self.rate = load_rule(name), sign, rate
        self.rng = np.random.default_rng(5)
        signal = self.rule.modulation.signal if modulator and modulator.signal == "feedback" else "none"
        self.feedback = 2 * self.rng.integers(-60, 60, (N_POST, N_OUT))
        self.readout = 2 * self.rng.integers(0, 80, (N_OUT, N_POST))
        self.weights = 2 * self.rng.integers(10, 60, (N_POST, N_IN))
        program = self._program(modulator, labelled=signal == "target-projection", back=signal == "error-random")
        self.session = Session(program, record=("post.spikes", "post.v", "out.spikes"))
        self.tag = np.zeros((N_POST, N_IN), np.int64)
        self.x = {k: np.zeros(N_IN, np.int64) for k in ("x1", "x2") if k in self.rule.traces}
        self.y = {k: np.zeros(N_POST, np.int64) for k in ("y1", "y2", "y3") if k in self.rule.traces}
        self.v, self.arriving, self.z = (
            np.zeros(N_POST, np.int64),
            np.zeros(N_POST, np.int64),
            np.zeros(N_OUT, np.int64),
        )
        self.x_decay, self.y_decay = np.random.default_rng(SEED), np.random.default_rng(SEED + 2)
        self.x_impulse = np.random.default_rng(SEED + 1)
        self.x_impulse.integers(0, 128, size=1)
        self.rounding = np.random.default_rng(2)
        for generator in (self.x_decay, self.y_decay, self.rounding):
            generator.random()
        self.out = np.zeros(N_OUT, np.int64)
        self.changed = 0

    def _program(self, modulator: Modulator | None, *, labelled: bool, back: bool) -> Program:
        error = Modulator("error", target="target", trace_decay=400, trace_impulse=1200, trace_shift=5)
        learns = Connection("learns", "dense", "in", "post", self.weights.astype(np.int16), sign_mode=self.sign,
                            plasticity=self.rule.plasticity(rng_seed=SEED))  # fmt: skip
        read = Connection("read", "dense", "post", "out", self.readout.astype(np.int16), sign_mode="mixed")
        connections, matrix = [learns, read], self.feedback.astype(np.int16)
        if labelled:
            connections.append(
                Connection("project", "dense", "label", "post", matrix, sign_mode="mixed", port="signal")
            )
        if back:
            connections.append(Connection("back", "dense", "out", "post", matrix, sign_mode="mixed",
                                          num_message_bits=8, port="signal", pre_port="error"))  # fmt: skip
        inputs = [Population("in", "input", (N_IN,)), Population("target", "input", (N_OUT,))]
        inputs += [Population("label", "input", (N_OUT,))] if labelled else []
        neurons = [Population("post", "lif", (N_POST,), LIF, modulator), Population("out", "lif", (N_OUT,), LIF, error)]
        return Program("lesson", (*inputs, *neurons), tuple(connections))

    def membrane(self) -> np.ndarray:
        """The membranes of the coming step, before the reset: v' of a LIF neuron without current memory."""
        product = self.v * (4096 - LIF["dv"])
        return np.sign(product) * (np.abs(product) >> 12) + (self.arriving << 6)

    def error(self, target: np.ndarray) -> np.ndarray:
        """The error that `out` forms in the step just run, as the equation of `Modulator` has it."""
        product = self.z * (4096 - 400)
        self.z = np.sign(product) * (np.abs(product) >> 12) + self.out * 1200
        return np.clip(target - (self.z >> 5), -127, 127)

    def step(self, given: dict[str, np.ndarray] | None = None, **inputs: np.ndarray) -> Event:
        """Run one step on random input spikes; `given`: third factors y1..y3, `inputs`: of other populations."""
        pre = (self.rng.random(N_IN) < self.rate).astype(np.int64)
        streams = {k: EventStream.from_dense(v[None].astype(np.int32)) for k, v in ({"in": pre} | inputs).items()}
        factors = [
            np.zeros(N_POST, np.int64) if given is None or k not in given else given[k] for k in ("y1", "y2", "y3")
        ]
        third = {"learns": np.array(factors, np.int32)[:, None]} if given is not None else None
        before, tag, expected = self.weights, self.tag, self.membrane() > THETA
        run = self.session.run(streams, steps=1, third_factors=third)
        post, self.v = run.spikes["post"].dense()[0].astype(np.int64), run.states["post.v"][0].astype(np.int64)
        np.testing.assert_array_equal(post != 0, expected)
        self.arriving, self.out = before @ pre, run.spikes["out"].dense()[0].astype(np.int64)
        self.weights = run.weights["learns"].astype(np.int64)
        self.tag = run.tags.get("learns.tag_1", np.zeros_like(before)).astype(np.int64)
        random_x, random_y = self.x_decay.random(2)[1], self.y_decay.random(2)[1]
        fraction = [self.x_impulse.integers(0, 128, size=1)[0] for _ in range(2)][1]
        for traces, spikes, random in ((self.x, pre, random_x), (self.y, post, random_y)):
            for name, values in traces.items():
                trace = self.rule.traces[name]
                whole = int(trace.impulse)
                impulse = whole + (fraction < round(256 * (trace.impulse - whole)))
                traces[name] = np.clip(_decay(values, trace.tau, random) + impulse * spikes, 0, 127)
        for name in ("x1", "y1"):
            literal, engine = {**self.x, **self.y}.get(name), run.traces.get(f"learns.{name}")
            if literal is not None and engine is not None:
                np.testing.assert_array_equal(engine, literal)
        y = {k: _decay(v, EXTERNAL_TAU, random_y) for k, v in given.items()} if given else dict(self.y)
        return Event(
            self.session.step, before, tag, pre, post, dict(self.x), y, self.weights, self.tag, self.rounding.random()
        )

    def check(self, event: Event, dw: Terms, dt: Terms | None = None) -> None:
        """The simulator changed weights (and tags) by these terms, rounded as the step's number says.

        A term for each product of the rule, in order, or one array where the accumulator is far from its limits.
        """
        self._check(event.w, dw, event.new_w, event.random, self.rule.dw, RANGES[self.sign])
        if dt is not None:
            self._check(event.tag, dt, event.new_tag, event.random, self.rule.dt, RANGES["t"])
        self.changed += int((event.new_w != event.w).sum())

    def _check(self, old, change, new, random, total, limits) -> None:
        """Sums are kept in 1/128 and 16 bits; a product that is shifted right loses less than its scale there."""
        terms = change if isinstance(change, tuple) else (change,)
        losses = [2.0 ** (p.exp + 7) if p.shift else 0.0 for p in total.products]
        losses = losses if len(terms) == len(losses) else [sum(losses)] * len(terms)
        least = most = 128.0 * old
        for term, lost in zip(terms, losses, strict=True):
            exact = 128.0 * np.broadcast_to(term, old.shape)
            assert lost or (exact == np.rint(exact)).all(), "without a shift the sums are exact"
            least = _accumulated(least, np.ceil(exact - lost - 1e-6))
            most = _accumulated(most, np.floor(exact + 1e-6))
        low, high = (np.clip(_rounded(acc, random), *limits) for acc in (least, most))
        assert ((low <= new) & (new <= high)).all(), (old, change, new, low, high)


def _accumulated(acc: np.ndarray, term: np.ndarray) -> np.ndarray:
    return np.clip(acc + np.clip(term, -(2**15) - 1, 2**15 - 1), -(2**15) - 1, 2**15 - 1)


def _decay(values: np.ndarray, tau: float, random: float) -> np.ndarray:
    z = values * math.exp(-1 / tau)
    return (np.floor(z) + (random < z - np.floor(z))).astype(np.int64)


def _rounded(acc: np.ndarray, random: float) -> np.ndarray:
    z = acc / 128
    return np.floor(z) + (random < z - np.floor(z))
