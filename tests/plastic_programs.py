"""Random learning rules, and random networks that learn by them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import get_args

import numpy as np
from modulators import random_feedback, random_modulator

from neurotrain_hw.program import Connection, Plasticity, Population, Program, WeightRounding

STEPS = 40
SCALARS = ("reward", "goodness")
FACTORS = (
    "x1", "x2", "y1", "y2", "y3", "w", "d", "t", "x0", "y0", "(x1-20)", "(y1+3)", "(y2-64)", "(w+5)", "(3-w)", "(t-7)",
    "(d+1)", "sgn(w)", "sgn(t+2)", "sgn(w-40)",
)  # fmt: skip


def random_plastic_program(
    seed: int, *, t_epoch: int | None = None, wide: bool = False
) -> tuple[Program, dict[str, np.ndarray], dict[str, np.ndarray], int]:
    """A program of two plastic connections, its dense inputs, recorded third factors, and the number of steps.

    `wide`: of up to hundreds of neurons, whose spikes and third factors are sparse in some programs.
    """
    rng = np.random.default_rng(seed)
    n_in, n_hidden, n_out = (int(rng.integers(1, k)) for k in ((300, 200, 40) if wide else (7, 6, 5)))
    rate, share = (float(rng.choice([0.003, 0.02, 0.3])) for _ in range(2)) if wide else (0.4, 1.0)
    rng.choice(2), [rng.integers(limit) for limit in (2**15, 4, 4097, 3000)]  # the rules stay those of their seeds
    other = np.random.default_rng([seed, 1])  # draws what steers
    scalar = str(other.choice(SCALARS)), "scalar"
    hidden = random_modulator(other, *(("feedback",) if other.random() < 0.6 else scalar))
    error = random_modulator(other, "error", "target")
    steered = bool(rng.random() < 0.5)
    populations = (
        Population("in", "input", (n_in,)), Population("target", "input", (n_out,)),
        _population(rng, "h", n_hidden, hidden if steered else None, wide),
        _population(rng, "out", n_out, error if steered else None, wide),
        Population("scalar", "input", (1,)),
    )  # fmt: skip
    connections = [
        _connection(rng, "c0", "in", "h", (n_hidden, n_in), t_epoch, wide),
        _connection(rng, "c1", "h", "out", (n_out, n_hidden), t_epoch, wide),
    ]
    if steered and hidden.signal == "feedback":
        feedback = rng.integers(-128, 128, (n_hidden, n_out)).astype(np.int16)
        del feedback
        forward = "c1"
        if other.random() < 0.4:  # feedback that learns beside what it feeds back for
            weights = other.integers(-100, 100, (n_out, n_hidden)).astype(np.int16)
            connections.append(replace(connections[1], name="mirror", weights=weights, port="none"))
            forward = "mirror"
        back = random_feedback(other, "back", "out", "h", (n_hidden, n_out), forward)
        connections.insert(int(other.integers(1, 4)), back)
    inputs = {"in": (rng.random((STEPS, n_in)) < rate).astype(np.int32), "target": rng.integers(0, 128, (STEPS, n_out)),
              "scalar": other.integers(-140, 140, (STEPS, 1)) * (other.random((STEPS, 1)) < 0.6)}  # fmt: skip
    third = {
        c.name: rng.integers(-140, 141, (3, STEPS, c.weights.shape[0])).astype(np.int32)
        for c in connections
        if c.plasticity is not None and c.plasticity.kind == "3f" and not steered
    }
    if wide:
        inputs["target"] *= rng.random((STEPS, n_out)) < share
        third = {name: values * (rng.random(values.shape) < share) for name, values in third.items()}
    return Program(f"plastic-{seed}", populations, tuple(connections), ("out",)), inputs, third, STEPS


def other_rounding(program: Program, seed: int) -> Program:
    """The same program, its learning connections rounding in other ways than Lava, to weights of fewer bits."""
    rng, connections = np.random.default_rng([seed, 2]), []
    for c in program.connections:
        if c.plasticity is not None:
            bits = int(rng.choice([0, 8, 6, 4, 3, 2, 1])) or None
            rounding = str(rng.choice(get_args(WeightRounding)))
            rule = replace(c.plasticity, rounding=rounding, weight_bits=bits, rng_seed=int(rng.integers(0, 2**62)))
            c = replace(c, plasticity=rule, num_weight_bits=bits or 8)
        connections.append(c)
    return replace(program, connections=tuple(connections))


def plastic_side_by_side(
    seeds: Iterable[int], *, wide: bool = False
) -> tuple[Program, dict[str, np.ndarray], dict[str, np.ndarray], int]:
    """Random programs as one whose parts do not touch, in the form that Lava takes; names begin with n<seed>."""
    populations, connections, inputs, third = [], [], {}, {}
    for seed in seeds:
        program, given, factors, _ = random_plastic_program(seed, wide=wide)
        name = f"n{seed}_".__add__
        for p in program.populations:
            m = p.modulator
            renamed = m and replace(m, target=m.target and name(m.target))
            populations.append(replace(p, name=name(p.name), modulator=renamed))
        for c in program.connections:
            if c.port != "none":
                c = _for_lava(c, seed)
                connections.append(replace(c, name=name(c.name), pre=name(c.pre), post=name(c.post)))
        inputs |= {name(k): v for k, v in given.items()}
        third |= {name(k): v for k, v in factors.items()}
    return Program("plastic side by side", tuple(populations), tuple(connections)), inputs, third, STEPS


def _for_lava(c: Connection, seed: int) -> Connection:
    """Lava's three-factor rule has no constants for its y traces, and no connection of it reads what another learns."""
    rule = c.plasticity
    if rule is not None and rule.kind == "3f":
        c = replace(c, plasticity=replace(rule, traces={k: v for k, v in rule.traces.items() if k[0] != "y"}))
    if c.transpose_of is not None:
        weights = np.random.default_rng(seed).integers(-128, 128, c.weights.shape).astype(np.int16)
        c = replace(c, weights=weights, transpose_of=None, signs_only=False, sign_mode="mixed")
    return c


