"""Placement and memory map, against sums made by hand from the chip files' figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from graphs import chain

from neurotrain_hw.chips import Chip, load_chip
from neurotrain_hw.compiler import compile_graph, layer_rows, lower
from neurotrain_hw.errors import CapacityError, UnsupportedError, ValueRangeError
from neurotrain_hw.memory import memory_rows, place, pool_rows
from neurotrain_hw.program import Connection, Modulator, Plasticity, Population, Program
from neurotrain_hw.program.random_network import random_sparse
from neurotrain_hw.program.synapses import Convolution

LOIHI1, LOIHI2 = load_chip("loihi1"), load_chip("loihi2")
LIF = {"du": 4095, "dv": 410, "vth": 4000, "bias_mant": 0, "bias_exp": 0}


def layer(n_pre: int, n_post: int, *, kind: str = "dense", modulator: Modulator | None = None, **changes) -> Program:
    """One connection from an input to neurons, in integers."""
    weights = changes.pop("weights", np.full((n_post, n_pre), 2, np.int16))
    return Program(
        name="layer",
        populations=(
            Population("in", "input", (n_pre,)),
            Population("n", "lif", (n_post,), LIF, modulator),
        ),
        connections=(Connection("w", kind, "in", "n", weights, **changes),),  # type: ignore[arg-type]
    )


def bits(program: Program) -> dict[str, int]:
    """Bits by purpose, over all cores."""
    found: dict[str, int] = {}
    for row in program.memory:
        found[row.purpose] = found.get(row.purpose, 0) + row.need_bits
    return found


def test_the_digits_network_lies_on_one_core_of_loihi2():
    program = place(compile_graph(chain([64, 128, 10]), LOIHI2, steps=20), LOIHI2)
    assert [(s.population, s.first, s.last, s.chip, s.core) for s in program.placement] == [
        ("l1", 0, 128, 0, 0), ("l2", 0, 10, 0, 0),
    ]  # fmt: skip
    assert bits(program) == {
        "weights": 8 * (64 * 128 + 128 * 10),
        "neuron state": (24 + 24) * 138,
        "neuron parameters": 2 * (12 + 12 + 17 + 13 + 3),  # shared by each layer's neurons
    }
    assert {row.pool: row.limit_bits for row in program.memory} == {"core memory": 196608 * 8}
    (pool,) = pool_rows(program.memory)
    assert pool.need_bits == sum(bits(program).values())


def test_loihi1_stores_synapses_in_blocks():
    """An axon onto 128 neurons: two blocks of 64 x 8 bits, each with 10 bits more, filled up to 64-bit words."""
    program = place(compile_graph(chain([64, 128]), LOIHI1, steps=20), LOIHI1)
    block = -(-(64 * 8 + 10) // 64) * 64
    assert bits(program)["weights"] + bits(program)["block overhead"] == 64 * 2 * block
    pools = {row.pool: row.limit_bits for row in program.memory}
    assert pools == {"synapse memory": 131072 * 8, "neuron records": 1024 * 24 * 8}
    assert bits(program)["neuron records"] == 128 * 24 * 8


def test_a_layer_that_a_core_cannot_hold_is_split():
    """196608 bytes hold 196 neurons of 1000 synapses of 8 bits with 6 bytes of state each."""
    program = place(layer(1000, 500), LOIHI2)
    per_neuron, shared = 1000 * 8 + 48, 12 + 12 + 17 + 13 + 3
    fit = (196608 * 8 - shared) // per_neuron
    assert [(s.first, s.last, s.core) for s in program.placement] == [
        (0, fit, 0), (fit, 2 * fit, 1), (2 * fit, 500, 2),
    ]  # fmt: skip
    for pool in pool_rows(program.memory):
        assert pool.need_bits <= pool.limit_bits


def test_every_neuron_lies_on_one_core_whatever_the_sizes():
    program = place(compile_graph(chain([300, 900, 700, 20]), LOIHI1, steps=20), LOIHI1)
    for name in ("l1", "l2", "l3"):
        covered = [k for s in program.placement if s.population == name for k in range(s.first, s.last)]
        assert covered == list(range(program.population(name).n))
    assert all(0 <= s.core < 128 and s.chip == 0 for s in program.placement)
    assert all(pool.limit_bits is None or pool.need_bits <= pool.limit_bits for pool in pool_rows(program.memory))


def test_a_network_larger_than_the_chip_is_refused_with_need_and_limit_and_fits_on_more_chips():
    program = layer(4000, 10_000)
    with pytest.raises(CapacityError) as raised:
        place(program, LOIHI2)
    error = raised.value
    assert "layer 'n'" in error.where and error.limit == "128 cores" and error.exit_code == 1
    needed = int(str(error.need).split()[0])
    assert needed == -(-10_000 // (196608 * 8 // (4000 * 8 + 48)))
    chips = -(-needed // 128)
    assert f"{chips} chips (--chips {chips})" in map(str, error.remedies)
    placed = place(program, LOIHI2, chips=chips)
    assert {s.chip for s in placed.placement} == set(range(chips))
    with pytest.raises(ValueRangeError):
        place(program, LOIHI2, chips=0)


def test_a_neuron_too_large_for_a_core_is_refused():
    with pytest.raises(CapacityError, match=r"layer 'n', chip 0 core 0.*bits of core memory"):
        place(layer(200_000, 1), LOIHI2)
    with pytest.raises(CapacityError, match=r"5,000 input axons, limit 4,096"):
        place(layer(5000, 1), LOIHI1)


def test_sparse_connections_store_what_is_there_with_its_index():
    weights = np.zeros((100, 50), np.int16)
    weights[::10, :] = 2
    found = bits(place(layer(50, 100, kind="sparse", weights=weights), LOIHI2))
    assert found["weights"] == 8 * 10 * 50
    assert found["synapse indices"] == 7 * 10 * 50  # 100 targets take 7 bits


def test_delays_take_their_bits():
    delays = np.zeros((100, 50), np.int32)
    assert bits(place(layer(50, 100, kind="delay_dense", delays=delays), LOIHI2))["delays"] == 6 * 100 * 50


def test_learning_takes_traces_tags_and_the_modulators_state():
    rule = Plasticity("3f", dw="2^-2*u0*x1*y1 - 2^-2*u0*x1*y2", dt="x0*y1", traces={"x1_impulse": 16, "x1_tau": 10})
    modulator = Modulator("feedback", psi="box", psi_halfwidth=1000)
    found = bits(place(layer(50, 100, modulator=modulator, plasticity=rule), LOIHI2))
    assert found["weights"] == 8 * 50 * 100
    assert found["wider weights"] == 50 * 100  # the learning engine's 9 signed bits
    assert found["tags"] == 9 * 50 * 100  # tag_1, which dt changes
    assert found["pre traces"] == 7 * 50  # x1
    assert found["third factors"] == 7 * 2 * 100  # y1 and y2, which the neuron delivers
    assert found["modulator state"] == 32 * 100  # the sum of its signal port


def test_pre_traces_are_kept_on_every_core_that_has_synapses():
    rule = Plasticity("2f", dw="2^-2*x1*y0 - 2^-2*x2*y0")
    program = place(layer(1000, 500, plasticity=rule), LOIHI2)
    cores = len({s.core for s in program.placement})
    assert cores > 1 and bits(program)["pre traces"] == cores * 2 * 7 * 1000


def test_parameters_of_each_neuron_take_their_bits():
    program = layer(5, 10)
    parameters = {**LIF, "vth": np.arange(1, 11, dtype=np.int32)}
    program = replace(program, populations=(program.populations[0], Population("n", "lif", (10,), parameters)))
    assert bits(place(program, LOIHI2))["neuron parameters"] == 17 * 10 + 12 + 12 + 13 + 3


def test_memory_rows_place_a_program_that_lies_nowhere_yet():
    program = layer(50, 100)
    assert memory_rows(program, LOIHI2) == place(program, LOIHI2).memory
    placed = place(program, LOIHI2)
    assert memory_rows(placed, LOIHI2) == placed.memory


def test_the_summary_gives_back_the_graphs_units():
    graph = chain([20, 30, 6], bits=None)
    lowered = lower(graph, LOIHI2, steps=20)
    first, second = layer_rows(lowered, place(lowered.program, LOIHI2))
    assert (first.weights, first.neurons, first.n_post, first.n_pre) == ("l1_weights", "l1", 30, 20)
    assert second.cores == 1
    assert 0 < first.weight_error <= 0.5 / 127 + 1e-9  # half a step of 127
    assert first.threshold == pytest.approx(1, rel=1e-3) and first.threshold_wanted == 1


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("neuron.u_bits", {}),
        ("neuron.threshold_mant_bits", {}),
        ("synapse.delay_bits_max", {"kind": "delay_dense", "delays": np.ones((3, 2), np.int32)}),
        ("synapse.tag_bits", {"plasticity": Plasticity("2f", dt="x1*y0")}),
        ("learning.trace_bits", {"plasticity": Plasticity("2f", dw="x1*y0")}),
    ],
)
def test_a_width_that_nobody_published_is_asked_for(key, changes):
    missing = {k: replace(LOIHI2.figure(k), value=None, status="U") for k in (key, "learning.synaptic_state")}
    unknown = replace(LOIHI2, figures={**LOIHI2.figures, **missing})
    with pytest.raises(UnsupportedError, match=f"'{key}' is unknown, and it is needed to count the memory"):
        place(layer(2, 3, **changes), unknown)


def test_delays_that_the_chip_cannot_hold():
    delays = np.full((3, 2), 9, np.int32)
    for width, limit in ((0, 0), (3, 7)):
        figure = replace(LOIHI2.figure("synapse.delay_bits_max"), value=width)
        chip = replace(LOIHI2, figures={**LOIHI2.figures, figure.key: figure})
        with pytest.raises(CapacityError, match=f"'w'.*need 9 steps, limit {limit} steps"):
            place(layer(2, 3, kind="delay_dense", delays=delays), chip)
    assert bits(place(layer(2, 3, kind="delay_dense", delays=delays), LOIHI2))["delays"] == 6 * 6


def other(chip: Chip, **figures: object) -> Chip:
    """A chip with other figures: `structure__cores=2`."""
    changed = {key.replace("__", "."): value for key, value in figures.items()}
    known = {key: replace(chip.figure(key), value=value, status="X") for key, value in changed.items()}
    return replace(chip, figures={**chip.figures, **known})


def image(stride: int = 1) -> Program:
    """A convolution of 3 x 3 taps from 8 x 8 x 4 to 6 output channels, without padding."""
    geometry = Convolution((stride, stride))
    shape = geometry.output_shape((8, 8, 4), (6, 3, 3, 4))
    return Program(
        "image",
        (Population("in", "input", (8, 8, 4)), Population("n", "lif", shape, LIF)),
        (Connection("w", "conv", "in", "n", np.ones((6, 3, 3, 4), np.int16), conv=geometry),),
    )


def test_a_chip_that_shares_kernels_stores_one_on_every_core() -> None:
    found = bits(place(image(), LOIHI2))
    assert found["kernels"] == 8 * 6 * 3 * 3 * 4 and "weights" not in found
    small = other(LOIHI2, structure__neurons_per_core=40)
    placed = place(image(), small)
    cores = len({part.core for part in placed.placement})
    assert cores == -(-6 * 6 * 6 // 40)
    assert bits(placed)["kernels"] == cores * found["kernels"]  # 40 neurons in C order have all 6 channels


def test_a_core_with_some_channels_stores_their_kernels_only() -> None:
    placed = place(image(), other(LOIHI2, structure__neurons_per_core=4))
    first = next(row for row in placed.memory if row.purpose == "kernels")
    assert (placed.placement[0].last, first.need_bits) == (4, 8 * 4 * 3 * 3 * 4)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_chip_that_does_not_share_kernels_stores_every_tap_with_its_index(stride: int) -> None:
    """Loihi 1: blocks of 64 at most, per input; every output has 3 x 3 x 4 taps, none beyond the edge."""
    program = image(stride)
    outputs, found = program.population("n").n, bits(place(program, LOIHI1))
    assert found["weights"] == 8 * outputs * 3 * 3 * 4
    assert found["synapse indices"] == (8 if outputs > 128 else 6) * outputs * 3 * 3 * 4
    reach = np.zeros((8, 8), int)  # outputs under each input, by the reading of the taps' places
    for x, y, i, j in np.ndindex(*program.population("n").shape[:2], 3, 3):
        reach[x * stride + i, y * stride + j] += 6
    entry = 8 + (8 if outputs > 128 else 6)
    blocks = sum(
        -(-(min(64, r - k) * entry + 10) // 64) * 64 - min(64, r - k) * entry
        for r in reach.ravel().tolist() for k in range(0, r, 64)
    )  # fmt: skip
    assert found["block overhead"] == 4 * blocks


def test_sparse_delays_take_their_bits_and_are_held_to_the_chips_longest() -> None:
    weights, delays = np.zeros((100, 50), np.int16), np.full((100, 50), 9, np.int32)
    weights[::10, :] = 2
    program = layer(50, 100, kind="delay_sparse", weights=weights, delays=delays)
    for form in (program, program.packed()):
        found = bits(place(form, LOIHI2))
        assert (found["weights"], found["delays"], found["synapse indices"]) == (4000, 3000, 3500)
        with pytest.raises(CapacityError, match="need 9 steps, limit 7 steps"):
            place(form, other(LOIHI2, synapse__delay_bits_max=3))


@pytest.mark.parametrize("chip", [LOIHI1, LOIHI2], ids=lambda chip: chip.id)
def test_sparse_rows_lie_where_their_matrix_would(chip: Chip) -> None:
    """The same slices and the same bits, and no slice could hold one neuron more."""
    rng = np.random.default_rng(0)
    weights = np.where(rng.random((3000, 900)) < 0.2, 2 * rng.integers(-50, 51, (3000, 900)), 0).astype(np.int16)
    program = layer(900, 3000, kind="sparse", weights=weights, sign_mode="mixed")
    placed = place(program, chip)
    packed = place(program.packed(), chip)
    assert packed.placement == placed.placement and packed.memory == placed.memory
    assert len(placed.placement) > 2
    for part in placed.placement[:-1]:
        longer = replace(program, placement=(replace(part, last=part.last + 1),))
        assert any(
            pool.need_bits > (pool.limit_bits or pool.need_bits) for pool in pool_rows(memory_rows(longer, chip))
        )


def test_input_axons_are_those_with_synapses_on_the_core() -> None:
    """Each of 10,000 inputs leads to one of 100 neurons: a core of Loihi 1 holds neurons of 4,096 axons."""
    weights = np.zeros((100, 10_000), np.int16)
    weights[np.arange(10_000) // 100, np.arange(10_000)] = 2
    placed = place(layer(10_000, 100, kind="sparse", weights=weights), LOIHI1)
    assert [part.last - part.first for part in placed.placement] == [40, 40, 20]
    with pytest.raises(CapacityError, match=r"10,000 input axons, limit 4,096"):
        place(layer(10_000, 1, kind="sparse", weights=np.full((1, 10_000), 2, np.int16)), LOIHI1)


def test_as_many_chips_as_it_takes() -> None:
    program = layer(4000, 10_000)
    placed = place(program, LOIHI2, chips=None)
    assert placed.placement == place(program, LOIHI2, chips=2).placement
    assert {part.chip for part in placed.placement} == {0, 1}
    with pytest.raises(CapacityError, match=r"2 chips \(--chips 2\)"):
        place(program, LOIHI2)


def test_the_next_chip_is_taken_where_a_chips_total_is_reached() -> None:
    """At most 1,000 synapses on a chip: 10 neurons of 100; its other cores stay empty."""
    for key, unit in (("structure__synapses_per_chip_max", 100), ("structure__neurons_per_chip", 1)):
        chip = other(LOIHI2, **{key: 10 * unit})
        placed = place(layer(100, 25), chip, chips=3)
        assert [(s.first, s.last, s.chip, s.core) for s in placed.placement] == [
            (0, 10, 0, 0), (10, 20, 1, 0), (20, 25, 2, 0),
        ]  # fmt: skip
        with pytest.raises(CapacityError, match=rf"each with at most {10 * unit:,} .*need 3 chips, limit 2 chips"):
            place(layer(100, 25), chip, chips=2)
    with pytest.raises(CapacityError, match="one neuron with its synapses"):
        place(layer(100, 25), other(LOIHI2, structure__synapses_per_chip_max=99), chips=None)


def test_kinds_with_other_state_take_the_bits_of_theirs() -> None:
    adaptive = {"du": 0, "dv": 0, "dtheta": 0, "dr": 0, "theta_0": 1, "theta_step": 1, "bias_mant": 0, "bias_exp": 0}
    program = layer(5, 10)
    program = replace(program, populations=(program.populations[0], Population("n", "atrlif", (10,), adaptive)))
    found = bits(place(program, LOIHI2))
    assert found["neuron state"] == 4 * 24 * 10


def test_a_sparse_network_of_a_million_synapses_is_placed_in_a_moment() -> None:
    """Every neuron on one core, none beyond a limit, for many neurons on many cores."""
    program = random_sparse(neurons=20_000, fan_out=64, seed=1)
    placed = place(program, LOIHI2, chips=None)
    ends = [(part.first, part.last) for part in placed.placement]
    assert [a for a, _ in ends] == [0, *(b for _, b in ends[:-1])] and ends[-1][1] == 20_000
    assert bits(placed)["weights"] == 8 * sum(int(c.stored_synapses().sum()) for c in program.connections)
    assert all(pool.need_bits <= 196608 * 8 for pool in pool_rows(placed.memory))


def test_thousands_of_layers_are_placed() -> None:
    """3,000 layers of one neuron, each fed by the one before, on as many cores as their number asks for."""
    n = 3000
    program = Program(
        "deep", (Population("p0", "input", (1,)), *(Population(f"p{k}", "lif", (1,), LIF) for k in range(1, n))),
        tuple(Connection(f"c{k}", "dense", f"p{k - 1}", f"p{k}", np.full((1, 1), 2, np.int8)) for k in range(1, n)),
    )  # fmt: skip
    placed = place(program, other(LOIHI2, structure__neurons_per_core=1000))
    assert [len([s for s in placed.placement if s.core == core]) for core in range(4)] == [1000, 1000, 999, 0]
