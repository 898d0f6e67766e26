"""Networks trained elsewhere, compiled: their classes and their spikes in the chip's integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from nmnist import frames

from neurotrain_hw import EventStream, simulate
from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler import QuantisationSettings, compile_graph
from neurotrain_hw.data.recordings import Recordings
from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.inference import infer_recordings, infer_streams
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
    ("which", "samples", "least", "settings"),
    [("test100", 6, 6, QuantisationSettings()),
     pytest.param("test100", 100, 98, QuantisationSettings(), marks=pytest.mark.slow),
     pytest.param("test100", 100, 98, QuantisationSettings("mse", per_channel=True), marks=pytest.mark.slow),
     pytest.param("train1000", 1000, 975, QuantisationSettings(), marks=pytest.mark.slow)],
)  # fmt: skip
def test_the_cnn_that_sinabs_trained_tells_digits_in_8_bits(shared: Path, which, samples, least, settings) -> None:
    """N-MNIST recordings, up to 3 events of a pixel within a millisecond; reset to zero, as in its reference."""
    folder = shared / "data/nir/cnn_sinabs_nmnist"
    table = np.loadtxt(folder / f"{which.replace('000', 'K')}.txt", dtype=int, comments="#")[:samples]
    found = frames(folder / f"nmnist_{which}_bs2.tar.xz", [str(k) for k in table[:, 0]])
    steps = max(len(x) for x in found.values())
    graph = read_nir(folder / "cnn_sinabs.nir", dialect="nir", dt_s=1.0)
    program = compile_graph(graph, LOIHI2, steps=steps, settings=settings, input_bits=8)
    assert [c.kind for c in program.connections] == ["conv", "conv", "conv", "dense", "dense"]
    streams = []
    for name in table[:, 0]:
        shown = found[str(name)]
        x = np.zeros((steps, 2 * 34 * 34), np.uint8)
        x[: len(shown)] = shown.reshape(len(shown), -1)
        streams.append(EventStream.from_dense(x))
    result = infer_streams(program, streams, table[:, 1])
    spikes = result.spikes["12"].dense().reshape(samples, steps, 10)
    counts = np.array([s[: len(found[str(k)])].sum(0) for s, k in zip(spikes, table[:, 0], strict=True)])
    assert (counts.argmax(1) == table[:, 1]).sum() >= least


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "reset", "settings", "least"),
    [("braille_zero/braille_noDelay_bias_zero", None, QuantisationSettings(), 0.940),
     ("braille_zero/braille_noDelay_bias_zero", None, QuantisationSettings("mse", per_channel=True), 0.950),
     ("braille_subtract/braille_noDelay_noBias_subtract", "subtract", QuantisationSettings(), 0.970)],
)  # fmt: skip
def test_the_braille_readers_on_the_simulator(shared: Path, file, reset, settings, least) -> None:
    """1,158 recordings, of data that these networks were trained on; float 0.9637, and 0.9793 with snnTorch's reset."""
    data = np.load(shared / "data/nir/braille_data/trainval_union1158.npz", allow_pickle=False)
    shown = Recordings(np.unpackbits(data["X_packed"], axis=-1)[..., :12], data["Y"])
    graph = read_nir(shared / f"data/nir/{file}.nir", dialect="snntorch", reset=reset)
    program = compile_graph(graph, LOIHI2, steps=shown.steps, settings=settings, nearest=reset is not None)
    assert program.timing.apart
    assert infer_recordings(program, shown).accuracy >= least
