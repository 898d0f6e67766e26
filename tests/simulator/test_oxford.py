"""lava-dl's Oxford network, trained for Loihi, against the spikes that were recorded with it.

200 inputs, 256 hidden and 200 output neurons over 2000 steps (lava-dl, tutorials/lava/lib/dl/netx/oxford). Its two
recordings follow two conventions: the layer's was made by Lava, where a neuron spikes above its threshold, the
network's by an older SLAYER, where it spikes as soon as the threshold is reached.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from neurotrain_hw import Connection, EventStream, Population, Program, simulate
from neurotrain_hw.program import Arithmetic

STEPS = 2000
FOLDER = "data/nir/lava_oxford_loihi"


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, np.ndarray]:
    """Spikes of inputs and layers, uint8 (steps, n)."""
    with np.load(shared / FOLDER / "oxford_io.npz") as file:
        return {key: file[key].T for key in file.files}


def oxford(shared: Path, arithmetic: Arithmetic) -> Program:
    """The network as netx maps it to Lava: du = iDecay - 1, dv = vDecay, vth = vThMant, weights as they are."""
    populations, connections = [Population("in", "input", (200,))], []
    with h5py.File(shared / FOLDER / "oxford_lavadl_network.net") as file:
        for number, name in enumerate(("hidden", "out")):
            layer = file[f"layer/{number}"]
            assert isinstance(layer, h5py.Group)
            neuron = {key: int(layer[f"neuron/{key}"][()]) for key in ("iDecay", "vDecay", "vThMant")}
            values = {
                "du": neuron["iDecay"] - 1, "dv": neuron["vDecay"], "vth": neuron["vThMant"], "bias_mant": 0,
                "bias_exp": 0,
            }  # fmt: skip
            weights = layer["weight"][()]
            pre = populations[-1].name
            populations.append(Population(name, "lif", (len(weights),), values, arithmetic=arithmetic))
            connections.append(Connection(f"{pre}-{name}", "dense", pre, name, weights.astype(np.int16)))
    return Program("oxford", tuple(populations), tuple(connections), outputs=("out",))


def differing(program: Program, spikes: np.ndarray, name: str, expected: np.ndarray) -> int:
    """Cells of a population's raster that differ from the recording, which has the latency of each layer, too."""
    run = simulate(program, {"in": EventStream.from_dense(spikes)}, steps=STEPS, record=[f"{name}.spikes"])
    return int(np.count_nonzero(run.spikes[name].dense() != expected))


def test_a_layer_spikes_as_recorded_from_lava(shared: Path, recorded: dict[str, np.ndarray]) -> None:
    expected = recorded["gts_layer1_out"]
    assert expected.sum() == 1826
    assert differing(oxford(shared, Arithmetic()), recorded["gts_in"], "hidden", expected) == 0


@pytest.mark.parametrize("packed", [False, True], ids=["as given", "packed"])
def test_the_network_spikes_as_recorded_from_slayer(
    shared: Path, recorded: dict[str, np.ndarray], packed: bool
) -> None:
    program = oxford(shared, Arithmetic(threshold="reached"))
    expected = recorded["ground_truth_out"]
    assert expected.sum() == 10178
    spikes = recorded["input_events_rounded"]
    assert differing(program.packed() if packed else program, spikes, "out", expected) == 0


def test_the_other_convention_gives_another_raster(shared: Path, recorded: dict[str, np.ndarray]) -> None:
    """3014 cells, as Lava itself differs from this recording: the two conventions are told apart by it."""
    found = differing(oxford(shared, Arithmetic()), recorded["input_events_rounded"], "out",
                      recorded["ground_truth_out"])  # fmt: skip
    assert found == 3014
