"""Pseudo-derivatives: what stands in for the derivative of a spike, as functions of the distance to the threshold."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from neurotrain_hw.networks.spec import Surrogate
from neurotrain_hw.trainers.constants import Psi

PseudoDerivative = Callable[[torch.Tensor], torch.Tensor]


def pseudo_derivative(kind: Psi, width: float, surrogate: Surrogate) -> PseudoDerivative:
    """psi(u) with u = v - threshold, before the reset; `width` in units of the membrane.

    surrogate fast_sigmoid: 1 / (1 + slope*|u|)^2. surrogate atan: (slope/2) / (1 + (pi/2*slope*u)^2).
    triangle: max(0, 1 - |u|/width). box: 1 where |u| <= width, else 0. tanh: 1 - tanh(u/width)^2.
    fast: 1 / (1 + |u|/width)^2.
    """
    if kind == "triangle":
        return lambda u: (1 - u.abs() / width).clamp(min=0)
    if kind == "box":
        return lambda u: (u.abs() <= width).to(u.dtype)
    if kind == "tanh":
        return lambda u: 1 - torch.tanh(u / width).square()
    if kind == "fast":
        return lambda u: 1 / (1 + u.abs() / width) ** 2
    slope = surrogate.slope
    if surrogate.kind == "atan":
        return lambda u: (slope / 2) / (1 + (math.pi / 2 * slope * u) ** 2)
    return lambda u: 1 / (1 + slope * u.abs()) ** 2
