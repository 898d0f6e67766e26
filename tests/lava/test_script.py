"""Programs as scripts of Lava's own processes: run by Lava's Python alone, they send what the simulator sends."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from programs import random_network

from neurotrain_hw import EventStream, simulate
from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.lava.script import write_script
from neurotrain_hw.program import Connection, Convolution, Modulator, Plasticity, Population, Program

N, STEPS = 12, 40
LEAKS: dict[str, Any] = {"bias_mant": 3, "bias_exp": 4}
KINDS: dict[str, dict[str, Any]] = {
    "lif": {"du": 800, "dv": np.arange(N) * 30, "vth": 30, **LEAKS},
    "lif_reset": {"du": 800, "dv": 200, "vth": 30, "reset_interval": 7, "reset_offset": 3, **LEAKS},
    "ternary_lif": {"du": 800, "dv": 200, "vth_lo": -20, "vth_hi": np.arange(N) + 20, **LEAKS},
    "atrlif": {"du": 800, "dv": 200, "dtheta": 300, "dr": 200, "theta_0": 20, "theta_step": 9, **LEAKS},
    "sigma": {},
    "delta": {"vth": 3, "spike_exp": 2, "state_exp": 1, "cum_error": 1},
    "sigma_delta": {"vth": 3, "bias": np.arange(N), "spike_exp": 2, "state_exp": 1, "cum_error": 0, "relu": 0},
    "rf": {"sin_decay": 900, "cos_decay": 3700, "decay_bits": 12, "state_exp": 2, "vth": 20},
    "rf_iz": {"sin_decay": 900, "cos_decay": 3700, "decay_bits": 12, "state_exp": 2, "vth": 20},
    "rf_zero": {"uth": 9, "lst": np.arange(N) * 200 + 9000, "lct": 28000},
}


def every_kind() -> Program:
    """All kinds of neurons and connections that Lava has: one input drives all of them."""
    rng = np.random.default_rng(0)
    populations = [Population("in", "input", (3, 2, 2)), *(Population(k, k, (N,), v) for k, v in KINDS.items())]  # type: ignore[arg-type]
    lif = KINDS["lif"] | {"dv": 100}
    populations += [Population("2 conv", "lif", (2, 1, 4), lif), Population("class", "lif", (4,), lif)]
    weights = rng.integers(-200, 200, (len(KINDS), 2, N, N))
    connections = [
        Connection(f"{k} current", "dense", "in", k, w[0], -4, num_message_bits=8)
        for k, w in zip(KINDS, weights, strict=True)
    ]
    connections += [Connection(f"{k} imag", "dense", "in", k, w[1], -4, port="imag", num_message_bits=8)
                    for k, w in zip(KINDS, weights, strict=True) if k.startswith("rf")]  # fmt: skip
    delays = rng.integers(0, 6, (4, N))
    holes = rng.integers(-200, 200, (4, N)) * (rng.random((4, N)) < 0.4)
    rule = Plasticity("2f", "2^-2*x1*y0 - 2^-2*y1*x0", t_epoch=2,
                      traces={"x1_impulse": 16, "x1_tau": 10, "y1_impulse": 16, "y1_tau": 10})  # fmt: skip
    connections += [
        Connection("conv", "conv", "in", "2 conv", rng.integers(-60, 90, (4, 2, 2, 1)), conv=Convolution(groups=2)),
        Connection("delay", "delay_dense", "lif", "class", rng.integers(-200, 200, (4, N)), delays=delays),
        Connection("sparse", "sparse", "ternary_lif", "class", holes),
        Connection("packed", "sparse", "rf", "class", holes).packed(),
        Connection("late", "delay_sparse", "atrlif", "class", holes, delays=delays, max_delay=9),
        Connection("learns", "dense", "lif_reset", "class", rng.integers(0, 100, (4, N)), plasticity=rule),
        Connection("nothing", "sparse", "rf_iz", "class", 0 * holes),
    ]
    outputs = tuple(p.name for p in populations[1:])
    return Program("every kind", tuple(populations), tuple(connections), outputs)


def assert_runs_alike(program: Program, inputs: dict[str, np.ndarray], python: Path, folder: Path) -> None:
    """The script's outputs are the simulator's, spike by spike."""
    steps = len(next(iter(inputs.values())))
    write_script(program, folder / "network.py")
    np.savez(folder / "inputs.npz", **inputs)
    command = [str(python), "-s", "network.py", "inputs.npz", "out.npz"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    streams = {name: EventStream.from_dense(values) for name, values in inputs.items()}
    run = simulate(program, streams, steps=steps, record=[f"{name}.spikes" for name in program.outputs])
    with np.load(folder / "out.npz") as found:
        assert set(found.files) == set(program.outputs)
        for name in program.outputs:
            np.testing.assert_array_equal(found[name], run.spikes[name].dense(), err_msg=name)


def test_every_kind_of_neuron_and_connection_runs_as_in_the_simulator(lava_python, tmp_path):
    program = every_kind()
    x = np.random.default_rng(1).integers(0, 2, (STEPS, N)) * 3
    run = simulate(
        program, {"in": EventStream.from_dense(x)}, steps=STEPS, record=[f"{k}.spikes" for k in program.outputs]
    )
    assert all(run.spikes[name].dense().any() for name in program.outputs)
    assert_runs_alike(program, {"in": x}, lava_python, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_random_networks_run_as_in_the_simulator(lava_python, tmp_path, seed):
    network = random_network(seed, lava=True)
    outputs = tuple(p.name for p in network.program.populations if p.kind != "input")
    program = replace(network.program, outputs=outputs)
    try:
        write_script(program, tmp_path / "network.py")
    except UnsupportedError as error:
        pytest.skip(str(error))
    assert_runs_alike(program, network.inputs, lava_python, tmp_path)


def test_what_lavas_own_processes_do_not_do_is_refused(tmp_path):
    x, lif = Population("x", "input", (2,)), Population("l", "lif", (2,), KINDS["lif"] | {"dv": 0})
    w = Connection("w", "dense", "x", "l", np.ones((2, 2), np.int8))
    refused = [
        (Program("p", (x, replace(lif, modulator=Modulator("feedback"))), (w,)), "'l'.*learning signals"),
        (Program("p", (x, lif, replace(lif, name="m")), (w,)), "'m'.*nothing connects it with 'x'"),
        (Program("p", (x, replace(lif, kind="lif_refractory", parameters=lif.parameters | {"refractory_period": 2})),
                 (w,)), "floating point only"),
        (Program("p", (x, lif), (replace(w, plasticity=Plasticity("3f", dw="2^-2*u0*x1*y1")),)), "third factor"),
    ]  # fmt: skip
    for program, message in refused:
        with pytest.raises(UnsupportedError, match=message):
            write_script(program, tmp_path / "x.py")
    with pytest.raises(UnsupportedError, match=r"ends in \.py"):
        write_script(Program("p", (x, lif), (w,)), tmp_path / "x.npz")


def test_names_that_are_no_variables_become_ones(tmp_path):
    names = ("in", "1.5", "weights 1", "weights-1", "é")
    populations = (Population(names[0], "input", (2,)), *(Population(n, "sigma", (2,)) for n in names[1:]))
    eye = np.eye(2, dtype=np.int8)
    chain = tuple(Connection(f"{a}>{b}", "dense", a, b, eye) for a, b in pairwise(names))
    write_script(Program("p", populations, chain), tmp_path / "x.py")
    compile((tmp_path / "x.py").read_text(), "x.py", "exec")
