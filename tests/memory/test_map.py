"""Memory maps against sums written out by hand from the chip files' figures, purpose by purpose."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from graphs import chain

from benchmarks.cases import learning_digits
from neurotrain_hw.audit import NetworkShape, memory_needs
from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler import compile_graph
from neurotrain_hw.errors import CapacityError, UnknownNameError, UnsupportedError, ValueRangeError
from neurotrain_hw.memory import (
    CoreMemory,
    Generated,
    check_map,
    layout_of,
    memory_map,
    memory_rows,
    narrowed,
    place,
    pool_rows,
    with_budget,
    with_generated_feedback,
)
from neurotrain_hw.program import Connection, CoreSlice, MemoryRow, Plasticity, Population, Program
from neurotrain_hw.rules import load_rule

LOIHI1, LOIHI2, EDGE = load_chip("loihi1"), load_chip("loihi2"), load_chip("edge_sram")
LIF = {"du": 4095, "dv": 410, "vth": 4000, "bias_mant": 0, "bias_exp": 0}
HIDDEN, OUT, SYNAPSES = 128, 10, 64 * 128 + 128 * 10


def bits(program: Program) -> dict[str, int]:
    """Bits by purpose, over all cores."""
    found: dict[str, int] = {}
    for row in program.memory:
        found[row.purpose] = found.get(row.purpose, 0) + row.need_bits
    return found


@pytest.fixture(scope="module")
def learner() -> Program:
    """The 64-128-10 network of the benchmarks that learns in three factors, with an error fed back."""
    return learning_digits()[0]


def with_tags(program: Program) -> Program:
    """The same with a tag in both plastic connections."""
    return replace(
        program,
        connections=tuple(
            replace(c, plasticity=replace(c.plasticity, dt="2^-1*x1*y1 - 2^-3*u0*t")) if c.plasticity else c
            for c in program.connections
        ),
    )


def test_a_static_784_256_10_on_loihi2() -> None:
    """256 x 784 and 10 x 256 weights of 8 bits, u and v of 24 bits, five parameters that each layer shares."""
    program = place(compile_graph(chain([784, 256, 10]), LOIHI2, steps=20), LOIHI2)
    limit, neuron, shared = 196608 * 8, 784 * 8 + 48, 12 + 12 + 17 + 13 + 3
    first = (limit - shared) // neuron  # neurons of the first layer that a core holds beside the layer's parameters
    assert [(s.population, s.first, s.last, s.core) for s in program.placement] == [
        ("l1", 0, first, 0), ("l1", first, 256, 1), ("l2", 0, 10, 1),
    ]  # fmt: skip
    assert bits(program) == {
        "weights": 8 * (784 * 256 + 256 * 10), "neuron state": 48 * 266, "neuron parameters": 3 * shared,
    }  # fmt: skip
    assert {(p.core, p.need_bits) for p in pool_rows(program.memory)} == {
        (0, first * neuron + shared), (1, (256 - first) * neuron + 10 * (256 * 8 + 48) + 2 * shared),
    }  # fmt: skip


def test_a_plastic_64_128_10_on_loihi2(learner: Program) -> None:
    expected = {
        "neuron state": 48 * (HIDDEN + OUT),
        "neuron parameters": 2 * (12 + 12 + 17 + 13 + 3),
        "weights": 8 * SYNAPSES,
        "wider weights": SYNAPSES,  # 9 bits in the learning engine
        "pre traces": 7 * (64 + 128),  # x1 of each plastic connection
        "third factors": 7 * 2 * (HIDDEN + OUT),  # y1 and y2, which the neuron's program writes
        "modulator state": 32 * HIDDEN + 24 * OUT,  # the sum fed back; the filtered spikes of the error
        "feedback matrix": 8 * OUT * HIDDEN,
    }
    assert bits(place(learner, LOIHI2)) == expected
    assert bits(place(with_tags(learner), LOIHI2)) == expected | {"tags": 9 * SYNAPSES}


def test_the_same_on_a_chip_that_sizes_routing_and_generators(learner: Program) -> None:
    """16-bit state and parameters of their own widths; weights stay as wide as they are, tags have 8 bits."""
    found = bits(place(with_tags(learner), EDGE))
    assert found == {
        "neuron state": 32 * (HIDDEN + OUT),
        "neuron parameters": 2 * (12 + 12 + 16 + 13 + 3),
        "weights": 8 * SYNAPSES,
        "tags": 8 * SYNAPSES,
        "pre traces": 8 * (64 + 128),
        "third factors": 8 * 2 * (HIDDEN + OUT),
        "modulator state": 32 * HIDDEN + 24 * OUT,
        "feedback matrix": 8 * OUT * HIDDEN,
        "random generators": 2 * 64,  # one for each connection that learns
        "routing": 32 * (64 + 128),  # an entry for each input axon
        "feedback routing": 32 * 10,
    }


def test_a_rule_on_two_cores_keeps_its_pre_traces_and_generator_twice() -> None:
    rule = Plasticity("2f", dw="2^-2*x1*y0 - 2^-2*y1*x0")
    program = Program(
        "p", (Population("in", "input", (1000,)), Population("n", "lif", (100,), LIF)),
        (Connection("w", "dense", "in", "n", np.zeros((100, 1000), np.int16), plasticity=rule),),
    )  # fmt: skip
    placed = place(program, with_budget(EDGE, 65536), chips=2)
    assert len(placed.placement) == 2
    found = bits(placed)
    assert found["pre traces"] == 2 * 8 * 1000 and found["random generators"] == 2 * 64
    assert found["routing"] == 2 * 32 * 1000 and found["post traces"] == 8 * 100


def test_a_chip_without_memory_for_learning_asks_for_the_figure_it_lacks(learner: Program) -> None:
    """Xylo has no traces; ODIN keeps a fixed rule's state in its neurons' records, and 3 bits of weight."""
    with pytest.raises(UnsupportedError, match="is unknown, and it is needed to count the memory"):
        place(learner, load_chip("xylo_audio2"))
    with pytest.raises(CapacityError, match="ODIN has no weights of so many bits") as raised:
        place(learner, load_chip("odin"))
    assert raised.value.limit == "3 bits" and raised.value.table[0].need == 8


def test_learning_state_has_no_known_limit_on_loihi1(learner: Program) -> None:
    """Synapses of 9 bits in blocks of 64, padded to 64 bits; traces and modulators in memory of unknown size."""
    placed = place(learner, LOIHI1)
    assert {row.pool: row.limit_bits for row in placed.memory} == {
        "synapse memory": 131072 * 8, "neuron records": 1024 * 24 * 8, "learning state": None,
    }  # fmt: skip
    block = -(-(64 * 9 + 10) // 64) * 64
    plastic = 64 * 2 * block + 128 * (-(-(10 * 9 + 10) // 64) * 64)
    feedback = 10 * 2 * (-(-(64 * 8 + 10) // 64) * 64)
    held = {row.purpose: row.need_bits for row in placed.memory if row.pool == "synapse memory"}
    assert sum(held.values()) == plastic + feedback


def test_the_second_tag_is_the_delay() -> None:
    """6 bits on Loihi 1, 9 on Loihi 2 where Lava's tag_2 has as many; not counted once more as a delay."""
    rule = Plasticity("2f", dw="x1*y0", dd="x1*y0", dt="x1*y0")
    program = Program(
        "p", (Population("in", "input", (6,)), Population("n", "lif", (5,), LIF)),
        (Connection("w", "delay_dense", "in", "n", np.zeros((5, 6), np.int16), delays=np.ones((5, 6), np.int32),
                    plasticity=rule),),
    )  # fmt: skip
    for chip, tags in ((LOIHI1, 9 + 6), (LOIHI2, 9 + 9)):
        found = bits(place(program, chip))
        assert found["tags"] == tags * 30 and "delays" not in found


