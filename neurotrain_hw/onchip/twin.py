"""The float twin of a learning program: the same network, rule and order of events, in real numbers.

Nothing is rounded, shifted away or clipped but the weights, which keep the range of their sign mode: rules without an
error, such as target projection, would let them grow without end. The scale of a product is that of the engine, its
uncompensated right shift included, so that twin and chip learn at the same rate.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from neurotrain_hw.events import EventStream
from neurotrain_hw.onchip.twin_kernels import STATES, run
from neurotrain_hw.onchip.twin_tables import Tables, tables_of
from neurotrain_hw.program import Program

F64 = npt.NDArray[np.float64]


class FloatTwin:
    """A program of dense connections and LIF neurons being run in float64; it goes on where the last run stopped.

    `rate` multiplies every weight change. UnsupportedError for what it has no real-number form of.
    """

    def __init__(self, program: Program, *, rate: float = 1.0) -> None:
        self.program, self._rate = program, rate
        self._tables: Tables = tables_of(program, rate)
        self._weights = self._tables.weights.copy()
        self._out = [p.name for p in program.populations].index(program.outputs[0])
        self.step, self._state = 0, np.zeros((STATES, self._tables.neurons.shape[1]))
        self._x, self._y, self._tags = (np.zeros(n) for n in self._tables.sizes)

    def learn(self, inputs: Mapping[str, EventStream], *, steps: int) -> F64:
        """Run `steps` more steps and learn; streams start at the first of them. Output spikes, float64 (n_out,)."""
        dense = np.zeros((steps, sum(self.program.population(name).n for name in self.program.inputs)), np.float32)
        at = 0
        for name in self.program.inputs:
            n = self.program.population(name).n
            if name in inputs:
                shown = inputs[name].dense()[:steps]
                dense[: len(shown), at : at + n] = shown
            at += n
        return self._run(dense, True)

    def counts(self, samples: npt.NDArray[np.generic], *, skip: int) -> F64:
        """Output spikes of samples (N, T, n) with the weights as they stand, each from rest: float64 (N, n_out).

        `samples` go to the first input. They are followed by silence for `skip` steps, and the first `skip` steps are
        not counted: the depth of the output. The run itself goes on afterwards as if nothing had happened.
        """
        kept = self._state, self.step
        wide = sum(self.program.population(name).n for name in self.program.inputs)
        out = np.zeros((len(samples), self.program.population(self.program.outputs[0]).n))
        dense = np.zeros((samples.shape[1] + skip, wide), np.float32)
        for sample, count in zip(samples, out, strict=True):
            dense[: len(sample), : sample.shape[1]] = sample
            self._state, self.step = np.zeros_like(kept[0]), 0
            self._run(dense[:skip], False)
            count += self._run(dense[skip:], False)
        self._state, self.step = kept
        return out

    def weights(self) -> dict[str, F64]:
        """Plastic weights as they stand, float64 (n_post, n_pre), in the chip's weight units."""
        return {
            name: self._weights[at : at + n_post * n_pre].reshape(n_pre, n_post).T.copy()
            for name, at, n_post, n_pre in self._tables.plastic
        }

    def copy(self) -> FloatTwin:
        """A twin at step 0 with the weights as they stand."""
        twin = FloatTwin(self.program, rate=self._rate)
        twin._weights = self._weights.copy()
        return twin

    def _run(self, inputs: npt.NDArray[np.float32], learning: bool) -> F64:
        t = self._tables
        counts = np.zeros(self.program.population(self.program.outputs[0]).n)
        run(t.populations, t.reals, t.neurons, self._state, t.connections, t.scales, self._weights, t.rules, t.bounds,
            t.decays, self._x, self._y, self._tags, t.groups, t.products, t.product_scales, t.factors, t.constants,
            inputs, self.step, learning, self._out, counts)  # fmt: skip
        self.step += len(inputs)
        return counts
