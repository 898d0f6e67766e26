"""The integer simulator against Lava: random small programs of every kind, compared element by element."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurotrain_hw import lava
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Connection, Modulator, Plasticity, Population, Program
from neurotrain_hw.simulator import simulate

pytestmark = pytest.mark.usefixtures("quick_lava")

STEPS = 60
RULES_2F = ("2^-2*x1*y0 - 2^-2*y1*x0", "2^-3*x0*y1*w - 2^-2*x1*y0 + 2^-4*u1*t", "u0*x1*y2 - 3*u0*sgn(w+4)*y1 + x0*y0")
RULES_3F = ("2^-4*u0*x1*y1 - 2^-4*u0*x1*y2", "2^-2*x0*y1 - 2^-2*x0*y2 + 2^-5*y0*x2*x1")


@pytest.mark.parametrize(
    "seed", [s if s in (0, 1, 2, 3, 6) else pytest.param(s, marks=pytest.mark.slow) for s in range(10)]
)
def test_random_programs_agree(seed: int, lava_python: Path) -> None:
    """Spikes and states of every step, weights after every epoch or at the end, tags and traces at the end."""
    program, inputs = _random_program(seed)
    record = [f"{p.name}.{v}" for p in program.populations if p.kind != "input" for v in _variables(p)]
    learn = seed % 7 != 6
    theirs = lava.simulate(program, inputs, steps=STEPS, record=record, learn=learn, python=lava_python)
    ours = simulate(program, inputs, steps=STEPS, record=record, learn=learn)
    _expect_equal(ours, theirs)


def test_random_programs_exercise_what_they_are_for() -> None:
    """Over the seeds above: layers spike, factors of both signs occur, weights move."""
    spiking, factors, moved = 0, np.zeros(2, int), 0
    for seed in range(10):
        program, inputs = _random_program(seed)
        record = [f"{p.name}.{v}" for p in program.populations if p.kind != "input" for v in _variables(p)]
        run = simulate(program, inputs, steps=STEPS, record=record)
        spiking += all(stream.count > 20 for stream in run.spikes.values())
        factors += [int(sum(v.any() for k, v in run.states.items() if k.endswith(y))) for y in ("y1", "y2")]
        still = simulate(program, inputs, steps=STEPS, learn=False).weights
        moved += any((run.weights[name] != weights).sum() > 9 for name, weights in still.items())
    assert spiking >= 5
    assert factors.min() >= 10
    assert moved >= 8


def _expect_equal(ours: Any, theirs: Any) -> None:
    for name, stream in theirs.spikes.items():
        np.testing.assert_array_equal(ours.spikes[name].dense(), stream.dense(), err_msg=f"{name}.spikes")
    for part in ("states", "weights", "tags", "traces"):
        for key, values in getattr(theirs, part).items():
            np.testing.assert_array_equal(getattr(ours, part)[key], values, err_msg=f"{part}: {key}")


def _variables(population: Population) -> tuple[str, ...]:
    return ("spikes", "u", "v", "y1", "y2") if population.modulator else ("spikes", "u", "v")


def _random_program(seed: int) -> tuple[Program, dict[str, EventStream]]:
    """in -> a -> b -> out with a loop at a; out forms an error, b receives it; up to three connections learn."""
    rng = np.random.default_rng(1000 + seed)
    sizes = dict(zip(("in", "a", "b", "out"), rng.integers(4, 16, 4).tolist(), strict=True))
    psi, width = ("box", int(rng.integers(2**10, 2**15))) if seed % 2 else ("none", 0)
    feedback = Modulator("feedback", psi=psi, psi_halfwidth=width, signal_shift=int(rng.integers(0, 6)))  # type: ignore[arg-type]
    error = Modulator("error", psi=psi, psi_halfwidth=width, target="target",  # type: ignore[arg-type]
                      trace_decay=int(rng.integers(1, 800)), trace_impulse=int(rng.integers(100, 2000)),
                      trace_shift=int(rng.integers(2, 7)))  # fmt: skip
    populations = (
        Population("in", "input", (sizes["in"],)),
        Population("target", "input", (sizes["out"],)),
        _population(rng, "a", sizes["a"], ("lif", "lif_reset", "ternary_lif")[seed % 3]),
        replace(_population(rng, "b", sizes["b"], ("lif_reset", "lif")[seed % 2]), modulator=feedback),
        replace(_population(rng, "out", sizes["out"], "lif_reset"), modulator=error),
    )
    connections = [
        _connection(rng, "c0", "in", "a", sizes, "dense"),
        _connection(rng, "loop", "a", "a", sizes, ("sparse", "delay_dense", "dense")[seed % 3]),
        _connection(rng, "c1", "a", "b", sizes, ("dense", "sparse")[seed % 2]),
        _connection(rng, "skip", "in", "b", sizes, ("delay_dense", "dense")[seed % 2]),
        _connection(rng, "c2", "b", "out", sizes, "dense"),
        replace(_connection(rng, "back", "out", "b", sizes, "dense"), num_message_bits=8, weight_exp=0,
                port="signal", pre_port="error"),
    ]  # fmt: skip
    learning = {0: _plasticity(rng, "2f"), 2: _plasticity(rng, "3f"), 4: _plasticity(rng, "3f")}
    for index, plasticity in learning.items():
        if index != 2 or seed % 2 == 0:
            connections[index] = replace(
                connections[index], plasticity=_with_tags(rng, plasticity, connections[index].weights.shape)
            )
    shape = (STEPS, sizes["in"])
    graded = rng.integers(1, 4, shape) if seed % 4 == 3 else np.ones(shape, int)
    targets = np.repeat(rng.integers(0, 120, (STEPS // 15, sizes["out"])), 15, axis=0)
    inputs = {
        "in": EventStream.from_dense((rng.random(shape) < 0.4) * graded),
        "target": EventStream.from_dense(targets),
    }
    return Program(f"random {seed}", populations, tuple(connections)), inputs


def _population(rng: np.random.Generator, name: str, n: int, kind: Any) -> Population:
    def maybe_each(low: int, high: int) -> Any:
        return int(rng.integers(low, high)) if rng.random() < 0.5 else rng.integers(low, high, n).astype(np.int32)

    values: dict[str, Any] = {"du": maybe_each(1000, 4096), "dv": maybe_each(0, 900), "bias_exp": 4}
    values["bias_mant"] = maybe_each(-40, 80)
    values |= {"vth_lo": maybe_each(-500, -100), "vth_hi": maybe_each(100, 500)} if kind == "ternary_lif" else {
        "vth": maybe_each(100, 500)}  # fmt: skip
    if kind == "lif_reset":
        values |= {"reset_interval": int(rng.integers(8, 30)), "reset_offset": int(rng.integers(0, 40))}
    return Population(name, kind, (n,), values)


def _connection(
    rng: np.random.Generator, name: str, pre: str, post: str, sizes: dict[str, int], kind: Any
) -> Connection:
    shape = (sizes[post], sizes[pre])
    sign = (None, "mixed", "excitatory", "inhibitory")[int(rng.integers(0, 4))] if name in ("loop", "skip") else "mixed"
    low, high = {"excitatory": (0, 60), "inhibitory": (-60, 1)}.get(sign or "", (-80, 140))
    weights = rng.integers(low, high, shape).astype(np.int16)
    if kind == "sparse":
        weights[rng.random(shape) < 0.6] = 0
    delays = rng.integers(0, 6, shape).astype(np.int32) if kind == "delay_dense" else None
    return Connection(
        name, kind, pre, post, weights, int(rng.integers(-1, 2)), int(rng.integers(5, 9)), sign,  # type: ignore[arg-type]
        int(rng.integers(0, 2)) * 4, delays, int(rng.choice([0, 5, 7])) if kind == "delay_dense" else 0,
    )  # fmt: skip


def _plasticity(rng: np.random.Generator, kind: Any) -> Plasticity:
    def trace(name: str) -> dict[str, float]:
        return {f"{name}_impulse": float(rng.integers(4, 90)) + 0.25 * float(rng.integers(0, 4)),
                f"{name}_tau": float(rng.integers(2, 30))}  # fmt: skip

    names = ("x1", "x2", "y1", "y2", "y3") if kind == "2f" else ("x1", "x2")
    rules = RULES_2F if kind == "2f" else RULES_3F
    return Plasticity(
        kind, dw=str(rng.choice(rules)), dt="2^-2*x1*y0 - x0*t" if rng.random() < 0.5 else None,
        dd="x0*y1" if rng.random() < 0.3 else None, traces={k: v for name in names for k, v in trace(name).items()},
        t_epoch=int(rng.choice([1, 1, 2, 5, 16])), rng_seed=int(rng.integers(1, 2**31)),
    )  # fmt: skip


def _with_tags(rng: np.random.Generator, plasticity: Plasticity, shape: tuple[int, ...]) -> Plasticity:
    if rng.random() < 0.5:
        return plasticity
    return replace(plasticity, tag_1=rng.integers(-50, 50, shape).astype(np.int32),
                   tag_2=rng.integers(0, 60, shape).astype(np.int32))  # fmt: skip
