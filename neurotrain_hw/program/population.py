"""Populations: neurons of one kind, the integers that define them, and where chips differ in a LIF neuron."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from neurotrain_hw.program.modulator import Modulator

PopulationKind = Literal[
    "input", "lif", "lif_reset", "lif_refractory", "ternary_lif", "atrlif", "sigma", "delta", "sigma_delta", "rf",
    "rf_iz", "rf_zero",
]  # fmt: skip
IntOrArray = int | npt.NDArray[np.int32]

_LIF = ("du", "dv", "vth", "bias_mant", "bias_exp")

PARAMETERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "input": (),
        "lif": _LIF,
        "lif_reset": (*_LIF, "reset_interval", "reset_offset"),
        "lif_refractory": (*_LIF, "refractory_period"),
        "ternary_lif": ("du", "dv", "vth_lo", "vth_hi", "bias_mant", "bias_exp"),
        "atrlif": ("du", "dv", "dtheta", "dr", "theta_0", "theta_step", "bias_mant", "bias_exp"),
        "sigma": (),
        "delta": ("vth", "spike_exp", "state_exp", "cum_error"),
        "sigma_delta": ("vth", "bias", "spike_exp", "state_exp", "cum_error", "relu"),
        "rf": ("sin_decay", "cos_decay", "decay_bits", "state_exp", "vth"),
        "rf_iz": ("sin_decay", "cos_decay", "decay_bits", "state_exp", "vth"),
        "rf_zero": ("uth", "lst", "lct"),
    }
)
"""The integers that define a neuron of each kind; see `Population`."""

STATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "input": (),
        "lif": ("u", "v"),
        "lif_reset": ("u", "v"),
        "lif_refractory": ("u", "v", "refractory"),
        "ternary_lif": ("u", "v"),
        "atrlif": ("u", "v", "theta", "r"),
        "sigma": ("sigma",),
        "delta": ("act", "residue", "error"),
        "sigma_delta": ("sigma", "act", "residue", "error"),
        "rf": ("real", "imag"),
        "rf_iz": ("real", "imag"),
        "rf_zero": ("u", "v"),
    }
)
"""The state variables of each kind, all int32, one per neuron."""

LIF_KINDS = ("lif", "lif_reset", "lif_refractory", "ternary_lif")
"""Kinds that take an `Arithmetic`."""


@dataclass(frozen=True)
class Arithmetic:
    """Where chips differ from one another in a LIF neuron; the defaults are those of Lava's CPU model.

    threshold: "above" spikes where v' > theta, "reached" where v' >= theta (SLAYER's convention; for the lower
    threshold of a ternary neuron v' < and v' <=). reset: "zero" sets v to 0, "subtract" to v' - theta.
    u_overflow: "wrap_once" subtracts 2^24 once above 2^23 and adds it once at or below -2^23, "wrap" is two's
    complement in 24 bits, "saturate" clips to -2^23 + 1 .. 2^23 - 1. v_overflow: "saturate" or "wrap", likewise.
    """

    threshold: Literal["above", "reached"] = "above"
    reset: Literal["zero", "subtract"] = "zero"
    u_overflow: Literal["wrap_once", "wrap", "saturate"] = "wrap_once"
    v_overflow: Literal["saturate", "wrap"] = "saturate"


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one kind.

    `parameters` holds the integers of the kind (`PARAMETERS`), each a scalar or an int32 array (n,). Steps are
    counted from 1; tz(x, k) shifts toward zero; a is the sum of what arrives, in int32.

    - lif: du, dv decay 0..4096 of 12 bits, vth threshold mantissa (theta = vth << 6), bias = bias_mant << bias_exp:
      u' = tz(u * (4095 - du), 12) + (a << 6), v' = tz(v * (4096 - dv), 12) + u' + bias, then threshold and reset
      as `arithmetic` says.
    - lif_reset: as lif; u and v are 0 before the update of each step t with t = reset_offset mod reset_interval.
    - lif_refractory: as lif; after a spike, v stays as the reset left it, and the neuron does not spike, for
      refractory_period steps, while u goes on. `refractory` counts the steps left.
    - ternary_lif: sends 1 above vth_hi << 6 and -1 below vth_lo << 6; v is 0 after either.
    - atrlif: u and v as lif without reset; theta' = tz((theta - theta_0) * (4096 - dtheta), 12) + theta_0,
      r' = tz(r * (4096 - dr), 12), spike where v' - r' >= theta'; on a spike r = r' + 2 theta', theta = theta' +
      theta_step, with theta_0 and theta_step shifted left by 6. theta begins at theta_0.
    - sigma: sigma' = sigma + a, and sends it. delta and sigma_delta send what changed, where it reaches vth.
    - rf, rf_iz, rf_zero: resonate and fire; real parts arrive at the port `current`, imaginary ones at `imag`.

    The formulas of all kinds are functions in `simulator/arithmetic.py`. Neurons of a shape with several axes are
    numbered in C order.
    """

    name: str
    kind: PopulationKind
    shape: tuple[int, ...]
    parameters: Mapping[str, IntOrArray] = field(default_factory=dict)
    modulator: Modulator | None = None
    arithmetic: Arithmetic = Arithmetic()

    @cached_property
    def n(self) -> int:
        """Number of neurons."""
        return math.prod(int(size) for size in self.shape)

    def parameter(self, key: str) -> npt.NDArray[np.int32]:
        """One value per neuron, int32 (n,)."""
        return np.broadcast_to(np.asarray(self.parameters[key], np.int32), (self.n,)).astype(np.int32)
