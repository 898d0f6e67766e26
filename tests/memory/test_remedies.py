"""Every remedy that is printed was applied and fits, and a smaller change of its kind does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.cases import learning_digits
from neurotrain_hw.chips import Chip, load_chip
from neurotrain_hw.errors import CapacityError
from neurotrain_hw.memory import Remedy, narrowed, place, with_budget, with_generated_feedback
from neurotrain_hw.memory.layout import layout_of
from neurotrain_hw.program import Connection, Plasticity, Population, Program
from neurotrain_hw.program.synapses import sparse_weights, truncate_weights

EDGE, LOIHI1, LOIHI2, SPINNAKER = (load_chip(name) for name in ("edge_sram", "loihi1", "loihi2", "spinnaker2"))
LIF = {"du": 4095, "dv": 410, "vth": 4000, "bias_mant": 0, "bias_exp": 0}


@pytest.fixture(scope="module")
def learner() -> Program:
    """The 64-128-10 network of the benchmarks that learns."""
    return learning_digits()[0]


def refused(program: Program, chip: Chip, chips: int | None = 1) -> CapacityError:
    """The error that placing raises."""
    with pytest.raises(CapacityError) as raised:
        place(program, chip, chips=chips)
    return raised.value


def remedies(error: CapacityError) -> Iterator[Remedy]:
    for remedy in error.remedies:
        assert isinstance(remedy, Remedy)
        yield remedy


def static(n_pre: int, n_post: int, *, seed: int = 0, density: float = 1.0, bits: int = 8) -> Program:
    """One static connection with random weights, dense, or sparse where the density is below 1."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(-128, 128, (n_post, n_pre)) * 2 * (rng.random((n_post, n_pre)) < density)
    kind = "dense" if density == 1 else "sparse"
    return Program(
        "static", (Population("in", "input", (n_pre,)), Population("n", "lif", (n_post,), LIF)),
        (Connection("w", kind, "in", "n", weights.astype(np.int16), num_weight_bits=bits, sign_mode="mixed"),),
    )  # fmt: skip


@pytest.mark.parametrize("size", [13151, 12000, 10000, 8000, 5000, 3000, 1000])
def test_all_remedies_of_a_program_that_learns_fit(learner: Program, size: int) -> None:
    tagged = replace(
        learner,
        connections=tuple(
            replace(c, plasticity=replace(c.plasticity, dt="x1*y1 - 2^-3*u0*t")) if c.plasticity else c
            for c in learner.connections
        ),
    )
    for program in (learner, tagged):
        found = list(remedies(refused(program, with_budget(EDGE, size))))
        assert found
        for remedy in found:
            placed = remedy.place(program)
            assert all(row.need_bits <= (row.limit_bits or 0) for row in placed.memory)
            assert {c.name for c in placed.connections} == {c.name for c in program.connections}


def test_each_is_the_smallest_change_of_its_kind(learner: Program) -> None:
    chip = with_budget(EDGE, 12000)
    weights, feedback, chips, memory = remedies(refused(learner, chip))
    assert weights.weight_bits == 6 and weights.all_weights and "those that learn, too" in str(weights)
    placed = weights.place(learner)
    assert {c.num_weight_bits for c in placed.connections} == {6}
    assert {c.plasticity.weight_bits for c in placed.connections if c.plasticity} == {6}  # so the run learns, too
    assert feedback.generate and "seed" in str(feedback)
    assert (chips.chips, str(chips)) == (2, "2 chips (--chips 2)")
    assert str(memory) == "13,152 bytes of memory in a core (--budget 13152B)"
    assert refused(learner, with_budget(EDGE, 13151)).remedies


