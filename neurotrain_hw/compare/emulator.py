"""A network between its source and the chip: float64, with a switch for each effect of the chip's integers.

With all effects it computes what the chip computes, to the bit (rounded quantities are whole numbers below 2^53); with
none of them what the source's equations say, in float64. Formulas: `simulator/arithmetic.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from neurotrain_hw.compare.arrivals import WEIGHT_SHIFT, Arrivals, wrap
from neurotrain_hw.compare.effects import ALL
from neurotrain_hw.compare.firing import Firing, Membrane
from neurotrain_hw.compiler.ideal import IdealLayer, IdealNetwork
from neurotrain_hw.compiler.integers import IntegerLayer
from neurotrain_hw.program import Arithmetic

FloatArray = npt.NDArray[np.float64]
Effects = Collection[str] | Mapping[str, Collection[str]]
_DECAY_ONE, _LIMIT, _THETA_SHIFT = 4096.0, 2.0**23, 6


@dataclass(frozen=True, eq=False)
class Emulated:
    """What layers did, by name; arrays (T, B, n), states in the chip's integer steps.

    `sent`: spikes (several in a step where the source's neuron does so). `u`, `v`: current and membrane at the end of a
    step; `raised`: the membrane that the spike was decided on. `beyond`: how many currents and how many membranes left
    the 24 bits, whether or not they were bounded.
    """

    sent: Mapping[str, npt.NDArray[np.uint8]]
    u: Mapping[str, FloatArray] = field(default_factory=dict)
    v: Mapping[str, FloatArray] = field(default_factory=dict)
    raised: Mapping[str, FloatArray] = field(default_factory=dict)
    beyond: Mapping[str, tuple[int, int]] = field(default_factory=dict)


class Emulator:
    """An `IdealNetwork` and its integers, ready to run with any set of effects.

    `integers`: one per layer, in the order of the network's. `arithmetic`: of the chip. `source`: by layer, how the
    source's neurons spike and reset, where that is not what `IdealLayer` says (used without the effect `reset`).
    """

    def __init__(
        self, network: IdealNetwork, integers: Iterable[IntegerLayer], *, arithmetic: Arithmetic = Arithmetic(),
        source: Mapping[str, Firing] | None = None,
    ) -> None:  # fmt: skip
        self.network, self.arithmetic = network, arithmetic
        self.integers = {layer.source.name: layer for layer in integers}
        self.source = dict(source or {})
        self.always = {name for name, layer in self.integers.items() if not layer.synapses}
        """Layers that nothing reaches: what they send is a bias of the layers behind them."""
        self.shapes = {i.name: i.shape for i in network.inputs} | {layer.name: layer.shape for layer in network.layers}

    def run(
        self, inputs: Mapping[str, npt.NDArray[np.integer]], effects: Effects = ALL, *, record: Collection[str] = ()
    ) -> Emulated:
        """Run a batch from rest.

        `inputs` by name, whole numbers (T, B, n) or (T, B, *shape). `effects`: of all layers, or by layer (none where
        it names none). `record`: layers whose u, v and raised are kept.
        """
        given = {name: np.asarray(x).reshape(*np.shape(x)[:2], -1) for name, x in inputs.items()}
        steps, batch = next(iter(given.values())).shape[:2]
        layers = [_Layer(self, layer, _of(effects, layer.name), batch) for layer in self.network.layers]
        sent = {layer.name: np.zeros((steps, batch, layer.n), np.uint8) for layer in layers}
        kept = {
            key: {layer.name: np.zeros((steps, batch, layer.n)) for layer in layers if layer.name in record}
            for key in ("u", "v", "raised")
        }
        for t in range(steps):
            now = {name: x[t].astype(np.float64) for name, x in given.items()}
            for layer in layers:
                now[layer.name] = layer.step(now)
                sent[layer.name][t] = now[layer.name]
                if layer.name in record:
                    for key, into in kept.items():
                        into[layer.name][t] = getattr(layer, key)
            for layer in layers:
                layer.send(now)
        return Emulated(sent, **kept, beyond={layer.name: (layer.u_beyond, layer.v_beyond) for layer in layers})

    def firing(self, layer: IdealLayer, *, chip: bool) -> Firing:
        """How a layer spikes and resets, on the chip or in the source."""
        if not chip:
            return self.source.get(layer.name, Firing(layer.reset, layer.reached))
        reset = "zero_still" if layer.reset == "zero_held" else layer.reset
        return Firing(reset, layer.reaches or self.arithmetic.threshold == "reached")


def _of(effects: Effects, layer: str) -> frozenset[str]:
    return frozenset(effects.get(layer, ()) if isinstance(effects, Mapping) else effects)


class _Layer:
    """One layer in a batch: its state, and a step of it."""

    def __init__(self, emulator: Emulator, ideal: IdealLayer, effects: frozenset[str], batch: int) -> None:
        integer, arithmetic = emulator.integers[ideal.name], emulator.arithmetic
        self.name, self.n, unit = ideal.name, ideal.n, integer.unit
        # a source that counts as the chip does has these two in its own equations
        rounded, truncated = ("decay" in effects or ideal.reaches), ("truncation" in effects or ideal.reaches)
        self.bounded = "overflow" in effects
        self.wraps, self.v_wraps = arithmetic.u_overflow, arithmetic.v_overflow == "wrap"
        self.keep_u = (_DECAY_ONE - 1 - integer.du) / _DECAY_ONE if rounded else ideal.current_decay
        self.keep_v = (_DECAY_ONE - integer.dv) / _DECAY_ONE if rounded else ideal.decay
        self.truncate = np.trunc if truncated else np.asarray
        bias = np.ldexp(integer.bias_mant.astype(np.float64), integer.bias_exp)
        self.bias = bias if "bias" in effects else ideal.bias / unit
        drive = ideal.current_bias / (unit * 2.0**WEIGHT_SHIFT)  # from a neuron that always spikes
        self.drive = np.rint(drive) if "bias" in effects else drive
        theta = ideal.threshold / unit
        if "threshold" in effects:
            theta = integer.vth.astype(np.float64) * 2.0**_THETA_SHIFT
        self.membrane = Membrane(emulator.firing(ideal, chip="reset" in effects), theta, (batch, self.n))
        self.synapses = [
            (synapses.source.pre, Arrivals(
                synapses, unit, emulator.shapes[synapses.source.pre], floors=truncated, bounded=self.bounded,
                rounded=("bias" if synapses.source.pre in emulator.always else "weights") in effects,
            ))
            for synapses in integer.synapses
        ]  # fmt: skip
        self.zeros = np.zeros((batch, self.n))
        self.u = self.v = self.raised = self.zeros
        self.u_beyond = self.v_beyond = 0

    def step(self, now: Mapping[str, FloatArray]) -> FloatArray:
        """Spikes (B, n) of this step; `now`: what was sent in it so far."""
        total = self.zeros + self.drive
        for pre, arrivals in self.synapses:
            total = total + arrivals.arriving(now.get(pre), self.zeros)
        if self.bounded:
            total = wrap(total, 32) * 2.0**WEIGHT_SHIFT
            u = wrap(self.truncate(self.u * self.keep_u) + wrap(total, 32), 32)
        else:
            u = self.truncate(self.u * self.keep_u) + total * 2.0**WEIGHT_SHIFT
        self.u = self._current(u)
        v = self.membrane.begin(self.v)
        v = self.truncate(v * self.keep_v) + self.u + self.bias
        self.raised = self._voltage(wrap(v, 32) if self.bounded else v)
        sent, self.v = self.membrane.end(self.raised)
        return sent

    def send(self, now: Mapping[str, FloatArray]) -> None:
        """End a step: what was sent in it is due later."""
        for pre, arrivals in self.synapses:
            arrivals.send(now[pre])

    def _current(self, u: FloatArray) -> FloatArray:
        low, high = float(u.min()), float(u.max())
        if low > -_LIMIT and high < _LIMIT:
            return u
        over, under = u > _LIMIT, u <= -_LIMIT
        self.u_beyond += int(np.count_nonzero(over | under))
        if not self.bounded:
            return u
        if self.wraps == "wrap":
            return wrap(u, 24)
        if self.wraps == "saturate":
            clipped: FloatArray = np.clip(u, -_LIMIT + 1, _LIMIT - 1)
            return clipped
        return np.where(over, u - 2 * _LIMIT, np.where(under, u + 2 * _LIMIT, u))

    def _voltage(self, v: FloatArray) -> FloatArray:
        low, high = float(v.min()), float(v.max())
        if low > -_LIMIT and high < _LIMIT:
            return v
        self.v_beyond += int(np.count_nonzero((v >= _LIMIT) | (v <= -_LIMIT)))
        if not self.bounded:
            return v
        bounded: FloatArray = wrap(v, 24) if self.v_wraps else np.clip(v, -_LIMIT + 1, _LIMIT - 1)
        return bounded