def _population(rng, name, n, modulator, wide):
    kind = str(rng.choice(["lif", "lif_reset"]))
    if wide:  # each neuron spikes at its own rate, whatever reaches it
        values = {"du": 4095, "dv": int(rng.integers(0, 30)), "vth": int(rng.choice([500, 2000])), "bias_exp": 4,
                  "bias_mant": rng.integers(0, rng.choice([400, 4000]), n).astype(np.int32)}  # fmt: skip
    else:
        values = {"du": 4095, "dv": int(rng.integers(0, 2000)), "vth": int(rng.integers(20, 200)),
                  "bias_mant": int(rng.choice([0, 300])), "bias_exp": 3}  # fmt: skip
    if kind == "lif_reset":
        values |= {"reset_interval": 13, "reset_offset": 3}
    return Population(name, kind, (n,), values, modulator)


def _connection(rng, name, pre, post, shape, t_epoch, wide):
    sign = str(rng.choice(["mixed", "excitatory", "inhibitory"]))
    low, high = {"mixed": (-100, 300), "excitatory": (0, 256), "inhibitory": (-255, 1)}[sign]
    kind, u = str(rng.choice(["2f", "3f"])), int(rng.integers(0, 4))
    traces = {}
    for trace in ("x1", "x2", "y1", "y2", "y3"):
        if rng.random() < 0.85:
            traces[f"{trace}_impulse"] = float(rng.choice([16, 64, 120, 7.25, 30.7, 0.4]))
            traces[f"{trace}_tau"] = float(rng.choice([0, 1, 2.5, 10, 100]))
    if rng.random() < 0.4:  # weights alone, by traces: the engine has a shorter way for these
        texts = [random_sum(rng, u, FACTORS[:5]), None, None]
    else:
        texts = [random_sum(rng, u), *(random_sum(rng, u) if rng.random() < 0.5 else None for _ in range(2))]
    rule = Plasticity(
        kind, *texts, traces, t_epoch or int(rng.integers(1, 6)), int(rng.integers(1, 1000)),
        _tag(rng, shape, -256, 256), _tag(rng, shape, 0, 256),
    )  # fmt: skip
    weights = rng.integers(low, high, shape).astype(np.int16)
    exp = int(rng.integers(-1, 2)) - 4 * wide  # in wide networks no single neuron is to decide
    return Connection(name, "dense", pre, post, weights, exp, 8, sign, plasticity=rule)


def _tag(rng, shape, low, high):
    return rng.integers(low, high, shape).astype(np.int32) if rng.random() < 0.6 else None


def random_sum(rng: np.random.Generator, u: int, variables: tuple[str, ...] = FACTORS) -> str:
    """One to three products in Lava's notation; every u_k has the same k."""
    text = ""
    for _ in range(int(rng.integers(1, 4))):
        gate = str(rng.choice(["x0", "y0", f"u{u}"]))
        factors = [str(f) for f in rng.choice(variables, int(rng.integers(0, 5)))]
        scale = f"{rng.integers(1, 8)}*2^{rng.integers(-7, 2)}"
        text += str(rng.choice(["+", "-"])) + "*".join([scale, gate, *factors])
    return text.removeprefix("+")
