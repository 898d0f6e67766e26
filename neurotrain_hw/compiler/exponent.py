"""The weight exponent: how many bits of the membrane a weight is worth, and what may then overflow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.neurons import DECAY_ONE, VTH_MAX, VTH_SHIFT, Lif, chip_arithmetic
from neurotrain_hw.compiler.quantise import QuantisedWeights
from neurotrain_hw.errors import ValueRangeError

STATE_LIMIT = 1 << 23  # u and v overflow here (lava proc/lif/models.py)
_VTH_WANTED = 1 << 12  # mantissas of 11 to 12 bits: rounded by less than 0.025 %, and room above for u and v
_EXP_MAX = 7


def unit_of(weights: QuantisedWeights, weight_exp: int) -> float:
    """How much of the weighted sum W s one integer step of the membrane is worth: scale / (grid * 2^(exp+6))."""
    return weights.scale / (weights.grid * 2.0 ** (weight_exp + VTH_SHIFT))


def choose_weight_exp(weights: QuantisedWeights, lif: Lif, chip: Chip, name: str) -> int:
    """The largest exponent with threshold mantissas below 2^12 and no wrap of u whatever the input, else the smallest.

    Exponents that would floor a weighted sum are not chosen: weights are multiples of their grid, so that an exponent
    down to -log2(grid) shifts out zeros only. Raises ValueRangeError where even the smallest makes a threshold longer
    than 17 bits.
    """
    low, high = _exponents(chip)
    low = max(low, -_exact_shift(weights))
    peak = _peak(weights)

    def mantissa(exp: int) -> float:
        return float(lif.threshold.max()) / (unit_of(weights, exp) * (1 << VTH_SHIFT))

    for exp in range(high, low - 1, -1):
        if mantissa(exp) < _VTH_WANTED and peak * 2.0 ** (exp + VTH_SHIFT) < STATE_LIMIT:
            return exp
    if mantissa(low) > VTH_MAX:
        raise ValueRangeError(
            "the threshold is too large beside the weights", where=f"node '{name}'",
            need=f"a mantissa of {mantissa(low):.0f}", limit=f"{VTH_MAX} (17 bits)",
            remedy="Train with larger weights or a lower threshold.",
        )  # fmt: skip
    return low


def range_notes(
    weights: QuantisedWeights,
    weight_exp: int,
    chip: Chip,
    *,
    dv: npt.NDArray[np.int32],
    vth: npt.NDArray[np.int32],
    bias: npt.NDArray[Any],
    steps: int,
    where: str,
) -> list[str]:
    """What may leave the 24 bits of u and v at worst (all inputs of one sign firing together), and what is floored.

    Raises ValueRangeError for an exponent outside the chip's range, or -7..7 where the chip file gives none.
    """
    low, high = _exponents(chip)
    if not low <= weight_exp <= high:
        raise ValueRangeError(f"a weight_exp of {weight_exp}", where=where, need=f"{low}..{high}")
    notes, arithmetic = [], chip_arithmetic(chip)
    u_words = "saturates" if arithmetic.u_overflow == "saturate" else "wraps around"
    v_words = "saturates" if arithmetic.v_overflow == "saturate" else "wraps around"
    if -weight_exp > _exact_shift(weights):
        notes.append(f"{where}: weight_exp {weight_exp} floors every weighted sum to a multiple of 2^{-weight_exp}")
    peak = _peak(weights) * 2.0 ** (weight_exp + VTH_SHIFT)
    if peak >= STATE_LIMIT:
        notes.append(
            f"{where}: the current {u_words} where all inputs of one sign fire in the same step "
            f"(up to {peak:.0f}, limit {STATE_LIMIT})"
        )
    hold = _inhibited_steps(weights, weight_exp, dv, bias, steps)
    if hold is not None:
        below = STATE_LIMIT / (float(vth.max()) * (1 << VTH_SHIFT))
        notes.append(
            f"{where}: the membrane {v_words} {below:.0f} thresholds below 0; at worst, all inhibitory inputs of one "
            f"neuron firing together, it gets there in {hold} steps"
        )
    return notes


def _exponents(chip: Chip) -> tuple[int, int]:
    """Smallest and largest exponent of a chip; -7..7, Loihi's, where the chip file gives none."""
    low, high = chip.integer("synapse.weight_exp_min"), chip.integer("synapse.weight_exp_max")
    return -_EXP_MAX if low is None else low, _EXP_MAX if high is None else high


def _exact_shift(weights: QuantisedWeights) -> int:
    """By how many bits every weighted sum can be shifted right without loss."""
    return weights.grid.bit_length() - 1


def _peak(weights: QuantisedWeights) -> int:
    """The largest sum of weights of one sign into a neuron."""
    chip = weights.chip_weights.astype(np.int64)
    return int(max(np.maximum(chip, 0).sum(1).max(), np.maximum(-chip, 0).sum(1).max()))


def _inhibited_steps(
    weights: QuantisedWeights, weight_exp: int, dv: npt.NDArray[np.int32], bias: npt.NDArray[Any], steps: int
) -> int | None:
    """After how many steps of full inhibition the lowest membrane passes -2^23; None: not within a sample."""
    chip = weights.chip_weights.astype(np.float64)
    drive = np.minimum(chip, 0).sum(1) * 2.0 ** (weight_exp + VTH_SHIFT) + np.minimum(bias, 0)
    v = np.zeros(drive.size)
    for step in range(1, steps + 1):
        v = v * (1 - dv / DECAY_ONE) + drive
        if v.min() <= -STATE_LIMIT:
            return step
    return None
