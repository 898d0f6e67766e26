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


def search_scales(wanted: Sequence[Wanted], score: Score, *, per_channel: bool) -> tuple[list[Wanted], str]:
    """Connections with the best scales that were tried, and what that gained, in words.

    First one factor for all connections onto the layer (per row with `per_channel`), then one for each of several,
    each coarsely and then finely. `score` quantises the layer with the scales given and compares spikes. Connections
    with integers of training stay as they are.
    """
    free = [k for k, w in enumerate(wanted) if w.kept is None]
    best = [replace(w, never_clip=w.kept is not None) for w in wanted]
    first = score(list(wanted))
    least = first.wrong
    places = [free] + [[k] for k in free if len(free) > 1 and not per_channel]
    tried = 0
    for place in places:
        for factors in (_COARSE, _FINE):
            best, least = _best_factor(best, least, place, factors, score, per_channel=per_channel)
            tried += factors.size
    words = f"of {tried} scales tried, the best differs in {least.mean():.3%} of the spikes, the largest weight's in "
    return best, words + f"{first.mean:.3%}"


def _best_factor(
    base: list[Wanted], least: FloatArray, place: list[int], factors: FloatArray, score: Score, *, per_channel: bool
) -> tuple[list[Wanted], FloatArray]:
    """The best of the factors on the scales of the connections in `place`; `base` itself where none is better."""
    chosen = np.ones_like(least)
    lowest = least.copy()
    for factor in factors:
        wrong = score(_scaled(base, place, np.full(least.shape, factor))).wrong
        better = wrong < lowest if per_channel else np.full(least.shape, wrong.mean() < lowest.mean())
        chosen[better], lowest[better] = factor, wrong[better]
    found = _scaled(base, place, chosen)
    wrong = score(found).wrong  # rows may share a scale, or an exponent: what they promised one by one is checked
    return (found, wrong) if wrong.mean() < least.mean() else (base, least)


def _scaled(base: list[Wanted], place: list[int], factor: FloatArray) -> list[Wanted]:
    """Scales times a factor per neuron; a kernel's channel takes the geometric mean of its neurons'."""
    out = list(base)
    for k in place:
        rows = np.exp(np.log(factor).reshape(base[k].scale.size, -1).mean(1))
        out[k] = replace(base[k], scale=base[k].scale * rows)
    return out
