"""Float weights to the integers of a chip: taken over from quantisation-aware training, or scaled after training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.interchange import Quantisation
from neurotrain_hw.program import SignMode

CHIP_BITS = 8  # magnitudes lie on a grid of 8 bits, whatever number of bits is stored (lava weightutils.py)


@dataclass(frozen=True, eq=False)
class QuantisedWeights:
    """Integers q (n_post, n_pre) with `weight ~ scale * q`, and how the chip holds them.

    `stored_bits`: num_weight_bits of the chip. `grid`: the chip's weight is q * grid, mixed 8-bit weights being
    even. `notes`: what was lost, in numbers.
    """

    q: npt.NDArray[np.int32]
    scale: float
    stored_bits: int
    grid: int
    sign_mode: SignMode
    notes: tuple[str, ...]

    @property
    def chip_weights(self) -> npt.NDArray[np.int16]:
        """The weights as the chip takes them, int16 (n_post, n_pre)."""
        return (self.q * self.grid).astype(np.int16)


def quantise(
    weight: npt.NDArray[Any], quantisation: Quantisation | None, chip: Chip, *, where: str
) -> QuantisedWeights:
    """Integers for a weight matrix (n_post, n_pre).

    With a quantisation, its own integers, unchanged. Without, q = round(weight / scale) with scale = max|weight| /
    (2^(bits-1) - 1) and the largest number of bits that the chip has (symmetric, per layer).
    Raises ValueRangeError where all weights become zero, UnsupportedError where the chip cannot hold the integers.
    """
    allowed = _allowed_bits(chip)
    notes: tuple[str, ...] = ()
    weight = np.asarray(weight, np.float64)
    if quantisation is None:
        quantisation = _after_training(weight, max(allowed), where)
        scale = one_scale(quantisation, where)
        q = np.rint(weight / scale).astype(np.int32)
        notes = _losses(weight, q, scale, where)
    else:
        scale = one_scale(quantisation, where)
        q = quantisation.integers(weight, where=where)
        notes = _at_limit(q, quantisation, where)
    if not q.any():
        raise ValueRangeError(
            "all weights round to zero", where=where, remedy="Train the layer, or give its weights more bits."
        )
    stored = min((bits for bits in allowed if bits >= quantisation.bits), default=None)
    if stored is None:
        raise UnsupportedError(
            f"the weights have {quantisation.bits} bits", where=where, need=quantisation.bits,
            limit=f"{max(allowed)} on {chip.name}", remedy=f"Train with {max(allowed)} bits.",
        )  # fmt: skip
    mixed = quantisation.sign_mode == "mixed"
    grid = 1 << (CHIP_BITS - quantisation.bits + (1 if mixed else 0))
    return QuantisedWeights(q, scale, stored, grid, quantisation.sign_mode, notes)


def one_scale(quantisation: Quantisation, where: str) -> float:
    """The scale of a whole layer; UnsupportedError where every output channel has its own."""
    if isinstance(quantisation.scale, tuple):
        raise UnsupportedError(
            f"every output channel has a scale of its own ({len(quantisation.scale)})", where=where,
            need="one scale for the layer", remedy="Train with weights that are quantised per tensor.",
        )  # fmt: skip
    return quantisation.scale


def _allowed_bits(chip: Chip) -> tuple[int, ...]:
    allowed = chip.integers("synapse.weight_bits_allowed")
    if not allowed:
        raise UnsupportedError("the chip file does not say what bits a weight may have", where=f"chip '{chip.id}'")
    return tuple(sorted(allowed))


def _after_training(weight: npt.NDArray[np.float64], bits: int, where: str) -> Quantisation:
    largest = float(np.abs(weight).max())
    if largest == 0:
        raise ValueRangeError("all weights are zero", where=where, remedy="Train the layer.")
    if bits < 2:
        raise UnsupportedError(f"signed weights of {bits} bits", where=where, need="at least 2 bits")
    return Quantisation(bits, largest / ((1 << (bits - 1)) - 1))


def _losses(weight: npt.NDArray[np.float64], q: npt.NDArray[np.int32], scale: float, where: str) -> tuple[str, ...]:
    error = weight - scale * q
    relative = float(np.sqrt(np.mean(error**2) / np.mean(weight**2)))
    vanished = int(np.count_nonzero((q == 0) & (weight != 0)))
    return (
        f"{where}: quantised after training, scale {scale:.6g}; rms error {relative:.2%} of the rms weight; "
        f"{vanished} of {np.count_nonzero(weight)} weights became zero",
    )


def _at_limit(q: npt.NDArray[np.int32], quantisation: Quantisation, where: str) -> tuple[str, ...]:
    """A note where over 1 % of the weights lie at an end of the range, a sign of clipping in training."""
    low, high = quantisation.limits
    if quantisation.sign_mode == "mixed":
        ends = np.abs(q) >= high
    else:
        ends = (q == low) | (q == high)
        ends &= q != 0
    share = float(np.mean(ends))
    return (f"{where}: {share:.1%} of the weights lie at an end of the range {low}..{high}",) if share > 0.01 else ()
