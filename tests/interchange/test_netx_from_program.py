"""Programs as `.net` files: read back and compiled they are the same integers and run alike; the rest is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from netx_layers import EVERY_KIND, FORGETS, convolutional, recurrent, resonating, sigma_delta

from neurotrain_hw import EventStream, Program, load_chip, simulate
from neurotrain_hw.compiler.netx import compile_netx
from neurotrain_hw.compiler.netx_layers import netx_of
from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.interchange.netx_file import NetxLayer, read_netx, write_netx
from neurotrain_hw.program import (
    STATES,
    Arithmetic,
    Connection,
    Convolution,
    Plasticity,
    Population,
    Timing,
)

CHIP = load_chip("loihi2")
pytestmark = pytest.mark.usefixtures("quick_reader")


def again(program: Program, folder: Path) -> Program:
    """The program of the file that is written from a program."""
    found = netx_of(program)
    write_netx(found.layers, folder / "x.net")
    return compile_netx(
        read_netx(folder / "x.net"), CHIP, steps=found.reset_interval, spike_exp=found.spike_exp,
        input_message_bits=found.input_message_bits,
    )  # fmt: skip


def integers(program: Program) -> list[object]:
    """All integers of a program's populations and connections, whatever their names and forms; neurons in a row."""
    found: list[object] = []
    for p in program.populations:
        values = {key: p.parameter(key).astype(np.int64) for key in p.parameters}
        if "bias_exp" in values:
            values["bias_mant"] = values["bias_mant"] << values.pop("bias_exp")
        found += [p.kind, p.n, p.arithmetic, {key: value.tolist() for key, value in values.items()}]
    for c in program.connections:
        weights = c.matrix().astype(np.int64) * 4096  # with the exponent: several pairs of both are the same weights
        weights = weights << c.weight_exp if c.weight_exp >= 0 else weights >> -c.weight_exp
        delays = getattr(c.weights, "delays", lambda c=c: c.delays)() if "delay" in c.kind else None
        found += [c.port, c.num_message_bits, weights.tolist(), None if delays is None else delays.tolist(), c.conv]
    return found


def runs(program: Program, steps: int = 80) -> list[np.ndarray]:
    """Spikes and states of all populations on random input."""
    rng, source = np.random.default_rng(5), program.population(program.inputs[0])
    x = rng.integers(0, 2, (steps, source.n))
    if program.connections[0].num_message_bits:
        x *= rng.integers(-200, 200, x.shape)
    keys = [f"{p.name}.{key}" for p in program.populations[1:] for key in ("spikes", *STATES[p.kind])]
    run = simulate(program, {source.name: EventStream.from_dense(x)}, steps=steps, record=keys)
    return [run.spikes[k.removesuffix(".spikes")].dense() if k.endswith(".spikes") else run.states[k] for k in keys]


