"""The shape that every node of a flat graph takes and sends, inferred along the edges, and old files put right.

What is put right, each time with a note: axes for batch and time in Input and Output, parameters with a batch axis of
one or with one value for all neurons, a Flatten that counted a batch axis, a convolution without `input_shape`.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import replace

import numpy as np

from neurotrain_hw.errors import FormatError
from neurotrain_hw.interchange.flatten import Flat
from neurotrain_hw.interchange.primitives import NEURONS, RawNode, Shape, fixed_shapes, sent_shape, shape_of

Shapes = dict[str, tuple[Shape, Shape]]
MAX_VALUES = 1 << 24  # values that one node may send in a step


def settle(flat: Flat, *, where: str) -> tuple[Flat, Shapes]:
    """The graph with every shape known, and the shapes (taken, sent) of each node.

    Raises FormatError where shapes do not fit or cannot be told: an edge, both nodes and both shapes are named.
    """
    return _Settling(flat, where).run()


class _Settling:
    """Nodes become known one after the other; `sent` holds what is known."""

    def __init__(self, flat: Flat, where: str) -> None:
        self.nodes, self.edges, self.notes, self.where = dict(flat.nodes), flat.edges, list(flat.notes), where
        self.after: dict[str, list[str]] = defaultdict(list)
        for pre, post in flat.edges:
            self.after[pre].append(post)
        self.shapes: Shapes = {}

    def run(self) -> tuple[Flat, Shapes]:
        for name, node in self.nodes.items():
            if node.kind == "Input":
                self.nodes[name] = self.without_batch(name, node)
        ready = deque(name for name, node in self.nodes.items() if self.know(name, fixed_shapes(node)))
        while ready:
            name = ready.popleft()
            for post in self.after[name]:
                if post not in self.shapes and self.nodes[post].kind != "Output":
                    self.take(post, self.shapes[name][1])
                    ready.append(post)
        for name, node in self.nodes.items():
            if name not in self.shapes and node.kind != "Output":
                raise FormatError(
                    f"the shape of node '{name}' ({node.kind}) cannot be told from what leads to it", where=self.where,
                    remedy="Give its parameters one value per neuron.",
                )  # fmt: skip
        for pre, post in self.edges:
            self.check(pre, post)
        return Flat(self.nodes, self.edges, self.notes), self.shapes

    def know(self, name: str, shapes: tuple[Shape, Shape] | None) -> bool:
        """Keep the shapes of a node whose own fields tell them; those of an Output come last."""
        if shapes is None or self.nodes[name].kind == "Output" or self.may_have_batch(self.nodes[name], shapes[0]):
            return False
        self.shapes[name] = shapes
        return True

    def may_have_batch(self, node: RawNode, shape: Shape) -> bool:
        """Whether the first axis of a neuron's parameters may be one of a batch of one: what arrives will tell."""
        return node.kind in NEURONS and len(shape) > 1 and shape[0] == 1

    def take(self, name: str, taken: Shape) -> None:
        """The shapes of a node from what arrives."""
        node = self.nodes[name]
        place = f"{self.where}: node '{name}' ({node.kind})"
        fixed = fixed_shapes(node)
        if fixed is not None:
            if fixed[0] == (1, *taken):
                self.notes.append(f"{node.kind} '{name}': a batch axis of its parameters was left out: {taken}")
                fixed = (taken, taken)
            elif fixed[0] != taken:
                raise FormatError(f"takes {fixed[0]}, {taken} arrives", where=place)
            self.shapes[name] = fixed
            return
        if node.kind in ("Conv1d", "Conv2d"):
            node = self.with_input_shape(name, node, taken, place)
        if node.kind == "Flatten":
            node = self.flatten_without_batch(name, node, taken)
        self.nodes[name] = node
        sent = sent_shape(node, taken, place)
        if np.prod(sent, dtype=float) > MAX_VALUES:
            raise FormatError(f"would send {sent}", where=place, limit=f"{MAX_VALUES} values")
        self.shapes[name] = (taken, sent)

    def without_batch(self, name: str, node: RawNode) -> RawNode:
        """An Input whose last axes are what its targets take keeps only those."""
        shape = shape_of(node.values["shape"])
        for post in self.after[name]:
            target = self.nodes[post]
            wanted = fixed_shapes(target)
            if wanted is not None and target.kind != "Output":
                length = len(wanted[0]) if shape[-len(wanted[0]) :] == wanted[0] else len(shape)
            elif target.kind in ("Conv1d", "Conv2d"):
                length = target.values["weight"].ndim - 1
            else:
                continue
            if len(shape) > length:
                self.notes.append(
                    f"Input '{name}': axes of batch or time were left out, {shape} read as {shape[-length:]}"
                )
                return replace(node, values={"shape": np.array(shape[-length:])})
        return node

    def with_input_shape(self, name: str, node: RawNode, taken: Shape, place: str) -> RawNode:
        written = node.values.get("input_shape")
        if written is None:
            self.notes.append(f"{node.kind} '{name}': has no input_shape, {taken[1:]} taken from what arrives")
        elif shape_of(written) != taken[1:]:
            raise FormatError(f"its input_shape is {shape_of(written)}, {taken} arrives", where=place)
        return replace(node, values={**node.values, "input_shape": np.array(taken[1:], np.int64)})

    def flatten_without_batch(self, name: str, node: RawNode, taken: Shape) -> RawNode:
        """Start at axis 0 where axis 1 counted a batch, as the written input_type or what follows shows."""
        start = int(node.values["start_dim"].reshape(-1)[0])
        written = node.values.get("input_type")
        counted = written is not None and written.size == len(taken) + 1
        if not counted and start == 1 and len(taken) > 1:
            size = (int(np.prod(taken)),)
            follows = [fixed_shapes(self.nodes[post]) for post in self.after[name]]
            counted = any(shapes is not None and shapes[0] == size for shapes in follows)
        if not counted or start < 1:
            return node
        self.notes.append(f"Flatten '{name}': start_dim {start} counted a batch axis, read as {start - 1}")
        end = node.values["end_dim"]
        return replace(
            node, values={**node.values, "start_dim": np.array(start - 1), "end_dim": np.where(end < 0, end, end - 1)}
        )

    def check(self, pre: str, post: str) -> None:
        """What is sent is what is taken; axes of batch or time in front of the second are left out."""
        sent, node = self.shapes[pre][1], self.nodes[post]
        taken = fixed_shapes(node)[0] if post not in self.shapes else self.shapes[post][0]  # type: ignore[index]
        if sent == taken:
            self.shapes.setdefault(post, (taken, taken))
            return
        if node.kind == "Output" and taken[-len(sent) :] == sent:
            self.notes.append(f"Output '{post}': axes of batch or time were left out, {taken} read as {sent}")
            self.nodes[post] = replace(node, values={"shape": np.array(sent)})
            self.shapes[post] = (sent, sent)
            return
        raise FormatError(
            f"'{pre}' sends shape {sent}, '{post}' takes {taken}", where=f"{self.where}: edge {pre} -> {post}"
        )
