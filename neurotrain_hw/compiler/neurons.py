"""A NIR LIF in the integers of a Loihi-class neuron: decay, threshold, bias, and what rounding does to them.

Source graph, forward Euler: v' = beta v + gain (W s + b), spike where v' > v_threshold, then v = 0, with
beta = 1 - dt/tau and gain = r dt/tau. The chip (lava proc/lif/models.py) holds v / (gain * unit), where one unit is
unit = scale / (grid * 2^weight_exp * 2^6) of the weighted sum: the gain is folded into the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.interchange import NodeMeaning
from neurotrain_hw.program import Arithmetic

DECAY_ONE = 4096  # 12 bits
DECAY_MAX = 4095
VTH_MAX = (1 << 17) - 1
VTH_SHIFT = 6
BIAS_MANT_MAX = (1 << 12) - 1  # 13 bits with the sign
BIAS_EXP_MAX = 7

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]


def chip_arithmetic(chip: Chip) -> Arithmetic:
    """Where the chip's LIF spikes and what overflow does to it, as its file says; Lava's way where it says nothing."""
    lava = Arithmetic()
    threshold, u, v = (chip.text(f"neuron.{key}") for key in ("threshold", "u_overflow", "v_overflow"))
    return Arithmetic(
        threshold=cast(Literal["above", "reached"], threshold or lava.threshold),
        u_overflow=cast(Literal["wrap_once", "wrap", "saturate"], u or lava.u_overflow),
        v_overflow=cast(Literal["saturate", "wrap"], v or lava.v_overflow),
    )


@dataclass(frozen=True, eq=False)
class Lif:
    """One layer of neurons in the units of the weighted sum: beta and threshold per neuron (n,), one gain for all."""

    beta: FloatArray
    threshold: FloatArray
    gain: float

    @property
    def n(self) -> int:
        """Number of neurons."""
        return int(self.threshold.size)


def lif_of(node: Any, meaning: NodeMeaning, *, dt_s: float, where: str) -> Lif:
    """Beta, threshold / gain and gain of a NIR LIF.

    Raises UnsupportedError for a reset, an integration or a leak that a Loihi-class LIF does not do exactly, with
    a remedy; ValueRangeError for parameters outside what it can hold.
    """
    _check_meaning(meaning, where)
    tau, r = np.asarray(node.tau, np.float64), np.asarray(node.r, np.float64)
    v_threshold = np.asarray(node.v_threshold, np.float64)
    if tau.ndim != 1:
        raise UnsupportedError(f"neurons of shape {tau.shape}", where=where, need="one axis")
    if np.any(node.v_leak != 0) or np.any(node.v_reset != 0):
        raise UnsupportedError(
            "v_leak or v_reset is not 0, and the chip's neuron decays and resets to 0", where=where, need="0 for both",
            remedy="Train with a resting and reset potential of 0; a constant drive can be a bias.",
        )  # fmt: skip
    if np.any(tau < dt_s):
        raise ValueRangeError(f"tau goes down to {tau.min():.4g} s, below the step", where=where, need=f">= {dt_s} s")
    gain = r * dt_s / tau
    if not np.allclose(gain, gain[0], rtol=1e-6, atol=0) or gain[0] <= 0:
        raise UnsupportedError(
            f"r*dt/tau lies between {gain.min():.6g} and {gain.max():.6g}", where=where,
            need="one positive value for all neurons of a layer, to be folded into the threshold",
            remedy="Fold the neurons' own gains into the rows of the weights.",
        )  # fmt: skip
    if np.any(v_threshold <= 0):
        raise ValueRangeError(f"v_threshold goes down to {v_threshold.min():.4g}", where=where, need="above 0")
    return Lif(1 - dt_s / tau, v_threshold / gain[0], float(gain[0]))


def decay_mantissa(beta: FloatArray) -> IntArray:
    """dv = round((1 - beta) * 4096), at most 4095: the chip's v' = tz(v * (4096 - dv), 12) + input."""
    return np.minimum(np.rint((1 - beta) * DECAY_ONE), DECAY_MAX).astype(np.int32)


def threshold_mantissa(threshold: FloatArray, unit: float, *, where: str) -> IntArray:
    """vth = round(threshold / (unit * 64)), 17 bits; ValueRangeError outside 1..131071."""
    vth = np.rint(threshold / (unit * (1 << VTH_SHIFT)))
    if vth.min() < 1 or vth.max() > VTH_MAX:
        raise ValueRangeError(
            f"the threshold's mantissa lies between {vth.min():.0f} and {vth.max():.0f}", where=where,
            need=f"1..{VTH_MAX} (17 bits)", remedy="Give another weight_exp, or none, so that one is chosen.",
        )  # fmt: skip
    return vth.astype(np.int32)


def bias_parts(bias: FloatArray, unit: float, *, where: str) -> tuple[IntArray, int, str]:
    """Mantissas of 13 bits (n,) and their common exponent 0..7 with bias ~ mant * 2^exp * unit; a note on the error."""
    wanted = bias / unit
    for exp in range(BIAS_EXP_MAX + 1):
        mant = np.rint(wanted / (1 << exp))
        if np.abs(mant).max() <= BIAS_MANT_MAX:
            error = float(np.abs(wanted - mant * (1 << exp)).max()) * unit
            return mant.astype(np.int32), exp, f"bias rounded by at most {error:.3g}"
    raise ValueRangeError(
        f"a bias of {float(np.abs(bias).max()):.4g} is too large for the chip", where=where,
        need=float(np.abs(wanted).max()), limit=BIAS_MANT_MAX << BIAS_EXP_MAX, remedy="Give a smaller weight_exp.",
    )  # fmt: skip


def rounding_note(lif: Lif, dv: IntArray, vth: IntArray, unit: float, *, where: str) -> str:
    """The decay and threshold that the chip has in place of those asked for, at the neuron that is furthest off."""
    beta = 1 - dv / DECAY_ONE
    threshold = vth * (unit * (1 << VTH_SHIFT))
    b = int(np.abs(beta - lif.beta).argmax())
    t = int(np.abs(threshold / lif.threshold - 1).argmax())
    wanted, got = lif.threshold[t] * lif.gain, threshold[t] * lif.gain
    text = (
        f"{where}: decay {lif.beta[b]:.6g} becomes {beta[b]:.6g} (dv {dv[b]}), "
        f"threshold {wanted:.6g} becomes {got:.6g} ({got / wanted - 1:+.3%}, vth {vth[t]})"
    )
    if np.any((dv == 0) & (lif.beta < 1)):
        text += "; a decay slower than 1/4096 per step was lost"
    return text


def _check_meaning(meaning: NodeMeaning, where: str) -> None:
    if meaning.reset != "zero":
        raise UnsupportedError(
            f"its reset is '{meaning.reset}', and a Loihi-class LIF sets v to 0 in the step of the spike", where=where,
            need="reset 'zero'",
            remedy="Train with it; in snnTorch: Leaky(..., reset_mechanism='zero', reset_delay=False).",
        )  # fmt: skip
    if meaning.integration != "euler":
        raise UnsupportedError(
            f"its integration is '{meaning.integration}', which is not lowered yet", where=where, need="euler"
        )
    for key in ("drive", "threshold", "decided", "floor", "delay_steps"):
        if getattr(meaning, key) != getattr(NodeMeaning(), key):
            raise UnsupportedError(
                f"its {key} is '{getattr(meaning, key)}', which is not lowered yet", where=where,
                need=f"'{getattr(NodeMeaning(), key)}'", remedy="Export the network with the equations of NIR.",
            )  # fmt: skip
