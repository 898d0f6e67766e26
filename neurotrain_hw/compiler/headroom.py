"""How many bits of the membrane a weight is worth: the layer's exponent, and what may then overflow.

The exponent E shifts all connections onto a layer together: connection k has E + octave_k, and one step of the membrane
is worth anchor / 2^(E + 6) of the weighted sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.ideal import IdealLayer
from neurotrain_hw.compiler.membrane import BIAS_EXP_MAX, BIAS_MANT_MAX, DECAY_ONE, VTH_MAX, WEIGHT_ONE
from neurotrain_hw.compiler.neurons import chip_arithmetic
from neurotrain_hw.compiler.related import Related
from neurotrain_hw.compiler.weight_format import exponents
from neurotrain_hw.errors import ValueRangeError

STATE_LIMIT = 1 << 23  # u and v overflow here (lava proc/lif/models.py)
_VTH_WANTED = 1 << 12  # mantissas of 11 to 12 bits: rounded by less than 0.025 %, and room above for u and v
_VTH_ENOUGH = 1 << 9  # rounded by less than 0.1 %: room for a current that never overflows is worth the rest
_MARGIN = 2.0  # over the largest current and membrane seen on calibration data

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Peaks:
    """The largest |current| and |membrane| of each neuron on calibration data, float64 (n,), in units of x."""

    current: FloatArray
    membrane: FloatArray


def sums_of_one_sign(related: Sequence[Related], n: int) -> tuple[FloatArray, FloatArray]:
    """Per neuron, float64 (n,): the sum of all positive weights, and of all negative ones, as the chip holds them."""
    above, below = np.zeros(n), np.zeros(n)
    for r in related:
        rows = n // r.q.shape[0]
        above += np.repeat(np.maximum(r.q, 0).sum(1) * r.scale, rows)
        below += np.repeat(np.minimum(r.q, 0).sum(1) * r.scale, rows)
    return above, below


def memory(decay: FloatArray, steps: int) -> FloatArray:
    """The largest sum 1 + d + d^2 + ... over `steps` steps."""
    d = np.minimum(decay, 1 - 1e-12)
    return np.asarray(np.minimum((1 - d**steps) / (1 - d), steps))


def choose_exponent(
    layer: IdealLayer, anchor: FloatArray, related: Sequence[Related], chip: Chip, *, steps: int, peaks: Peaks | None
) -> int:
    """The largest exponent with threshold mantissas below 2^12 and no overflow whatever the input, else the smallest.

    Where a current with a memory, or a membrane that is read, cannot be bounded so, thresholds keep 9 bits at least;
    with `peaks`, twice what was seen on calibration data has to fit instead of the worst case. Exponents that floor a
    weighted sum are not chosen. Raises ValueRangeError where even the smallest makes a threshold longer than 17 bits.
    """
    high = min(r.wanted.form.exp_high - r.octave for r in related)
    low = min(max(r.wanted.form.exp_low - r.octave for r in related), high)
    need = _Need.of(layer, anchor, related, steps=steps, peaks=peaks)
    lowest = min(low, min(r.wanted.form.exp_low - r.octave for r in related))
    rough: list[int] = []
    for bottom in (low, lowest):  # rather a small connection's scale coarser than a current that wraps
        fitting = [e for e in range(high, bottom - 1, -1) if need.mantissa(e) < _VTH_WANTED and need.fits_once(e)]
        rough = rough or fitting
    safe = [e for e in rough if need.fits_always(e)]
    if safe and (not layer.spikes or peaks is not None or need.mantissa(safe[0]) >= _VTH_ENOUGH):
        return safe[0]
    if not layer.spikes:
        return low
    if rough:
        enough = [e for e in rough if need.mantissa(e) >= _VTH_ENOUGH]
        return (enough or rough[:1])[-1]
    if need.mantissa(low) > VTH_MAX:
        raise ValueRangeError(
            "the threshold is too large beside the weights", where=f"node '{layer.name}'",
            need=f"a mantissa of {need.mantissa(low):.0f}", limit=f"{VTH_MAX} (17 bits)",
            remedy="Train with larger weights or a lower threshold.",
        )  # fmt: skip
    return low


def range_notes(
    layer: IdealLayer, anchor: FloatArray, exponent: int, related: Sequence[Related], chip: Chip, *,
    dv: npt.NDArray[np.int32], vth: npt.NDArray[np.int32], steps: int, peaks: Peaks | None,
) -> list[str]:  # fmt: skip
    """What is floored, and what may leave the 24 bits of u and v at worst: all inputs of one sign firing together.

    Raises ValueRangeError for an exponent outside the chip's range, or -7..7 where the chip file gives none.
    """
    where, notes, (low, high) = layer.name, [], exponents(chip)
    for r in related:
        exp, form = exponent + r.octave, r.wanted.form
        if not low <= exp <= high:
            raise ValueRangeError(f"a weight_exp of {exp}", where=where, need=f"{low}..{high}")
        if exp < min(0, form.exp_low) or (exp < 0 and exp < -(form.grid.bit_length() - 1)):
            notes.append(f"{where}: weight_exp {exp} floors every weighted sum to a multiple of 2^{-exp}")
    arithmetic = chip_arithmetic(chip)
    u_words = "saturates" if arithmetic.u_overflow == "saturate" else "wraps around"
    v_words = "saturates" if arithmetic.v_overflow == "saturate" else "wraps around"
    unit = anchor / 2.0 ** (exponent + 6)
    above, below = sums_of_one_sign(related, layer.n)
    once = float((np.maximum(above, -below) / unit).max())
    if once >= STATE_LIMIT:
        notes.append(
            f"{where}: the current {u_words} where all inputs of one sign fire in the same step "
            f"(up to {once:.0f}, limit {STATE_LIMIT})"
        )
    elif (step := _steps_until(np.maximum(above, -below) / unit, layer.current_decay, steps)) is not None:
        notes.append(
            f"{where}: the current {u_words} at worst, all inputs of one sign firing together, after {step} steps"
        )
    bias = layer.bias / unit
    silent = ~np.isfinite(layer.threshold)
    for mask, drive, word in (
        (silent, above / unit + np.maximum(bias, 0), "above"),
        (np.ones_like(silent), -below / unit + np.maximum(-bias, 0), "below"),
    ):
        hold = _steps_until(drive[mask], 1 - dv[mask] / DECAY_ONE, steps, lag=layer.current_decay[mask])
        if hold is not None and word == "below" and not silent.all():
            thresholds = STATE_LIMIT / (float(vth[~silent].max()) * WEIGHT_ONE)
            notes.append(
                f"{where}: the membrane {v_words} {thresholds:.0f} thresholds below 0; at worst, all inhibitory inputs "
                f"of one neuron firing together, it gets there in {hold} steps"
            )
        elif hold is not None:
            notes.append(f"{where}: the membrane that is read {v_words} {word} 0 at worst after {hold} steps")
    for name, largest, words in () if peaks is None else (
        ("current", peaks.current, u_words), ("membrane", peaks.membrane, v_words),
    ):  # fmt: skip
        beyond = largest / unit >= STATE_LIMIT
        if beyond.any():
            notes.append(f"{where}: the {name} of {beyond.sum()} neurons {words} on the calibration data")
    return notes


@dataclass(frozen=True, eq=False)
class _Need:
    """What a layer needs of the membrane's bits; all arrays (n,), in the weighted sum's units over `anchor`."""

    threshold: float
    bias: float
    once: float
    always: float

    @classmethod
    def of(
        cls, layer: IdealLayer, anchor: FloatArray, related: Sequence[Related], *, steps: int, peaks: Peaks | None
    ) -> _Need:
        above, below = sums_of_one_sign(related, layer.n)
        once = np.maximum(above, -below)
        finite = np.isfinite(layer.threshold)
        if peaks is None:
            current = once * memory(layer.current_decay, steps)
            held = (current + np.abs(layer.bias)) * memory(layer.decay, steps)
        else:
            current, held = _MARGIN * peaks.current, _MARGIN * peaks.membrane
        return cls(
            float((layer.threshold[finite] / anchor[finite]).max()) if finite.any() else 0.0,
            float((np.abs(layer.bias) / anchor).max()),
            float((once / anchor).max()) if peaks is None else 0.0,
            float((np.where(finite, current, np.maximum(current, held)) / anchor).max()),
        )

    def mantissa(self, exponent: int) -> float:
        return self.threshold * 2.0**exponent

    def fits_once(self, exponent: int) -> bool:
        scale = 2.0 ** (exponent + 6)
        return self.once * scale < STATE_LIMIT and self.bias * scale <= BIAS_MANT_MAX << BIAS_EXP_MAX

    def fits_always(self, exponent: int) -> bool:
        return self.always * 2.0 ** (exponent + 6) < VTH_MAX * WEIGHT_ONE


def _steps_until(drive: FloatArray, decay: FloatArray, steps: int, lag: FloatArray | None = None) -> int | None:
    """After how many steps of that drive some state passes 2^23; None: not within a sample."""
    if not drive.size:
        return None
    state, current = np.zeros(drive.size), np.zeros(drive.size)
    for step in range(1, steps + 1):
        current = drive if lag is None else lag * current + drive
        state = state * decay + current
        if state.max() >= STATE_LIMIT:
            return step
    return None
