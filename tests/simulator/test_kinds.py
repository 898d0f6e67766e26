"""Each kind of neuron and connection alone: hand-written numbers and formulas, and values at every power of two."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from agreement import expect_agreement
from programs import KINDS, LIFS, Network
from reference import Reference

from neurotrain_hw.events import EventStream
from neurotrain_hw.program import Arithmetic, Connection, Convolution, Population, Program
from neurotrain_hw.program.synapses import SparseWeights, sparse_weights
from neurotrain_hw.simulator import Run, simulate

EDGES = sorted({sign * 2**k + d for k in range(0, 31) for d in (-1, 0, 1) for sign in (-1, 1)} | {-(2**31), 2**31 - 1})
STEPS = 14
LIMIT = 2**23
NO_MEMORY = {"du": 4095, "dv": 0, "vth": 2**20, "bias_mant": 0, "bias_exp": 0}  # u is the input, v adds it up
ROTATION = {"sin_decay": 2365, "cos_decay": 3257, "decay_bits": 12, "state_exp": 6}
PLAIN = {
    "lif": NO_MEMORY | {"vth": 2**17 - 1},
    "lif_reset": NO_MEMORY | {"vth": 2**16, "reset_interval": 4, "reset_offset": 1},
    "lif_refractory": NO_MEMORY | {"vth": 2**10, "refractory_period": 2},
    "ternary_lif": {k: v for k, v in NO_MEMORY.items() if k != "vth"} | {"vth_lo": -(2**17), "vth_hi": 2**17 - 1},
    "atrlif": {"du": 4095, "dv": 200, "dtheta": 300, "dr": 500, "theta_0": 2**8, "theta_step": 2**7, "bias_mant": 1,
               "bias_exp": 2},
    "sigma": {},
    "delta": {"vth": 2**8, "spike_exp": 3, "state_exp": 2, "cum_error": 0},
    "sigma_delta": {"vth": 2**8, "bias": -3, "spike_exp": 3, "state_exp": 2, "cum_error": 1, "relu": 1},
    "rf": ROTATION | {"vth": 2**7},
    "rf_iz": ROTATION | {"vth": 2**7},
    "rf_zero": {"uth": 2**7, "lst": 18918, "lct": 26054},
}  # fmt: skip
OPTIONS = [
    Arithmetic(*values)
    for values in product(
        ("above", "reached"), ("zero", "subtract"), ("wrap_once", "wrap", "saturate"), ("saturate", "wrap")
    )
]


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_at_every_power_of_two(kind: str) -> None:
    """One neuron for each edge, which sends it at the first step, and random edges after it."""
    options = OPTIONS if kind in LIFS else [Arithmetic()]
    for arithmetic in options:
        if kind == "ternary_lif" and arithmetic.reset == "subtract":
            continue
        leaks = "du" in PLAIN[kind] and arithmetic == Arithmetic()
        for memory in ({}, {"du": -1}, {"du": 4096}, {"dv": 4096}) if leaks else ({},):
            expect_agreement(_edges(kind, PLAIN[kind] | memory, arithmetic))


@pytest.mark.parametrize("cum_error", [0, 1])
@pytest.mark.parametrize("relu", [0, 1])
@pytest.mark.parametrize("exponents", [(0, 0), (6, 6), (31, 0), (0, 31), (31, 31)])
def test_delta_coders_at_every_power_of_two(cum_error: int, relu: int, exponents: tuple[int, int]) -> None:
    for vth in (0, 1, -1, 2**20, -(2**31)):
        values = {"vth": vth, "spike_exp": exponents[0], "state_exp": exponents[1], "cum_error": cum_error}
        expect_agreement(_edges("delta", values))
        expect_agreement(_edges("sigma_delta", values | {"bias": 2**30 + 1, "relu": relu}))


@pytest.mark.parametrize("kind", ["rf", "rf_iz", "rf_zero"])
def test_resonators_take_imaginary_inputs_at_every_power_of_two(kind: str) -> None:
    extremes = {"sin_decay": -(2**16), "cos_decay": 2**16, "decay_bits": 0, "state_exp": 31, "vth": -(2**31)}
    if kind == "rf_zero":
        extremes = {"uth": -(2**31), "lst": 2**31 - 1, "lct": -(2**31)}
    for parameters in (PLAIN[kind], extremes):
        expect_agreement(_edges(kind, parameters, port="imag"))


@pytest.mark.parametrize(
    ("a_in", "overflow", "u"),
    [
        (2**17, "wrap_once", LIMIT), (2**17, "wrap", -LIMIT), (2**17, "saturate", LIMIT - 1),
        (2**17 + 1, "wrap_once", 64 - LIMIT), (2**17 + 1, "wrap", 64 - LIMIT), (2**17 + 1, "saturate", LIMIT - 1),
        (2**17 - 1, "wrap_once", LIMIT - 64), (2**17 - 1, "wrap", LIMIT - 64), (2**17 - 1, "saturate", LIMIT - 64),
        (-(2**17), "wrap_once", LIMIT), (-(2**17), "wrap", -LIMIT), (-(2**17), "saturate", 1 - LIMIT),
        (5 * 2**17, "wrap_once", 3 * LIMIT), (5 * 2**17, "wrap", -LIMIT), (5 * 2**17, "saturate", LIMIT - 1),
        (2**25 + 1, "wrap_once", 64 - 2**31 + 2**24), (2**25 + 1, "wrap", 64), (2**25 + 1, "saturate", 1 - LIMIT),
        (2**26 + 1, "wrap_once", 64), (2**26 + 1, "wrap", 64), (2**26 + 1, "saturate", 64),
    ],
)  # fmt: skip
def test_the_current_overflows_as_the_chip_says(a_in: int, overflow: str, u: int) -> None:
    """The sum a << 6 wraps into 32 bits in any case."""
    run = _one_neuron("lif", NO_MEMORY, Arithmetic(u_overflow=overflow), [a_in])
    assert run.states["n.u"][:, 0].tolist() == [0, u]


@pytest.mark.parametrize(
    ("overflow", "signs", "v"),
    [
        ("saturate", (1, 1), LIMIT - 1), ("wrap", (1, 1), -128), ("saturate", (-1, -1), 1 - LIMIT),
        ("wrap", (-1, -1), 128), ("wrap", (1, -1), 0),
    ],
)  # fmt: skip
def test_the_membrane_overflows_as_the_chip_says(overflow: str, signs: tuple[int, int], v: int) -> None:
    run = _one_neuron("lif", NO_MEMORY, Arithmetic(v_overflow=overflow), [sign * (2**17 - 1) for sign in signs])
    assert run.states["n.v"][:, 0].tolist() == [0, signs[0] * (LIMIT - 64), v]


@pytest.mark.parametrize(
    ("threshold", "reset", "a_in", "spikes", "v"),
    [
        ("above", "zero", 2, 0, 128), ("reached", "zero", 2, 1, 0), ("reached", "subtract", 2, 1, 0),
        ("above", "zero", 3, 1, 0), ("above", "subtract", 3, 1, 64), ("reached", "subtract", 3, 1, 64),
        ("reached", "zero", 1, 0, 64),
    ],
)  # fmt: skip
def test_threshold_and_reset(threshold: str, reset: str, a_in: int, spikes: int, v: int) -> None:
    run = _one_neuron("lif", NO_MEMORY | {"vth": 2}, Arithmetic(threshold, reset), [a_in])
    assert run.spikes["n"].count == spikes
    assert run.states["n.v"][1, 0] == v


@pytest.mark.parametrize(("threshold", "sent"), [("above", [0, 0, 0, -1, 1]), ("reached", [0, -1, 1, -1, 1])])
def test_a_ternary_neuron_sends_either_sign(threshold: str, sent: list[int]) -> None:
    leaks = {"du": 4095, "dv": 4096, "bias_mant": 0, "bias_exp": 0}
    values = [-2, 2, -3, 3]
    run = _one_neuron("ternary_lif", leaks | {"vth_lo": -2, "vth_hi": 2}, Arithmetic(threshold), values)
    assert run.spikes["n"].dense()[:, 0].tolist() == sent


@pytest.mark.parametrize(("threshold", "sent"), [("above", [-1, 0, 1]), ("reached", [-1, 0, 1])])
def test_a_ternary_neuron_above_and_below_at_once_sends_nothing(threshold: str, sent: list[int]) -> None:
    """With vth_lo above vth_hi, every membrane is beyond one of them; between them v stays, as there is no spike."""
    parameters = {"du": 4095, "dv": 4096, "bias_mant": 0, "bias_exp": 0, "vth_lo": 2, "vth_hi": -2}
    run = _one_neuron("ternary_lif", parameters, Arithmetic(threshold), [-3, 1, 3])
    assert run.spikes["n"].dense()[1:, 0].tolist() == sent
    assert run.states["n.v"][1:, 0].tolist() == [0, 64, 0]


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("period", [0, 1, 2, 5])
def test_a_refractory_neuron_by_its_formula(period: int, reset: str) -> None:
    """u goes on, v stays as the reset left it, and no spike for `period` steps."""
    rng = np.random.default_rng(period)
    du, dv, vth, steps = 700, 300, 90, 200
    arriving = rng.integers(-40, 120, steps)
    parameters = {"du": du, "dv": dv, "vth": vth, "bias_mant": 5, "bias_exp": 2, "refractory_period": period}
    run = _one_neuron("lif_refractory", parameters, Arithmetic(reset=reset), arriving.tolist())
    u = v = left = 0
    for t, a in enumerate([0, *arriving.tolist()]):
        u = int(u * (4095 - du) / 4096) + (a << 6)
        spike = 0
        if left > 0:
            left -= 1
        else:
            v = int(v * (4096 - dv) / 4096) + u + (5 << 2)
            if v > vth << 6:
                spike, left = 1, period
                v = v - (vth << 6) if reset == "subtract" else 0
        assert run.states["n.u"][t, 0] == u
        assert run.states["n.v"][t, 0] == v
        assert run.states["n.refractory"][t, 0] == left
        assert run.spikes["n"].dense()[t, 0] == spike
    assert run.spikes["n"].count > 10


CONVOLUTIONS = [
    ((5, 4, 1), (1, 3, 3, 1), Convolution()),
    ((5, 4, 2), (3, 3, 2, 2), Convolution(padding=(1, 1))),
    ((7, 6, 1), (2, 2, 3, 1), Convolution(stride=(2, 3))),
    ((7, 6, 2), (2, 2, 2, 2), Convolution(stride=(3, 1), padding=(2, 0), dilation=(1, 2))),
    ((6, 5, 4), (4, 3, 1, 2), Convolution(padding=(0, 2), groups=2)),
    ((4, 4, 4), (8, 2, 2, 1), Convolution(dilation=(3, 2), groups=4, padding=(1, 1))),
    ((1, 9, 3), (2, 1, 4, 3), Convolution(stride=(1, 2), padding=(0, 3))),
    ((3, 3, 1), (1, 1, 1, 1), Convolution(stride=(5, 5))),
    ((2, 2, 1), (1, 3, 3, 1), Convolution(padding=(4, 4))),
]


@pytest.mark.parametrize("graded", [0, 8])
@pytest.mark.parametrize("weight_exp", [-2, 0, 3])
@pytest.mark.parametrize(("size", "kernel", "geometry"), CONVOLUTIONS)
def test_convolutions(
    size: tuple[int, ...], kernel: tuple[int, ...], geometry: Convolution, weight_exp: int, graded: int
) -> None:
    rng = np.random.default_rng(sum(kernel))
    out = geometry.output_shape(size, kernel)
    values = (rng.random((8, int(np.prod(size)))) < 0.3) * rng.integers(-100, 100, (8, int(np.prod(size))))
    for weights in (rng.integers(-128, 128, kernel), rng.integers(-(2**31), 2**31, kernel)):
        populations = (Population("in", "input", size), Population("n", "sigma", out))
        c = Connection("c", "conv", "in", "n", weights, weight_exp, num_message_bits=graded, conv=geometry)
        expect_agreement(Network(Program("conv", populations, (c,)), {"in": values.astype(np.int32)}, 8))


def test_a_convolution_flips_its_kernel_and_wraps_into_24_bits() -> None:
    """out[x] = w[1] in[x] + w[0] in[x + 1]; 2^23 becomes -2^23; each pair of output and tap is one event."""
    populations = (Population("in", "input", (3, 1, 1)), Population("n", "sigma", (2, 1, 1)))
    weights = np.array([3, 2**23], np.int32).reshape(1, 2, 1, 1)
    c = Connection("c", "conv", "in", "n", weights, num_message_bits=8, conv=Convolution())
    run = simulate(Program("conv", populations, (c,)), {"in": EventStream.from_dense([[1, 5, 0]])}, steps=2,
                   record=("n.sigma",))  # fmt: skip
    assert run.states["n.sigma"][1].tolist() == [-(2**23) + 15, -(2**23)]
    assert run.counters.connections["c"].graded_events == 1 + 2


def test_a_convolution_counts_what_each_input_reaches() -> None:
    rng = np.random.default_rng(0)
    for size, kernel, geometry in CONVOLUTIONS:
        out = geometry.output_shape(size, kernel)
        active = rng.random((1, *size)) < 0.5
        reach = np.outer(geometry.reach(0, size[0], kernel[1], out[0]), geometry.reach(1, size[1], kernel[2], out[1]))
        expected = int((reach[:, :, None] * active[0]).sum()) * kernel[0] // geometry.groups
        populations = (Population("in", "input", size), Population("n", "sigma", out))
        c = Connection("c", "conv", "in", "n", np.zeros(kernel, np.int8), conv=geometry)
        program = Program("conv", populations, (c,))
        run = simulate(program, {"in": EventStream.from_dense(active.reshape(1, -1))}, steps=3)
        assert run.counters.connections["c"].spike_events == expected
        assert Reference(program).run({"in": active.reshape(1, -1).astype(np.int32)}, 3).events["c"] == expected


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("sign", ["mixed", "excitatory", "inhibitory"])
def test_every_width_and_sign_of_weights(bits: int, sign: str) -> None:
    """As given, packed, and sparse with delays; 13 post neurons, so that planes of packed rows end within a byte."""
    rng = np.random.default_rng(bits)
    low, high = {"mixed": (-300, 300), "excitatory": (0, 300), "inhibitory": (-300, 1)}[sign]
    weights = rng.integers(low, high, (13, 9)).astype(np.int16)
    delays = rng.integers(0, 64, (13, 9)).astype(np.int32)
    given = [
        Connection("a", "dense", "in", "n", weights, 1, bits, sign),
        Connection("b", "sparse", "in", "n", weights * (weights % 3 == 0), -2, bits, sign, 8),
        Connection("c", "delay_sparse", "in", "n", weights, -1, bits, sign, 8, delays),
        Connection("d", "delay_dense", "in", "n", weights, 0, bits, sign, 0, delays // 8, 9),
    ]
    populations = (Population("in", "input", (9,)), Population("n", "sigma", (13,)))
    values = ((rng.random((80, 9)) < 0.1) * rng.integers(-50, 50, (80, 9))).astype(np.int32)
    for connections in (given, [c.packed() for c in given]):
        expect_agreement(Network(Program("widths", populations, tuple(connections)), {"in": values}, 80))


@pytest.mark.parametrize(
    ("kind", "value"), [("dense", -(2**30) >> 3), ("sparse", -(2**30) >> 3), ("delay_sparse", -(2**30) >> 3),
                        ("delay_dense", 3 * 2**27)],
)  # fmt: skip
def test_a_sum_beyond_32_bits_wraps_before_its_shift_but_for_delay_dense(kind: str, value: int) -> None:
    """192 * 2^23 + 192 * 2^23 = 3 * 2^30, shifted right by 3: Lava's DelayDense alone adds up in 64 bits."""
    weights, delays = np.array([[192, 192]]), np.zeros((1, 2), np.int32) if kind.startswith("delay") else None
    populations = (Population("in", "input", (2,)), Population("n", "sigma", (1,)))
    c = Connection("c", kind, "in", "n", weights, -3, num_message_bits=32, delays=delays)
    run = simulate(Program(kind, populations, (c,)), {"in": EventStream.from_dense([[2**23, 2**23]])}, steps=2,
                   record=("n.sigma",))  # fmt: skip
    assert run.states["n.sigma"][1, 0] == value


