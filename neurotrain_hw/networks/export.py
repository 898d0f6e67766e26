"""A trained torch network as an interchange graph: NIR nodes, and the meaning that NIR leaves unsaid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import nn

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.interchange import Graph
from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.networks.spec_graph import spec_graph
from neurotrain_hw.networks.tracing.graph import first_argument, trace_graph
from neurotrain_hw.networks.tracing.neurons import Style

DT_S = 1e-4  # the step that snnTorch's and SpikingJelly's own readers take for granted


def to_graph(
    module: nn.Module,
    input_shape: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    *,
    example: torch.Tensor | Mapping[str, torch.Tensor] | None = None,
    dt_s: float | None = None,
    batch: bool = True,
    leaky_as: Literal["LIF", "CubaLIF"] = "LIF",
) -> Graph:
    """A torch network of layers, Brevitas layers and snnTorch neurons as a graph, exactly; nothing is rounded.

    `input_shape`: what one sample of one step has, without batch and time, for a forward that computes one step (or a
    loop over a constant input); `example`: a tensor as forward takes it, with a batch axis in front, or behind the
    time axis of a forward that loops over time, in which case it needs two steps or more. Either may be a table by the
    names of forward's arguments, where the network has several inputs. A SpikingNetwork needs neither. `batch=False`:
    forward takes a single sample, without a batch axis. `dt_s`: seconds per step, by default 0.0001, which other
    readers take for granted; that of the spec for a SpikingNetwork. `leaky_as`: neurons without a synaptic current as
    NIR's LIF (I, IF, LI), or as CubaLIF (CubaLI) with tau_syn = dt, which computes the same, and which Norse, ignoring
    a LIF's r, needs for the same spikes.

    The module is run once, in evaluation mode and on the device where it is, and left as it was. `Graph.notes` says
    what other readers of the file will see differently. Raises UnsupportedError, naming module, reason and remedy, for
    what a graph cannot hold; ValueRangeError for arguments that do not fit.
    """
    if isinstance(module, SpikingNetwork):
        return spec_graph(module, module.spec.dt_s if dt_s is None else dt_s)
    if leaky_as not in ("LIF", "CubaLIF"):
        raise ValueRangeError(f"'{leaky_as}' is not a choice", where="leaky_as", need="LIF or CubaLIF")
    inputs = _examples(module, input_shape, example, batch)
    style = Style(DT_S if dt_s is None else dt_s, cuba=leaky_as == "CubaLIF")
    return trace_graph(module, inputs, style, batched=batch)


def _examples(module: nn.Module, shape: Any, example: Any, batch: bool) -> dict[str, torch.Tensor]:
    """Tensors by the names of forward's arguments."""
    if (shape is None) == (example is None):
        raise ValueRangeError("give one of the two", where="input_shape, example", need="what forward takes")
    if example is not None:
        return dict(example) if isinstance(example, Mapping) else {first_argument(module): torch.as_tensor(example)}
    shapes = shape if isinstance(shape, Mapping) else {first_argument(module): shape}
    return {name: torch.zeros((1, *each) if batch else tuple(each)) for name, each in shapes.items()}
