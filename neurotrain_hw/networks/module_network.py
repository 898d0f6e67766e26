"""A user's torch module as a SpikingNetwork with the same parameters, so that every rule can train it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from neurotrain_hw.errors import FormatError, UnsupportedError
from neurotrain_hw.networks.chain import Leaf, chain_of
from neurotrain_hw.networks.module_layers import pool_of, population_of, share, weights_of
from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.networks.spec import LayerSpec, ModelSpec, Surrogate

_POOLS = ("AvgPool2d", "MaxPool2d", "AdaptiveAvgPool2d")


def from_module(
    module: nn.Module,
    input_shape: Sequence[int],
    *,
    example: torch.Tensor | None = None,
    surrogate: Surrogate | None = None,
    steps: int = 32,
    dt_s: float = 1e-3,
) -> SpikingNetwork:
    """A chain of layers as a network that shares its parameters: what trains the one trains the other.

    A layer is a Linear or Conv2d (plain or Brevitas), pools before or behind it, and snnTorch's neurons; weights at
    the end without neurons are read as they are. forward may compute one step, or loop over time. `input_shape`: of
    one sample of one step; `example`: a tensor as forward takes it, where zeros (1, *input_shape) will not do.
    `surrogate`: what stands for the spike's derivative in rules that take the model's. `steps`, `dt_s`: of a sample.

    Raises UnsupportedError, naming the first layer that is no link of such a chain; rules by autograd train such a
    module as it is.
    """
    given = torch.zeros(1, *input_shape) if example is None else example
    drafts = _drafts(chain_of(module, given))
    names = _names([draft.weights.path for draft in drafts])
    specs = [draft.spec(name) for draft, name in zip(drafts, names, strict=True)]
    kind = type(module).__name__
    try:
        spec = ModelSpec(
            kind, f"the module {kind}", 0, tuple(specs), steps, dt_s, surrogate=surrogate or Surrogate(),
            input_shape=tuple(input_shape),
        )  # fmt: skip
    except FormatError as error:
        raise UnsupportedError(error.what, where=error.where, need=error.need) from error
    network: SpikingNetwork = SpikingNetwork(spec)
    for position, draft in enumerate(drafts):
        # the user's own module holds the weights
        network.synapses[position] = draft.weights.module
        if draft.neurons is not None:
            share(draft.neurons, network, position)
    first = drafts[0].weights.module.weight
    network.to(device=first.device, dtype=first.dtype)
    return network


@dataclass
class _Draft:
    """The leaves of one layer."""

    weights: Leaf
    input_pools: list[Leaf] = field(default_factory=list)
    pools: list[Leaf] = field(default_factory=list)
    neurons: Leaf | None = None

    def spec(self, name: str) -> LayerSpec:
        """As data; UnsupportedError for what a layer cannot say."""
        found: dict[str, Any] = {"name": name} | weights_of(self.weights)
        sides = {"input_pool": self.input_pools, "pool": self.pools}
        kinds = {pooling for leaves in sides.values() for pooling in (pool_of(leaf)[1] for leaf in leaves)}
        if len(kinds) > 1:
            raise UnsupportedError(
                "has average and maximum pools around it", where=self.weights.where, need="pools of one kind"
            )
        for key, leaves in sides.items():
            if leaves:
                found |= {key: math.prod(pool_of(leaf)[0] for leaf in leaves), "pooling": kinds.copy().pop()}
        # weights at the end, without neurons, are read as they are
        found |= {"neuron": "integrator", "beta": 0.0} if self.neurons is None else population_of(self.neurons)
        return LayerSpec(**found)


def _drafts(leaves: Sequence[Leaf]) -> list[_Draft]:
    drafts: list[_Draft] = []
    waiting: list[Leaf] = []  # pools that have no weights yet
    for leaf in leaves:
        open_ = drafts[-1] if drafts and drafts[-1].neurons is None else None
        if leaf.kind in _POOLS and open_ is not None:
            open_.pools.append(leaf)
        elif leaf.kind in _POOLS:
            waiting.append(leaf)
        elif leaf.kind == "Neurons" and open_ is not None:
            open_.neurons = leaf
        elif leaf.kind in ("Linear", "Conv2d") and open_ is None:
            drafts.append(_Draft(leaf, waiting))
            waiting = []
        elif leaf.kind not in ("Flatten", "Passing"):
            raise UnsupportedError(
                f"a {leaf.name} " + ("behind weights" if open_ else "that follows no weights"), where=leaf.where,
                need="weights (Linear, Conv2d), then snnTorch's neurons", remedy="Train it with a rule by autograd.",
            )  # fmt: skip
    if not drafts or waiting:
        raise UnsupportedError(
            "ends with a pool" if waiting else "has no layer with weights", where="module", need="weights, then neurons"
        )
    return drafts


def _names(paths: Sequence[str]) -> list[str]:
    """Names of layers from the paths of their modules, `_` for every dot."""
    found: list[str] = []
    for path in paths:
        name = path.replace(".", "_") or "layer"
        name = f"layer_{name}" if name[0].isdigit() or name == "input" else name
        found.append(name)
    return found