def test_a_delta_of_the_smallest_integer_keeps_the_error() -> None:
    """NumPy's |-2^31| is -2^31, which is not above 0: Lava's coder sends it, and does not clear the error."""
    populations = (
        Population("in", "input", (1,)),
        Population("n", "delta", (1,), {"vth": 10, "spike_exp": 0, "state_exp": 0, "cum_error": 1}),
    )
    c = Connection("c", "dense", "in", "n", np.array([[1]]), num_message_bits=32)
    run = simulate(Program("delta", populations, (c,)), {"in": EventStream.from_dense([[1], [-(2**31)]])}, steps=3,
                   record=("n.spikes", "n.error"))  # fmt: skip
    assert run.spikes["n"].dense()[:, 0].tolist() == [0, 0, -(2**31)]
    assert run.states["n.error"][:, 0].tolist() == [0, 1, 1 - 2**31]


def test_a_stored_synapse_of_weight_0_counts_its_events() -> None:
    kept = sparse_weights(np.array([[2, 0], [4, 6]]), "mixed", 8)
    weights = SparseWeights(kept.pointer, kept.post, kept.mantissa * 0, 2, kept.shift)
    populations = (Population("in", "input", (2,)), Population("n", "sigma", (2,)))
    c = Connection("c", "sparse", "in", "n", weights, sign_mode="mixed")
    network = Network(Program("zeros", populations, (c,)), {"in": np.ones((4, 2), np.int32)}, 4)
    expect_agreement(network)
    assert simulate(network.program, network.streams, steps=4).counters.connections["c"].spike_events == 4 * 3


