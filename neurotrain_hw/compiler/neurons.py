"""The neurons of NIR in the equations of a Loihi-class neuron.

| NIR | current_decay | decay | gain of v |
|---|---|---|---|
| LIF, LI | 0 | 1 - dt/tau, or exp(-dt/tau) | r dt/tau, or r (1 - exp(-dt/tau)) |
| IF, I | 0 | 1 | r dt |
| CubaLIF, CubaLI | as decay, of tau_syn | of tau_mem | that of the current times that of the membrane |
| Threshold | 0 | 0 | 1 |

with a gain of 1 where the meaning's drive is `unit`. The gain is divided out of threshold and leak.
"""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.ideal import FloatArray, IdealLayer
from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.interchange import NodeMeaning
from neurotrain_hw.interchange.primitives import SPIKING
from neurotrain_hw.program import Arithmetic

ChipReset = Literal["zero", "subtract", "zero_held", "once"]

# What a reset is on a chip that resets in the step of the spike, and what then is not the same.
_RESETS: dict[str, tuple[ChipReset, str]] = {
    "zero": ("zero", ""),
    "zero_delayed": ("zero", ""),  # v is reset before the next update, which no spike can tell from at once
    "zero_held": ("zero_held", ""),
    "once": ("once", ""),
    "subtract": ("subtract", ""),
    "subtract_before": ("subtract", ""),
    "subtract_pending": ("subtract", "its threshold is subtracted at once, not twice around a spike"),
    "subtract_delayed": ("subtract", "its threshold is subtracted in the step of the spike, not after the next update"),
    "subtract_multiple": ("subtract", "it spikes once in a step at most, and one threshold is subtracted"),
    "none": ("zero", "it is reset to 0 when it spikes, where the source never resets it"),
}


def layer_of(
    name: str, node: Any, meaning: NodeMeaning, chip: Chip, *, dt_s: float, nearest: bool
) -> IdealLayer:  # fmt: skip
    """A NIR neuron as a layer of the chip, without what arrives.

    Raises UnsupportedError for a reset, leak or floor that a Loihi-class neuron does not do (with `nearest` only for
    what has no neighbour), ValueRangeError for parameters outside what it can hold.
    """
    kind, where = type(node).__name__, f"node '{name}'"
    if kind == "Threshold":
        return _threshold(name, node)
    if meaning.integration == "none":
        raise UnsupportedError(
            "the graph does not say how its neurons are integrated", where=where, need="euler or another integration",
            remedy="Read the file in a dialect.",
        )  # fmt: skip

    def given(key: str) -> FloatArray:
        return np.asarray(getattr(node, key), np.float64)

    shape = np.shape(node.r)
    cuba = kind.startswith("Cuba")
    tau = given("tau_mem") if cuba else given("tau") if kind in ("LI", "LIF") else None
    drive = "unit" if cuba and meaning.drive == "unit_decayed" else meaning.drive
    decay, gain, share = _filter(meaning, dt_s, tau, given("r"), drive, where)
    current_decay = np.zeros(shape)
    if cuba:
        current_decay, current_gain, _ = _filter(
            meaning, dt_s, given("tau_syn"), np.broadcast_to(given("w_in"), shape), meaning.drive, where
        )
        gain = gain * current_gain
    if np.any(gain <= 0):
        raise UnsupportedError(f"its gain goes down to {gain.min():.4g}", where=where, need="above 0")
    leak = share * given("v_leak") / gain if tau is not None else np.zeros(shape)
    common: dict[str, Any] = {
        "name": name, "shape": shape, "current_decay": current_decay.reshape(-1), "decay": decay.reshape(-1),
        "bias": leak.reshape(-1), "current_bias": np.zeros(leak.size), "gain": gain.reshape(-1),
        "unit": 2.0**-12 if meaning.integration == "truncated" and np.all(gain == 1) else None,
    }  # fmt: skip
    if kind not in SPIKING:
        return IdealLayer(threshold=np.full(leak.size, np.inf), **common)
    return _spiking(common, given("v_threshold"), given("v_reset"), meaning, chip, nearest, where)


def sends_late(meaning: NodeMeaning) -> bool:
    """Whether a neuron's spike is decided before its update, and so belongs to the update one step earlier."""
    return meaning.decided == "before"


