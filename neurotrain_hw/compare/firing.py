"""When a neuron spikes and what becomes of its membrane, in the units of the chip's integers.

The rules are those of `NodeMeaning` (docs/reference/nir-primitives-and-dialects.md); the chip's own is one of them, or
`zero_still`: v = 0 in the step of the spike, and in the next step the neuron neither integrates nor spikes (Loihi's
refractory period of one step).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurotrain_hw.compiler.ideal import IdealNetwork
from neurotrain_hw.interchange import Graph

FloatArray = npt.NDArray[np.float64]

RESETS = (
    "zero", "subtract", "subtract_multiple", "subtract_pending", "zero_delayed", "zero_held", "zero_still",
    "subtract_before", "subtract_delayed", "once", "none",
)  # fmt: skip


@dataclass(frozen=True)
class Firing:
    """`reset` as `NodeMeaning.reset` (or `zero_still`); `reached`: a spike where v >= theta, else where v > theta.

    `floor`: v does not fall below -theta.
    """

    reset: str = "zero"
    reached: bool = False
    floor: bool = False


def source_firing(graph: Graph, network: IdealNetwork) -> dict[str, Firing]:
    """How the neurons of a graph spike and reset, by layer.

    A neuron that decides before its update is one that decides after it and is heard a step later (the latencies of
    `network` say so); of its resets only those of the next step ever happen.
    """
    found: dict[str, Firing] = {}
    for layer in network.layers:
        if layer.name not in graph.nodes:  # made by the compiler: a source of biases
            continue
        meaning = graph.meaning.node(layer.name)
        reset: str = meaning.reset
        if meaning.decided == "before":
            late = {"zero": "none", "subtract": "none", "subtract_multiple": "none"}
            reset = (late | {"subtract_pending": "subtract_delayed"}).get(reset, reset)
        if type(graph.nodes[layer.name]).__name__ == "Threshold":
            reset = "none"
        found[layer.name] = Firing(reset, meaning.threshold == "reached", meaning.floor == "threshold")
    return found


class Membrane:
    """The firing of one layer in a batch, (B, n), with its threshold `theta` (n,)."""

    def __init__(self, firing: Firing, theta: FloatArray, shape: tuple[int, int]) -> None:
        self.firing, self.theta = firing, theta
        self.step = np.where(np.isfinite(theta), theta, 0.0)  # what a subtracting reset takes
        self.above = np.zeros(shape, bool)
        """Who was above the threshold when the step began; with zero_still: who spiked in the last step; with once:
        who has spiked."""

    def begin(self, v: FloatArray) -> FloatArray:
        """v before the update of a step."""
        rule = self.firing.reset
        if rule not in ("zero_still", "once"):
            self.above = self._fires(v)
        if rule == "zero_delayed":
            return np.where(self.above, 0.0, v)
        taken: FloatArray = v - self.above * self.step if rule == "subtract_before" else v
        return taken

    def end(self, v: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(spikes, v) after the update of a step."""
        firing, step = self.firing, self.step
        if firing.reset in ("zero_held", "zero_still", "once"):
            v = np.where(self.above, 0.0, v)
        elif firing.reset in ("subtract_delayed", "subtract_pending"):
            v = v - self.above * step
        fires = self._fires(v)
        sent = fires.astype(np.float64)
        if firing.reset == "zero_still":
            fires = self.above = fires & ~self.above
            sent = fires.astype(np.float64)
        elif firing.reset == "once":
            fires = fires & ~self.above
            self.above = self.above | fires
            sent = fires.astype(np.float64)
        if firing.reset in ("zero", "zero_still", "once"):
            v = np.where(fires, 0.0, v)
        elif firing.reset == "subtract":
            v = v - fires * step
        elif firing.reset == "subtract_pending":
            v = v - (sent - self.above) * step
        elif firing.reset == "subtract_multiple":
            sent = np.where(fires, np.floor(v / self.theta), 0.0)
            v = v - sent * step
        if firing.floor:
            v = np.maximum(v, -self.theta)
        return sent, v

    def _fires(self, v: FloatArray) -> npt.NDArray[np.bool_]:
        fires: npt.NDArray[np.bool_] = v >= self.theta if self.firing.reached else v > self.theta
        return fires