def test_neurons_at_rest_may_spike_on_their_own() -> None:
    """A threshold that zero exceeds or reaches: every step counts, though no neuron has anything to do."""
    negative = PLAIN["lif"] | {"vth": -1}
    cases = [
        ("lif", negative, Arithmetic()), ("lif", negative | {"vth": 0}, Arithmetic("reached")),
        ("lif", negative | {"vth": 0}, Arithmetic()),
        ("ternary_lif", PLAIN["ternary_lif"] | {"vth_lo": 1}, Arithmetic()),
        ("lif_refractory", PLAIN["lif_refractory"] | {"vth": 0}, Arithmetic("reached", "subtract")),
        ("atrlif", PLAIN["atrlif"] | {"theta_0": 0, "bias_mant": 0}, Arithmetic()),
        ("atrlif", PLAIN["atrlif"] | {"theta_0": -4, "theta_step": 2, "bias_mant": 0}, Arithmetic()),
        ("rf_iz", PLAIN["rf_iz"] | {"vth": 0}, Arithmetic()), ("rf_iz", PLAIN["rf_iz"] | {"vth": -3}, Arithmetic()),
        ("rf", PLAIN["rf"] | {"vth": -3}, Arithmetic()), ("delta", PLAIN["delta"] | {"vth": 0}, Arithmetic()),
        ("sigma_delta", PLAIN["sigma_delta"] | {"vth": 0, "bias": 0}, Arithmetic()),
        ("rf_zero", PLAIN["rf_zero"] | {"uth": -1}, Arithmetic()),
    ]  # fmt: skip
    for kind, parameters, arithmetic in cases:
        populations = (Population("in", "input", (1,)), Population("n", kind, (3,), parameters, arithmetic=arithmetic))
        c = Connection("c", "dense", "in", "n", np.full((3, 1), 9, np.int8))
        inputs = {"in": np.eye(20, 1, dtype=np.int32, k=-9)}
        expect_agreement(Network(Program(kind, populations, (c,)), inputs, 20))


