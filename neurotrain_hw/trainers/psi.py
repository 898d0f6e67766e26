"""Pseudo-derivatives: what stands in for the derivative of a spike, as functions of the distance to the threshold."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from neurotrain_hw.networks.spec import Surrogate
from neurotrain_hw.trainers.settings import EpropSettings

PseudoDerivative = Callable[[torch.Tensor], torch.Tensor]


def pseudo_derivative(settings: EpropSettings, surrogate: Surrogate) -> PseudoDerivative:
    """psi(u) with u = v - threshold, before the reset.

    surrogate fast_sigmoid: 1 / (1 + slope*|u|)^2. surrogate atan: (slope/2) / (1 + (pi/2*slope*u)^2).
    triangle: max(0, 1 - |u|/width). box: 1 where |u| <= width, else 0.
    """
    if settings.psi == "triangle":
        return lambda u: (1 - u.abs() / settings.psi_width).clamp(min=0)
    if settings.psi == "box":
        return lambda u: (u.abs() <= settings.psi_width).to(u.dtype)
    slope = surrogate.slope
    if surrogate.kind == "atan":
        return lambda u: (slope / 2) / (1 + (math.pi / 2 * slope * u) ** 2)
    return lambda u: 1 / (1 + slope * u.abs()) ** 2
