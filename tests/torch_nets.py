"""Torch modules for tests of the export: weights on a coarse grid, so that sums are exact, and runs side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import snntorch
import torch
from torch import nn

from neurotrain_hw.interchange import Graph, read_nir, write_nir
from neurotrain_hw.networks import to_graph
from neurotrain_hw.reference import run_graph


def on_grid(module: nn.Module, *, seed: int = 0, step: float = 0.125) -> nn.Module:
    """All learnable parameters drawn from multiples of `step` within +-1, so that float32 sums are exact."""
    generator = torch.Generator().manual_seed(seed)
    most = round(1 / step)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.rpartition(".")[2] in ("weight", "bias"):
                whole = torch.randint(-most, most + 1, parameter.shape, generator=generator)
                parameter.copy_(whole * step)
    return module.eval()


def spikes(
    shape: tuple[int, ...], *, steps: int = 30, batch: int = 3, seed: int = 0, rate: float = 0.4
) -> torch.Tensor:
    """Input spikes (T, B, *shape)."""
    drawn = np.random.default_rng(seed).random((steps, batch, *shape))
    return torch.from_numpy((drawn < rate).astype(np.float32))


def forget(module: nn.Module) -> None:
    """Hidden states as after construction."""
    for part in module.modules():
        if isinstance(part, snntorch.SpikingNeuron):
            for name in ("spk", "syn", "mem", "syn_exc", "syn_inh"):
                if hasattr(part, name):
                    setattr(part, name, torch.zeros(0))


def hidden_run(module: nn.Module, x: torch.Tensor) -> np.ndarray:
    """What a module with init_hidden neurons sends, step by step: (T, B, *shape)."""
    forget(module)
    sent = []
    with torch.no_grad():
        for now in x:
            out = module(now)
            sent.append(out[0] if isinstance(out, tuple) else out)
    return torch.stack(sent).numpy()


def through_file(graph: Graph, folder: Path) -> Graph:
    """The graph written and read again, with the meaning that it was written with."""
    write_nir(folder / "net.nir", graph)
    back = read_nir(folder / "net.nir")
    assert back.dialect == graph.dialect == "neurotrain-hw"
    return back


def assert_same(
    module: nn.Module, shape: tuple[int, ...] | None, folder: Path | None = None, *,
    run: Callable[..., np.ndarray] = hidden_run, least: int = 10, seed: int = 0, x: torch.Tensor | None = None,
    **arguments: object,
) -> Graph:  # fmt: skip
    """The graph of a module sends exactly what the module sends, also after a file in `folder`; it is no trifle."""
    graph = to_graph(module, shape, **arguments)  # type: ignore[arg-type]
    x = spikes(shape or (), seed=seed) if x is None else x
    own = run(module, x)
    assert np.count_nonzero(own) >= least, f"only {np.count_nonzero(own)} spikes to compare"
    for each in [graph] if folder is None else [graph, through_file(graph, folder)]:
        found = run_graph(each, x.numpy(), states=False).sent["output"]
        assert found.shape == own.shape
        assert np.count_nonzero(found != own) == 0
    return graph