def test_neurons_at_rest_have_nothing_to_do() -> None:
    for kind in KINDS:
        parameters = PLAIN[kind] | {k: 0 for k in ("bias", "bias_mant") if k in PLAIN[kind]}
        program = Program(kind, (Population("n", kind, (7,), parameters),), ())
        counts = simulate(program, {}, steps=10).counters.populations["n"]
        assert (counts.updates_active, counts.updates_idle, counts.spikes) == (0, 70, 0), kind


def _edges(kind: str, parameters: dict, arithmetic: Arithmetic = Arithmetic(), port: str = "current") -> Network:
    rng = np.random.default_rng(len(kind))
    n = len(EDGES)
    populations = (
        Population("in", "input", (n,)),
        Population("n", kind, (n,), parameters, arithmetic=arithmetic),
    )
    connections = [Connection("c", "sparse", "in", "n", np.eye(n, dtype=np.int8), num_message_bits=32, port=port)]
    if port == "imag":
        connections.append(Connection("d", "sparse", "in", "n", np.eye(n, dtype=np.int8), -1, num_message_bits=32))
    inputs = rng.choice(EDGES, (STEPS, n)) * (rng.random((STEPS, n)) < 0.6)
    inputs[0] = EDGES
    return Network(Program(kind, populations, tuple(connections)), {"in": inputs.astype(np.int32)}, STEPS)


