"""Convolutions as nir's own reader accepts them, with the same equations.

nir 1.0.8 works out the shapes of a convolution wrongly where it has groups (it counts the channels of one group) or a
kernel that is not square (it takes the kernel's height for its width), and its strict reader then refuses the file.
Groups are written as one dense kernel with zeros, other kernels as square ones with zeros around. Nothing else changes:
what is added are products with 0.
"""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.interchange.primitives import RawNode, pair, sent_shape


def strict_node(name: str, node: Any) -> Any:
    """The node itself where nir gets its shapes right, else another with the same equation.

    Raises UnsupportedError for a kernel whose sides are one odd and one even, which cannot be squared symmetrically.
    """
    if not isinstance(node, nir.Conv1d | nir.Conv2d) or node.input_shape is None:
        return node
    if int(node.groups) > 1:
        node = _changed(node, weight=_dense(node.weight, int(node.groups)), groups=1)
    axes = node.weight.ndim - 2
    taken = (node.weight.shape[1], *pair(node.input_shape, axes))
    values = {key: _array(getattr(node, key)) for key in ("weight", "stride", "padding", "dilation", "groups")}
    sent = sent_shape(RawNode(type(node).__name__, values), taken, f"node '{name}'")
    # made anew, so that the shapes are nir's own
    plain = _changed(node)
    if tuple(plain.output_type["output"]) == sent:
        return plain
    return _squared(name, node)


def _dense(weight: Any, groups: int) -> Any:
    """A grouped kernel (C_out, C_in / groups, ..) as (C_out, C_in, ..), with zeros between groups."""
    c_out, share = weight.shape[:2]
    dense = np.zeros((c_out, share * groups, *weight.shape[2:]), weight.dtype)
    for group in range(groups):
        rows = slice(group * c_out // groups, (group + 1) * c_out // groups)
        dense[rows, group * share : (group + 1) * share] = weight[rows]
    return dense


def _squared(name: str, node: Any) -> Any:
    height, width = node.weight.shape[2:]
    more = [(max(height, width) - side) for side in (height, width)]
    if any(extra % 2 for extra in more) or isinstance(node.padding, str):
        raise UnsupportedError(
            f"nir's reader takes a kernel of {height} x {width} for a square one and refuses the file",
            where=f"node '{name}'", need="sides both odd or both even", remedy="Pad the kernel with zeros.",
        )  # fmt: skip
    around = [extra // 2 for extra in more]
    weight = np.pad(node.weight, [(0, 0), (0, 0), *((k, k) for k in around)])
    padding = tuple(p + d * k for p, d, k in zip(pair(node.padding, 2), pair(node.dilation, 2), around, strict=True))
    return _changed(node, weight=weight, padding=padding)


def _changed(node: Any, **changes: Any) -> Any:
    keys = ("input_shape", "weight", "stride", "padding", "dilation", "groups", "bias")
    return type(node)(**({key: getattr(node, key) for key in keys} | changes), metadata=dict(node.metadata))


def _array(value: Any) -> Any:
    return value if isinstance(value, str) else np.asarray(value)
