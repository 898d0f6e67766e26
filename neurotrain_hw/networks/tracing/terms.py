"""Terms: what a forward pass computed, as a graph of operations on values, before it is known what is time in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neurotrain_hw.errors import UnsupportedError


@dataclass(frozen=True, eq=False)
class Term:
    """A value of the forward pass: how it was made, from what, and its shape with all axes.

    `kind`: `input`, `argument` (of forward, not an input), `constant` (depends on no input), `layer`, `call` (of a
    neuron), `spikes` and `state` (what a call gave), `add`, `scale`, `reshape`, `select`, `stack`, `reduce`, `permute`,
    `other` (what a graph of NIR cannot hold; refused only where it is needed). `where`: path of the module that
    computed it, and the function.
    """

    kind: str
    args: tuple[Term, ...]
    shape: tuple[int, ...]
    where: str = ""
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Any:
        return self.attrs[key]


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer without state: `kind` (Linear, Conv2d, ...), the module or what stands for it, and its path."""

    kind: str
    module: Any
    path: str


@dataclass(frozen=True, eq=False)
class Chain:
    """One population of neurons: a neuron module, and its calls, one per step; `calls` are Terms."""

    kind: str
    module: Any
    path: str
    calls: list[Term] = field(default_factory=list)


def select(term: Term, axis: int, index: int) -> Term:
    """The term at one index of an axis, worked out as far down as it goes.

    Raises UnsupportedError where an operation mixes that axis with others.
    """
    axis %= len(term.shape)
    shape = term.shape[:axis] + term.shape[axis + 1 :]
    if index < 0:
        index += term.shape[axis]
    if term.kind == "constant":
        return Term("constant", (), shape, term.where, {"value": term["value"].select(axis, index)})
    if term.kind == "stack" and term["axis"] == axis:
        return term.args[index]
    if term.kind == "stack":
        inner = axis - (axis > term["axis"])
        parts = tuple(select(part, inner, index) for part in term.args)
        return Term("stack", parts, shape, term.where, {"axis": term["axis"] - (axis < term["axis"])})
    if term.kind == "permute":
        order = term["order"]
        left = [a for a in order if a != order[axis]]
        moved = select(term.args[0], order[axis], index)
        return permuted(moved, tuple(a - (a > order[axis]) for a in left), term.where)
    if term.kind == "add" and all(part.shape == term.shape for part in term.args):
        return Term("add", tuple(select(part, axis, index) for part in term.args), shape, term.where)
    if term.kind == "scale" and term["factor"].ndim == 0:
        return Term("scale", (select(term.args[0], axis, index),), shape, term.where, term.attrs)
    if term.kind == "layer" and term["layer"].kind == "Linear" and axis < len(term.shape) - 1:
        return Term("layer", (select(term.args[0], axis, index),), shape, term.where, term.attrs)
    if term.kind == "reshape" and axis == 0 and term.args[0].shape[0] == term.shape[0]:
        return reshaped(select(term.args[0], 0, index), shape, term.where)
    return Term("select", (term,), shape, term.where, {"axis": axis, "index": index})


def permuted(term: Term, order: tuple[int, ...], where: str) -> Term:
    """The term with its axes in another order."""
    if order == tuple(range(len(order))):
        return term
    return Term("permute", (term,), tuple(term.shape[a] for a in order), where, {"order": order})


def reshaped(term: Term, shape: tuple[int, ...], where: str) -> Term:
    """The term in another shape, in C order; several reshapes become one."""
    while term.kind == "reshape":
        term = term.args[0]
    return term if term.shape == shape else Term("reshape", (term,), shape, where)


def refuse(term: Term) -> UnsupportedError:
    """The error for a term that no graph can hold."""
    what, remedy = term.attrs.get("why", ("NIR has no node for it", ""))
    return UnsupportedError(what, where=term.where, remedy=remedy)
