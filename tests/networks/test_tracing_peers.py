"""Files that we write, imported by other frameworks: the same spikes wherever their model can, else why not.

Norse, Sinabs and SpikingJelly are not among the project's own requirements; where one is not installed, its tests are
skipped. To run them: pip install --no-deps norse==1.1.0 sinabs==2.0.3 spikingjelly==2.0.0 pbr loguru.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn
from torch_nets import hidden_run, on_grid, spikes

from neurotrain_hw.interchange import write_nir
from neurotrain_hw.networks import to_graph

pytestmark = pytest.mark.filterwarnings("ignore")  # the peers' own

# A threshold that no sum on the grid meets: SpikingJelly and Sinabs fire where it is reached, others above it.
ZERO = {"threshold": 0.7, "init_hidden": True, "reset_mechanism": "zero", "reset_delay": False}


def leaky(**arguments: Any) -> nn.Module:
    return snn.Leaky(**({"beta": 0.5} | ZERO | arguments))


def synaptic(**arguments: Any) -> nn.Module:
    return snn.Synaptic(**({"alpha": 0.5, "beta": 0.75} | ZERO | arguments))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(9, 9), nn.Linear(9, 9), nn.Linear(9, 4, bias=False)
        self.l1, self.l2, self.l3 = leaky(), leaky(), leaky()

    def forward(self, x):
        hidden = self.l1(self.a(x))
        return self.l3(self.c(self.l2(self.b(hidden) + hidden)))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "dense": (lambda: nn.Sequential(nn.Linear(9, 8), leaky(), nn.Linear(8, 5, bias=False), leaky()), (9,)),
    "cuba": (lambda: nn.Sequential(nn.Linear(9, 8), synaptic(), nn.Linear(8, 5, bias=False), synaptic()), (9,)),
    "integrators": (lambda: nn.Sequential(nn.Linear(9, 8), leaky(beta=1.0), nn.Linear(8, 5), leaky(beta=1.0)), (9,)),
    "average": (lambda: nn.Sequential(
        nn.Conv2d(2, 4, 3, padding="same"), leaky(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(64, 5), leaky()),
        (2, 8, 8)),
    "sum": (lambda: nn.Sequential(
        nn.Conv2d(2, 4, (1, 3), stride=2), leaky(), nn.LPPool2d(1, 2), nn.Flatten(), nn.Linear(8, 5), leaky()),
        (2, 8, 8)),
    "groups": (lambda: nn.Sequential(nn.Conv2d(4, 4, 3, groups=2), leaky(), nn.Flatten(), nn.Linear(16, 5), leaky()),
               (4, 4, 4)),
    "branches": (Residual, (9,)),
    "recurrent": (lambda: nn.Sequential(
        nn.Linear(9, 6), snn.RLeaky(beta=0.5, linear_features=6, **ZERO), nn.Linear(6, 4), leaky()), (9,)),
}  # fmt: skip


def steps_of(module: nn.Module, x: torch.Tensor) -> np.ndarray:
    """What a module that takes and gives its state sends."""
    state, sent = None, []
    with torch.no_grad():
        for now in x:
            out, state = module(now, state)
            sent.append(out)
    return torch.stack(sent).numpy()


def in_snntorch(path: Path, x: torch.Tensor) -> np.ndarray:
    return steps_of(importlib.import_module("snntorch.import_nir").import_from_nir(nir.read(path)), x)


def in_norse(path: Path, x: torch.Tensor) -> np.ndarray:
    norse = pytest.importorskip("norse.torch", reason="Norse is not installed")
    return steps_of(norse.from_nir(nir.read(path), dt=1e-4, ignore_warnings=True), x)


def in_spikingjelly(path: Path, x: torch.Tensor) -> np.ndarray:
    pytest.importorskip("loguru", reason="SpikingJelly is not installed")
    jelly = pytest.importorskip("spikingjelly.activation_based.nir_exchange", reason="SpikingJelly is not installed")
    return steps_of(jelly.import_from_nir(path), x)


def in_sinabs(path: Path, x: torch.Tensor) -> np.ndarray:
    sinabs = pytest.importorskip("sinabs.nir", reason="Sinabs is not installed")
    module = sinabs.from_nir(nir.read(path), batch_size=x.shape[1])
    with torch.no_grad():
        out = module(x.transpose(0, 1).flatten(0, 1))
    out = out[0] if isinstance(out, tuple) else out
    return out.unflatten(0, (x.shape[1], x.shape[0])).transpose(0, 1).numpy()


def run_in(peer: Callable[[Path, torch.Tensor], np.ndarray], network: str, folder: Path, **style: Any) -> np.ndarray:
    """Own spikes and the peer's, stacked."""
    make, shape = NETWORKS[network]
    module = on_grid(make(), seed=1)
    write_nir(folder / "x.nir", to_graph(module, shape, **style))
    x = spikes(shape)
    own = hidden_run(module, x)
    assert own.sum() > 10
    return np.stack([own, peer(folder / "x.nir", x)])


