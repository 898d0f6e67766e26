"""What torch's functions make of terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from neurotrain_hw.networks.tracing import leaves
from neurotrain_hw.networks.tracing.terms import Layer, Term, permuted, reshaped, select

# functions that leave values as they are; `to` and the like may change their type
_SAME = (
    "float", "double", "to", "contiguous", "clone", "detach", "cpu", "cuda", "type", "requires_grad_", "detach_",
    "type_as", "alias",
)  # fmt: skip
_RESHAPING = ("view", "reshape", "flatten", "squeeze", "unsqueeze", "unflatten", "view_as", "reshape_as")
_ADDING = ("add", "add_", "__add__", "__radd__", "__iadd__")
_SUBTRACTING = ("sub", "sub_", "__sub__", "__isub__", "subtract")
_MULTIPLYING = ("mul", "mul_", "__mul__", "__rmul__", "__imul__", "multiply", "div", "div_", "__truediv__",
                "__itruediv__", "true_divide", "divide")  # fmt: skip
_DIVIDING = ("div", "div_", "__truediv__", "__itruediv__", "true_divide", "divide")


def term_of(
    name: str, args: Any, kwargs: Mapping[str, Any], value: torch.Tensor, number: int,
    term: Callable[[Any], Term], where: str,
) -> Term:  # fmt: skip
    """The term of a function's result `value`, the `number`-th where it gives several."""
    shape = tuple(value.shape)
    if name in ("stack", "concat", "cat", "concatenate"):
        parts = tuple(term(each) for each in args[0])
        axis = int(kwargs.get("dim", args[1] if len(args) > 1 else 0))
        if name == "stack":
            return Term("stack", parts, shape, where, {"axis": axis % len(shape)})
        return Term("other", parts, shape, where, {"why": leaves.WHY["cat"]})
    signals = [term(each) for each in args if isinstance(each, torch.Tensor)]
    if not signals:
        return _other(
            name, tuple(term(each) for each in kwargs.values() if isinstance(each, torch.Tensor)), shape, where
        )
    x = signals[0]
    if name in _SAME or (name in ("dropout", "dropout2d", "feature_dropout") and not _random(name, args, kwargs)):
        return x
    if name in _RESHAPING:
        return reshaped(x, shape, where)
    if name in ("permute", "movedim", "transpose", "swapaxes", "t"):
        order = tuple(_order(x.shape, name, args, kwargs))
        return permuted(x, order, where)
    if name in ("select", "__getitem__", "unbind", "index_select"):
        return _taken(name, x, args, kwargs, number, shape, where)
    if name in _ADDING or name in _SUBTRACTING:
        return _sum(name, args, kwargs, term, shape, where)
    if name in _MULTIPLYING or name == "neg":
        return _product(name, args, kwargs, term, shape, where)
    if name in ("sum", "mean"):
        return Term("reduce", (x,), shape, where, {"how": name, "why": leaves.WHY["index"]})
    if name in leaves.ARGUMENTS and all(s.kind == "constant" for s in signals[1:]):
        given = dict(zip(leaves.ARGUMENTS[name], args[1:], strict=False)) | dict(kwargs)
        kind, stand_in = leaves.functional(name, given)  # type: ignore[misc]
        path = where.removesuffix(f": {name}").removeprefix("module '").removesuffix("'")
        return Term(
            "layer", (x,), shape, where, {"layer": Layer(kind, stand_in, f"{path}.{name}" if "'" in where else name)}
        )
    return _other(name, tuple(signals), shape, where)


def _other(name: str, args: tuple[Term, ...], shape: tuple[int, ...], where: str) -> Term:
    return Term("other", args, shape, where, {"why": leaves.why_not(name)})


def _random(name: str, args: Any, kwargs: Mapping[str, Any]) -> bool:
    training = kwargs.get("training", args[2] if len(args) > 2 else True)
    return bool(training) and float(kwargs.get("p", args[1] if len(args) > 1 else 0.5)) > 0


def _order(shape: tuple[int, ...], name: str, args: Any, kwargs: Mapping[str, Any]) -> list[int]:
    """Where each axis of the result comes from: found by moving numbered axes of one value each."""
    probe = torch.empty(tuple(range(2, 2 + len(shape))), device="meta")
    moved = getattr(probe, name)(*args[1:], **{k: v for k, v in kwargs.items() if k != "input"})
    return [int(size) - 2 for size in moved.shape]


