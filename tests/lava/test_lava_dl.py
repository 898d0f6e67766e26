"""Our `.net` files in lava-dl's own loader, which builds and runs them in Lava as our simulator runs the program.

NEUROTRAIN_HW_LAVA_DL names the folder `src` of lava-dl's sources. Its loader needs Lava, and torch only for a function
of NumPy's that torch's own module holds: that one is taken out of its source.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from netx_layers import EVERY_KIND, FORGETS, recurrent

from neurotrain_hw import EventStream, Program, load_chip, simulate
from neurotrain_hw.compiler.netx import compile_netx
from neurotrain_hw.compiler.netx_layers import netx_of
from neurotrain_hw.interchange.netx_file import NetxLayer, write_netx

CHIP, STEPS = load_chip("loihi2"), 30
LOADER = """
import ast, sys, types
import numpy as np
source, net, inputs, out = sys.argv[1:5]
arguments = ast.literal_eval(sys.argv[5])
import lava
lava.__path__.append(source + "/lava")
text = open(source + "/lava/lib/dl/slayer/neuron/rf.py").read()
wanted = [node for node in ast.parse(text).body if getattr(node, "name", "") == "neuron_params"]
for name in ("netx.sequential_modules", "slayer", "slayer.neuron", "slayer.neuron.rf"):
    sys.modules["lava.lib.dl." + name] = types.ModuleType(name)
module = sys.modules["lava.lib.dl.slayer.neuron.rf"]
module.np = np
exec(compile(ast.Module(wanted, []), "rf.py", "exec"), module.__dict__)
from lava.lib.dl.netx import hdf5
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
network = hdf5.Network(net_config=net, **arguments)
x = np.load(inputs)
source = Source(data=np.moveaxis(x.reshape(len(x), *network.inp.shape), 0, -1).astype(np.int32))
sink = Sink(shape=network.out.shape, buffer=len(x))
source.s_out.connect(network.inp)
network.out.connect(sink.a_in)
sink.run(condition=RunSteps(num_steps=len(x)), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
np.save(out, np.moveaxis(sink.data.get(), -1, 0).reshape(len(x), -1).astype(int))
sink.stop()
"""


@pytest.fixture(scope="session")
def lava_dl() -> Path:
    """The folder `src` of lava-dl."""
    folder = os.environ.get("NEUROTRAIN_HW_LAVA_DL", "")
    if not folder or not Path(folder, "lava/lib/dl/netx/hdf5.py").is_file():
        pytest.skip("no sources of lava-dl; set NEUROTRAIN_HW_LAVA_DL to their folder src")
    return Path(folder)


def delayed() -> tuple[NetxLayer, ...]:
    """A dense layer with a delay for each synapse, of one sign, behind a recurrent one."""
    rng = np.random.default_rng(5)
    weights = {"weight": rng.integers(1, 100, (4, 5))}
    neuron = recurrent()[0].neuron
    return (recurrent()[0], NetxLayer("dense", (4,), weights, delay=rng.integers(0, 9, (4, 5)), neuron=neuron))


def flattened_input() -> tuple[NetxLayer, ...]:
    """A volume that a dense layer reads at once."""
    weights = {"weight": 2 * np.random.default_rng(6).integers(-90, 90, (4, 24))}
    return (NetxLayer("input", (2, 3, 4)), NetxLayer("flatten"), NetxLayer("dense", (4,), weights, neuron=FORGETS))


@pytest.mark.slow
@pytest.mark.parametrize("steps", [None, 7])
@pytest.mark.parametrize("layers", [*EVERY_KIND, delayed, flattened_input])
def test_lava_dl_runs_what_is_written_as_the_simulator_runs_the_program(lava_python, lava_dl, tmp_path, layers, steps):
    if layers.__name__ in ("resonating", "sigma_delta") and steps:
        pytest.skip("netx resets LIF layers only")
    given = list(layers())
    bits = 0
    if layers.__name__ == "sigma_delta":  # as its input layer sends, which itself takes values as a bias
        given, bits = [NetxLayer("input", (6,)), *given[1:]], 16
    program = compile_netx(given, CHIP, steps=steps, input_message_bits=bits)
    assert_lava_dl_agrees(program, lava_python, lava_dl, tmp_path)


def assert_lava_dl_agrees(program: Program, python: Path, source: Path, folder: Path) -> None:
    """The outputs in every step, of random spikes or values."""
    found = netx_of(program)
    write_netx(found.layers, folder / "x.net")
    first = program.populations[0]
    x = np.random.default_rng(9).integers(0, 2, (STEPS, first.n))
    if found.input_message_bits:
        x *= np.random.default_rng(9).integers(-300, 300, x.shape)
    sent = x
    if len(first.shape) == 3 and found.layers[1].kind == "flatten":
        sent = x.reshape(STEPS, *first.shape).transpose(0, 3, 2, 1).reshape(STEPS, -1)
    np.save(folder / "inputs.npy", sent)
    (folder / "load.py").write_text(LOADER)
    arguments = {"reset_interval": found.reset_interval, "reset_offset": 1} if found.reset_interval else {}
    arguments |= {"spike_exp": found.spike_exp, "input_message_bits": found.input_message_bits}
    command = [str(python), "-s", "load.py", str(source), "x.net", "inputs.npy", "out.npy", repr(arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    run = simulate(program, {first.name: EventStream.from_dense(x)}, steps=STEPS)
    expected = run.spikes[program.outputs[0]].dense()
    np.testing.assert_array_equal(np.load(folder / "out.npy"), expected)
    assert expected.any()
