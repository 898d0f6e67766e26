"""Whether a module's forward is a chain of layers, each of which takes what the one before it sends; and which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import snntorch
import torch
from torch import nn

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.networks.tracing.leaves import PASSING, is_leaf, layer_kind

_REMEDY = "Train it with a rule by autograd."


@dataclass(frozen=True, eq=False)
class Leaf:
    """One operation of a chain: Linear, Conv2d, AvgPool2d, MaxPool2d, AdaptiveAvgPool2d, Flatten, Neurons, Passing, or
    the name of another class. `taken` and `sent`: shapes without the batch.
    """

    kind: str
    path: str
    module: Any
    taken: tuple[int, ...]
    sent: tuple[int, ...]

    @property
    def name(self) -> str:
        """Of its class."""
        return type(self.module).__name__

    @property
    def where(self) -> str:
        """As errors name it."""
        return f"module '{self.path}' ({self.name})"


@dataclass(frozen=True, eq=False)
class _Call:
    path: str
    module: nn.Module
    taken: torch.Tensor
    sent: torch.Tensor


def chain_of(module: nn.Module, example: torch.Tensor) -> list[Leaf]:
    """The operations of forward, in order; it is run once, in evaluation mode, and the module is left as it was.

    A forward that loops over time calls every one as often. Raises UnsupportedError, naming the first module that is
    called otherwise, or takes something else than what the one before sent.
    """
    calls, result = _recorded(module, example)
    period = len({call.path for call in calls})
    if not calls:
        raise UnsupportedError("calls no layer", where=type(module).__name__, need="weights, then neurons")
    for position, call in enumerate(calls):
        first = calls[position % period]
        if call.path != first.path or len(calls) % period:
            raise UnsupportedError(
                "is called more often than once in a step", where=f"module '{call.path}'",
                need="every module once, in the same order in every step", remedy=_REMEDY,
            )  # fmt: skip
    for before, call in zip([None, *calls], calls[:period], strict=False):
        source = example if before is None else before.sent
        if not _same(source, call.taken, part=before is None):
            taken = "the input" if before is None else f"what '{before.path}' sends"
            raise UnsupportedError(
                f"takes something else than {taken}", where=f"module '{call.path}' ({type(call.module).__name__})",
                need="a chain of layers", remedy=_REMEDY,
            )  # fmt: skip
    last = calls[-1]
    if len(calls) == period and not any(_same(last.sent, each, part=False) for each in _tensors(result)):
        raise UnsupportedError(
            "forward does more with what it sends", where=f"module '{last.path}' ({type(last.module).__name__})",
            need="a chain of layers", remedy=_REMEDY,
        )  # fmt: skip
    return [
        Leaf(_kind(c.module), c.path, c.module, tuple(c.taken.shape[1:]), tuple(c.sent.shape[1:]))
        for c in calls[:period]
    ]


def _recorded(module: nn.Module, example: torch.Tensor) -> tuple[list[_Call], Any]:
    calls: list[_Call] = []  # hold what was sent, so that no memory is used again

    def keep(path: str, leaf: nn.Module) -> Any:
        def hook(_: nn.Module, taken: tuple[Any, ...], sent: Any) -> None:
            out = sent[0] if isinstance(sent, tuple) else sent
            calls.append(_Call(path, leaf, taken[0], getattr(out, "value", out)))

        return leaf.register_forward_hook(hook)

    hooks = [keep(path, leaf) for path, leaf in _leaves(module, "")]
    modes = {each: each.training for each in module.modules()}
    states = {each: dict(each._buffers) for each in module.modules()}
    try:
        with torch.no_grad():
            device, dtype = _place(module)
            result = module.eval()(example.to(device=device, dtype=dtype))
    finally:
        for hook in hooks:
            hook.remove()
        for each, training in modes.items():
            each.training = training
        for each, buffers in states.items():
            each._buffers.update(buffers)
    return calls, result


def _place(module: nn.Module) -> tuple[torch.device, torch.dtype]:
    first = next((p for p in module.parameters() if p.is_floating_point()), torch.zeros(()))
    return first.device, first.dtype


def _leaves(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    if is_leaf(module):
        yield path, module
        return
    for name, child in module.named_children():
        yield from _leaves(child, f"{path}.{name}" if path else name)


def _same(sent: torch.Tensor, taken: torch.Tensor, *, part: bool) -> bool:
    """Whether the one is the other, reshaped; or with `part` a step of it."""
    if sent is taken:
        return True
    if not part:
        return bool(sent.data_ptr() == taken.data_ptr() and sent.numel() == taken.numel())
    return bool(sent.untyped_storage().data_ptr() == taken.untyped_storage().data_ptr())


def _tensors(result: Any) -> list[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, tuple | list):
        return [each for part in result for each in _tensors(part)]
    return []


def _kind(module: nn.Module) -> str:
    if isinstance(module, snntorch.SpikingNeuron):
        return "Neurons"
    if isinstance(module, nn.Flatten):
        return "Flatten"
    if isinstance(module, PASSING):
        return "Passing"
    return layer_kind(module) or type(module).__name__
