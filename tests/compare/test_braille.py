"""Real recordings: the Braille networks of the NIR paper, float against 8-bit integers (shared/data/nir)."""

from __future__ import annotations

import numpy as np
import pytest

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compare import compare
from neurotrain_hw.compiler.lower import lower
from neurotrain_hw.data import Recordings
from neurotrain_hw.interchange import read_nir


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "reset", "in_floats", "in_integers"),
    [
        ("braille_zero/braille_noDelay_bias_zero", "zero", 0.9637, 0.940),
        ("braille_subtract/braille_noDelay_noBias_subtract", "subtract", 0.9793, 0.970),
    ],
)
def test_all_recordings_in_floats_and_integers(shared, file, reset, in_floats, in_integers):
    data = np.load(shared / "data/nir/braille_data/trainval_union1158.npz", allow_pickle=False)
    x = Recordings(np.unpackbits(data["X_packed"], axis=-1)[..., :12], data["Y"].astype(np.int64))
    graph = read_nir(shared / f"data/nir/{file}.nir", dialect="snntorch", reset=reset)
    chip = load_chip("loihi2")
    found = compare(graph, lower(graph, chip, steps=x.steps, nearest=True), chip, x, threads=2)
    assert found.accuracy("reference") == pytest.approx(in_floats, abs=5e-5)
    assert found.accuracy("chip") >= in_integers
    assert found.emulator_differs == 0
    assert found.attribution.accuracy_all == found.accuracy("chip")
    # float64 in place of float32 moves a few spikes at most
    apart = found.pair("reference", "equations")
    assert sum(layer.differing for layer in apart.layers.values()) < 1e-3 * found.attribution.spikes
    weights = next(e for e in found.attribution.effects if e.name == "weights")
    assert all(weights.differing_alone >= e.differing_alone for e in found.attribution.effects if e.name != "reset")