def differing(both: np.ndarray) -> int:
    return int(np.count_nonzero(both[0] != both[1]))


FORMS = [{"leaky_as": "LIF"}, {"leaky_as": "CubaLIF"}]


@pytest.mark.parametrize("network", [name for name in NETWORKS if name not in ("recurrent", "integrators")])
@pytest.mark.parametrize("style", FORMS, ids=["LIF", "CubaLIF"])
def test_snntorch(network: str, style: dict[str, str], tmp_path: Path) -> None:
    assert differing(run_in(in_snntorch, network, tmp_path, **style)) == 0


def test_snntorch_reads_integrators_where_they_are_cubalif(tmp_path: Path) -> None:
    """snnTorch 1.0.0 turns IF into a leaky neuron, beta 0.9, and refuses its r; a CubaLIF keeps its decay of 1."""
    with pytest.raises(AssertionError, match="r != 1"):
        run_in(in_snntorch, "integrators", tmp_path)
    assert differing(run_in(in_snntorch, "integrators", tmp_path, leaky_as="CubaLIF")) == 0


def test_snntorch_reads_no_recurrent_graph(tmp_path: Path) -> None:
    """Not its own either: snnTorch 1.0.0 with nirtorch 2.6, mended after 1.0.0 (snntorch#435)."""
    with pytest.raises(AttributeError, match="'GraphModule' object has no attribute 'items'"):
        run_in(in_snntorch, "recurrent", tmp_path)


@pytest.mark.parametrize("network", [name for name in NETWORKS if name != "average"])
def test_norse(network: str, tmp_path: Path) -> None:
    assert differing(run_in(in_norse, network, tmp_path, leaky_as="CubaLIF")) == 0


def test_norse_ignores_r_of_a_lif(tmp_path: Path) -> None:
    """Its LIFBoxCell has none: hence leaky_as='CubaLIF'."""
    both = run_in(in_norse, "dense", tmp_path)
    assert differing(both) > 20


def test_norse_reads_no_average_pool(tmp_path: Path) -> None:
    """It leaves the node out, and what comes behind it with it: the shapes no longer fit, or end early."""
    with pytest.raises((RuntimeError, ValueError), match="shape"):
        run_in(in_norse, "average", tmp_path, leaky_as="CubaLIF")


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("style", FORMS, ids=["LIF", "CubaLIF"])
def test_spikingjelly(network: str, style: dict[str, str], tmp_path: Path) -> None:
    assert differing(run_in(in_spikingjelly, network, tmp_path, **style)) == 0


class Small(nn.Module):
    """Where Sinabs' neurons do what snnTorch's do: nothing leaks, no sum falls below 0 or reaches two thresholds."""

    def __init__(self) -> None:
        super().__init__()
        one = {"beta": 1.0, "threshold": 1.03, "init_hidden": True, "reset_mechanism": "subtract", "reset_delay": False}
        self.a, self.l1 = nn.Conv2d(2, 4, 3, bias=False), snn.Leaky(**one)
        self.pool, self.b, self.l2 = nn.LPPool2d(1, 2), nn.Linear(36, 5), snn.Leaky(**one)

    def forward(self, x):
        return self.l2(self.b(self.pool(self.l1(self.a(x))).flatten(1)))


def test_sinabs(tmp_path: Path) -> None:
    module = on_grid(Small(), seed=1)
    with torch.no_grad():
        for weight, by in ((module.a.weight, 16), (module.b.weight, 128), (module.b.bias, 128)):
            weight.copy_(weight.abs() / by)
    write_nir(tmp_path / "x.nir", to_graph(module, (2, 8, 8)))
    x = spikes((2, 8, 8))
    own = hidden_run(module, x)
    assert own.sum() > 10 and np.array_equal(in_sinabs(tmp_path / "x.nir", x), own)


def test_sinabs_counts_time_constants_in_steps(tmp_path: Path) -> None:
    """Its LIF takes 0.0002 s for 0.0002 steps, decays by exp, and subtracts: it cannot hold snnTorch's."""
    both = run_in(in_sinabs, "dense", tmp_path)
    assert differing(both) > 20