def _taken(
    name: str, x: Term, args: Any, kwargs: Mapping[str, Any], number: int, shape: tuple[int, ...], where: str
) -> Term:
    """One index of an axis (and whole other axes); else a part of a signal."""
    if name == "unbind":
        return select(x, int(kwargs.get("dim", args[1] if len(args) > 1 else 0)), number)
    if name == "select":
        axis = kwargs.get("dim", args[1] if len(args) > 1 else 0)
        index = kwargs.get("index", args[2] if len(args) > 2 else None)
        return select(x, int(axis), int(index))
    if name == "__getitem__":
        keys = args[1] if isinstance(args[1], tuple) else (args[1],)
        if all(
            key is Ellipsis or key is None or isinstance(key, int | np.integer) or key == slice(None) for key in keys
        ):
            return _indexed(x, list(keys), shape, where)
    return Term("other", (x,), shape, where, {"why": leaves.WHY["index"]})


def _indexed(x: Term, keys: list[Any], shape: tuple[int, ...], where: str) -> Term:
    """x[keys] with integers, whole slices, None and one Ellipsis."""
    if Ellipsis in keys:
        place = keys.index(Ellipsis)
        missing = len(x.shape) - sum(key is not None and key is not Ellipsis for key in keys)
        keys[place : place + 1] = [slice(None)] * missing
    axis = 0
    for key in keys:
        if key is None:
            continue
        if isinstance(key, slice):
            axis += 1
        else:
            x = select(x, axis, int(key))
    return reshaped(x, shape, where)


def _sum(
    name: str, args: Any, kwargs: Mapping[str, Any], term: Callable[[Any], Term], shape: tuple[int, ...], where: str
) -> Term:
    """a + b, a - b, with alpha; what is 0 falls away."""
    parts = []
    sign = -1.0 if name in _SUBTRACTING else 1.0
    both = (*args, *(kwargs[key] for key in ("input", "other") if key in kwargs))[:2]
    for position, each in enumerate(both):
        factor = (sign * float(kwargs.get("alpha", 1))) if position else 1.0
        if isinstance(each, torch.Tensor):
            part = term(each)
            if part.kind == "constant" and not bool(torch.any(part["value"] != 0)):
                continue
            parts.append(part if factor == 1 else _scaled(part, torch.tensor(factor, dtype=torch.float64), where))
        elif each != 0:
            return Term(
                "other", (), shape, where, {"why": ("a constant is added to a signal", "Use a layer with a bias.")}
            )
    if len(parts) == 1 and parts[0].shape == shape:
        return parts[0]
    if not parts:
        return Term("constant", (), shape, where, {"value": torch.zeros(shape)})
    return Term("add", tuple(parts), shape, where)


def _product(
    name: str, args: Any, kwargs: Mapping[str, Any], term: Callable[[Any], Term], shape: tuple[int, ...], where: str
) -> Term:
    """A signal times, or over, a constant."""
    if name == "neg":
        return _scaled(term(args[0]), torch.tensor(-1.0, dtype=torch.float64), where)
    both = [
        term(each) if isinstance(each, torch.Tensor) else each
        for each in (*args, *(kwargs[k] for k in ("input", "other") if k in kwargs))[:2]
    ]
    signals = [each for each in both if isinstance(each, Term) and each.kind != "constant"]
    first_is_signal = isinstance(both[0], Term) and both[0].kind != "constant"
    if len(signals) != 1 or signals[0].shape != shape or (name in _DIVIDING and not first_is_signal):
        why = leaves.WHY["product" if len(signals) > 1 else "index"]
        return Term("other", tuple(s for s in both if isinstance(s, Term)), shape, where, {"why": why})
    other = both[1] if first_is_signal else both[0]
    factor = other["value"] if isinstance(other, Term) else torch.tensor(float(other), dtype=torch.float64)
    factor = factor.detach().to("cpu", torch.float64)
    return _scaled(signals[0], 1 / factor if name in _DIVIDING else factor, where)


def _scaled(term: Term, factor: torch.Tensor, where: str) -> Term:
    if factor.numel() == 1 and float(factor) == 1:
        return term
    return Term("scale", (term,), term.shape, where, {"factor": factor.reshape(()) if factor.numel() == 1 else factor})
