"""One layer over many samples at a time: in the chip's equations in float64, and in the chip's integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurotrain_hw.compiler.ideal import IdealLayer
from neurotrain_hw.compiler.integers import IntegerLayer
from neurotrain_hw.compiler.membrane import DECAY_MAX, DECAY_ONE
from neurotrain_hw.program import Arithmetic

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Spikes = npt.NDArray[np.uint8]

_LIMIT = 1 << 23


@dataclass(eq=False)
class IdealState:
    """Current and membrane (samples, n) of a layer in float64, and the largest |value| of each neuron so far.

    The membrane is taken before the reset.
    """

    layer: IdealLayer
    current: FloatArray
    membrane: FloatArray
    held: npt.NDArray[np.bool_]
    largest_current: FloatArray
    largest_membrane: FloatArray

    @classmethod
    def zeros(cls, layer: IdealLayer, samples: int) -> IdealState:
        """The state before the first step."""
        shape = (samples, layer.n)
        none = np.zeros(layer.n)
        return cls(layer, np.zeros(shape), np.zeros(shape), np.zeros(shape, bool), none.copy(), none.copy())

    def step(self, x: FloatArray) -> npt.NDArray[np.bool_]:
        """One step with the weighted sums x (samples, n); the spikes."""
        layer = self.layer
        self.current = layer.current_decay * self.current + x + layer.current_bias
        v = layer.decay * self.membrane + self.current + layer.bias
        v[self.held] = 0
        spikes = v >= layer.threshold if layer.reached else v > layer.threshold
        spikes &= ~self.held
        np.maximum(self.largest_current, np.abs(self.current).max(0, initial=0), out=self.largest_current)
        np.maximum(self.largest_membrane, np.abs(v).max(0, initial=0), out=self.largest_membrane)
        if layer.reset == "subtract":
            self.membrane = np.where(spikes, v - np.where(np.isfinite(layer.threshold), layer.threshold, 0), v)
        else:
            self.membrane = np.where(spikes, 0.0, v)
            self.held = _held(layer, self.held, spikes)
        return spikes


def ideal_layer_run(layer: IdealLayer, x: FloatArray) -> tuple[Spikes, FloatArray]:
    """Spikes uint8 and membranes after the reset, float64, for weighted sums x (samples, steps, n)."""
    state = IdealState.zeros(layer, x.shape[0])
    spikes, membranes = np.zeros(x.shape, np.uint8), np.zeros(x.shape)
    for t in range(x.shape[1]):
        spikes[:, t] = state.step(x[:, t])
        membranes[:, t] = state.membrane
    return spikes, membranes


def integer_layer_run(layer: IntegerLayer, arriving: IntArray, arithmetic: Arithmetic) -> tuple[Spikes, IntArray]:
    """Spikes and membranes after the reset for what arrives, whole numbers (samples, steps, n), shifts applied.

    Lava proc/lif/models.py; the reset by subtraction takes 64 * vth off.
    """
    shape = (arriving.shape[0], arriving.shape[2])
    u, v, held = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, bool)
    theta = layer.vth.astype(np.int64) << 6
    bias = layer.bias_mant.astype(np.int64) << layer.bias_exp
    spikes, membranes = np.zeros(arriving.shape, np.uint8), np.zeros(arriving.shape, np.int64)
    for t in range(arriving.shape[1]):
        u = _into_u(_truncated(u * (DECAY_MAX - layer.du)) + (arriving[:, t] << 6), arithmetic)
        v = _into_v(_truncated(v * (DECAY_ONE - layer.dv)) + u + bias, arithmetic)
        v[held] = 0
        fired = (v >= theta if arithmetic.threshold == "reached" else v > theta) & ~held
        v = np.where(fired, v - theta if layer.source.reset == "subtract" else 0, v)
        held = _held(layer.source, held, fired)
        spikes[:, t], membranes[:, t] = fired, v
    return spikes, membranes


def shifted(sums: npt.NDArray[Any], exponent: int) -> IntArray:
    """acc << exponent, or acc >> -exponent with floor."""
    whole = np.rint(sums).astype(np.int64)
    return np.asarray(whole << exponent if exponent >= 0 else whole >> -exponent)


def _held(layer: IdealLayer, held: npt.NDArray[np.bool_], fired: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Neurons that neither integrate nor spike in the next step."""
    return {"zero_held": fired, "once": held | fired}.get(layer.reset, held)


def _truncated(product: IntArray) -> IntArray:
    return np.asarray(np.sign(product) * (np.abs(product) >> 12))


def _into_u(u: IntArray, arithmetic: Arithmetic) -> IntArray:
    if arithmetic.u_overflow == "saturate":
        return np.clip(u, -_LIMIT + 1, _LIMIT - 1)
    if arithmetic.u_overflow == "wrap":
        return ((u + _LIMIT) % (2 * _LIMIT)) - _LIMIT
    return np.where(u > _LIMIT, u - 2 * _LIMIT, np.where(u <= -_LIMIT, u + 2 * _LIMIT, u))


def _into_v(v: IntArray, arithmetic: Arithmetic) -> IntArray:
    if arithmetic.v_overflow == "wrap":
        return ((v + _LIMIT) % (2 * _LIMIT)) - _LIMIT
    return np.clip(v, -_LIMIT + 1, _LIMIT - 1)
