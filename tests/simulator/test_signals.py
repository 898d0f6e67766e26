"""Learning signals made of connections and modulators, held to their equations on small networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from neurotrain_hw.events import EventStream
from neurotrain_hw.memory.generated import splitmix64
from neurotrain_hw.program import Connection, Modulator, Plasticity, Population, Program
from neurotrain_hw.rules import load_rule
from neurotrain_hw.simulator import Run, Session, simulate

LIF = {"du": 4095, "dv": 400, "vth": 300, "bias_mant": 0, "bias_exp": 0}
SILENT = {**LIF, "vth": 2**17}  # its threshold lies above every membrane
HALVES = Plasticity("3f", dw="2^-5*u0*x1*y1 - 2^-5*u0*x1*y2", traces={"x1_impulse": 20, "x1_tau": 9})
ERRORS: dict[str, Any] = {"num_message_bits": 8, "port": "signal", "pre_port": "error"}

I64 = npt.NDArray[np.int64]


def test_target_projection_is_a_row_look_up() -> None:
    """M of the step after the label is its column of B, shifted; one addition per hidden neuron and label."""
    rng = np.random.default_rng(4)
    weights = 2 * rng.integers(-100, 100, (7, 3))
    program = Program(
        "drtp",
        (Population("label", "input", (3,)), Population("h", "lif", (7,), LIF, Modulator("feedback", signal_shift=3))),
        (Connection("B", "dense", "label", "h", weights, sign_mode="mixed", port="signal"),),
    )
    run = _run(program, {"label": np.eye(3)[[2, 2, 0, 1]]}, 5, ["h.y1", "h.y2"])
    signed = run.states["h.y1"] - run.states["h.y2"]
    np.testing.assert_array_equal(signed, [[0] * 7, *(_toward_zero(weights[:, k], 3) for k in (2, 2, 0, 1))])
    counts = run.counters.populations["h"]
    assert run.counters.connections["B"].spike_events == 4 * 7
    assert (counts.signal_updates, counts.signal_multiplications, counts.signal_additions) == (35, 0, 0)
    assert counts.third_factors == np.count_nonzero(signed)


def test_decolle_is_a_fixed_readout_of_the_layer_and_its_error_backward() -> None:
    """y = G s at t + 1, e = y* - y, and at t + 2 M = psi * clip(tz(G^T e)), from the spikes that were recorded."""
    rng, steps, n = np.random.default_rng(5), 60, 12
    readout = 2 * rng.integers(-60, 60, (4, n))
    hidden = Modulator("feedback", "box", 9000, 6)
    local = Modulator("error", target="label", output="membrane", trace_shift=9)
    program = Program(
        "decolle",
        (Population("in", "input", (8,)), Population("label", "input", (4,)), Population("h", "lif", (n,), LIF, hidden),
         Population("local", "lif", (4,), {**SILENT, "dv": 4096}, local)),
        (Connection("c", "dense", "in", "h", rng.integers(-40, 200, (n, 8)), sign_mode="mixed", plasticity=HALVES),
         Connection("G", "dense", "h", "local", readout, sign_mode="mixed"),
         Connection("back", "dense", "local", "h", np.zeros((n, 4), np.int8), transpose_of="G", **ERRORS)),
    )  # fmt: skip
    data = {"in": rng.random((steps, 8)) < 0.3, "label": rng.integers(-100, 100, (steps, 4))}
    run = _run(program, data, steps, ["h.spikes", "h.v", "h.y1", "h.y2", "local.y1", "local.y2"])
    spikes, label = run.spikes["h"].dense().astype(np.int64), data["label"]
    signed, error = (run.states[f"{p}.y1"] - run.states[f"{p}.y2"] for p in ("h", "local"))
    outputs = np.vstack([np.zeros((1, 4), int), ((spikes @ readout.T) << 6)[:-1]])
    expected = np.clip(label - (outputs >> 9), -127, 127)
    np.testing.assert_array_equal(error, expected)
    learned = np.clip(_toward_zero(expected @ readout, 6), -127, 127)
    inside = signed[1:] != 0
    np.testing.assert_array_equal(signed[1:][inside], learned[:-1][inside])
    quiet = spikes[1:] == 0  # after a reset the membrane before it is not known
    distance = np.abs(run.states["h.v"][1:] - (300 << 6))
    np.testing.assert_array_equal(inside[quiet], ((distance <= 9000) & (learned[:-1] != 0))[quiet])
    assert inside.any() and not inside.all() and np.any(run.weights["c"] != program.connection("c").matrix())


def test_symmetric_feedback_reads_the_weights_before_the_step_changes_them() -> None:
    """The error of step t goes back through W as it was at step t, and arrives at t + 1."""
    program = _two_layers(transpose_of="forth")
    session = Session(program, record=["h.y1", "h.y2", "out.y1", "out.y2"])
    rng, weights = np.random.default_rng(6), program.connection("forth").matrix()
    errors, before, changed = np.zeros(3, int), weights, 0
    for _ in range(40):
        data = {"in": rng.random((1, 6)) < 0.5, "label": rng.integers(0, 120, (1, 3))}
        run = session.run(_streams(data), steps=1)
        expected = np.clip(_toward_zero(before.T @ errors, 5), -127, 127)
        np.testing.assert_array_equal(run.states["h.y1"][0] - run.states["h.y2"][0], expected)
        errors, before = (run.states["out.y1"] - run.states["out.y2"])[0], weights
        changed += np.any(weights != run.weights["forth"])
        weights = run.weights["forth"]
    assert changed >= 10


def test_signs_of_weights_that_learn_go_back_alone() -> None:
    learned, signs = (_two_layers(transpose_of="forth", signs_only=only) for only in (False, True))
    assert _third(learned) != _third(signs)
    rows = np.array([[100, -60, 4, 0, -2]] * 3)
    stays = [
        replace(program, connections=tuple(
            replace(c, plasticity=None, weights=rows) if c.name == "forth" else c for c in program.connections
        ))
        for program in (signs, _two_layers(weights=2 * np.sign(rows.T), weight_exp=-1, sign_mode="mixed"))
    ]  # fmt: skip
    assert _third(stays[0]) == _third(stays[1])


def test_adaptive_feedback_takes_the_same_updates_as_the_readout() -> None:
    """Feedback through a mirror that learns by the same rule: it changes by what the readout changes, bit for bit."""
    program = _two_layers(transpose_of="forth")
    first, forth, back = program.connections
    start = 2 * np.random.default_rng(8).integers(-20, 20, (3, 5))
    mirror = replace(forth, name="mirror", weights=start, port="none")
    program = replace(program, connections=(first, mirror, forth, replace(back, transpose_of="mirror")))
    run = _run(program, _data(7, 80), 80, ["h.y1"])
    change = run.weights["forth"] - forth.matrix()
    assert np.any(change != 0)
    np.testing.assert_array_equal(run.weights["mirror"] - mirror.matrix(), change)
    assert run.counters.connections["mirror"].synaptic_events == 0
    assert run.counters.connections["mirror"].weight_updates_applied > 0


@pytest.mark.parametrize("name", ["reward-stdp", "reward-stdp-immediate"])
def test_reward_formed_by_the_neuron_is_that_given_by_a_host(name: str) -> None:
    """y1 = the filtered spikes, y2 and y3 the halves of the reward: as a host would compute them from the spikes."""
    rule = load_rule(name).plasticity(rng_seed=3)
    steps, rng = 80, np.random.default_rng(9)
    modulator = Modulator("reward", target="R", trace_decay=200, trace_impulse=1024, trace_shift=6, beside="trace")
    data = {
        "in": rng.random((steps, 6)) < 0.3,
        "R": (rng.random((steps, 1)) < 0.2) * rng.integers(-150, 150, (steps, 1)),
    }
    neurons = Population("out", "lif", (4,), LIF, modulator)
    weights = rng.integers(0, 200, (4, 6))
    program = Program(
        "reward", (Population("in", "input", (6,)), Population("R", "input", (1,)), neurons),
        (Connection("c", "dense", "in", "out", weights, sign_mode="mixed", plasticity=rule),),
    )  # fmt: skip
    run = _run(program, data, steps, ["out.spikes"])
    spikes, z, y1 = run.spikes["out"].dense(), np.zeros(4, np.int64), []
    for row in spikes:
        z = (z * (4096 - 200) >> 12) + row * 1024
        y1.append(np.minimum(z >> 6, 127))
    reward = np.clip(data["R"], -127, 127) * np.ones((1, 4), int)
    third = np.array([y1, np.maximum(reward, 0), np.maximum(-reward, 0)], np.int32)
    given = replace(program, populations=(*program.populations[:2], replace(neurons, modulator=None)))
    twin = simulate(given, _streams(data), steps=steps, third_factors={"c": third})
    np.testing.assert_array_equal(run.weights["c"], twin.weights["c"])
    assert np.any(run.weights["c"] != program.connection("c").matrix())


def test_a_late_reward_finds_the_tag_of_what_earned_it() -> None:
    """A pre and a post spike, then silence: the weight changes 15 steps later, when the reward comes, by its sign."""
    rule = Plasticity("3f", dw="2^-2*u0*t*y2 - 2^-2*u0*t*y3", dt="2^-2*y0*x1 - 2^-5*u0*t",
                      traces={"x1_impulse": 120, "x1_tau": 10})  # fmt: skip
    modulator = Modulator("reward", target="R", beside="trace")
    program = Program(
        "late",
        (Population("in", "input", (1,)), Population("R", "input", (1,)),
         Population("out", "lif", (1,), {**LIF, "vth": 50}, modulator)),
        (Connection("c", "dense", "in", "out", np.array([[100]]), sign_mode="mixed", plasticity=rule),),
    )  # fmt: skip
    found = {}
    for sign in (-1, 0, 1):
        session, weights = Session(program, record=["out.spikes"]), []
        for t in range(25):
            data = {"in": [[int(t == 2)]], "R": [[100 * sign * (t == 18)]]}
            weights.append(int(session.run(_streams(data), steps=1).weights["c"][0, 0]))
        assert set(weights[:18]) == {100}
        found[sign] = weights[-1]
    assert found[-1] < found[0] == 100 < found[1]


def test_noise_is_drawn_from_its_seed_and_perturbs_the_membrane() -> None:
    steps, n = 50, 3
    modulator = Modulator("reward", target="R", beside="noise", noise_exp=9, noise_seed=77)
    program = Program(
        "noise", (Population("R", "input", (1,)), Population("h", "lif", (n,), {**SILENT, "dv": 4096}, modulator)), ()
    )
    run = _run(program, {"R": np.full((steps, 1), -5)}, steps, ["h.v", "h.y1", "h.y2", "h.y3"])
    noise = (splitmix64(77, steps * n) % np.uint64(127)).astype(int).reshape(steps, n) - 63
    np.testing.assert_array_equal(run.states["h.y1"], 64 + noise)
    np.testing.assert_array_equal(run.states["h.v"], noise << 9)
    assert set(run.states["h.y2"].ravel()) == {0} and set(run.states["h.y3"].ravel()) == {5}
    assert run.counters.populations["h"].random_numbers == steps * n


def test_node_perturbation_follows_the_reward() -> None:
    """Rewarded for the spikes of neuron 0 and against those of neuron 1, the weights go up and down."""
    rule = Plasticity("3f", dw="2^-3*u0*t*y2 - 2^-3*u0*t*y3", dt="2^-2*u0*x1*(y1-64) - u0*t",
                      traces={"x1_impulse": 60, "x1_tau": 0.5})  # fmt: skip
    modulator = Modulator("reward", target="R", beside="noise", noise_exp=8, noise_seed=5)
    program = Program(
        "perturbed", (Population("in", "input", (8,)), Population("R", "input", (1,)),
                      Population("out", "lif", (2,), {**LIF, "dv": 4096, "vth": 260}, modulator)),
        (Connection("c", "dense", "in", "out", np.full((2, 8), 64), sign_mode="mixed", plasticity=rule),),
    )  # fmt: skip
    session, rng, reward = Session(program, record=["out.spikes"]), np.random.default_rng(10), 0
    for _ in range(1500):
        run = session.run(_streams({"in": rng.random((1, 8)) < 0.5, "R": [[reward]]}), steps=1)
        one, other = run.spikes["out"].dense()[0]
        reward = 40 * (int(one) - int(other))
    change = (session.weights()["c"] - 64).mean(axis=1)
    assert change[0] > 20 and change[1] < -20


def test_goodness_raises_what_fired_in_the_positive_pass_and_lowers_it_in_the_negative() -> None:
    """Numbers by hand: two neurons that fire steadily have h = 16 each, so G = 512 from the second step on."""
    modulator = Modulator(
        "goodness", target="pass", trace_decay=4096, trace_impulse=16, goodness_shift=6, goodness_level=16
    )
    driven = Population("h", "lif", (2,), {**LIF, "dv": 4096, "bias_mant": 500, "bias_exp": 6}, modulator)
    program = Program("ff", (Population("pass", "input", (1,)), driven), ())
    phases = [[1], [1], [-1], [0]]
    run = _run(program, {"pass": phases}, 4, ["h.y1", "h.y2", "h.spikes"])
    assert run.spikes["h"].dense().all()
    q = [64 + 16, 64 + 8, 64 - 8, 0]  # G >> 6 is 0, then 8; the level is 16
    expected = [q[0] * 16 >> 7, q[1] * 16 >> 7, 0, 0]
    assert run.states["h.y1"].tolist() == [[v, v] for v in expected]
    assert run.states["h.y2"].tolist() == [[0, 0], [0, 0], [q[2] * 16 >> 7] * 2, [0, 0]]


def _two_layers(**feedback: Any) -> Program:
    """in -> h -> out, both learning, with feedback as given."""
    rng = np.random.default_rng(11)
    back: dict[str, Any] = {"weights": np.zeros((5, 3), np.int8), **ERRORS, **feedback}
    error = Modulator("error", target="label", trace_decay=400, trace_impulse=1200, trace_shift=5)
    return Program(
        "two layers",
        (Population("in", "input", (6,)), Population("label", "input", (3,)),
         Population("h", "lif", (5,), LIF, Modulator("feedback", signal_shift=5)),
         Population("out", "lif", (3,), LIF, error)),
        (Connection("c", "dense", "in", "h", rng.integers(-40, 200, (5, 6)), sign_mode="mixed", plasticity=HALVES),
         Connection("forth", "dense", "h", "out", rng.integers(-90, 150, (3, 5)), sign_mode="mixed", plasticity=HALVES),
         Connection("back", "dense", "out", "h", **back)),
    )  # fmt: skip


def _data(seed: int, steps: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"in": rng.random((steps, 6)) < 0.4, "label": rng.integers(0, 120, (steps, 3))}


def _third(program: Program) -> list[list[int]]:
    run = _run(program, _data(12, 50), 50, ["h.y1", "h.y2"])
    signed: list[list[int]] = (run.states["h.y1"] - run.states["h.y2"]).tolist()
    assert np.any(signed)
    return signed


def _run(program: Program, data: Mapping[str, Any], steps: int, record: list[str]) -> Run:
    return simulate(program, _streams(data), steps=steps, record=record)


def _streams(data: Mapping[str, Any]) -> dict[str, EventStream]:
    return {name: EventStream.from_dense(np.asarray(values).astype(np.int32)) for name, values in data.items()}


def _toward_zero(values: I64, shift: int) -> I64:
    return np.sign(values) * (np.abs(values) >> shift)
