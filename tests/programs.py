"""Random programs without plasticity: chains with modulators, and networks of every kind of population and connection.

Networks come from a seed, or from Hypothesis, which shrinks them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import hypothesis.strategies as st
import numpy as np
from modulators import random_feedback, random_modulator

from neurotrain_hw.events import EventStream
from neurotrain_hw.program import STATES, Arithmetic, Connection, Convolution, Population, Program

KINDS = tuple(kind for kind in STATES if kind != "input")
LIFS = ("lif", "lif_reset", "lif_refractory", "ternary_lif")
RESONATORS = ("rf", "rf_iz", "rf_zero")
GRADED = ("input", "sigma", "delta", "sigma_delta", "rf_zero")
LARGE = (-(2**31), -(2**31) + 1, 2**31 - 1, 2**30, -(2**30), 2**23, -(2**23), 2**17, -(2**17), 2**24 - 1, 1, -1)


@dataclass(frozen=True)
class Network:
    """A program, its dense inputs {name: int32 (steps, n)}, and a number of steps."""

    program: Program
    inputs: dict[str, np.ndarray]
    steps: int

    @property
    def streams(self) -> dict[str, EventStream]:
        return {name: EventStream.from_dense(values) for name, values in self.inputs.items()}

    @property
    def variables(self) -> list[str]:
        """Everything that can be recorded of its neurons."""
        return [f"{p.name}.{k}" for p in self.program.populations if p.kind != "input"
                for k in ("spikes", *STATES[p.kind])]  # fmt: skip


def random_network(seed: int, *, lava: bool = False, prefix: str = "", steps: int | None = None) -> Network:
    """A network of its seed; `lava`: only what Lava can run. `prefix` begins all names."""
    return _Builder(_Seeded(seed), lava, prefix).network(steps)


@st.composite
def networks(draw: st.DrawFn, *, lava: bool = False) -> Network:
    """Any network; few populations, neurons and connections come first when it shrinks."""
    return _Builder(_Drawn(draw), lava, "").network(None)


def side_by_side(parts: Iterable[Network]) -> Network:
    """Networks of as many steps and different names as one program."""
    parts = list(parts)
    populations = tuple(p for part in parts for p in part.program.populations)
    connections = tuple(c for part in parts for c in part.program.connections)
    inputs = {name: values for part in parts for name, values in part.inputs.items()}
    return Network(Program("side by side", populations, connections), inputs, parts[0].steps)


class _Seeded:
    """Choices from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def one_of(self, values):
        return values[self.integer(0, len(values) - 1)]

    def generator(self) -> np.random.Generator:
        return self.rng


