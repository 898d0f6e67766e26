"""Three-factor learning with both kinds of modulator, against a literal transcription into loops of Python integers.

The transcription follows `Modulator` in program.py, and sections 2.4 and 3.3 of the notes on Lava (learning epochs of
one step); it shares no code with the worker or with the simulator.
"""

from __future__ import annotations

from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurotrain_hw import lava
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Connection, Modulator, Plasticity, Population, Program

pytestmark = pytest.mark.usefixtures("quick_lava")

STEPS = 150
RULE = "2^-5*u0*x1*y1 - 2^-5*u0*x1*y2"
SEED, TAU, IMPULSE = 7, 9, 20
IN, HIDDEN, OUT = 6, 5, 3
LIF = {"du": 4095, "bias_mant": 0, "bias_exp": 0}
HIDDEN_LIF = {**LIF, "dv": 300, "vth": 150}
OUT_LIF = {**LIF, "dv": 500, "vth": 160, "reset_interval": 25, "reset_offset": 3}
FEEDBACK = Modulator("feedback", psi="box", psi_halfwidth=9000, signal_shift=3)
ERROR = Modulator("error", target="target", trace_decay=400, trace_impulse=1200, trace_shift=5)


def _network() -> tuple[Program, dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(3)
    weights = {
        "c0": 2 * rng.integers(-20, 110, (HIDDEN, IN)),
        "c1": 2 * rng.integers(10, 90, (OUT, HIDDEN)),
        "back": 2 * rng.integers(-60, 60, (HIDDEN, OUT)),
    }
    learning = Plasticity("3f", dw=RULE, traces={"x1_impulse": IMPULSE, "x1_tau": TAU}, rng_seed=SEED)
    program = Program(
        "both sides",
        (
            Population("in", "input", (IN,)),
            Population("target", "input", (OUT,)),
            Population("h", "lif", (HIDDEN,), HIDDEN_LIF, FEEDBACK),
            Population("out", "lif_reset", (OUT,), OUT_LIF, ERROR),
        ),
        (
            Connection("c0", "dense", "in", "h", weights["c0"], sign_mode="mixed", plasticity=learning),
            Connection("c1", "dense", "h", "out", weights["c1"], sign_mode="mixed", plasticity=learning),
            Connection(
                "back", "dense", "out", "h", weights["back"], sign_mode="mixed", num_message_bits=8,
                port="signal", pre_port="error",
            ),
        ),
    )  # fmt: skip
    data = {
        "in": (rng.random((STEPS, IN)) < 0.35).astype(np.int32),
        "target": np.repeat(rng.integers(0, 110, (STEPS // 25, OUT)), 25, axis=0).astype(np.int32),
    }
    return program, weights, data


@pytest.fixture(scope="module")
def runs(lava_python: Path) -> tuple[Any, dict[str, Any]]:
    """Lava's run and the transcription's."""
    program, weights, data = _network()
    record = ["h.spikes", "out.spikes", "c0.weights@epochs", "c1.weights@epochs"]
    record += [f"{name}.{state}" for name in ("h", "out") for state in ("u", "v", "y1", "y2")]
    inputs = {name: EventStream.from_dense(values) for name, values in data.items()}
    return lava.simulate(program, inputs, steps=STEPS, record=record, python=lava_python), _transcription(weights, data)


def test_states_and_third_factors_of_every_step(runs: tuple[Any, dict[str, Any]]) -> None:
    """Spikes, u, v and the third factors of both populations are those of the transcription."""
    run, expected = runs
    for name in ("h", "out"):
        np.testing.assert_array_equal(run.spikes[name].dense(), expected[f"{name}.spikes"])
        for state in ("u", "v", "y1", "y2"):
            np.testing.assert_array_equal(run.states[f"{name}.{state}"], expected[f"{name}.{state}"], err_msg=state)


def test_weights_of_every_epoch(runs: tuple[Any, dict[str, Any]]) -> None:
    """The weights of both learning connections after every step, and the pre traces at the end."""
    run, expected = runs
    for name in ("c0", "c1"):
        np.testing.assert_array_equal(run.history[f"{name}.weights@epochs"], expected[f"{name}.weights"])
        np.testing.assert_array_equal(run.weights[name], expected[f"{name}.weights"][-1])
        np.testing.assert_array_equal(run.traces[f"{name}.x1"], expected[f"{name}.x1"])


def test_a_negative_factor_lowers_weights_of_neurons_that_spike(runs: tuple[Any, dict[str, Any]]) -> None:
    """Lava clips a negative y on spiking neurons; sent as two factors, a negative M lowers the weights all the same."""
    run, _ = runs
    for name, post in (("c0", "h"), ("c1", "out")):
        steps, neurons = np.nonzero((run.spikes[post].dense() != 0) & (run.states[f"{post}.y2"] > 0))
        change = np.diff(run.history[f"{name}.weights@epochs"].astype(int), axis=0)
        rows = np.array([change[t - 1, j] for t, j in zip(steps, neurons, strict=True) if t > 0])
        assert len(rows) >= 5
        assert rows.max() <= 0
        assert (rows < 0).sum() >= 10


def _transcription(weights: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    random = _Random()
    w = {name: [[(v >> 1) << 1 for v in row] for row in array.tolist()] for name, array in weights.items()}
    arriving = {"c0": [0] * HIDDEN, "c1": [0] * OUT, "back": [0] * HIDDEN}  # what a connection sends at this step
    h = {"u": [0] * HIDDEN, "v": [0] * HIDDEN}
    out = {"u": [0] * OUT, "v": [0] * OUT, "z": [0] * OUT}
    x1 = {"c0": [0] * IN, "c1": [0] * HIDDEN}
    rows: dict[str, list[Any]] = {}
    for t in range(1, STEPS + 1):
        if t % 25 == 3:
            out = {"u": [0] * OUT, "v": [0] * OUT, "z": [0] * OUT}
        h_spikes, h_m = [], []
        for j in range(HIDDEN):
            before, spike = _lif(h, j, arriving["c0"][j], HIDDEN_LIF)
            psi = 1 if abs(before - (HIDDEN_LIF["vth"] << 6)) <= FEEDBACK.psi_halfwidth else 0
            h_spikes.append(spike)
            h_m.append(psi * max(-127, min(127, _tz(arriving["back"][j], FEEDBACK.signal_shift))))
        out_spikes, error = [], []
        for k in range(OUT):
            _, spike = _lif(out, k, arriving["c1"][k], OUT_LIF)
            z = _tz(out["z"][k] * (4096 - ERROR.trace_decay), 12) + spike * ERROR.trace_impulse
            out["z"][k] = min(z, 2**23 - 1)
            out_spikes.append(spike)
            error.append(max(-127, min(127, int(data["target"][t - 1, k]) - (out["z"][k] >> ERROR.trace_shift))))
        spikes = {"c0": data["in"][t - 1].tolist(), "c1": h_spikes}
        values = {**spikes, "back": error}
        arriving = {n: [sum(a * b for a, b in zip(r, values[n], strict=True)) for r in w[n]] for n in w}
        for name, post, m in (("c0", h_spikes, h_m), ("c1", out_spikes, error)):
            x1[name] = [_trace(v, s, t, random) for v, s in zip(x1[name], spikes[name], strict=True)]
            for j, row in enumerate(w[name]):
                y1, y2 = (_post(y, post[j], t, random) for y in (max(m[j], 0), max(-m[j], 0)))
                w[name][j] = [_learn(v, x, y1, y2, random.weight[t]) for v, x in zip(row, x1[name], strict=True)]
            rows.setdefault(f"{name}.weights", []).append([list(row) for row in w[name]])
        for name, state, s, m in (("h", h, h_spikes, h_m), ("out", out, out_spikes, error)):
            rows.setdefault(f"{name}.spikes", []).append(s)
            rows.setdefault(f"{name}.u", []).append(list(state["u"]))
            rows.setdefault(f"{name}.v", []).append(list(state["v"]))
            rows.setdefault(f"{name}.y1", []).append([max(v, 0) for v in m])
            rows.setdefault(f"{name}.y2", []).append([max(-v, 0) for v in m])
    return {**{k: np.array(v) for k, v in rows.items()}, "c0.x1": x1["c0"], "c1.x1": x1["c1"]}


class _Random:
    """Section 3.5: streams drawn ahead; step t uses index 2t of a trace's stream, epoch e index e of the weights'."""

    def __init__(self) -> None:
        decay_x, impulse_x, decay_y, impulse_y = (np.random.default_rng(SEED + k) for k in range(4))
        self.decay_x = [decay_x.random(1)[0] for _ in range(2 * STEPS + 1)]
        self.impulse_x = [impulse_x.integers(0, 128, size=1, dtype=int)[0] for _ in range(2 * STEPS + 1)]
        self.decay_y = [decay_y.random(1)[0] for _ in range(2 * STEPS + 1)]
        self.impulse_y = [impulse_y.integers(0, 128, size=1, dtype=int)[0] for _ in range(2 * STEPS + 1)]
        weight = np.random.default_rng(2)
        self.weight = [weight.random(1)[0] for _ in range(STEPS + 1)]


def _tz(value: int, shift: int) -> int:
    return (abs(value) >> shift) * (1 if value >= 0 else -1)


def _lif(state: dict[str, list[int]], j: int, arriving: int, p: dict[str, int]) -> tuple[int, int]:
    """Section 2.4; returns the membrane before the reset, and the spike."""
    u = _tz(state["u"][j] * (4096 - (p["du"] + 1)), 12) + (arriving << 6)
    v = max(-(2**23) + 1, min(2**23 - 1, _tz(state["v"][j] * (4096 - p["dv"]), 12) + u))
    spike = int(v > p["vth"] << 6)
    state["u"][j], state["v"][j] = u, 0 if spike else v
    return v, spike


def _decay(value: int, tau: int, r: float) -> int:
    z = float(np.exp(-1 / tau)) * value
    return floor(z) + (r < z % 1)


def _impulse(value: int, impulse: float, r: int) -> int:
    whole = floor(impulse)
    return int(max(0, min(127, value + whole + (r < round((impulse - whole) * 256)))))


def _trace(value: int, spike: int, t: int, random: _Random) -> int:
    value = _decay(value, TAU, random.decay_x[2 * t])
    return _impulse(value, IMPULSE, random.impulse_x[2 * t]) if spike else value


def _post(y: int, spike: int, t: int, random: _Random) -> int:
    value = _decay(y, 65535, random.decay_y[2 * t])
    return _impulse(value, 0, random.impulse_y[2 * t]) if spike else value


def _learn(w: int, x: int, y1: int, y2: int, r: float) -> int:
    """2^-5*x1*y1 - 2^-5*x1*y2: two traces of 7 bits lose 7 + 7 + 4 - 15 = 3 bits, then exponent -5 + 7 = 2."""
    low, high = -(2**15) - 1, 2**15 - 1
    total = w << 7
    for product in (x * y1, -x * y2):
        total = max(low, min(high, total + max(low, min(high, (product >> 3) << 2))))
    return int(max(-256, min(255, total // 128 + (r < total / 128 % 1))))