def test_tags_are_narrowed_where_their_width_is_a_choice() -> None:
    rule = Plasticity("2f", dt="2^-2*x1*y0", dw="2^-2*u0*t")
    program = Program(
        "p", (Population("in", "input", (100,)), Population("n", "lif", (100,), LIF)),
        (Connection("w", "dense", "in", "n", np.zeros((100, 100), np.int16), plasticity=rule),),
    )  # fmt: skip
    need = sum(row.need_bits for row in place(program, EDGE).memory)
    error = refused(program, with_budget(EDGE, (need - 10_000 - 1) // 8))  # short of a bit per synapse, and one more
    tags = next(remedy for remedy in remedies(error) if "tags" in str(remedy))
    assert "tags of 6 bits" in str(tags) and '"eligibility:6s"' in str(tags)
    assert sum(row.need_bits for row in tags.place(program).memory if row.purpose == "tags") == 6 * 10_000
    two = refused(program, with_budget(LOIHI2, 100), chips=1)
    assert not any("tags" in str(remedy) for remedy in two.remedies)  # silicon: its tags have 9 bits


def test_silicon_is_not_told_to_change() -> None:
    """128 cores of Loihi 2: fewer bits, or more chips; its memory is what it is."""
    program = static(4000, 10_000)
    weights, chips = remedies(refused(program, LOIHI2))
    assert str(weights) == "weights of 4 bits" and str(chips) == "2 chips (--chips 2)"
    assert len({part.core for part in weights.place(program).placement}) <= 128
    with pytest.raises(CapacityError):
        place(narrowed(program, 5), LOIHI2)
    assert list(remedies(refused(program, LOIHI2, chips=2 - 1)))


def one_core(chip: Chip, core_bytes: int) -> Chip:
    """The chip with one core of that size."""
    made = with_budget(chip, core_bytes)
    return replace(made, figures={k: replace(f, value=1) if k.startswith("structure.cores") else f
                                  for k, f in made.figures.items()})  # fmt: skip


def test_weights_that_do_not_learn_are_narrowed_apart_and_with_all_others(learner: Program) -> None:
    """On one core of Loihi 2 the program needs 109,838 bits: 1,280 for each bit of the 8 of its feedback, and 9,472
    for each bit of the 9 of those that learn."""
    need = sum(row.need_bits for row in place(learner, LOIHI2).memory)
    assert need == 109_838
    for saved, words in ((1, "weights of 7 bits"), (1280, "weights of 7 bits"), (1281, "weights of 6 bits"),
                         (8960, "weights of 1 bit")):  # fmt: skip
        size = -(-(need - saved) // 8) - (saved in (1, 1281))  # whole bytes that save as much, and no more
        error = refused(learner, one_core(LOIHI2, size))
        apart, together = (remedy for remedy in remedies(error) if remedy.weight_bits)
        assert str(apart) == f"{words} where they do not learn"
        assert str(together) == "weights of 8 bits, those that learn, too"  # 9,472 bits less
        for found in (apart, together):
            assert sum(row.need_bits for row in found.place(learner).memory) <= 8 * size
    (beyond,) = (r for r in remedies(refused(learner, one_core(LOIHI2, (need - 9472) // 8 - 1))) if r.weight_bits)
    assert str(beyond) == "weights of 7 bits, those that learn, too"


def test_all_together_where_none_helps_alone(learner: Program) -> None:
    """2 bits leave 19,200 + 2 x 10,752 bits, 5,088 bytes; the feedback alone is 10,240 bits."""
    assert not next(iter(remedies(refused(learner, with_budget(EDGE, 5088))))).generate
    found = next(iter(remedies(refused(learner, with_budget(EDGE, 5087)))))
    assert "feedback drawn from a seed" in str(found) and found.generate and found.weight_bits == 2
    placed = found.place(learner)
    assert "feedback matrix" not in {row.purpose for row in placed.memory}


def test_remedies_keep_what_is_drawn_from_a_seed_already(learner: Program) -> None:
    """95,040 bits with the seed: two bytes less need another change, and the feedback stays generated."""
    program, seeds = with_generated_feedback(learner)
    with pytest.raises(CapacityError) as raised:
        place(program, with_budget(EDGE, 95_040 // 8 - 2), generated=seeds)
    found = list(remedies(raised.value))
    assert len(found) == 3 and not any(remedy.generate for remedy in found)
    for remedy in found:
        placed = remedy.place(program)
        assert "feedback seeds" in {row.purpose for row in placed.memory}
        assert np.array_equal(placed.connection("feedback").matrix(), program.connection("feedback").matrix())


def test_a_processor_narrows_to_its_words(learner: Program) -> None:
    """SpiNNaker 2 has weights of 8 bits at least: fewer bits do not help, a seed does."""
    error = refused(learner, one_core(SPINNAKER, 13_500))
    assert [remedy.weight_bits for remedy in remedies(error)] == [None] * 3
    assert [remedy.generate for remedy in remedies(error)] == [True, False, False]
    for remedy in remedies(error):
        remedy.place(learner)


@pytest.mark.parametrize("density", [1.0, 0.3])
def test_remedies_of_packed_and_sparse_weights_fit(density: float) -> None:
    program = static(60, 80, density=density)
    for form in (program, program.packed()):
        for size in (60, 40) if density == 1 else (25, 20):
            found = list(remedies(refused(form, with_budget(LOIHI2, size))))
            assert found
            for remedy in found:
                remedy.place(form)


def test_a_network_that_nothing_helps_is_refused_without_remedies() -> None:
    error = refused(static(5000, 3), LOIHI1)  # 4,096 input axons
    assert error.remedies == () and ("input axons", 5000, 4096) in [(r.purpose, r.need, r.limit) for r in error.table]
    assert "It fits with" not in str(error)


def test_weights_beyond_the_chips_bits_are_refused_and_narrowed() -> None:
    odin, program = load_chip("odin"), static(20, 30)
    error = refused(program, odin)
    assert error.table[0].purpose == "bits of a weight" and str(error.remedies[0]) == "weights of 3 bits"
    assert next(remedies(error)).place(program).memory[0].need_bits == 30 * 128


def test_narrowed_weights_are_truncated_ones() -> None:
    """Whatever form they have, and 0 where sparse rows lose a synapse."""
    for density in (1.0, 0.3):
        for mode in ("mixed", "excitatory", "inhibitory"):
            program = static(30, 20, density=density, seed=3)
            sign = {"mixed": 1, "excitatory": 1, "inhibitory": -1}[mode]
            raw = program.connections[0].weights
            raw = raw if mode == "mixed" else sign * np.abs(raw)
            connection = replace(program.connections[0], weights=raw, sign_mode=mode)
            program = replace(program, connections=(connection,))
            for bits in (5, 2):
                expected = truncate_weights(raw, mode, bits)
                for form in (program, program.packed()):
                    found = narrowed(form, bits).connections[0]
                    assert np.array_equal(found.matrix(), expected) and found.num_weight_bits == bits
    delays = np.arange(600).reshape(20, 30) % 7
    delayed = sparse_weights(raw, mode, 8, delays)
    program = replace(
        program, connections=(replace(connection, kind="delay_sparse", weights=delayed, delays=None),)
    )  # fmt: skip
    cut = narrowed(program, 2).connections[0].weights
    assert np.array_equal(cut.delays(), np.where(cut.matrix() != 0, delays, 0))


@pytest.mark.parametrize("first", [1, 2, 4, 8])
@pytest.mark.parametrize("kept", [None, 8, 6])
@pytest.mark.parametrize("bits", [1, 3, 8])
def test_bits_are_counted_as_they_are_applied(first: int, kept: int | None, bits: int) -> None:
    """Weights that learn on a grid take its bits, however coarse the first ones are; so do their copies."""
    if kept is not None and first > kept:
        return
    lif = Population("out", "lif", (3,), LIF)
    rule = Plasticity("2f", dw="x1*y0", weight_bits=kept)
    learns = Connection("c", "dense", "in", "out", np.zeros((3, 4), np.int16), 0, first, "mixed", plasticity=rule)
    program = Program("p", (Population("in", "input", (4,)), lif), (learns,), ("out",))
    counted = layout_of(program).with_weight_bits(bits, learning=True)
    applied = layout_of(narrowed(program, bits, learning=True))
    assert [w.weight_bits for w in counted.wires] == [w.weight_bits for w in applied.wires] == [min(bits, kept or bits)]
