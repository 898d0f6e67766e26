"""Neurons of NIR, on batches, step by step, in the way that a `NodeMeaning` says."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurotrain_hw.errors import UnsupportedError, ValueRangeError
from neurotrain_hw.interchange.meaning import NodeMeaning
from neurotrain_hw.interchange.primitives import SPIKING
from neurotrain_hw.reference.operators import Array

_ONE = 4096  # of Loihi's decays and, here, of its states: both are multiples of 2^-12


class Neurons:
    """The state of one NIR node in a batch: membrane potential `v` and, for Cuba kinds, current `i`, (B, *shape).

    `sent` is what the neurons sent last: spikes (their number, as a float), or v for kinds that do not spike.
    Parameters are computed in float64 from the file's and then rounded to `precision`.
    """

    def __init__(self, node: Any, meaning: NodeMeaning, dt_s: float, precision: Any, batch: int, *, where: str) -> None:
        kind = type(node).__name__
        if meaning.integration == "none":
            raise UnsupportedError(
                "the graph does not say how its neurons are integrated", where=where,
                need="euler or another integration", remedy="Read the file in a dialect.",
            )  # fmt: skip
        self.meaning, self.spikes = meaning, kind in SPIKING
        self.type = np.dtype(precision).type

        def given(key: str) -> Array:
            return np.asarray(getattr(node, key), np.float64)

        r = given("r")
        self.i: Array | None = None
        if kind.startswith("Cuba"):
            self.synapse = _Filter(meaning, dt_s, given("tau_syn"), given("w_in"), np.zeros_like(r), self.type)
            self.i = np.zeros((batch, *r.shape), precision)
        tau = given("tau_mem") if kind.startswith("Cuba") else given("tau") if kind in ("LI", "LIF") else None
        leak = given("v_leak") if tau is not None else np.zeros_like(r)
        # The drive of a Cuba's membrane is never `unit_decayed`: only what enters its current decays at once.
        drive = "unit" if self.i is not None and meaning.drive == "unit_decayed" else meaning.drive
        self.membrane = _Filter(meaning, dt_s, tau, r, leak, self.type, drive)
        self.v: Array = np.zeros((batch, *r.shape), precision)
        self.sent: Array = np.zeros_like(self.v)
        self.above: Array = np.zeros(self.v.shape, bool)
        self.done: Array = np.zeros(self.v.shape, bool)  # with the reset `once`: who has spiked
        if self.spikes:
            self.threshold = given("v_threshold").astype(precision)
            self.v_reset = given("v_reset").astype(precision)
            if meaning.reset == "subtract_multiple" and np.any(self.threshold <= 0):
                raise ValueRangeError(
                    f"v_threshold goes down to {self.threshold.min():.4g}", where=where, need="above 0"
                )

    @property
    def sends_first(self) -> bool:
        """Whether what is sent does not depend on what arrives in the same step."""
        return self.spikes and self.meaning.decided == "before"

    def decide(self) -> None:
        """Begin a step: who is above the threshold now."""
        if self.spikes:
            self.above = self._fires(self.v)
            if self.sends_first and self.meaning.reset == "once":
                self.above = self._first(self.above)
            if self.sends_first:
                self.sent = self.above.astype(self.v.dtype)

    def take(self, x: Array) -> None:
        """Update with what arrives, (B, *shape)."""
        reset, above = self.meaning.reset, self.above
        if reset == "zero_delayed":
            self.v = np.where(above, self.v_reset, self.v)
        elif reset == "subtract_before":
            self.v = self.v - above * self.threshold
        if self.i is not None:
            x = self.i = self.synapse.step(self.i, x)
        self.v = self.membrane.step(self.v, x)
        if not self.spikes:
            self.sent = self.v
            return
        if reset == "zero_held":
            self.v = np.where(above, self.v_reset, self.v)
        elif reset == "once":
            self.v = np.where(self.done, self.v_reset, self.v)
        elif reset in ("subtract_delayed", "subtract_pending"):
            self.v = self.v - above * self.threshold
        if not self.sends_first:
            self.sent = self._spike().astype(self.v.dtype)
        if self.meaning.floor == "threshold":
            self.v = np.maximum(self.v, -self.threshold)

    def _spike(self) -> Array:
        """The spikes of v, and the reset that belongs to the same step."""
        reset, fires = self.meaning.reset, self._fires(self.v)
        if reset == "once":
            fires = self._first(fires)
        if reset in ("zero", "once"):
            self.v = np.where(fires, self.v_reset, self.v)
        elif reset == "subtract":
            self.v = self.v - fires * self.threshold
        elif reset == "subtract_pending":
            self.v = self.v - (fires.astype(self.v.dtype) - self.above) * self.threshold
        elif reset == "subtract_multiple":
            times: Array = np.where(fires, np.floor(self.v / self.threshold), self.type(0))
            self.v = self.v - times * self.threshold
            return times
        return fires

    def _first(self, fires: Array) -> Array:
        """Who spikes for the first time."""
        fires = fires & ~self.done
        self.done = self.done | fires
        return fires

    def _fires(self, v: Array) -> Array:
        return v >= self.threshold if self.meaning.threshold == "reached" else v > self.threshold


class _Filter:
    """One leaky variable: s' = decay s + gain x + leak, or the equivalent that its integration asks for."""

    def __init__(
        self, meaning: NodeMeaning, dt_s: float, tau: Array | None, gain: Array, leak: Array, number: Any,
        drive: str | None = None,
    ) -> None:  # fmt: skip
        self.number, self.truncated = number, meaning.integration == "truncated"
        drive = drive or meaning.drive
        if tau is None:  # an integrator: nothing leaks, and all but `unit` count dt * r
            keep, share = np.ones_like(gain), np.full_like(gain, dt_s)
        elif meaning.integration == "exponential":
            keep = np.exp(-dt_s / tau)
            share = 1 - keep
        else:
            keep = 1 - dt_s / tau
            share = dt_s / tau
        if self.truncated:
            keep = np.rint(keep * _ONE)  # an integer of 12 bits
        self.keep = keep.astype(number)
        self.gain = {"equation": share * gain, "unit": np.ones_like(gain), "unit_decayed": keep}[drive].astype(number)
        self.leak = None if not np.any(leak) else (share * leak).astype(number)

    def step(self, state: Array, x: Array) -> Array:
        if self.truncated:
            found: Array = np.trunc(state * self.keep) / self.number(_ONE) + self.gain * x
            return found
        found = self.keep * state + self.gain * x
        return found if self.leak is None else found + self.leak
