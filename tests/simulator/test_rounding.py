"""Rounding of learned weights: the counter-based generator, its statistics, the grid of few bits, and refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from learning_reference import threefry as literal

from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.events import EventStream
from neurotrain_hw.lava.support import check_program as check_for_lava
from neurotrain_hw.program import Connection, Plasticity, Population, Program
from neurotrain_hw.simulator import Session, simulate
from neurotrain_hw.simulator.counter_random import rounding_key, rounding_numbers, threefry

EPOCHS, N_PRE, N_POST = 200, 40, 50
RAISE = Plasticity("2f", dw="5*2^-4*x0", rng_seed=11)
"""A change of 40/128 of a unit at every pre spike."""


@pytest.mark.parametrize(
    ("key", "counter", "word"),
    [
        ((0, 0), (0, 0), 0x6B200159),
        ((2**32 - 1, 2**32 - 1), (2**32 - 1, 2**32 - 1), 0x1CB996FC),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), 0xC4923A9C),
    ],
)
def test_the_generator_gives_the_known_answers_of_its_authors(key, counter, word) -> None:
    """Random123, `kat_vectors`: threefry2x32, 20 rounds."""
    assert threefry(key, counter) == word
    assert literal(key, counter) == word


def test_two_seeds_of_any_size_share_no_key() -> None:
    seeds = [0, 1, 2**31, 2**32 - 1, 2**32, 2**61, 2**62 - 1]
    keys = [rounding_key(seed, target) for seed in seeds for target in range(3)]
    assert len(set(keys)) == len(keys) and all(0 <= word < 2**32 for key in keys for word in key)


def test_every_bit_is_even_and_no_synapse_or_epoch_follows_another() -> None:
    """16 million bits; bounds of five standard deviations."""
    numbers = np.array([rounding_numbers(7, 0, 100, 100, epoch) for epoch in range(1, 51)])
    n = numbers.size
    for bit in range(32):
        assert abs((numbers >> bit & 1).mean() - 0.5) < 5 * 0.5 / np.sqrt(n)
    cells = np.bincount((numbers >> 24).ravel(), minlength=256)
    assert abs(((cells - n / 256) ** 2 / (n / 256)).sum() - 255) < 5 * np.sqrt(2 * 255)
    centred = numbers / 2**32 - 0.5
    for axis in range(3):  # epoch, post neuron, pre neuron
        one, other = np.delete(centred, 0, axis), np.delete(centred, -1, axis)
        assert abs((one * other).mean() * 12) < 5 / np.sqrt(one.size)
    for seed, target in ((8, 0), (7, 1)):
        beside = rounding_numbers(seed, target, 100, 100, 1) / 2**32 - 0.5
        assert abs((beside * centred[0]).mean() * 12) < 5 / 100


@pytest.mark.parametrize("weight_bits", [None, 8, 5])
def test_each_synapse_rounds_alone_with_the_probability_of_what_is_dropped(weight_bits: int | None) -> None:
    """Steps of the grid from 0 up to the middle, binomial in number; with one shared number all are alike."""
    grid = 1 if weight_bits is None else 2 ** (9 - weight_bits)
    probability, epochs = 40 / 128 / grid, 100
    own = _learned("independent", weight_bits, epochs) // grid
    sigma = np.sqrt(epochs * probability * (1 - probability))
    assert abs(own.mean() - epochs * probability) < 5 * sigma / np.sqrt(own.size)
    assert abs(own.std() - sigma) < 5 * sigma / np.sqrt(2 * own.size)
    shared = _learned("shared", weight_bits, epochs)
    assert len(np.unique(shared)) == 1
    assert abs(shared[0, 0] // grid - epochs * probability) < 5 * sigma


@pytest.mark.parametrize(
    ("scale", "each"),
    [("7*2^-4", 0), ("4*2^-3", 1), ("5*2^-3", 1), ("5*2^-2", 1), ("6*2^-2", 2), ("-4*2^-3", 0), ("-5*2^-3", -1)],
)
def test_the_nearest_rounds_halves_up_and_forgets_what_is_less(scale: str, each: int) -> None:
    rule = Plasticity("2f", dw=f"{scale}*x0", rounding="nearest")
    assert np.unique(_run(rule, 10).weights["c"]).tolist() == [10 * each]


@pytest.mark.parametrize("rounding", ["shared", "independent", "nearest"])
@pytest.mark.parametrize(
    ("sign_mode", "bits", "lowest", "highest"),
    [("mixed", 8, -256, 254), ("mixed", 3, -256, 192), ("excitatory", 4, 0, 240), ("inhibitory", 4, -240, 0),
     ("mixed", 1, -256, 0), ("inhibitory", 2, -192, 0)],
)  # fmt: skip
def test_learned_weights_reach_both_ends_of_their_grid_and_stay_on_it(
    rounding: str, sign_mode: str, bits: int, lowest: int, highest: int
) -> None:
    for change, end in (("7*2^5*x0", highest), ("-7*2^5*x0", lowest)):
        rule = Plasticity("2f", dw=change, rounding=rounding, weight_bits=bits)
        program, inputs = _program(rule, 6, bits, sign_mode)
        session, seen = Session(program, record=()), set()
        for t in range(6):
            seen |= set(session.run({"in": inputs.window(t, t + 1)}, steps=1).weights["c"].ravel().tolist())
        step = 2 ** (8 - bits + (sign_mode == "mixed"))
        assert all(w % step == 0 and lowest <= w <= highest for w in seen)
        assert end in seen


def test_a_run_in_pieces_and_a_frozen_one_use_the_same_numbers() -> None:
    rule = replace(RAISE, rounding="independent", weight_bits=6)
    program, inputs = _program(rule, 30, 6)
    whole = simulate(program, {"in": inputs}, steps=30)
    session = Session(program, record=())
    for first, last in ((0, 7), (7, 8), (8, 30)):
        part = session.run({"in": inputs.window(first, last)}, steps=last - first)
    np.testing.assert_array_equal(part.weights["c"], whole.weights["c"])
    np.testing.assert_array_equal(session.frozen().weights()["c"], whole.weights["c"])


def test_random_numbers_are_counted_as_they_are_drawn() -> None:
    drawn = {}
    for rounding in ("shared", "independent", "nearest"):
        counts = _run(replace(RAISE, rounding=rounding), 10).counters.connections["c"]
        assert counts.weight_updates_proposed == 10 * N_PRE * N_POST
        drawn[rounding] = counts.random_numbers - 8 * 10
    assert drawn == {"shared": 10, "independent": 10 * N_PRE * N_POST, "nearest": 0}


def test_first_weights_of_more_bits_than_learned_ones_are_refused() -> None:
    with pytest.raises(ValueRangeError, match=r"8 bits.*at most the 4 bits.*Set num_weight_bits to 4"):
        _program(replace(RAISE, weight_bits=4), 1, 8)


@pytest.mark.parametrize(("field", "value"), [("rounding", "independent"), ("rounding", "nearest"), ("weight_bits", 8)])
def test_lava_is_not_asked_for_what_it_does_not_do(field: str, value: str | int) -> None:
    program, _ = _program(replace(RAISE, **{field: value}), 1, 8)
    with pytest.raises(UnsupportedError, match=r"learning connection 'c'"):
        check_for_lava(program, ())


def _learned(rounding: str, weight_bits: int | None, epochs: int) -> np.ndarray:
    return _run(replace(RAISE, rounding=rounding, weight_bits=weight_bits), epochs, weight_bits or 8).weights["c"]


def _run(rule: Plasticity, steps: int, bits: int = 8):
    program, inputs = _program(rule, steps, bits)
    return simulate(program, {"in": inputs}, steps=steps)


def _program(rule: Plasticity, steps: int, bits: int, sign_mode: str = "mixed") -> tuple[Program, EventStream]:
    """All inputs spike at every step; weights begin at 0."""
    lif = Population("out", "lif", (N_POST,), {"du": 4095, "dv": 4095, "vth": 2**16, "bias_mant": 0, "bias_exp": 0})
    weights = np.zeros((N_POST, N_PRE), np.int16)
    connection = Connection("c", "dense", "in", "out", weights, -8, bits, sign_mode, plasticity=rule)
    program = Program("rounding", (Population("in", "input", (N_PRE,)), lif), (connection,), ("out",))
    return program, EventStream.from_dense(np.ones((steps, N_PRE), np.int32))
