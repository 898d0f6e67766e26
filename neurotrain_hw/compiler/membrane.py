"""Decays, thresholds and biases of a layer in the integers of a Loihi-class neuron, and what rounding does to them.

With one integer step of the membrane worth `unit` of the weighted sum (lava proc/lif/models.py):

    u' = tz(u * (4095 - du), 12) + 64 * sum of weights << exp;  v' = tz(v * (4096 - dv), 12) + u' + bias
    a spike where v' > 64 * vth (`above`), or v' >= 64 * vth (`reached`)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.ideal import IdealLayer
from neurotrain_hw.errors import ValueRangeError

DECAY_ONE = 4096
DECAY_MAX = 4095
VTH_MAX = (1 << 17) - 1
WEIGHT_ONE = 64  # one unit of a weight in steps of the membrane
BIAS_MANT_MAX = (1 << 12) - 1  # 13 bits with the sign
BIAS_EXP_MAX = 7
_SNAP = 1e-9  # of a threshold in integers: what the order of float operations may add

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Membrane:
    """The integers of a layer's neurons, int32 (n,), and notes on what rounding did to them."""

    du: IntArray
    dv: IntArray
    vth: IntArray
    bias_mant: IntArray
    bias_exp: int
    notes: tuple[str, ...]


def membrane(layer: IdealLayer, unit: FloatArray, chip: Chip) -> Membrane:
    """Decays, thresholds and biases of a layer whose membrane counts in `unit` (n,).

    Raises ValueRangeError for a threshold or a bias beyond the chip's bits.
    """
    where = f"node '{layer.name}'"
    du = np.clip(np.rint(DECAY_MAX - DECAY_ONE * layer.current_decay), 0, DECAY_MAX).astype(np.int32)
    dv = np.clip(np.rint(DECAY_ONE * (1 - layer.decay)), 0, DECAY_MAX).astype(np.int32)
    mant, exp, bias_notes = _bias(layer.bias / unit, unit, layer.name, where)
    whole = (layer.decay == 1) & (layer.current_decay == 0) & ((mant.astype(np.int64) << exp) % WEIGHT_ONE == 0)
    vth = _thresholds(layer, unit, chip, whole=whole, where=where)
    notes = [
        *_decay_notes(layer, du, dv), *_threshold_notes(layer, unit, vth, whole), *bias_notes,
        *_truncation_notes(layer, dv, vth),
    ]  # fmt: skip
    return Membrane(du, dv, vth, mant, exp, tuple(notes))


def _thresholds(
    layer: IdealLayer, unit: FloatArray, chip: Chip, *, whole: npt.NDArray[np.bool_], where: str
) -> IntArray:
    """Mantissas: the nearest, or where the membrane is a multiple of 64 (`whole`) those with exactly its spikes.

    With x the threshold in multiples of 64 and v = 64 k: k > x is k > floor(x), and k >= x is k > ceil(x) - 1. A reset
    by subtraction takes the threshold off, too, so that there the nearest mantissa is taken unless x is whole.
    """
    x = layer.threshold / (unit * WEIGHT_ONE)
    finite = np.isfinite(x)
    nearest = np.rint(np.where(finite, x, VTH_MAX))
    x = np.where(finite, np.where(np.abs(x - nearest) <= _SNAP * np.maximum(1, nearest), nearest, x), VTH_MAX)
    above = chip.text("neuron.threshold") != "reached"  # nothing said: as Lava does
    exact = np.ceil(x) - 1 if layer.reached else np.floor(x)
    exact = exact if above else exact + 1
    decides = whole & finite & ((layer.reset != "subtract") | (x == nearest))
    vth = np.where(decides, exact, nearest)
    low = np.where(decides, 0, 1)
    if np.any(vth < low) or vth.max() > VTH_MAX:
        raise ValueRangeError(
            f"the threshold's mantissa lies between {vth.min():.0f} and {vth.max():.0f}", where=where,
            need=f"1..{VTH_MAX} (17 bits)", remedy="Give another weight_exp, or none, so that one is chosen.",
        )  # fmt: skip
    return vth.astype(np.int32)


def _bias(wanted: FloatArray, unit: FloatArray, name: str, where: str) -> tuple[IntArray, int, list[str]]:
    """Mantissas of 13 bits and their common exponent 0..7 with bias ~ mant * 2^exp * unit."""
    if not wanted.any():
        return np.zeros(wanted.shape, np.int32), 0, []
    for exp in range(BIAS_EXP_MAX + 1):
        mant = np.rint(wanted / (1 << exp))
        if np.abs(mant).max() <= BIAS_MANT_MAX:
            error = float((np.abs(wanted - mant * (1 << exp)) * unit).max())
            notes = [f"{name}: bias rounded by at most {error:.3g}"] if error > 0 else []
            return mant.astype(np.int32), exp, notes
    raise ValueRangeError(
        f"a bias of {float((np.abs(wanted) * unit).max()):.4g} is too large for the chip", where=where,
        need=float(np.abs(wanted).max()), limit=BIAS_MANT_MAX << BIAS_EXP_MAX, remedy="Give a smaller weight_exp.",
    )  # fmt: skip


def _decay_notes(layer: IdealLayer, du: IntArray, dv: IntArray) -> list[str]:
    notes = []
    got = 1 - dv / DECAY_ONE
    if np.any(got != layer.decay):
        at = int(np.abs(got - layer.decay).argmax())
        notes.append(f"{layer.name}: decay {layer.decay[at]:.6g} becomes {got[at]:.6g} (dv {dv[at]})")
    if np.any((dv == 0) & (layer.decay < 1)):
        notes.append(f"{layer.name}: a decay slower than 1/4096 per step was lost")
    got = (DECAY_MAX - du) / DECAY_ONE
    if np.any(got != layer.current_decay):
        at = int(np.abs(got - layer.current_decay).argmax())
        text = f"{layer.name}: the current's decay {layer.current_decay[at]:.6g} becomes {got[at]:.6g} (du {du[at]})"
        notes.append(text)
    if np.any(layer.current_decay > DECAY_MAX / DECAY_ONE):
        notes.append(f"{layer.name}: the chip's current loses at least 1/4096 per step, the source's less")
    return notes


def _threshold_notes(layer: IdealLayer, unit: FloatArray, vth: IntArray, whole: npt.NDArray[np.bool_]) -> list[str]:
    finite = np.isfinite(layer.threshold)
    if not finite.any():
        return []
    got = np.where(finite, vth * unit * WEIGHT_ONE, 1.0)
    ratio = np.abs(got / np.where(finite, layer.threshold, 1.0) - 1)
    at = int(ratio.argmax())
    wanted, found = float(layer.threshold[at] * layer.gain[at]), float(got[at] * layer.gain[at])
    text = f"{layer.name}: threshold {wanted:.6g} becomes {found:.6g} ({found / wanted - 1:+.3%}, vth {vth[at]})"
    if whole[finite].all() and layer.reset != "subtract":
        text += ", which changes no spike: the membrane holds whole weights"
    return [text]


def _truncation_notes(layer: IdealLayer, dv: IntArray, vth: IntArray) -> list[str]:
    """Truncation takes less than one step of v per time step: at worst 1 / (1 - decay) steps in all."""
    leaky = (dv > 0) & np.isfinite(layer.threshold)
    if not leaky.any():
        return []
    worst = float(np.max(DECAY_ONE / dv[leaky] / (np.maximum(vth[leaky], 1) * WEIGHT_ONE)))
    if worst < 1e-3:
        return []
    return [f"{layer.name}: truncation of the decaying membrane adds up to at most {worst:.2%} of the threshold"]
