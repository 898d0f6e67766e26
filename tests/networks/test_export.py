"""Networks as graphs: what the file says is what torch computes, for us and for snnTorch's own reader."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from neurotrain_hw.interchange import read_nir, write_nir
from neurotrain_hw.networks import build, load_model, to_graph


def test_nodes_edges_and_parameters() -> None:
    graph = to_graph(build(load_model("digits-fc"), seed=0), dt_s=2e-3)
    chain = ["input", "hidden_weights", "hidden", "out_weights", "out", "output"]
    assert list(graph.edges) == list(itertools.pairwise(chain))
    lif = graph.nodes["hidden"]
    assert lif.tau.shape == (128,)
    beta = load_model("digits-fc").layers[0].beta
    assert 1 - 2e-3 / lif.tau == pytest.approx(np.full(128, beta))
    assert lif.r == pytest.approx(lif.tau / 2e-3)
    assert (lif.v_leak == 0).all()
    assert (lif.v_reset == 0).all()
    assert (lif.v_threshold == 1).all()
    meaning = graph.meaning.node("hidden")
    assert (graph.meaning.dt_s, meaning.reset, meaning.integration) == (2e-3, "zero", "euler")


def test_integers_survive_the_file(tmp_path: Path) -> None:
    network = build(load_model("digits-fc"), seed=1)
    write_nir(tmp_path / "net.nir", to_graph(network))
    graph = read_nir(tmp_path / "net.nir")
    assert graph.notes == ()
    for name, weights in network.layer_weights().items():
        quantisation = graph.meaning.node(f"{name}_weights").quantisation
        assert quantisation is not None
        stored = graph.nodes[f"{name}_weights"].weight
        assert np.array_equal(np.rint(stored / quantisation.scale), weights.integers)
        assert np.array_equal(stored, weights.effective)


def test_float_networks_say_nothing_about_integers() -> None:
    graph = to_graph(build(load_model("digits-fc"), weight_bits=None, seed=1))
    assert graph.meaning.node("hidden_weights").quantisation is None


def test_snntorchs_own_reader_gives_the_same_spikes(tmp_path: Path) -> None:
    nir = pytest.importorskip("nir")
    from snntorch.import_nir import import_from_nir

    # snnTorch's reader assumes dt = 1e-4
    network = build(load_model("digits-fc"), seed=2)
    write_nir(tmp_path / "net.nir", to_graph(network, dt_s=1e-4))
    theirs = import_from_nir(nir.read(tmp_path / "net.nir"))
    spikes = torch.from_numpy((np.random.default_rng(0).random((24, 5, 64)) < 0.3).astype(np.float32))
    ours = network(spikes)[-1].detach()
    state, out = None, []
    for now in spikes:
        fired, state = theirs(now, state)
        out.append(fired)
    # 1 - dt/tau is rounded differently: a membrane next to the threshold may fall on its other side
    assert float((torch.stack(out) != ours).float().mean()) < 2e-3
    assert float(ours.mean()) > 0.01