def _one_neuron(kind: str, parameters: dict, arithmetic: Arithmetic, arriving: list[int]) -> Run:
    """A neuron whose sum of inputs is `arriving`, one after the other from the second step on."""
    populations = (Population("in", "input", (1,)), Population("n", kind, (1,), parameters, arithmetic=arithmetic))
    c = Connection("c", "dense", "in", "n", np.array([[1]], np.int8), num_message_bits=32)
    states = {"lif_refractory": ("u", "v", "refractory")}.get(kind, ("u", "v"))
    stream = EventStream.from_dense(np.array(arriving, np.int64)[:, None])
    record = ["n.spikes", *(f"n.{state}" for state in states)]
    return simulate(Program("one", populations, (c,)), {"in": stream}, steps=len(arriving) + 1, record=record)


@pytest.mark.parametrize("weight", [-256, 254, 255, -255])
@pytest.mark.parametrize("spiking", [1, 3, 4, 127, 128, 129, 255, 256, 257, 260, 513, 900])
def test_rows_of_extreme_weights_are_summed_without_overflow(weight: int, spiking: int) -> None:
    """Sums of 16 bits on the way hold only so many rows; the input of a sigma neuron shows the sum itself."""
    weights = np.full((37, 900), weight, np.int16)
    mode = "mixed" if weight in (-256, 254) else "excitatory" if weight > 0 else "inhibitory"
    populations = (Population("in", "input", (900,)), Population("n", "sigma", (37,)))
    c = Connection("c", "dense", "in", "n", weights, sign_mode=mode)
    program = Program("extreme", populations, (c,)).packed()
    spikes = np.zeros((1, 900), np.int32)
    spikes[0, np.random.default_rng(spiking).permutation(900)[:spiking]] = 1
    run = simulate(program, {"in": EventStream.from_dense(spikes)}, steps=2, record=["n.sigma"])
    assert run.states["n.sigma"].tolist() == [[0] * 37, [weight * spiking] * 37]


