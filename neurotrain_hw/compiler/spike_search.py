"""The scale with which a layer's spikes differ least from the float network's on calibration data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from neurotrain_hw.compiler.mismatch import Mismatch
from neurotrain_hw.compiler.related import Wanted

FloatArray = npt.NDArray[np.float64]
Score = Callable[[list[Wanted]], Mismatch]

_COARSE = np.geomspace(0.3, 1.1, 14)  # of the scale with which nothing saturates
_FINE = np.geomspace(0.94, 1.06, 7)


def search_scales(starts: Sequence[Sequence[Wanted]], score: Score, *, per_channel: bool) -> tuple[list[Wanted], str]:
    """Connections with the best scales that were tried, and what that gained, in words.

    From the best of `starts`, of which the first has the scales of the largest weights: one factor for all connections
    onto the layer (per row with `per_channel`), then one for each of several, each coarsely and then finely. `score`
    quantises the layer with the scales given and compares spikes (`Mismatch.cost`). Connections with integers of
    training stay as they are.
    """
    scores = [score(list(start)) for start in starts]
    k = min(range(len(starts)), key=lambda k: float(scores[k].cost.mean()))
    best, found = [replace(w, never_clip=w.kept is not None) for w in starts[k]], scores[k]
    free = [k for k, w in enumerate(best) if w.kept is None]
    places = [free] + [[k] for k in free if len(free) > 1 and not per_channel]
    tried = len(starts)
    for place in places:
        for factors in (_COARSE, _FINE):
            best, found = _best_factor(best, found, place, factors, score, per_channel=per_channel)
            tried += factors.size
    words = (
        f"of {tried} choices of scales, the best differs in {found.mean:.3%} of the spikes, the largest weights' in "
    )
    return best, words + f"{scores[0].mean:.3%}"


def _best_factor(
    base: list[Wanted], found: Mismatch, place: list[int], factors: FloatArray, score: Score, *, per_channel: bool
) -> tuple[list[Wanted], Mismatch]:
    """The best of the factors on the scales of the connections in `place`; `base` itself where none is better."""
    lowest = found.cost.copy()
    chosen = np.ones_like(lowest)
    for factor in factors:
        cost = score(_scaled(base, place, np.full(lowest.shape, factor))).cost
        better = cost < lowest if per_channel else np.full(lowest.shape, cost.mean() < lowest.mean())
        chosen[better], lowest[better] = factor, cost[better]
    scaled = _scaled(base, place, chosen)
    together = score(scaled)  # rows may share a scale, or an exponent: what they promised one by one is checked
    return (scaled, together) if together.cost.mean() < found.cost.mean() else (base, found)


def _scaled(base: list[Wanted], place: list[int], factor: FloatArray) -> list[Wanted]:
    """Scales times a factor per neuron; a kernel's channel takes the geometric mean of its neurons'."""
    out = list(base)
    for k in place:
        rows = np.exp(np.log(factor).reshape(base[k].scale.size, -1).mean(1))
        out[k] = replace(base[k], scale=base[k].scale * rows)
    return out
