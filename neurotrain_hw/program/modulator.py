"""Modulators: how a post neuron forms the third factor of its learning connections, in exact integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.program.value_check import check_choice, check_range

SIGNALS = ("error", "feedback", "reward", "goodness")
PSI_KINDS = ("none", "box", "triangle", "segments")
BESIDE = ("nothing", "trace", "psi", "psi_alone", "noise")
PSI_BITS = 5
"""Bits of a pseudo-derivative that is read from a table: psi is worth psi / 32."""

_SEGMENTS = 32
_RANGES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "psi_halfwidth": (0, 2**23), "signal_shift": (0, 31), "trace_decay": (0, 4096), "trace_impulse": (0, 2**20),
        "trace_shift": (0, 31), "error_step": (1, 127), "beside_shift": (0, 6), "goodness_shift": (0, 31),
        "goodness_level": (0, 2**20), "noise_exp": (0, 16), "noise_seed": (0, 2**62),
    }
)  # fmt: skip


@dataclass(frozen=True)
class Modulator:
    """How a post neuron forms the third factor of its learning connections, in integers, once a step.

    With v' the membrane before the reset, theta = vth << 6, x = v' - theta, s this step's spike, tz(a, k) a shift
    toward zero, clip127(a) = clip(a, -127, 127), and floor shifts >>:

        psi = 1                                       (psi = "none")
        psi = |x| <= psi_halfwidth                    (psi = "box"; 24-bit membrane units)
        psi = 31 - (how many k of 1..31 have (k * psi_halfwidth) >> 5 <= |x|)               (psi = "triangle")
        psi = psi_values[how many psi_bounds are <= x]         (psi = "segments"; ReckOn's table has 5 of 5 bits)

        z = min(tz(z * (4096 - trace_decay), 12) + s * trace_impulse, 2^23 - 1),  h = z >> trace_shift

        signal = "feedback":  L = the int32 sum of the port `signal`, which is 0 again afterwards
        signal = "error":     e = clip127(target - h), or clip127(target - (v' >> trace_shift)) for output = "membrane";
                              L = e / error_step, cut toward zero
        signal = "reward":    L = clip127(value of the one neuron of `target`)
        signal = "goodness":  p = the sign of the value of the one neuron of `target`: 1 positive pass, -1 negative;
                              q = clip(64 - p * ((G >> goodness_shift) - goodness_level), 0, 127), a hard sigmoid;
                              L = p * ((q * min(h, 127)) >> 7), with G the sum of min(h, 127)^2 over all neurons of the
                              population as of the step before, at most 2^31 - 1 (0 before the first step)

        M = clip127(tz(psi * L, signal_shift + b)), b = 5 where psi comes from a table ("triangle", "segments"), else 0

    `target` is an input population of as many neurons (error) or of one (reward, goodness), read in the same step.
    The neuron sends at its own step, without sign, as the traces of a chip are:

        beside = "nothing":   y1 = max(M, 0), y2 = max(-M, 0), y3 = 0
        any other:            y1 as below, y2 = max(M, 0), y3 = max(-M, 0)
        beside = "trace":     y1 = min(h, 127), its own spikes filtered
        beside = "psi":       y1 = min(psi << beside_shift, 127)
        beside = "psi_alone": the same, and M is formed with psi = 1 and b = 0
        beside = "noise":     y1 = 64 + xi, where xi, -63 to 63, is also added to the membrane before the threshold:
                              v' = clip(v' + (xi << noise_exp), -2^23 + 1, 2^23 - 1). In step t neuron i of n draws
                              xi = r mod 127 - 63 with r number (t - 1) * n + i + 1 of SplitMix64 from noise_seed

    For signal = "error" it also sends L (signed), or its sign (error_sent = "sign"), on its port `error`, which
    feedback connections read with one step of latency. z is kept where something reads it, and is set to 0 when the
    neuron's state is reset (`lif_reset`).
    """

    signal: Literal["error", "feedback", "reward", "goodness"]
    psi: Literal["none", "box", "triangle", "segments"] = "none"
    psi_halfwidth: int = 0
    signal_shift: int = 0
    target: str | None = None
    trace_decay: int = 0
    trace_impulse: int = 0
    trace_shift: int = 0
    psi_bounds: tuple[int, ...] = ()
    psi_values: tuple[int, ...] = ()
    output: Literal["spikes", "membrane"] = "spikes"
    error_step: int = 1
    error_sent: Literal["value", "sign"] = "value"
    beside: Literal["nothing", "trace", "psi", "psi_alone", "noise"] = "nothing"
    beside_shift: int = 0
    goodness_shift: int = 0
    goodness_level: int = 0
    noise_exp: int = 0
    noise_seed: int = 0

    @property
    def filters_spikes(self) -> bool:
        """Whether z is kept."""
        spikes = self.signal == "error" and self.output == "spikes"
        return spikes or self.signal == "goodness" or self.beside == "trace"

    @property
    def psi_from_table(self) -> bool:
        """Whether psi has 5 bits."""
        return self.psi in ("triangle", "segments")

    @property
    def state_bits(self) -> int:
        """State per neuron that it keeps from step to step: z, of 24 bits, and the int32 sum of what is fed back."""
        return 24 * self.filters_spikes + 32 * (self.signal == "feedback")

    @property
    def operations(self) -> tuple[int, int]:
        """(multiplications, additions) of one neuron's update, comparisons and clips of a sum among neither.

        z: a product and a sum. error: a difference, and a product where it is divided. goodness: the square and its
        sum, the product with q. A box: the distance and a comparison; a table: the distance and the product with L.
        noise: the sum with the membrane. Shifts and tables are free; what feeds a port are synaptic events.
        """
        products = sums = int(self.filters_spikes)
        if self.signal == "error":
            products, sums = products + (self.error_step > 1), sums + 1
        if self.signal == "goodness":
            products, sums = products + 2, sums + 1
        if self.psi == "box":
            sums += 2
        if self.psi_from_table:
            products, sums = products + (self.beside != "psi_alone"), sums + 1
        return products, sums + (self.beside == "noise")


def check_modulator(modulator: Modulator, n: int, target: tuple[str, int] | None, where: str) -> None:
    """Every choice and range of a modulator of n neurons; ValueRangeError names the place.

    `target`: kind and size of the population that it names, None where it names none.
    """
    for key, known in (
        ("signal", SIGNALS), ("psi", PSI_KINDS), ("output", ("spikes", "membrane")),
        ("error_sent", ("value", "sign")), ("beside", BESIDE),
    ):  # fmt: skip
        check_choice(f"modulator.{key}", getattr(modulator, key), known, where)
    for key, (low, high) in _RANGES.items():
        check_range(f"modulator.{key}", getattr(modulator, key), low, high, where)
    if modulator.psi == "triangle" and modulator.psi_halfwidth == 0:
        raise ValueRangeError("its triangle has no width", where=where, need="psi_halfwidth of 1 or more")
    _check_segments(modulator, where)
    size = {"error": n, "reward": 1, "goodness": 1}.get(modulator.signal)
    if size is None and target is not None:
        raise ValueRangeError("a fed-back signal takes no target", where=where, remedy="Connect to its port 'signal'.")
    if size is not None and target != ("input", size):
        found = "no target" if target is None else f"a target of kind '{target[0]}' and size {target[1]}"
        need = "an input of 1 neuron" if size == 1 else f"an input of {size} neurons"
        raise ValueRangeError(f"its signal '{modulator.signal}' has {found}", where=where, need=need)


def _check_segments(modulator: Modulator, where: str) -> None:
    bounds, values = modulator.psi_bounds, modulator.psi_values
    if not isinstance(bounds, tuple) or not isinstance(values, tuple):
        raise ValueRangeError("psi_bounds or psi_values is no tuple", where=where, need="tuples of integers")
    if modulator.psi != "segments":
        if bounds or values:
            raise ValueRangeError(f"a psi '{modulator.psi}' with psi_bounds or psi_values", where=where)
        return
    if not 0 < len(bounds) < _SEGMENTS or len(values) != len(bounds) + 1:
        raise ValueRangeError(
            f"{len(bounds)} psi_bounds and {len(values)} psi_values", where=where,
            need=f"1 to {_SEGMENTS - 1} bounds, and a value more",
        )  # fmt: skip
    for bound in bounds:
        check_range("modulator.psi_bounds", bound, -(2**24), 2**24, where)
    for value in values:
        check_range("modulator.psi_values", value, 0, 2**PSI_BITS - 1, where)
    if any(a >= b for a, b in pairwise(bounds)):
        raise ValueRangeError("its psi_bounds do not rise", where=where)
