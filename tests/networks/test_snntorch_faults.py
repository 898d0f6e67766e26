"""Faults of snnTorch 1.0.0's own export_to_nir, found by running it: ours does each right."""

from __future__ import annotations

import contextlib
from pathlib import Path

import nir
import numpy as np
import pytest
import snntorch as snn
import torch
from snntorch.export_nir import export_to_nir
from torch import nn
from torch_nets import assert_same, on_grid

from neurotrain_hw.interchange import write_nir
from neurotrain_hw.networks import to_graph

pytestmark = pytest.mark.filterwarnings("ignore:nirtorch.extract_nir_graph is being deprecated:DeprecationWarning")


def theirs(module: nn.Module, shape: tuple[int, ...]) -> nir.NIRGraph:
    return export_to_nir(module, torch.zeros(1, *shape), ignore_dims=[0])


def line(*layers: nn.Module) -> nn.Module:
    return on_grid(nn.Sequential(*layers))


@pytest.mark.filterwarnings("ignore:The 'warn' function is deprecated:DeprecationWarning")
def test_the_example_of_its_docstring() -> None:
    """snnTorch: it fails, since beta is one number and Flatten's axes count a batch."""
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 500), snn.Leaky(beta=0.9, init_hidden=True),
        nn.Linear(500, 10), snn.Leaky(beta=0.9, init_hidden=True, output=True),
    )  # fmt: skip
    with pytest.raises(ValueError, match="mismatch"):
        export_to_nir(net, torch.randn(1, 784))
    graph = to_graph(net, example=torch.randn(1, 784))
    assert list(graph.nodes) == ["input", "1", "2", "3", "4", "output"]
    assert graph.nodes["2"].tau.shape == (500,) and graph.nodes["4"].tau.shape == (10,)


def test_one_beta_and_threshold_for_all() -> None:
    """snnTorch: a LIF of shape () and a ValueError (issue 410)."""
    net = line(nn.Linear(9, 6), snn.Leaky(beta=0.5, init_hidden=True))
    with pytest.raises(ValueError, match="mismatch"):
        theirs(net, (9,))
    assert assert_same(net, (9,)).nodes["1"].v_threshold.shape == (6,)


def test_the_reset_is_told(tmp_path: Path) -> None:
    """snnTorch: reset_mechanism and reset_delay are dropped; two networks with other spikes give the same file."""

    def net(**reset: object) -> nn.Module:
        vectors = {"beta": torch.full((6,), 0.5), "threshold": torch.ones(6), "init_hidden": True}
        return line(nn.Linear(9, 6), snn.Leaky(**vectors, **reset))

    resets = [
        {},
        {"reset_delay": False},
        {"reset_mechanism": "zero"},
        {"reset_mechanism": "zero", "reset_delay": False},
    ]
    fields = [theirs(net(**reset), (9,)).nodes["1"].to_dict() for reset in resets]
    assert all(np.array_equal(other[key], fields[0][key]) for other in fields for key in ("tau", "r", "v_reset"))
    assert all("metadata" not in other or not other["metadata"] for other in fields)
    told = [assert_same(net(**reset), (9,), tmp_path).meaning.node("1").reset for reset in resets]
    assert told == ["subtract_delayed", "subtract_pending", "zero_delayed", "zero"]


def test_a_decay_of_1_gives_no_infinite_time_constant(tmp_path: Path) -> None:
    """snnTorch: tau = inf, and 0 spikes after its own import."""
    vectors = {"beta": torch.ones(6), "threshold": torch.ones(6), "init_hidden": True}
    net = line(nn.Linear(9, 6), snn.Leaky(**vectors))
    with np.errstate(divide="ignore"):
        assert np.isinf(theirs(net, (9,)).nodes["1"].tau).all()
    graph = assert_same(net, (9,), tmp_path)
    fields = [value for value in graph.nodes["1"].to_dict().values() if isinstance(value, np.ndarray)]
    assert all(np.isfinite(value).all() for value in fields)


def test_the_padding_and_the_kernel_of_an_average_pool(tmp_path: Path) -> None:
    """snnTorch: the padding is always written as (0, 0); a kernel of one number cannot be read back."""
    net = line(nn.Conv2d(2, 3, 3), nn.AvgPool2d(2, padding=1), snn.Leaky(beta=0.5, init_hidden=True))
    pool = assert_same(net, (2, 6, 6), tmp_path).nodes["1"]
    assert tuple(pool.padding) == (1, 1) and tuple(pool.kernel_size) == tuple(pool.stride) == (2, 2)


@pytest.mark.parametrize("strength", [0.5, torch.linspace(-1, 1, 6)])
def test_one_to_one_recurrence_with_one_weight_for_all(strength: object, tmp_path: Path) -> None:
    """snnTorch: 'V must be a vector'; and every recurrent bias and V of its files need its own later reader."""
    for make in (lambda **k: snn.RLeaky(beta=0.5, **k), lambda **k: snn.RSynaptic(alpha=0.5, beta=0.5, **k)):
        net = line(nn.Linear(9, 6), make(V=strength, all_to_all=False, init_hidden=True))
        graph = assert_same(net, (9,))
        wanted = np.diag(np.broadcast_to(np.asarray(strength, np.float32), 6))
        assert np.array_equal(graph.nodes["1_recurrent"].weight, wanted)
    write_nir(tmp_path / "x.nir", graph)
    assert "1_recurrent" in nir.read(tmp_path / "x.nir").nodes


def test_graded_spikes_are_not_dropped() -> None:
    """snnTorch: the factor is not in the file."""
    vectors = {"beta": torch.full((6,), 0.5), "threshold": torch.ones(6), "init_hidden": True}
    net = line(nn.Linear(9, 6), snn.Leaky(**vectors, graded_spikes_factor=2.0))
    assert not any(isinstance(node, nir.Scale) for node in theirs(net, (9,)).nodes.values())
    assert isinstance(assert_same(net, (9,)).nodes["1_graded"], nir.Scale)


def test_a_flatten_keeps_the_batch_axis_of_its_readers() -> None:
    """snnTorch: start_dim counts from the front, so that its own import flattens the batch, too."""
    net = line(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(48, 2))
    node = to_graph(net, (2, 6, 6)).nodes["1"]
    assert (node.start_dim, node.end_dim) == (-3, -1)


def test_a_convolution_without_input_shape_or_with_groups_is_readable(tmp_path: Path) -> None:
    """snnTorch writes groups, which nir 1.0.8's strict reader takes for fewer channels."""
    net = line(nn.Conv2d(4, 8, 3, groups=2), snn.Leaky(beta=0.5, init_hidden=True))
    graph = assert_same(net, (4, 6, 6), tmp_path)
    assert graph.nodes["0"].groups == 2 and graph.nodes["0"].input_shape == (6, 6)
    assert nir.read(tmp_path / "net.nir").nodes["0"].groups == 1


@pytest.mark.parametrize("kind", ["Lapicque", "Alpha"])
def test_what_it_leaves_out_with_a_printed_warning(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    neurons = {
        "Lapicque": snn.Lapicque(R=2.0, C=2.0, init_hidden=True),
        "Alpha": snn.Alpha(alpha=0.5, beta=0.25, reset_mechanism="none", init_hidden=True),
    }[kind]
    net = line(nn.Linear(9, 6), neurons)
    with contextlib.suppress(ValueError, AttributeError):
        theirs(net, (9,))
    assert "not implemented" in capsys.readouterr().out
    assert_same(net, (9,))