def chip_arithmetic(chip: Chip) -> Arithmetic:
    """Where the chip's LIF spikes and what overflow does to it, as its file says; Lava's way where it says nothing."""
    lava = Arithmetic()
    threshold, u, v = (chip.text(f"neuron.{key}") for key in ("threshold", "u_overflow", "v_overflow"))
    return Arithmetic(
        threshold=cast(Literal["above", "reached"], threshold or lava.threshold),
        u_overflow=cast(Literal["wrap_once", "wrap", "saturate"], u or lava.u_overflow),
        v_overflow=cast(Literal["saturate", "wrap"], v or lava.v_overflow),
    )


def _filter(
    meaning: NodeMeaning, dt_s: float, tau: FloatArray | None, r: FloatArray, drive: str, where: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Decay, gain and share (of leak) of one leaky variable, as `reference/neurons.py` has them."""
    if tau is None:
        decay, share = np.ones(r.shape), np.full(r.shape, dt_s)
    else:
        if np.any(tau <= 0):
            raise ValueRangeError(f"a time constant goes down to {tau.min():.4g} s", where=where, need="above 0")
        if meaning.integration == "exponential":
            decay = np.exp(-dt_s / tau)
        elif np.any(tau < dt_s * (1 - 1e-9)):
            raise ValueRangeError(
                f"tau goes down to {tau.min():.4g} s, below the step", where=where, need=f">= {dt_s} s"
            )
        else:
            decay = 1 - dt_s / tau
        share = 1 - decay
        if meaning.integration == "truncated":
            decay = np.rint(decay * 4096) / 4096
    gain = {"equation": share * r, "unit": np.ones(r.shape), "unit_decayed": decay}[drive]
    return decay, gain, share


def _spiking(
    common: dict[str, Any], threshold: FloatArray, v_reset: FloatArray, meaning: NodeMeaning, chip: Chip, nearest: bool,
    where: str,
) -> IdealLayer:  # fmt: skip
    if np.any(threshold <= 0):
        raise ValueRangeError(f"v_threshold goes down to {threshold.min():.4g}", where=where, need="above 0")
    reset, change = _RESETS[meaning.reset]
    if (meaning.reset.startswith("zero") or reset == "once") and np.any(v_reset != 0):
        raise UnsupportedError(
            f"it resets to {v_reset.flat[np.abs(v_reset).argmax()]:.4g}, and the chip's neuron resets to 0",
            where=where, need="v_reset of 0",
            remedy="Train with a reset potential of 0; a constant drive can be a bias.",
        )  # fmt: skip
    departures = [change] if change else []
    allowed = chip.texts("neuron.reset") or ("zero",)
    if reset == "subtract" and not {"subtract", "programmable"} & set(allowed):
        reset = "zero"
        departures = [f"it resets to 0, not by subtraction: {chip.name} cannot subtract"]
    if reset == "zero_held" and (common["bias"].any() or "zero" not in allowed):
        reset = "zero"
        departures.append("what arrives in the step after a spike counts, where the source loses it")
    if reset == "once" and "zero" not in allowed:
        reset = "zero"
        departures.append("it spikes as often as its membrane reaches the threshold, where the source spikes once")
    reached = meaning.threshold == "reached"
    if reached and common["unit"] and chip.text("neuron.threshold") != "reached" and "programmable" not in allowed:
        departures.append("it spikes above its threshold only, where the source spikes at it")
    if meaning.floor == "threshold":
        departures.append("its membrane has no floor at minus its threshold")
    if departures and not nearest:
        raise UnsupportedError(
            f"its reset is '{meaning.reset}'" + (f", its floor '{meaning.floor}'" if meaning.floor != "none" else "")
            + f": on {chip.name}, {'; '.join(departures)}", where=where, need="what the chip's neuron does",
            remedy="Train with reset 'zero' (in snnTorch: reset_mechanism='zero', reset_delay=False), or take the "
            "nearest that the chip has (--nearest, nearest=True) and see with `compare` what it costs.",
        )  # fmt: skip
    return IdealLayer(
        threshold=(threshold.reshape(-1) / common["gain"]), reset=reset, reached=reached,
        departures=tuple(departures), **common,
    )  # fmt: skip


def _threshold(name: str, node: Any) -> IdealLayer:
    """A node without memory that spikes where its input is above a threshold."""
    threshold = np.asarray(node.threshold, np.float64)
    if np.any(threshold < 0):
        raise UnsupportedError(
            f"its threshold goes down to {threshold.min():.4g}: it would spike without input", where=f"node '{name}'",
            need="0 or more",
        )  # fmt: skip
    n = threshold.size
    return IdealLayer(
        name, threshold.shape, np.zeros(n), np.zeros(n), threshold.reshape(-1), np.zeros(n), np.zeros(n), np.ones(n)
    )