def assert_comes_back(program: Program, folder: Path) -> None:
    back, expected = again(program, folder), runs(program)
    assert integers(back) == integers(program)
    for found, wanted in zip(runs(back), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert any(values.any() for values in expected)


@pytest.mark.parametrize("steps", [None, 6])
@pytest.mark.parametrize("layers", EVERY_KIND)
def test_programs_of_every_kind_of_layer_come_back(tmp_path, layers, steps):
    assert_comes_back(compile_netx(layers(), CHIP, steps=steps), tmp_path)


def test_an_input_layer_with_neurons_comes_back(tmp_path):
    layers = (NetxLayer("input", (2, 5, 7), {"weight": np.array([1])}, np.array([0]), neuron=FORGETS),
              *convolutional()[1:])  # fmt: skip
    assert_comes_back(compile_netx(layers, CHIP), tmp_path)


def chain(weights: np.ndarray, kind: str = "dense", population: Population | None = None, **more) -> Program:
    """One layer of LIF neurons behind an input."""
    n = len(weights)
    parameters = {"du": 2000, "dv": 300, "vth": 20, "bias_mant": 0, "bias_exp": 0}
    population = population or Population("l", "lif", (n,), parameters)
    connection = Connection("w", kind, "x", "l", weights, **more)  # type: ignore[arg-type]
    return Program("p", (Population("x", "input", (weights.shape[1],)), population), (connection,), ("l",))


RNG = np.random.default_rng(8)
EVEN = 2 * RNG.integers(-100, 101, (5, 6))
LIF = {"du": 2000, "dv": 300, "vth": 20, "bias_mant": 0, "bias_exp": 0}


@pytest.mark.parametrize(
    "program",
    [
        chain(EVEN),
        chain(EVEN, num_weight_bits=4),
        chain(np.abs(EVEN)),
        chain(-np.abs(EVEN) - 2),
        chain(EVEN, weight_exp=-1),
        chain(np.abs(EVEN) // 8, weight_exp=3),
        chain(RNG.integers(-128, 128, (5, 6)) * 2, weight_exp=-1),
        chain(EVEN * (RNG.random((5, 6)) < 0.5), "sparse").packed(),
        chain(EVEN, "delay_dense", delays=RNG.integers(0, 63, (5, 6)), max_delay=62),
        chain(EVEN, "delay_sparse", delays=RNG.integers(0, 63, (5, 6)), max_delay=62).packed(),
        chain(EVEN, num_message_bits=24),
        chain(EVEN, population=Population("l", "lif", (5,), LIF | {"bias_mant": np.array([0, 64, -128, 6400, 4096])})),
        chain(EVEN, population=Population("l", "lif", (5,), LIF | {"bias_mant": np.arange(5), "bias_exp": 7})),
        chain(EVEN, population=Population("l", "sigma", (5,)), num_message_bits=16),
    ],
)  # fmt: skip
def test_a_layer_of_each_form_comes_back(tmp_path, program):
    assert_comes_back(program, tmp_path)


def test_volumes_of_several_convolutions_and_neurons_with_a_bias_each(tmp_path):
    rng = np.random.default_rng(1)
    lif = {"du": 4095, "dv": 4000, "vth": 30, "bias_exp": 6}
    volumes = (
        Population("x", "input", (6, 5, 2)),
        Population("a", "lif", (5, 4, 4), lif | {"bias_mant": rng.integers(-9, 9, 80)}),
        Population("b", "lif", (3, 2, 2), lif | {"bias_mant": np.tile([3, 4], 6)}),
        Population("c", "lif", (7,), lif | {"bias_mant": 0}),
    )
    program = Program("p", volumes, (
        Connection("xa", "conv", "x", "a", rng.integers(-40, 50, (4, 2, 2, 2)), conv=Convolution()),
        Connection("ab", "conv", "a", "b", rng.integers(-40, 50, (2, 3, 3, 2)), conv=Convolution(groups=2)),
        Connection("bc", "dense", "b", "c", 2 * rng.integers(-100, 101, (7, 12))),
    ), ("c",))  # fmt: skip
    assert_comes_back(program, tmp_path)


def test_resets_of_samples_in_a_row_come_back(tmp_path):
    program = compile_netx(recurrent(), CHIP, steps=9)
    found = netx_of(program)
    assert found.reset_interval == 9 and found.arguments == "reset_interval=9, reset_offset=1"
    assert netx_of(compile_netx(resonating(), CHIP, steps=9)).arguments == ""
    assert netx_of(compile_netx(sigma_delta(), CHIP, spike_exp=4)).arguments == "spike_exp=4"


Change = Callable[[Program], Program]


def population(**changes) -> Change:
    """A change of the last population."""
    return lambda p: replace(p, populations=(*p.populations[:-1], replace(p.populations[-1], **changes)))


def parameters(**changes) -> Change:
    return lambda p: population(parameters=p.populations[-1].parameters | changes)(p)


def connection(**changes) -> Change:
    """A change of the first connection."""
    return lambda p: replace(p, connections=(replace(p.connections[0], **changes), *p.connections[1:]))


def more(*added: Connection) -> Change:
    return lambda p: replace(p, connections=(*p.connections, *added))


def beside(added: Population) -> Change:
    return lambda p: replace(p, populations=(*p.populations, added))


SQUARE = 2 * np.ones((5, 5), np.int64)
PAIR = Plasticity("2f", dw="2^-2*x1*y0", traces={"x1_impulse": 16, "x1_tau": 10})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (population(arithmetic=Arithmetic(threshold="reached")), r"'l' \(lif\).*arithmetic"),
        (population(kind="lif_refractory", parameters=LIF | {"refractory_period": 2}), "no such neurons"),
        (parameters(vth=np.arange(5)), "vth differs between its neurons, 5 values from 0 to 4"),
        (parameters(bias_mant=3), "no multiple of 64"),
        (parameters(bias_mant=1, bias_exp=-1), "no multiple of 64"),
        (parameters(bias_mant=1 << 16, bias_exp=6), "limit 32767"),
        (connection(weights=EVEN + 1, num_weight_bits=8, weight_exp=-2), "'w'.*exponent -2.*multiples of 4"),
        (connection(weight_exp=1), "'w'.*reach from .* clip"),
        (connection(weights=EVEN * 0), "weights are 0"),
        (connection(plasticity=PAIR, weights=EVEN), "'w'.*learns"),
        (connection(kind="delay_dense", delays=np.full((5, 6), 63)), "63 steps.*limit 62"),
        (more(Connection("v", "dense", "x", "l", EVEN)), "'x'.*2 connections"),
        (more(Connection("r", "delay_dense", "l", "l", SQUARE, delays=SQUARE)), "'r'.*delays between"),
        (more(Connection("r", "dense", "l", "l", SQUARE, num_message_bits=8)), "'r'.*messages of 8 bits"),
        (more(*(Connection(name, "dense", "l", "l", SQUARE) for name in "rs")), "2 connections to"),
        (lambda p: replace(p, outputs=()), "outputs are none"),
        (beside(Population("y", "input", (3,))), "2 inputs"),
        (beside(Population("m", "lif", (3,), LIF)), "'m'.*beside the chain"),
        (population(kind="lif_reset", parameters=LIF | {"reset_interval": 9, "reset_offset": 3}), "step 3 of every 9"),
        (population(kind="delta", parameters={"vth": 3, "spike_exp": 6, "state_exp": 6, "cum_error": 0}), "delta"),
        (population(kind="sigma_delta", parameters={"vth": 3, "spike_exp": 6, "state_exp": 6, "cum_error": 0, "relu": 0,
                                                    "bias": 0}), "relu 0"),
        (population(kind="rf", parameters={"vth": 3, "sin_decay": 100, "cos_decay": 4000, "state_exp": 6,
                                           "decay_bits": 12}), "ports current and imag"),
    ],
)  # fmt: skip
def test_what_netx_cannot_hold_is_refused_with_the_place_and_the_reason(change, message):
    with pytest.raises(UnsupportedError, match=message):
        netx_of(change(chain(EVEN)))


def test_timing_does_not_matter(tmp_path):
    program = replace(chain(EVEN), timing=Timing(9, {"x": 0, "l": 1}))
    assert integers(again(program, tmp_path)) == integers(program)


def test_resonators_whose_decays_lose_a_bit_on_the_way_come_back(tmp_path):
    """12-bit decays on a circle, of which lava-dl's way through period and decay reads many one lower."""
    program = compile_netx(resonating(), CHIP)
    for angle in np.linspace(0, 2 * math.pi, 7)[1:-1]:
        decays = {"sin_decay": round(3900 * math.sin(angle)), "cos_decay": round(3900 * math.cos(angle))}
        one = parameters(**decays)(program)
        assert integers(again(one, tmp_path)) == integers(one)
