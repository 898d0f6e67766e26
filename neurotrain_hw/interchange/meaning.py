"""Meaning: what a NIR graph leaves unsaid, kept as one JSON string in the graph's metadata.

NIR gives weights and time constants; it does not give the length of a step, how a neuron is integrated, when and how
it resets, or the integers behind its weights. `Meaning` says those, under the metadata key `neurotrain_hw`, with a
digest of the standard fields that it was written for (`meaning_text.py`): where another tool changed them, the meaning
no longer holds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from neurotrain_hw.errors import ValueRangeError

Reset = Literal[
    "zero", "subtract", "subtract_multiple", "subtract_pending",
    "zero_delayed", "zero_held", "subtract_before", "subtract_delayed", "once", "none",
]  # fmt: skip
Integration = Literal["none", "euler", "exponential", "truncated"]
Drive = Literal["equation", "unit", "unit_decayed"]
Threshold = Literal["above", "reached"]
Decided = Literal["after", "before"]
Floor = Literal["none", "threshold"]
Precision = Literal["float32", "float64"]
Loops = Literal["neurons", "edges"]
SignMode = Literal["mixed", "excitatory", "inhibitory"]
MOST_CHANNELS = 1 << 20  # with scales of their own


@dataclass(frozen=True)
class Quantisation:
    """Integers behind float weights: `weight == scale * q` with integers q of `bits` bits, recovered by `integers`.

    `scale`: one number, or a tuple with one per output channel (axis 0 of the weight). `sign_mode` mixed: q in
    -2^(bits-1) .. 2^(bits-1)-1; excitatory: 0 .. 2^bits-1; inhibitory: -(2^bits-1) .. 0. Raises ValueRangeError for
    bits outside 1..16, a scale that is not positive and finite, or no scale or more than 2^20.
    """

    bits: int
    scale: float | tuple[float, ...]
    sign_mode: SignMode = "mixed"

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", int(self.bits))
        per_channel = isinstance(self.scale, tuple)
        scales = tuple(map(float, self.scale)) if isinstance(self.scale, tuple) else (float(self.scale),)
        object.__setattr__(self, "scale", scales if per_channel else scales[0])
        if not 1 <= self.bits <= 16:
            raise ValueRangeError(f"weights of {self.bits} bits", where="Quantisation.bits", need="1..16")
        if not 1 <= len(scales) <= MOST_CHANNELS:
            raise ValueRangeError(f"{len(scales)} scales", where="Quantisation.scale", need=f"1..{MOST_CHANNELS}")
        for scale in scales:
            if not (math.isfinite(scale) and scale > 0):
                raise ValueRangeError(f"a scale of {scale}", where="Quantisation.scale", need="a positive number")
        _check_choice(self.sign_mode, get_args(SignMode), "Quantisation.sign_mode")

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest integer."""
        if self.sign_mode == "mixed":
            return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        top = (1 << self.bits) - 1
        return (0, top) if self.sign_mode == "excitatory" else (-top, 0)

    @property
    def scale_in_words(self) -> str:
        """`scale 0.01`, or `scales 0.01..0.02 of 8 channels`."""
        if isinstance(self.scale, tuple):
            return f"scales {min(self.scale):.6g}..{max(self.scale):.6g} of {len(self.scale)} channels"
        return f"scale {self.scale:.6g}"

    @property
    def per_channel(self) -> bool:
        """Whether every output channel has a scale of its own."""
        return isinstance(self.scale, tuple)

    def scales(self, n: int, *, where: str = "weights") -> npt.NDArray[np.float64]:
        """The scales of n output channels, float64 (n,); ValueRangeError where there are scales of another number."""
        if isinstance(self.scale, tuple) and len(self.scale) != n:
            raise ValueRangeError(f"{len(self.scale)} scales for {n} output channels", where=where)
        return np.broadcast_to(np.asarray(self.scale, np.float64), (n,)).copy()

    def integers(self, weight: npt.ArrayLike, *, where: str = "weights") -> npt.NDArray[np.int32]:
        """The integers q, int32 of the weights' shape.

        Raises ValueRangeError where a weight is further than 1/100 of a step from the grid, or outside the range
        (float32 keeps integers of 16 bits to better than that), or where scales are not one per output channel.
        """
        steps = np.asarray(weight, np.float64)
        if self.per_channel:
            channels = steps.shape[0] if steps.ndim else 0
            steps = steps / self.scales(channels, where=where).reshape(-1, *(1,) * (steps.ndim - 1))
        else:
            steps = steps / self.scale
        rounded = np.rint(steps)
        if not np.all(np.isfinite(steps)) or bool(np.any(np.abs(steps - rounded) > 1e-2)):
            raise ValueRangeError(
                f"the weights are not multiples of the {self.scale_in_words}", where=where,
                need="round(weight / scale) equal to weight / scale within 0.01",
            )  # fmt: skip
        low, high = self.limits
        if rounded.size and (rounded.min() < low or rounded.max() > high):
            raise ValueRangeError(
                f"integers reach from {int(rounded.min())} to {int(rounded.max())}", where=where,
                need=f"{low}..{high} for {self.bits} bits, {self.sign_mode}",
            )  # fmt: skip
        return rounded.astype(np.int32)


