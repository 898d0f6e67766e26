"""The integers that a weight may be on a chip: bits, sign mode, and the grid that the chip puts them on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.settings import QuantisationSettings
from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.interchange import Quantisation
from neurotrain_hw.program import SignMode

CHIP_BITS = 8  # magnitudes lie on a grid of 8 bits, whatever number of bits is stored (lava weightutils.py)
EXP_LIMIT = 7  # Loihi's range of exponents, -7..7, where a chip file gives none


@dataclass(frozen=True)
class WeightFormat:
    """Integers `low` .. `high` of `bits` bits, stored in `stored_bits`; the chip's weight is the integer times `grid`.

    `exp_low`, `exp_high`: exponents that floor no weighted sum. A conv's kernel is taken as it is, with a grid of 1.
    """

    bits: int
    stored_bits: int
    grid: int
    sign_mode: SignMode
    low: int
    high: int
    exp_low: int
    exp_high: int

    @property
    def largest(self) -> int:
        """The integer that the largest weight becomes: symmetric where signs are mixed."""
        return max(self.high, -self.low) if self.sign_mode != "mixed" else self.high


def weight_format(chip: Chip, bits: int, sign_mode: SignMode, *, conv: bool, where: str) -> WeightFormat:
    """The format of weights of `bits` bits on a chip; UnsupportedError where it stores no so many bits."""
    allowed = allowed_bits(chip)
    stored = min((candidate for candidate in allowed if candidate >= bits), default=None)
    if stored is None:
        raise UnsupportedError(
            f"the weights have {bits} bits", where=where, need=bits, limit=f"{max(allowed)} on {chip.name}",
            remedy=f"Train with {max(allowed)} bits.",
        )  # fmt: skip
    low, high = Quantisation(bits, 1.0, sign_mode).limits
    grid = 1 if conv else 1 << (CHIP_BITS - bits + (1 if sign_mode == "mixed" else 0))
    exp_low, exp_high = exponents(chip)
    floorless = max(exp_low, 0 if conv else -(grid.bit_length() - 1))
    return WeightFormat(bits, stored, grid, sign_mode, low, high, floorless, exp_high)


def chosen_format(
    chip: Chip, weight: npt.NDArray[Any], settings: QuantisationSettings, *, layer: str, name: str, conv: bool
) -> WeightFormat:
    """The format of weights that training left as floats: unsigned where all have one sign and the chip can.

    Raises UnsupportedError where no bit is left beside the sign.
    """
    bits = settings.bits_of(layer, name) or max(allowed_bits(chip))
    modes = chip.texts("synapse.weight_signed_modes") or ("mixed",)
    mode: SignMode = "mixed"
    if weight.any() and not conv:
        mode = "excitatory" if weight.min() >= 0 else "inhibitory" if weight.max() <= 0 else "mixed"
    if mode not in modes:
        mode = "mixed"
    if mode == "mixed" and bits < 2:
        raise UnsupportedError(f"signed weights of {bits} bits", where=name, need="at least 2 bits")
    return weight_format(chip, bits, mode, conv=conv, where=name)


def allowed_bits(chip: Chip) -> tuple[int, ...]:
    """The bits that a weight may have, rising; of those, the ones that fit the 8-bit grid of a Loihi-class neuron.

    Raises UnsupportedError where the chip's file gives none.
    """
    allowed = tuple(sorted(b for b in chip.integers("synapse.weight_bits_allowed") or () if b <= CHIP_BITS))
    if not allowed:
        raise UnsupportedError(
            "the chip file gives no weight bits, or none up to 8", where=f"chip '{chip.id}'",
            need="synapse.weight_bits_allowed",
        )  # fmt: skip
    return allowed


def exponents(chip: Chip) -> tuple[int, int]:
    """Smallest and largest weight exponent of a chip."""
    low, high = chip.integer("synapse.weight_exp_min"), chip.integer("synapse.weight_exp_max")
    return -EXP_LIMIT if low is None else low, EXP_LIMIT if high is None else high


def quantised(
    weight: npt.NDArray[np.float64], scale: npt.NDArray[np.float64], form: WeightFormat
) -> npt.NDArray[np.int32]:
    """q = round(weight / scale), clipped to the format; weight (rows, k), scale (rows,)."""
    steps = np.rint(weight / scale[:, None])
    return np.clip(steps, form.low, form.high).astype(np.int32)
