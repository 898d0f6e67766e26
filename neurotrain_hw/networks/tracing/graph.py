"""A torch module as a Graph."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.interchange import Graph
from neurotrain_hw.interchange.meaning import Precision
from neurotrain_hw.networks.tracing.assemble import assemble
from neurotrain_hw.networks.tracing.neurons import Style
from neurotrain_hw.networks.tracing.record import record
from neurotrain_hw.networks.tracing.step import one_step


def trace_graph(module: nn.Module, inputs: Mapping[str, torch.Tensor], style: Style, *, batched: bool) -> Graph:
    """The network that `module(**inputs)` runs, as a graph of one step.

    `inputs`: by the names of forward's arguments, with a batch axis in front if `batched`; one step, or all steps of a
    loop over time. Raises UnsupportedError, naming the module, for what a graph cannot hold.
    """
    if not style.dt_s > 0:
        raise ValueRangeError(f"dt_s is {style.dt_s}", where="dt_s", need="seconds per step above 0")
    floats = {p.dtype for p in (*module.parameters(), *module.buffers()) if p.is_floating_point()}
    if floats - {torch.float32, torch.float64}:
        raise UnsupportedError(
            f"has parameters of {', '.join(sorted(map(str, floats)))}", where=type(module).__name__,
            need="float32 or float64", remedy="Convert it with module.float().",
        )  # fmt: skip
    precision: Precision = "float64" if any(p.dtype == torch.float64 for p in module.parameters()) else "float32"
    device = next((p.device for p in (*module.parameters(), *module.buffers())), torch.device("cpu"))
    dtype = torch.float64 if precision == "float64" else torch.float32
    moved = {
        name: value.detach().to(device, dtype if value.is_floating_point() else value.dtype).clone()
        for name, value in inputs.items()
    }
    trace = record(module, moved, _states(module, moved, device, dtype))
    return assemble(one_step(trace, batched=batched), style, precision)


def first_argument(module: nn.Module) -> str:
    """The name of forward's first argument."""
    names = [
        name for name, p in inspect.signature(module.forward).parameters.items()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]  # fmt: skip
    if not names:
        raise UnsupportedError("its forward takes no input by name", where=type(module).__name__)
    return names[0]


def _states(module: nn.Module, inputs: Mapping[str, Any], device: Any, dtype: Any) -> dict[str, torch.Tensor]:
    """Arguments of forward that have no default and are no input: states, which snnTorch lets begin empty."""
    parameters = inspect.signature(module.forward).parameters
    for name in inputs:
        if name not in parameters:
            raise UnsupportedError(f"its forward has no argument '{name}'", where=type(module).__name__)
    return {
        name: torch.zeros(0, device=device, dtype=dtype)
        for name, p in parameters.items()
        if name not in inputs and p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }
