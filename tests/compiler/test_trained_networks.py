"""Networks trained elsewhere, compiled: their classes and their spikes in the chip's integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from nmnist import frames

from neurotrain_hw import EventStream, simulate
from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler import QuantisationSettings, compile_graph
from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.inference import infer_streams
from neurotrain_hw.interchange import read_nir

LOIHI2 = load_chip("loihi2")


def test_oxford_in_loihis_integers(shared: Path) -> None:
    """lava-dl's network, read from NIR: every one of its 10,178 output spikes, as recorded, two steps later there."""
    folder = shared / "data/nir/lava_oxford_loihi"
    recorded = np.load(folder / "oxford_io.npz", allow_pickle=False)
    x, expected = recorded["input_events_rounded"].T.astype(int), recorded["ground_truth_out"].T
    graph = read_nir(folder / "oxford_lavadl.nir")
    program = compile_graph(graph, LOIHI2, steps=len(x))
    depth = program.timing.depth["3"]
    run = simulate(program, {program.inputs[0]: EventStream.from_dense(x)}, steps=len(x) + depth)
    assert np.array_equal(run.spikes["3"].window(depth, depth + len(x)).dense(), expected)
    assert expected.sum() == 10178
    with pytest.raises(UnsupportedError, match="spikes above its threshold only"):
        compile_graph(graph, load_chip("loihi1"), steps=len(x))


@pytest.mark.parametrize(
    ("samples", "least", "settings"),
    [(6, 6, QuantisationSettings()),
     pytest.param(100, 98, QuantisationSettings(), marks=pytest.mark.slow),
     pytest.param(100, 98, QuantisationSettings("mse", per_channel=True), marks=pytest.mark.slow)],
)  # fmt: skip
def test_the_cnn_that_sinabs_trained_tells_digits_in_8_bits(shared: Path, samples, least, settings) -> None:
    """N-MNIST test recordings, up to 3 events of a pixel within a millisecond; reset to zero, as in its reference."""
    folder = shared / "data/nir/cnn_sinabs_nmnist"
    table = np.loadtxt(folder / "test100.txt", dtype=int, comments="#")[:samples]
    found = frames(folder / "nmnist_test100_bs2.tar.xz", [str(k) for k in table[:, 0]])
    steps = max(len(x) for x in found.values())
    graph = read_nir(folder / "cnn_sinabs.nir", dialect="nir", dt_s=1.0)
    program = compile_graph(graph, LOIHI2, steps=steps, settings=settings, input_bits=8)
    assert [c.kind for c in program.connections] == ["conv", "conv", "conv", "dense", "dense"]
    streams = []
    for name in table[:, 0]:
        x = np.zeros((steps, 2 * 34 * 34), np.uint8)
        x[: len(found[str(name)])] = found[str(name)].reshape(len(found[str(name)]), -1)
        streams.append(EventStream.from_dense(x))
    result = infer_streams(program, streams, table[:, 1])
    assert (result.predicted == table[:, 1]).sum() >= least
