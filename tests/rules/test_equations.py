"""The first updates of the rules against their published equations, written out literally.

Constants are those of the equation in weight units: what a file's powers of two come to after the engine's shifts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from literal_rule import N_OUT, N_POST, THETA, Lesson

from neurotrain_hw.program import Modulator

outer = np.outer
STEPS = 80
HALFWIDTH = 15000
BOX = Modulator("feedback", psi="box", psi_halfwidth=HALFWIDTH, signal_shift=5)


def halves(m: np.ndarray) -> dict[str, np.ndarray]:
    """A signed third factor of 7 bits as two that are not negative."""
    return {"y1": np.maximum(m, 0), "y2": np.maximum(-m, 0)}


def clip7(values: np.ndarray) -> np.ndarray:
    return np.clip(np.trunc(values), -127, 127).astype(np.int64)


def box(v: np.ndarray) -> np.ndarray:
    return (np.abs(v - THETA) <= HALFWIDTH).astype(np.int64)


def triangle(v: np.ndarray) -> np.ndarray:
    """psi in 5 bits, as wide as the threshold."""
    return 31 - np.minimum(31, np.abs(v - THETA) * 32 // THETA)


def psi_alone(psi: np.ndarray, signal: np.ndarray) -> dict[str, np.ndarray]:
    """psi beside the halves of a signal that it does not multiply."""
    return {"y1": psi, "y2": np.maximum(signal, 0), "y3": np.maximum(-signal, 0)}


def test_pair_stdp() -> None:
    lesson = Lesson("pair-stdp")
    for _ in range(STEPS):
        e = lesson.step()
        lesson.check(e, (outer(e.post, e.x["x1"]) / 4, -outer(e.y["y1"], e.pre) / 4))
    assert lesson.changed > 100


def test_triplet_stdp_reads_its_slow_traces_before_the_spike() -> None:
    lesson, a2_plus, a3_plus, a2_minus, a3_minus = Lesson("triplet-stdp", rate=0.1), 1 / 4, 1 / 32, 1 / 8, 1 / 128
    for _ in range(40):
        e = lesson.step()
        o2, r2 = e.y["y2"] - 16 * e.post, e.x["x2"] - 16 * e.pre
        if max(e.y["y2"].max(), e.x["x2"].max()) == 127:
            break  # saturated: the file says that it is not exact then
        gain, loss = outer(e.post, e.x["x1"]), -outer(e.y["y1"], e.pre)
        lesson.check(e, (a2_plus * gain, a3_plus * o2[:, None] * gain, a2_minus * loss, a3_minus * r2 * loss))
    assert lesson.changed > 30 and e.t > 10


def test_weight_dependent_stdp_has_soft_bounds() -> None:
    lesson = Lesson("weight-dependent-stdp", sign="excitatory")
    for _ in range(STEPS):
        e = lesson.step()
        gain, loss = outer(e.post, e.x["x1"]), outer(e.y["y1"], e.pre)
        lesson.check(e, ((254 - e.w) * gain / 1024, -e.w * loss / 1024))
    assert lesson.changed > 100


def test_hebb() -> None:
    lesson = Lesson("hebb")
    for _ in range(30):
        e = lesson.step()
        lesson.check(e, (outer(e.post, e.x["x1"]) / 8, outer(e.y["y1"], e.pre) / 8))
    assert lesson.changed > 50


def test_oja() -> None:
    """dw = lr * y * (x - c * y * w) with lr 1/16 and c 1/128."""
    lesson = Lesson("oja")
    for _ in range(STEPS):
        e = lesson.step()
        y = e.post[:, None]
        lesson.check(e, (y * e.x["x1"] / 16, -y * e.y["y1"][:, None] * e.w / 2048))
    assert lesson.changed > 100


def test_bcm_has_a_sliding_threshold() -> None:
    """dw = lr * y * x * (y - <y>^2 / 32) with lr 1/256."""
    lesson, signs = Lesson("bcm", rate=0.5), set()
    for _ in range(3 * STEPS):
        e = lesson.step()
        theta, hebb = e.y["y2"] ** 2 / 32, outer(e.post, e.x["x1"]) / 256
        lesson.check(e, (hebb * e.y["y1"][:, None], -hebb * theta[:, None]))
        signs |= set(np.sign(e.y["y1"] - theta)[e.post > 0])
    assert lesson.changed > 100 and signs == {-1, 1}


def test_emstdp_learns_from_the_difference_of_two_counts() -> None:
    """dw = h_pre * (2 * y1 - t) / 256 every 128 steps, t the spikes since then; y1 stands for those of phase 2."""
    lesson, count = Lesson("emstdp"), np.zeros(N_POST)
    for step in range(260):
        lesson.rate = 0.05 if step % 128 < 64 else 0.6
        e = lesson.step()
        at_end = e.t % 128 == 0
        dw = at_end * outer(2 * e.y["y1"] - count, e.x["x1"]) / 256
        lesson.check(e, dw, np.broadcast_to((e.post - at_end * count)[:, None], e.w.shape))
        assert (e.tag == count[:, None]).all()
        count = e.post if at_end else count + e.post
    assert lesson.changed > 20


def test_reward_stdp_immediate() -> None:
    """dw = R / 512 * (x at a post spike - y at a pre spike)."""
    lesson, y, reward = Lesson("reward-stdp-immediate"), np.zeros(N_POST, np.int64), np.random.default_rng(1)
    for _ in range(STEPS):
        y = y * 19 // 20 + 16 * (lesson.membrane() > THETA)
        r = int(reward.integers(-90, 91))
        e = lesson.step({"y1": y, "y2": np.full(N_POST, max(r, 0)), "y3": np.full(N_POST, max(-r, 0))})
        r = e.y["y2"][:, None] - e.y["y3"][:, None]
        lesson.check(e, r / 512 * (outer(e.post, e.x["x1"]) - outer(e.y["y1"], e.pre)))
    assert lesson.changed > 50


def test_reward_stdp_with_a_tag() -> None:
    """dt = x / 4 at a post spike - y / 4 at a pre spike - t / 8, and dw = R * t / 128."""
    lesson, y, reward = Lesson("reward-stdp"), np.zeros(N_POST, np.int64), np.random.default_rng(1)
    for _ in range(STEPS):
        y = y * 19 // 20 + 16 * (lesson.membrane() > THETA)
        r = int(reward.integers(-90, 91)) * int(reward.random() < 0.3)
        e = lesson.step({"y1": y, "y2": np.full(N_POST, max(r, 0)), "y3": np.full(N_POST, max(-r, 0))})
        dt = (outer(e.post, e.x["x1"]) - outer(e.y["y1"], e.pre)) / 4 - e.tag / 8
        lesson.check(e, (e.y["y2"] - e.y["y3"])[:, None] * e.tag / 128, dt)
    assert lesson.changed > 50


@pytest.mark.parametrize(("name", "psi", "rate"), [("eprop-random", box, 1 / 1024), ("dfa", box, 1 / 1024)])
def test_random_feedback_of_the_output_error(name: str, psi, rate: float) -> None:
    """dw = lr * psi_j * (sum_k B_jk e_k) * x_i, with the error that left the outputs one step before."""
    lesson, error, target = Lesson(name, modulator=BOX), np.zeros(N_OUT), np.array([100, 0, 50])
    for _ in range(STEPS):
        m = psi(lesson.membrane()) * clip7(lesson.feedback @ error / 32)
        e = lesson.step(target=target)
        lesson.check(e, rate * outer(m, e.x["x1"]))
        error = lesson.error(target)
    assert lesson.changed > 30


def test_pes_takes_the_error_along_its_encoders_and_asks_for_no_psi() -> None:
    lesson, error, target = (
        Lesson("pes", modulator=Modulator("feedback", signal_shift=7)),
        np.zeros(N_OUT),
        np.array([100, 0, 50]),
    )
    for _ in range(STEPS):
        m = clip7(lesson.feedback @ error / 128)
        e = lesson.step(target=target)
        lesson.check(e, outer(m, e.x["x1"]) / 1024)
        error = lesson.error(target)
    assert lesson.changed > 30


@pytest.mark.parametrize(("name", "rate", "every"), [("drtp", 1 / 1024, 32), ("etlp", 1 / 1024, 8)])
def test_target_projection_is_a_row_of_the_matrix(name: str, rate: float, every: int) -> None:
    """dw = lr * psi_j * B[j, label] * x_i, with the label of the step before."""
    lesson, row = Lesson(name, modulator=replace(BOX, signal_shift=0)), np.zeros(N_POST)
    for step in range(every * STEPS):
        label = step // 20 % N_OUT
        m = box(lesson.membrane()) * clip7(row)
        e = lesson.step(label=np.eye(N_OUT)[label])
        lesson.check(e, (e.t % every == 0) * rate * outer(m, e.x["x1"]))
        row = lesson.feedback[:, label]
    assert lesson.changed > 20


@pytest.mark.parametrize("name", ["ostl", "osttp"])
def test_a_post_spike_erases_the_eligibility(name: str) -> None:
    """eps = 7/8 * (1 - s_j[t-1]) * eps + s_i in units of 4, dw = M * eps / 512."""
    lesson, error, row = Lesson(name, modulator=BOX), np.zeros(N_OUT), np.zeros(N_POST)
    target, held = np.array([100, 0, 50]), np.zeros((N_POST, 7))
    for step in range(2 * STEPS):
        label = step // 20 % N_OUT
        m = box(lesson.membrane()) * clip7((row if name == "osttp" else lesson.feedback @ error) / 32)
        e = lesson.step(target=target, **({"label": np.eye(N_OUT)[label]} if name == "osttp" else {}))
        eps = 7 / 8 * held + 4 * e.pre
        lesson.check(e, m[:, None] * eps / 512, (1 - e.post)[:, None] * eps - e.tag)
        error, row, held = lesson.error(target), lesson.feedback[:, label], e.new_tag
        assert (held[e.post > 0] == 0).all()
    assert lesson.changed > 10


def test_decolle_learns_from_the_readout_of_the_layer_itself() -> None:
    """dw = -lr * psi_j * (sum_k G_kj (y_k - y*_k)) * P_i with y = G s, and P as one trace."""
    lesson, g = Lesson("decolle"), np.random.default_rng(2).uniform(-0.5, 0.5, (N_OUT, N_POST))
    target = np.array([1, 0, 0])
    for _ in range(3 * STEPS):
        v = lesson.membrane()
        m = clip7(-60 * box(v) * (g.T @ (g @ (v > THETA) - target)))
        e = lesson.step(halves(m))
        lesson.check(e, outer(e.y["y1"] - e.y["y2"], e.x["x1"]) / 1024)
    assert lesson.changed > 50


@pytest.mark.parametrize(("name", "rate"), [("ottt", 1 / 1024), ("eprop", 1 / 1024)])
def test_symmetric_feedback_reads_the_readout_backward(name: str, rate: float) -> None:
    """dw = lr * psi_j * (sum_k W_kj e_k) * x_i in the same step."""
    lesson, rng = Lesson(name), np.random.default_rng(3)
    for _ in range(STEPS):
        psi = np.maximum(0, 1 - np.abs(lesson.membrane() - THETA) / THETA)
        m = clip7(psi * (lesson.readout.T @ rng.normal(0, 1, N_OUT)) / 2)
        e = lesson.step(halves(m))
        lesson.check(e, rate * outer(e.y["y1"] - e.y["y2"], e.x["x1"]))
    assert lesson.changed > 30


def test_es_d_rtrl_smooths_psi_in_the_tag() -> None:
    """f = 7/8 * f + psi and dw = L_j * f_j * x_i / 2^16, with the f of this step."""
    lesson, rng = Lesson("es-d-rtrl"), np.random.default_rng(3)
    for _ in range(STEPS):
        signal = clip7(lesson.readout.T @ rng.normal(0, 1, N_OUT) / 2)
        e = lesson.step(psi_alone(triangle(lesson.membrane()), signal))
        psi, learned = e.y["y1"][:, None], (e.y["y2"] - e.y["y3"])[:, None]
        lesson.check(e, learned * (7 / 8 * e.tag + psi) * e.x["x1"] / 2**16, psi - e.tag / 8)
    assert lesson.changed > 30


def test_ottts_trace_halves_every_step() -> None:
    lesson = Lesson("ottt")
    for _ in range(30):
        before = lesson.x["x1"]
        e = lesson.step(halves(np.zeros(N_POST, np.int64)))
        assert (np.abs(e.x["x1"] - (0.5 * before + 4 * e.pre)) <= 0.5).all()


def test_s_tllr_adds_what_is_not_causal() -> None:
    """dw = L_j / 2^13 * (psi_j x_i - 32 q_j s_i), q = 3/16 q + psi, q in the tag."""
    lesson, rng = Lesson("s-tllr"), np.random.default_rng(3)
    for _ in range(STEPS):
        signal = clip7(rng.normal(0, 20, N_POST))
        e = lesson.step(psi_alone(4 * triangle(lesson.membrane()), signal))
        psi, learned = e.y["y1"][:, None], (e.y["y2"] - e.y["y3"])[:, None]
        q = 3 / 16 * e.tag + psi / 4
        lesson.check(e, learned * (psi / 4 * e.x["x1"] - q * 32 * e.pre) / 2**13, psi / 4 - 13 / 16 * e.tag)
    assert lesson.changed > 30


def test_sdsp_counts_its_levels_as_odin_does() -> None:
    """A saturating counter of 3 bits: +1 at a pre spike if the flag `up` is set, -1 if `down` is."""
    lesson, rng = Lesson("sdsp", sign="excitatory", rate=0.4), np.random.default_rng(4)
    level = lesson.weights // 32
    for _ in range(2 * STEPS):
        up, window = rng.random(N_POST) < np.linspace(0.1, 0.9, N_POST), rng.random(N_POST) < 0.7
        e = lesson.step({"y1": (up & window).astype(int), "y2": (~up & window).astype(int)})
        level = np.clip(level + outer(np.where(window, np.where(up, 1, -1), 0), e.pre), 0, 7)
        np.testing.assert_array_equal(e.new_w // 32, level)
    assert {0, 7} <= set(level.ravel())


def test_eprop_with_the_readouts_filter_keeps_its_eligibility_in_the_tag() -> None:
    """ebar = 7/8 * ebar + psi * x, dw = L * ebar of the step before; psi is 16 where it is 1, so ebar counts double."""
    lesson, rng = Lesson("eprop-filtered"), np.random.default_rng(3)
    for _ in range(STEPS):
        signal = clip7(rng.normal(0, 40, N_POST))
        factors = {"y1": 16 * box(lesson.membrane()), "y2": np.maximum(signal, 0), "y3": np.maximum(-signal, 0)}
        e = lesson.step(factors)
        dt = 2 * outer(e.y["y1"] / 16, e.x["x1"]) - e.tag / 8
        lesson.check(e, (e.y["y2"] - e.y["y3"])[:, None] * e.tag / 4096, dt)
    assert lesson.changed > 20


def test_eprop_of_an_adaptive_threshold_keeps_its_slow_part_in_the_tag() -> None:
    """eps = psi * x + (63/64 - psi / 8) * eps in eighths, dw = M * (x - eps / 8) / 64."""
    lesson, rng = Lesson("eprop-alif"), np.random.default_rng(3)
    for _ in range(STEPS):
        psi = box(lesson.membrane())
        m = psi * clip7(rng.normal(0, 10, N_POST))
        e = lesson.step({"y1": 16 * psi, "y2": np.maximum(m, 0), "y3": np.maximum(-m, 0)})
        psi, m, eps = e.y["y1"][:, None] / 16, (e.y["y2"] - e.y["y3"])[:, None], e.tag / 8
        lesson.check(e, m * (e.x["x1"] - eps / 8) / 64, 8 * (psi * e.x["x1"] - (1 / 64 + psi / 8) * eps))
    assert lesson.changed > 30


def test_node_perturbation_remembers_its_noise_until_the_reward() -> None:
    """t += xi * x / 64 - t / 32, dw = R * t / 256."""
    lesson, rng = Lesson("node-perturbation"), np.random.default_rng(3)
    for step in range(STEPS):
        r = int(rng.integers(-90, 91)) * (step % 10 == 9)
        xi = np.clip(np.rint(rng.normal(0, 20, N_POST)), -64, 63).astype(int)
        e = lesson.step({"y1": 64 + xi, "y2": np.full(N_POST, max(r, 0)), "y3": np.full(N_POST, max(-r, 0))})
        dt = outer(e.y["y1"] - 64, e.x["x1"]) / 64 - e.tag / 32
        lesson.check(e, (e.y["y2"] - e.y["y3"])[:, None] * e.tag / 256, dt)
    assert lesson.changed > 10


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("eprop-adaptive", 1 / 1024),
        ("sign-dfa", 1 / 1024),
        ("forward-forward", 1 / 1024),
        ("soel", 1 / 64),
        ("delta", 1 / 512),
    ],
)
def test_the_common_kernel_with_any_signed_third_factor(name: str, rate: float) -> None:
    """dw = lr * M_j * x_i, with M of both signs at neurons that spike and at those that do not."""
    lesson, rng, signs = Lesson(name), np.random.default_rng(6), set()
    for _ in range(STEPS):
        e = lesson.step(halves(clip7(rng.normal(0, 40, N_POST))))
        m = e.y["y1"] - e.y["y2"]
        lesson.check(e, rate * outer(m, e.x["x1"]))
        signs |= set(zip(np.sign(m), e.post, strict=True))
    assert lesson.changed > 20 and {(1, 1), (-1, 1), (1, 0), (-1, 0)} <= signs