class _Drawn:
    """Choices that Hypothesis shrinks; arrays come from a seed that it chooses."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def integer(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def one_of(self, values):
        return self.draw(st.sampled_from(values))

    def generator(self) -> np.random.Generator:
        return np.random.default_rng(self.draw(st.integers(0, 2**16)))


class _Builder:
    """Draws a network: inputs, populations each driven by one before it, then loops and further connections.

    `large`: values up to the ends of 32 bits among the inputs, so that u, v and everything else overflow.
    """

    def __init__(self, pick, lava: bool, prefix: str) -> None:
        self.pick, self.lava, self.prefix = pick, lava, prefix
        self.populations: list[Population] = []
        self.connections: list[Connection] = []
        self.large = False

    def network(self, steps: int | None) -> Network:
        pick = self.pick
        steps = steps or pick.one_of([12, 3, 25, 40])
        self.large = pick.one_of([False, False, False, True])
        for k in range(pick.integer(1, 2)):
            self.populations.append(Population(f"{self.prefix}in{k}", "input", self.shape()))
        for k in range(pick.integer(1, 3 if self.lava else 4)):
            self.population(f"{self.prefix}p{k}")
        targets = [p for p in self.populations if p.kind != "input"]
        for _ in range(pick.integer(0, 3)):
            self.connect(pick.one_of(self.populations), pick.one_of(targets))
        inputs = {p.name: self.data(p.n, steps) for p in self.populations if p.kind == "input"}
        program = Program(f"{self.prefix}network", tuple(self.populations), tuple(self.connections))
        return Network(program, inputs, steps)

    def shape(self) -> tuple[int, ...]:
        pick = self.pick
        if pick.one_of([False, True]):
            return pick.integer(1, 4), pick.integer(1, 4), pick.one_of([1, 2, 4])
        return (pick.integer(1, 12),)

    def population(self, name: str) -> None:
        pick = self.pick
        kind = pick.one_of([k for k in KINDS if not (self.lava and k == "lif_refractory")])
        pre = pick.one_of(self.populations)
        geometry = self.geometry(pre) if len(pre.shape) == 3 and pick.one_of([False, True]) else None
        shape = geometry[0].output_shape(pre.shape, geometry[1]) if geometry else self.shape()
        n = int(np.prod(shape))
        how = Arithmetic()
        if kind in LIFS and not self.lava:
            how = Arithmetic(
                pick.one_of(["above", "reached"]),
                pick.one_of(["zero", "subtract"]) if kind != "ternary_lif" else "zero",
                pick.one_of(["wrap_once", "wrap", "saturate"]), pick.one_of(["saturate", "wrap"]),
            )  # fmt: skip
        parameters = getattr(self, kind)(n)
        if how.reset == "subtract":
            parameters["vth"] = np.maximum(parameters["vth"], 0)
        post = Population(name, kind, shape, parameters, arithmetic=how)
        self.populations.append(post)
        if geometry:
            self.convolve(pre, post, *geometry)
        else:
            self.connect(pre, post)

    def geometry(self, pre: Population) -> tuple[Convolution, tuple[int, int, int, int]] | None:
        """A convolution that fits on `pre`, and the shape of its kernel; None where it would leave no output."""
        pick = self.pick
        groups = pick.one_of([g for g in (1, 2, 4) if pre.shape[2] % g == 0])
        pairs = [(pick.integer(low, high), pick.integer(low, high)) for low, high in ((1, 3), (0, 2), (1, 2))]
        kernel = (groups * pick.integer(1, 2), pick.integer(1, 3), pick.integer(1, 3), pre.shape[2] // groups)
        geometry = Convolution(*pairs, groups)
        return (geometry, kernel) if min(geometry.output_shape(pre.shape, kernel)) >= 1 else None

    def convolve(self, pre: Population, post: Population, geometry: Convolution, kernel: tuple[int, ...]) -> None:
        pick = self.pick
        graded = pick.one_of([0, 8])
        if self.lava and (self.large or pre.kind in GRADED):
            graded = 0  # Lava sums in floating point and does not wrap into 32 bits
        size = pick.one_of([8, 128, 2**20] if graded == 0 or not self.lava else [8, 128])
        weights = pick.generator().integers(-size, size, kernel).astype(np.int32)
        exp = 0 if self.lava else pick.integer(-3, 3)
        made = Connection(self.name(), "conv", pre.name, post.name, weights, exp, num_message_bits=graded,
                          port=self.port(post), conv=geometry)  # fmt: skip
        self.connections.append(made)

    def connect(self, pre: Population, post: Population) -> None:
        pick = self.pick
        same = pre.shape == post.shape and len(pre.shape) == 3
        if same and pick.one_of([False, True]):
            self.convolve(pre, post, Convolution(padding=(1, 0)), (post.shape[2], 3, 1, pre.shape[2]))
            return
        kind = pick.one_of(["dense", "sparse", "delay_dense", "delay_sparse"])
        sign = pick.one_of([None, "mixed", "excitatory", "excitatory", None, "mixed", "inhibitory"])
        low, high = {"excitatory": (0, 256), "inhibitory": (-255, 1)}.get(sign, (-300, 300))
        exp, bits, graded = pick.integer(-3, 3), pick.integer(1, 8), pick.one_of([0, 8])
        longest = pick.one_of([0, 1, 6]) if kind.startswith("delay") else 0
        room = pick.one_of([0, 7]) if kind.startswith("delay") else 0
        density = pick.one_of([0.5, 0.2, 1.0])
        rng = pick.generator()
        weights = rng.integers(low, high, (post.n, pre.n)).astype(np.int16)
        if kind in ("sparse", "delay_sparse"):
            weights *= rng.random(weights.shape) < density
        delays = rng.integers(0, longest + 1, weights.shape).astype(np.int32) if kind.startswith("delay") else None
        made = Connection(self.name(), kind, pre.name, post.name, weights, exp, bits, sign, graded, delays, room,
                          port=self.port(post))  # fmt: skip
        self.connections.append(made.packed() if pick.one_of([False, True]) else made)

    def name(self) -> str:
        return f"{self.prefix}c{len(self.connections)}"

    def port(self, post: Population) -> str:
        return self.pick.one_of(["current", "imag"]) if post.kind in RESONATORS else "current"

    def data(self, n: int, steps: int) -> np.ndarray:
        pick = self.pick
        size, density = pick.one_of([1, 4, 300]), pick.one_of([0.3, 0.1, 0.8])
        until = pick.one_of([steps, steps, steps // 2, steps, steps // 3, steps, 0])  # silence after that
        rng = pick.generator()
        values = np.ones((steps, n), np.int64) if size == 1 else rng.integers(-size, size + 1, (steps, n))
        if self.large:
            values = np.where(rng.random((steps, n)) < 0.3, rng.choice(LARGE, (steps, n)), values)
        values[rng.random((steps, n)) >= density] = 0
        values[until:] = 0
        return values.astype(np.int32)

    def any_of(self, n: int, values: list[int], low: int, high: int, *, alike: bool = False):
        """One of `values`, or any integer of the range, for all neurons or (unless `alike`) for each."""
        how = self.pick.integer(0, 2 if alike else 3)
        if how == 0:
            return self.pick.one_of(values)
        if how < 3:
            return self.pick.integer(low, high)
        return self.pick.generator().integers(low, high + 1, n).astype(np.int32)

    def _leaks(self, n: int) -> dict:
        """du, dv and the bias; often none of these, so that there are neurons at rest."""
        biased = self.pick.one_of([False, False, True])
        return {
            "du": self.any_of(n, [4095, -1, 0, 4096], 0, 4096),
            "dv": self.any_of(n, [0, 4096, 4095], 0, 4096),
            "bias_mant": self.any_of(n, [0, 1, -1], -4095, 4095) if biased else 0,
            "bias_exp": self.any_of(n, [0], -3, 6),
        }

    def lif(self, n: int) -> dict:
        return self._leaks(n) | {"vth": self.any_of(n, [100, 0, 1, -1, 2**17, -(2**20)], 1, 600)}

    def lif_reset(self, n: int) -> dict:
        return self.lif(n) | {
            "reset_interval": self.any_of(n, [5, 1], 1, 20, alike=self.lava),
            "reset_offset": self.any_of(n, [0, 23], 0, 20, alike=self.lava),
        }

    def lif_refractory(self, n: int) -> dict:
        return self.lif(n) | {"refractory_period": self.any_of(n, [2, 0, 1, 2**31 - 1], 0, 8)}

    def ternary_lif(self, n: int) -> dict:
        thresholds = {"vth_lo": self.any_of(n, [-50, 0, 70], -800, -1), "vth_hi": self.any_of(n, [50, 0], 0, 800)}
        return self._leaks(n) | thresholds

    def atrlif(self, n: int) -> dict:
        ranges = {"dtheta": ([0, 4096], 4096), "dr": ([0, 4096], 4096), "theta_0": ([5, 0, -1], 300)}
        return self._leaks(n) | {
            "theta_step": self.any_of(n, [0, -3], 0, 300, alike=self.lava),
            **{k: self.any_of(n, few, 0, high) for k, (few, high) in ranges.items()},
        }

    def sigma(self, n: int) -> dict:
        return {}

    def delta(self, n: int) -> dict:
        most = self.pick.one_of([6, 6, 31])
        return {
            "vth": self.any_of(n, [10, 0, 1, -1], 0, 300),
            "spike_exp": self.any_of(n, [0], 0, most),
            "state_exp": self.any_of(n, [0], 0, most),
            "cum_error": self.any_of(n, [0, 1], 0, 1, alike=self.lava),
        }

    def sigma_delta(self, n: int) -> dict:
        relu = self.any_of(n, [0, 1], 0, 1, alike=self.lava)
        return self.delta(n) | {"bias": self.any_of(n, [0, 0, 0], -500, 500), "relu": relu}

    def rf(self, n: int) -> dict:
        bits, exp = self.any_of(n, [12, 0], 10, 14), self.any_of(n, [0, 6], 0, 6)
        one = np.int64(1) << np.asarray(bits, np.int64)
        angle = 2 * np.pi / self.pick.integer(2, 20)
        decay = self.pick.one_of([0.95, 1.0, 0.5])
        sin, cos = (np.asarray(decay * f(angle) * one, np.int32) for f in (np.sin, np.cos))
        if self.pick.one_of([False, False, True]):
            sin, cos = (self.pick.generator().integers(-(2**16), 2**16 + 1, n).astype(np.int32) for _ in range(2))
        return {"sin_decay": _plain(sin), "cos_decay": _plain(cos), "decay_bits": bits, "state_exp": exp,
                "vth": self.any_of(n, [1, 0, -1], 1, 200)}  # fmt: skip

    rf_iz = rf

    def rf_zero(self, n: int) -> dict:
        angle = 2 * np.pi / self.pick.generator().uniform(2, 20, n)
        decay = self.pick.one_of([0.95, 1.0, 0.5, 2.5])
        uth = self.any_of(n, [1, 0, -1], 1, 200)
        return {"uth": uth, "lst": (decay * np.sin(angle) * 2**15).astype(np.int32),
                "lct": (decay * np.cos(angle) * 2**15).astype(np.int32)}  # fmt: skip


def _plain(value: np.ndarray):
    return value if value.ndim else int(value)


def random_program(seed: int) -> tuple[Program, dict[str, np.ndarray], int]:
    """A program, its dense inputs, and the number of steps."""
    rng = np.random.default_rng(seed)
    steps, n_in, n_out = 60, int(rng.integers(1, 30)), int(rng.integers(1, 8))
    populations = [
        Population("in", "input", (n_in,)),
        Population("target", "input", (n_out,)),
        _population(rng, "h1", int(rng.integers(1, 20))),
        _population(rng, "h2", int(rng.integers(1, 20)), random_modulator(rng, "feedback")),
        _population(rng, "out", n_out, random_modulator(rng, "error", "target")),
        Population("scalar", "input", (1,)),
        _population(rng, "h3", int(rng.integers(1, 20)), random_modulator(rng, "reward", "scalar")),
        _population(rng, "h4", int(rng.integers(1, 20)), random_modulator(rng, "goodness", "scalar")),
    ]
    size = {p.name: p.n for p in populations}
    wires = [("in", "h1"), ("in", "h2"), ("h1", "h2"), ("h2", "out"), ("h1", "h1"), ("in", "out")]
    wires += [("in", "h3"), ("h1", "h4")]
    connections = [_connection(rng, f"c{k}", pre, post, size) for k, (pre, post) in enumerate(wires)]
    connections[3] = replace(connections[3], kind="dense", delays=None, max_delay=0)  # what feedback may read backward
    connections.append(random_feedback(rng, "fb", "out", "h2", (size["h2"], n_out), "c3"))
    inputs = {
        "in": (rng.random((steps, n_in)) < 0.3) * rng.integers(1, 5, (steps, n_in)),
        "target": rng.integers(0, 100, (steps, n_out)),
        "scalar": (rng.random((steps, 1)) < 0.6) * rng.integers(-140, 140, (steps, 1)),
    }
    return Program(f"random-{seed}", tuple(populations), tuple(connections), ("out",)), inputs, steps


def _population(rng, name, n, modulator=None):
    kinds = ["lif", "lif_reset"] if modulator else ["lif", "lif_reset", "ternary_lif"]
    kind = str(rng.choice(kinds))
    values = {
        "du": _maybe_array(rng, n, 0, 4096), "dv": _maybe_array(rng, n, 0, 4097),
        "bias_mant": int(rng.choice([0, 0, rng.integers(-4095, 4096)])), "bias_exp": int(rng.integers(-2, 5)),
    }  # fmt: skip
    if kind == "ternary_lif":
        values |= {"vth_lo": -int(rng.integers(1, 2000)), "vth_hi": int(rng.integers(1, 2000))}
    else:
        values |= {"vth": _maybe_array(rng, n, 1, 2000)}
    if kind == "lif_reset":
        values |= {"reset_interval": int(rng.integers(1, 20)), "reset_offset": int(rng.integers(0, 25))}
    return Population(name, kind, (n,), values, modulator)


def _maybe_array(rng, n, low, high):
    return int(rng.integers(low, high)) if rng.random() < 0.5 else rng.integers(low, high, n).astype(np.int32)


def _connection(rng, name, pre, post, size):
    shape = (size[post], size[pre])
    kind = str(rng.choice(["dense", "delay_dense", "sparse"]))
    sign = str(rng.choice(["mixed", "excitatory", "inhibitory", ""])) or None
    low, high = {"excitatory": (0, 256), "inhibitory": (-255, 1)}.get(sign, (-300, 300))
    weights = rng.integers(low, high, shape).astype(np.int16)
    if kind == "sparse":
        weights *= rng.random(shape) < 0.3
    delays = rng.integers(0, 6, shape).astype(np.int32) if kind == "delay_dense" else None
    return Connection(
        name, kind, pre, post, weights, int(rng.integers(-3, 4)), int(rng.integers(1, 9)), sign,
        int(rng.choice([0, 0, 8])), delays, int(rng.choice([0, 5, 7])) if delays is not None else 0,
    )  # fmt: skip