@dataclass(frozen=True)
class NodeMeaning:
    """What one node does beyond its NIR fields. Fields that do not apply to a node keep their default.

    For neurons, with thr the threshold:

    `reset`, in the step of the spike: `zero` v = v_reset; `subtract` v = v - thr; `subtract_multiple`
    n = floor(v / thr) spikes in one step, v = v - n thr; `subtract_pending` (snnTorch) as `subtract`, and a v that
    stays above thr counts as one thr less when the next spike is decided. In the next step: `zero_delayed` v = v_reset
    before the update; `zero_held` v = v_reset after it, whatever arrived; `subtract_before` v = v - thr before the
    update; `subtract_delayed` after it. `once`: v = v_reset from the first spike on, the only one of a sample. `none`:
    it never resets.
    `integration`: `euler` is v' = v + dt/tau * (v_leak - v + r * I); `exponential` the exact solution for an input that
    is constant in a step, v' = v_inf + (v - v_inf) exp(-dt/tau) with v_inf = v_leak + r * I; `truncated` is Loihi's: v
    a multiple of 2^-12, v' = trunc(v * (1 - dt/tau)) + I with the decay in steps of 2^-12.
    `drive`: input enters as the `equation` says; as it is (`unit`: one unit of input raises v, or the current, by one;
    r and w_in are not used); or so that the current's input decays in its own step (`unit_decayed`, Rockpool).
    `threshold`: a spike where v is above thr, or has reached it. `decided`: on v after the step's update, or before it
    (Spyx: each layer a step later). `floor`: v does not fall below -thr.
    `delay_steps`, for any node: what it sends arrives so many steps later. `quantisation`, for weights.
    """

    reset: Reset = "none"
    integration: Integration = "none"
    quantisation: Quantisation | None = None
    drive: Drive = "equation"
    threshold: Threshold = "above"
    decided: Decided = "after"
    floor: Floor = "none"
    delay_steps: int = 0

    def __post_init__(self) -> None:
        for key, choices in _CHOICES.items():
            _check_choice(getattr(self, key), choices, f"NodeMeaning.{key}")
        if isinstance(self.delay_steps, bool) or not isinstance(self.delay_steps, int) or self.delay_steps < 0:
            raise ValueRangeError(f"{self.delay_steps!r} steps", where="NodeMeaning.delay_steps", need="0, 1, 2, ...")


_CHOICES = {
    "reset": get_args(Reset), "integration": get_args(Integration), "drive": get_args(Drive),
    "threshold": get_args(Threshold), "decided": get_args(Decided), "floor": get_args(Floor),
}  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """Seconds per step, and the meaning of each node by its name in the graph (nodes left out: the default).

    `precision`: the numbers that the source framework computes in. `loops`: around a loop something must come a step
    late. With `neurons` it is what the neuron sends, so that a bias in the loop acts from the first step on; with
    `edges` what the loop's last edge carries, so that nothing comes round the loop in the first step (Norse).
    """

    dt_s: float
    nodes: Mapping[str, NodeMeaning] = field(default_factory=dict)
    precision: Precision = "float32"
    loops: Loops = "neurons"

    def __post_init__(self) -> None:
        object.__setattr__(self, "dt_s", float(self.dt_s))
        if not (math.isfinite(self.dt_s) and self.dt_s > 0):
            raise ValueRangeError(f"dt_s is {self.dt_s}", where="Meaning", need="positive seconds per step")
        _check_choice(self.precision, get_args(Precision), "Meaning.precision")
        _check_choice(self.loops, get_args(Loops), "Meaning.loops")
        object.__setattr__(self, "nodes", MappingProxyType(dict(self.nodes)))

    def node(self, name: str) -> NodeMeaning:
        """The meaning of a node; the default where nothing was said."""
        return self.nodes.get(name, NodeMeaning())


def _check_choice(value: object, choices: tuple[str, ...], where: str) -> None:
    if value not in choices:
        raise ValueRangeError(f"{value!r} is not a choice", where=where, need=" | ".join(choices))
