"""Pseudo-derivatives: what stands in for the derivative of a spike, as functions of the distance to the threshold."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from neurotrain_hw.networks.spec import Surrogate
from neurotrain_hw.trainers.constants import Psi

PseudoDerivative = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Peak:
    """A pseudo-derivative of so high a peak, `scale`, and of width 1 / k, as a function of u = v - threshold.

    fast: scale / (1 + k*|u|)^2. atan: scale / (1 + (k*u)^2). triangle: max(0, scale - k*|u|). box: scale where
    k*|u| <= 1, else 0. tanh: scale * (1 - tanh(k*u)^2).
    """

    form: Literal["fast", "atan", "triangle", "box", "tanh"]
    scale: float
    k: float

    def __call__(self, u: torch.Tensor) -> torch.Tensor:
        if self.form == "fast":
            return self.scale / (1 + self.k * u.abs()) ** 2
        if self.form == "atan":
            return self.scale / (1 + (self.k * u) ** 2)
        if self.form == "triangle":
            return (self.scale - self.k * u.abs()).clamp(min=0)
        if self.form == "box":
            return self.scale * (self.k * u.abs() <= 1).to(u.dtype)
        return self.scale * (1 - torch.tanh(self.k * u).square())


NEVER = Peak("box", 0.0, 1.0)
"""That of neurons that do not spike."""


def pseudo_derivative(kind: Psi, width: float, surrogate: Surrogate) -> Peak:
    """psi(u) with u = v - threshold, before the reset; `width` in units of the membrane.

    surrogate fast_sigmoid: 1 / (1 + slope*|u|)^2. surrogate atan: (slope/2) / (1 + (pi/2*slope*u)^2).
    triangle: max(0, 1 - |u|/width). box: 1 where |u| <= width, else 0. tanh: 1 - tanh(u/width)^2.
    fast: 1 / (1 + |u|/width)^2.
    """
    if kind != "surrogate":
        return Peak(kind, 1.0, 1 / width)
    if surrogate.kind == "atan":
        return Peak("atan", surrogate.slope / 2, math.pi / 2 * surrogate.slope)
    return Peak("fast", 1.0, surrogate.slope)