def test_odin_and_reckon_keep_a_rules_state_in_their_neurons_records() -> None:
    """Calcium and its counter are among ODIN's 128 bits; ReckOn's traces among its 64. Neither is counted twice."""
    shape = NetworkShape.fully_connected((64, 10), weight_bits=3)
    odin = {n.purpose: n.bits for n in memory_needs(load_rule("sdsp"), shape, load_chip("odin"), steps=1)}
    assert odin == {"neuron records": 128 * 10, "weights": 4 * 640}  # 3 bits and the mapping bit
    shape = NetworkShape.fully_connected((64, 128, 10))
    reckon = {n.purpose: n.bits for n in memory_needs(load_rule("eprop"), shape, load_chip("reckon"), steps=1)}
    assert reckon == {"neuron records": 64 * 138, "weights": 8 * SYNAPSES}


def test_the_audit_counts_what_placing_counts(learner: Program) -> None:
    for chip in (LOIHI1, LOIHI2, EDGE):
        needs = memory_needs(load_rule("eprop-random"), NetworkShape.from_program(learner), chip, steps=1)
        assert {n.purpose: n.bits for n in needs} == bits(place(learner, chip))
        model = NetworkShape.fully_connected((64, 128, 10))
        sizes = {n.purpose: n.bits for n in memory_needs(load_rule("eprop-random"), model, chip, steps=1)}
        assert sizes == bits(place(learner, chip))


