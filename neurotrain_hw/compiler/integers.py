"""The integers of one layer: what quantisation made of an `IdealLayer` and the synapses onto it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurotrain_hw.compiler.ideal import IdealLayer, IdealSynapses
from neurotrain_hw.program import SignMode

IntArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class IntegerSynapses:
    """Integers `q`, int32 in the shape of `source.weight`, of `bits` bits, and how the chip holds them.

    The chip's weight is `q * grid`, stored in `stored_bits`, and what it adds to the current `q * grid << weight_exp`
    (times 64, Loihi's weight scale). `scale`: float64, one per row of `source.weight` (n_post or C_out), with
    `row_scale * weight ~ scale * q`.
    """

    source: IdealSynapses
    q: IntArray
    scale: FloatArray
    bits: int
    stored_bits: int
    grid: int
    sign_mode: SignMode
    weight_exp: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """A layer in integers: int32 (n,) arrays `du`, `dv`, `vth`, `bias_mant`, one `bias_exp`, and its synapses.

    `unit`: float64 (n,), how much of the weighted sum x one integer step of current and membrane is worth; for every
    synapse `scale == unit * grid * 2^(weight_exp + 6)` of its row.
    """

    source: IdealLayer
    synapses: tuple[IntegerSynapses, ...]
    unit: FloatArray
    du: IntArray
    dv: IntArray
    vth: IntArray
    bias_mant: IntArray
    bias_exp: int
    notes: tuple[str, ...] = ()
