"""The weight exponent: how many bits of the membrane a weight is worth, and what may then overflow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.neurons import DECAY_ONE, VTH_MAX, VTH_SHIFT, Lif
from neurotrain_hw.compiler.quantise import QuantisedWeights
from neurotrain_hw.errors import ValueRangeError

STATE_LIMIT = 1 << 23  # u wraps and v saturates here (lava proc/lif/models.py)
_VTH_WANTED = 1 << 12  # mantissas of 11 to 12 bits: rounded by less than 0.025 %, and room above for u and v
_EXP_MAX = 7


def unit_of(weights: QuantisedWeights, weight_exp: int) -> float:
    """How much of the weighted sum W s one integer step of the membrane is worth: scale / (grid * 2^(exp+6))."""
    return weights.scale / (weights.grid * 2.0 ** (weight_exp + VTH_SHIFT))


def choose_weight_exp(weights: QuantisedWeights, lif: Lif, chip: Chip, name: str) -> int:
    """The largest exponent from 0 to 7 with threshold mantissas below 2^12 and no wrap of u whatever the input.

    Where no exponent avoids the wrap, 0 is taken (`range_notes` says so). Exponents below 0 are never chosen: they
    floor the weighted sum. Raises ValueRangeError where even 0 makes a threshold longer than 17 bits.
    """
    top = chip.integer("synapse.weight_exp_max")
    peak = _peak(weights)
    for exp in range(_EXP_MAX if top is None else min(top, _EXP_MAX), 0, -1):
        largest = float(lif.threshold.max()) / (unit_of(weights, exp) * (1 << VTH_SHIFT))
        if largest < _VTH_WANTED and (peak << exp + VTH_SHIFT) < STATE_LIMIT:
            return exp
    need = float(lif.threshold.max()) / (unit_of(weights, 0) * (1 << VTH_SHIFT))
    if need > VTH_MAX:
        raise ValueRangeError(
            f"the threshold is worth {need / weights.grid:.0f} steps of the weights' scale", where=f"node '{name}'",
            need=f"{need:.0f}", limit=f"{VTH_MAX} (17 bits)", remedy="Train with larger weights or a lower threshold.",
        )  # fmt: skip
    return 0


def range_notes(
    weights: QuantisedWeights,
    weight_exp: int,
    chip: Chip,
    *,
    dv: npt.NDArray[np.int32],
    bias: npt.NDArray[Any],
    steps: int,
    where: str,
) -> list[str]:
    """What may leave the 24 bits of u and v at worst (all inputs of one sign firing together), and what is floored.

    Raises ValueRangeError for an exponent outside the chip's range, or -7..7 where the chip file gives none.
    """
    low, high = chip.integer("synapse.weight_exp_min"), chip.integer("synapse.weight_exp_max")
    low, high = -_EXP_MAX if low is None else low, _EXP_MAX if high is None else high
    if not low <= weight_exp <= high:
        raise ValueRangeError(f"a weight_exp of {weight_exp}", where=where, need=f"{low}..{high}")
    notes = []
    if weight_exp < 0:
        notes.append(f"{where}: weight_exp {weight_exp} floors every weighted sum to a multiple of 2^{-weight_exp}")
    peak = _peak(weights) * 2.0 ** (weight_exp + VTH_SHIFT)
    if peak >= STATE_LIMIT:
        notes.append(
            f"{where}: the current wraps around where all inputs of one sign fire in the same step "
            f"(up to {peak:.0f}, limit {STATE_LIMIT})"
        )
    hold = _inhibited_steps(weights, weight_exp, dv, bias, steps)
    if hold is not None:
        notes.append(
            f"{where}: the membrane saturates at -2^23 if all inhibitory inputs of one neuron fire "
            f"in {hold} steps in a row"
        )
    return notes


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