def test_the_map_as_a_document(learner: Program) -> None:
    placed = place(learner, with_budget(LOIHI2, 8192), chips=1)
    found = memory_map(placed, LOIHI2)
    document = json.loads(json.dumps(found.as_dict()))
    assert document["bits"] == found.bits == sum(row.need_bits for row in placed.memory)
    assert (document["chips"], len(document["cores"])) == (1, found.cores) == (1, 2)
    for core in document["cores"]:
        (pool,) = core["pools"]
        assert pool["need_bits"] == sum(purpose["bits"] for purpose in core["purposes"]) <= pool["limit_bits"] == 65536
    assert set(document["not_counted"]) == {"programs of neurons", "routing", "random generators"}
    static = place(compile_graph(chain([5, 4]), LOIHI2, steps=3), LOIHI2)
    assert set(memory_map(static, LOIHI2).not_counted) == {"programs of neurons", "routing"}
    assert set(memory_map(placed, EDGE).not_counted) == {"programs of neurons"}


def test_a_map_that_breaks_its_own_limit_is_refused(learner: Program) -> None:
    placed = place(learner, LOIHI2)
    check_map(placed)
    over = replace(placed, memory=(*placed.memory, MemoryRow(0, 0, "more", 196608 * 8, "core memory", 196608 * 8)))
    with pytest.raises(CapacityError, match=r"chip 0 core 0: the core memory is too small.*\n +purpose") as raised:
        check_map(over)
    assert raised.value.table[-1].need == sum(row.need_bits for row in over.memory)


def test_generated_feedback_takes_a_seed_on_every_core_of_its_neurons(learner: Program) -> None:
    program, seeds = with_generated_feedback(learner)
    assert set(seeds) == {"feedback"}
    found = bits(place(program, EDGE, generated=seeds))
    stored = bits(place(learner, EDGE))
    assert found == {k: v for k, v in stored.items() if k != "feedback matrix"} | {"feedback seeds": 64}
    assert memory_rows(place(program, EDGE, generated=seeds), EDGE, generated=seeds) == (
        place(program, EDGE, generated=seeds).memory
    )
    with pytest.raises(UnsupportedError, match="not known to draw weights from a seed"):
        place(program, LOIHI2, generated=seeds)
    with pytest.raises(ValueRangeError, match="not those of seed 5"):
        place(program, EDGE, generated={"feedback": Generated(5)})
    with pytest.raises(ValueRangeError, match="cannot be drawn anew"):
        place(program, EDGE, generated={"in-hidden": Generated(5)})
    with pytest.raises(UnknownNameError):
        place(program, EDGE, generated={"feed": Generated(5)})


def test_bits_are_those_that_the_chip_stores() -> None:
    """Loihi 1 stores no 7 bits but 8; a processor has words of 8; Loihi 2 has every number."""
    program = Program(
        "p", (Population("in", "input", (6,)), Population("n", "lif", (5,), LIF)),
        (Connection("w", "dense", "in", "n", np.full((5, 6), 4, np.int16), num_weight_bits=7),),
    )  # fmt: skip
    for name, width in (("loihi1", 8), ("spinnaker2", 8), ("loihi2", 7)):
        assert bits(place(program, load_chip(name)))["weights"] == width * 30
    assert bits(place(program, load_chip("spinnaker2")))["neuron state"] == 2 * 32 * 5
    assert bits(place(narrowed(program, 3), LOIHI2))["weights"] == 3 * 30


def test_slices_of_one_population_on_one_core_share_what_is_kept_once(learner: Program) -> None:
    """A placement made by hand: its parts together need what the whole does."""
    memory = CoreMemory(layout_of(learner), LOIHI2)
    parts = [CoreSlice("hidden", 0, 50, 0, 0), CoreSlice("hidden", 50, 128, 0, 0), CoreSlice("out", 0, 10, 0, 0)]
    whole = [CoreSlice("hidden", 0, 128, 0, 0), CoreSlice("out", 0, 10, 0, 0)]
    assert memory.needs(parts) == memory.needs(whole)
