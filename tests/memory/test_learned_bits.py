"""Bits of weights that learn, on a grid or not, and of the copies that errors need on their way back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.cases import learning_digits
from neurotrain_hw.audit import NetworkShape, memory_needs
from neurotrain_hw.chips import load_chip
from neurotrain_hw.errors import CapacityError, ValueRangeError
from neurotrain_hw.memory import CoreMemory, Generated, Remedy, layout_of, narrowed, place, with_budget, with_figures
from neurotrain_hw.onchip import learning_program
from neurotrain_hw.program import Connection, CoreSlice, Program
from neurotrain_hw.rules import load_rule

LOIHI1, LOIHI2, EDGE = load_chip("loihi1"), load_chip("loihi2"), load_chip("edge_sram")
SYNAPSES = 64 * 128 + 128 * 10


@pytest.fixture(scope="module")
def learner() -> Program:
    """The 64-128-10 network of the benchmarks that learns in three factors, with an error fed back."""
    return learning_digits()[0]


def bits(program: Program) -> dict[str, int]:
    """Bits by purpose, over all cores."""
    found: dict[str, int] = {}
    for row in program.memory:
        found[row.purpose] = found.get(row.purpose, 0) + row.need_bits
    return found


def test_weights_read_backward_take_a_second_copy_where_the_chip_cannot_read_them_so() -> None:
    """Symmetric feedback of 5 hidden and 3 output neurons: 15 weights once more, as wide as those that learn."""
    program = learning_program(load_rule("es-d-rtrl"), (6, 5, 3), LOIHI2, seed=1)
    backward = with_figures(EDGE, "a test", {"synapse.read_backward": True})
    for chip, expected in (
        (LOIHI2, 9 * 15), (EDGE, 8 * 15), (backward, None), (load_chip("spinnaker2"), None),
        (with_figures(EDGE, "a test", {"synapse.read_backward": None}), 8 * 15),  # unknown is never a yes
    ):  # fmt: skip
        found = bits(place(program, chip))
        assert found.get("second copy of weights") == expected and "feedback matrix" not in found
        for shape in (NetworkShape.from_program(program), NetworkShape.fully_connected((6, 5, 3))):
            needs = {n.purpose: n.bits for n in memory_needs(load_rule("es-d-rtrl"), shape, chip, steps=1)}
            same = ("second copy of weights", "weights", "wider weights", "modulator state", "feedback routing")
            assert [needs.get(k) for k in same] == [found.get(k) for k in same]


def test_signs_of_weights_take_two_bits_and_fixed_weights_no_wider_copy() -> None:
    program = learning_program(load_rule("es-d-rtrl"), (6, 5, 3), LOIHI2, seed=1)
    signs = tuple(replace(c, signs_only=True) if c.transpose_of else c for c in program.connections)
    assert bits(place(replace(program, connections=signs), LOIHI2))["second copy of weights"] == 2 * 15
    still = tuple(replace(c, plasticity=None) if c.name == "hidden-out" else c for c in program.connections)
    assert bits(place(replace(program, connections=still), LOIHI2))["second copy of weights"] == 8 * 15


@pytest.mark.parametrize(("weight_bits", "width"), [(None, 9), (8, 8), (5, 5), (2, 2)])
def test_learned_weights_take_the_bits_of_their_grid(learner: Program, weight_bits: int | None, width: int) -> None:
    """Loihi 2 keeps 9 bits, unless the rule keeps its weights on the grid of fewer."""
    first = min(8, weight_bits or 8)
    connections = tuple(
        replace(c, num_weight_bits=first, plasticity=replace(c.plasticity, weight_bits=weight_bits))
        if c.plasticity
        else c
        for c in learner.connections
    )
    program = replace(learner, connections=connections)
    found = bits(place(program, LOIHI2))
    assert found["weights"] + found.get("wider weights", 0) == width * SYNAPSES
    shape = NetworkShape.from_program(program)
    needs = {n.purpose: n.bits for n in memory_needs(load_rule("eprop-random"), shape, LOIHI2, steps=1)}
    assert needs == found


def test_a_grid_takes_the_width_that_the_chip_stores(learner: Program) -> None:
    """Loihi 1 has no 7 bits: 8; a processor has words of 8."""
    seven = narrowed(learner, 7, learning=True)
    assert "wider weights" not in bits(place(seven, LOIHI1))
    assert bits(place(seven, load_chip("spinnaker2")))["weights"] == 8 * SYNAPSES
    assert bits(place(seven, LOIHI2))["weights"] == 7 * SYNAPSES


def test_the_second_copy_narrows_with_the_weights_that_it_is_of() -> None:
    program = learning_program(load_rule("es-d-rtrl"), (6, 5, 3), LOIHI2, seed=1)
    four = bits(place(narrowed(program, 4, learning=True), LOIHI2))
    assert four["second copy of weights"] == 4 * 15 and "wider weights" not in four
    layout = layout_of(program).with_weight_bits(4, learning=True)
    parts = [CoreSlice(g.name, 0, g.neurons, 0, 0) for g in layout.groups]
    assert {k[1]: v for k, v in CoreMemory(layout, LOIHI2).needs(parts).items()} == four


def test_a_readout_of_a_layers_own_is_counted_with_its_weights_twice() -> None:
    """DECOLLE with 5 hidden and 3 output neurons: 3 more neurons, 15 fixed weights and as many backward."""
    shape, rule = NetworkShape.fully_connected((6, 5, 3)), load_rule("decolle")
    needs = {n.purpose: n.bits for n in memory_needs(rule, shape, LOIHI2, steps=1)}
    assert needs["weights"] == 8 * (45 + 15) and needs["second copy of weights"] == 8 * 15
    assert needs["neuron state"] == 2 * 24 * (5 + 3 + 3)


def test_a_readout_drawn_from_a_seed_needs_no_copy_of_its_weights() -> None:
    """Each weight follows from its own number, in either direction: a seed at both ends, in the audit as in a map."""
    program = learning_program(load_rule("dfa"), (6, 5, 3), EDGE, seed=1)  # decolle's wiring, made by hand
    source = Generated(7)
    local = Connection("local", "dense", "hidden", "out", source.weights((3, 5)), sign_mode="mixed")
    back = next(c for c in program.connections if c.port == "signal")
    copy = replace(back, weights=np.zeros((5, 3), np.int16), transpose_of="local")
    made = replace(program, connections=(*(c for c in program.connections if c is not back), local, copy))
    stored, drawn = bits(place(made, EDGE)), bits(place(made, EDGE, generated={"local": source}))
    assert stored["second copy of weights"] == 8 * 15 and drawn["feedback seeds"] == 2 * 64
    assert "second copy of weights" not in drawn and stored["weights"] - drawn["weights"] == 8 * 15
    with pytest.raises(ValueRangeError, match="cannot be drawn anew"):
        place(made, EDGE, generated={copy.name: source})
    shape, rule = NetworkShape.fully_connected((6, 5, 3)), load_rule("decolle")
    needs = {n.purpose: n.bits for n in memory_needs(rule, shape, EDGE, steps=1, generated=True)}
    assert needs["feedback seeds"] == 2 * 64 and "second copy of weights" not in needs


@pytest.mark.parametrize("signs", [False, True])
@pytest.mark.parametrize("size", [256, 250, 235, 225])
def test_remedies_of_a_program_that_reads_weights_backward_fit(signs: bool, size: int) -> None:
    program = learning_program(load_rule("es-d-rtrl"), (6, 5, 3), LOIHI2, seed=1)
    connections = tuple(replace(c, signs_only=signs) if c.transpose_of else c for c in program.connections)
    with pytest.raises(CapacityError) as raised:
        place(replace(program, connections=connections), with_budget(EDGE, size))
    assert any(isinstance(r, Remedy) and r.all_weights for r in raised.value.remedies)
    for remedy in raised.value.remedies:
        assert isinstance(remedy, Remedy)
        placed = remedy.place(replace(program, connections=connections))
        assert all(row.need_bits <= (row.limit_bits or 0) for row in placed.memory)