@pytest.mark.parametrize("mode", ["mixed", "excitatory"])
@pytest.mark.parametrize(
    "n", [*range(1, 42), 63, 64, 65, 127, 128, 129, 136, 159, 160, 161, 167, 255, 256, 257, 300, 2048, 2057]
)
def test_rows_of_any_width_are_summed(n: int, mode: str) -> None:
    """Stripes of 128, 32 and 8 columns cover every column, whatever is left over."""
    rng = np.random.default_rng(n)
    weights = rng.integers(0 if mode == "excitatory" else -128, 128, (n, 50)) * 2
    populations = (Population("in", "input", (50,)), Population("n", "sigma", (n,)))
    c = Connection("c", "dense", "in", "n", weights, sign_mode=mode)  # type: ignore[arg-type]
    spikes = (rng.random((1, 50)) < 0.5).astype(np.int32)
    run = simulate(
        Program("p", populations, (c,)).packed(), {"in": EventStream.from_dense(spikes)}, steps=2, record=["n.sigma"]
    )
    assert run.states["n.sigma"][1].tolist() == (c.matrix().astype(np.int64) @ spikes[0]).tolist()


@pytest.mark.parametrize("n", [1, 15, 16, 17, 127, 128, 129, 250])
@pytest.mark.parametrize("du", [0, 1, 4095, 4096, "each"])
def test_populations_of_any_size_follow_the_formulas(n: int, du: int | str) -> None:
    """Neurons are updated 16 at a time, the last of a population fewer; a du of 4096 turns the sign of u."""
    rng = np.random.default_rng(n)
    each = rng.integers(0, 4097, n) if du == "each" else np.full(n, du)
    parameters = {"du": each, "dv": rng.integers(0, 4097, n), "vth": 900, "bias_mant": rng.integers(-9, 99, n)}
    populations = (
        Population("in", "input", (20,)),
        Population("n", "lif", (n,), parameters | {"bias_exp": np.full(n, 4)}),
    )
    c = Connection("c", "dense", "in", "n", rng.integers(-128, 128, (n, 20)), weight_exp=3)
    inputs = {"in": (rng.random((30, 20)) < 0.3).astype(np.int32)}
    expect_agreement(Network(Program("p", populations, (c,)), inputs, 30))
