"""Scales of several connections onto one layer: they share one membrane, so they lie powers of two apart.

What connection k adds to the membrane is q * grid_k * 2^(exp_k + 6) steps of `unit`, so its scale can only be
unit * grid_k * 2^(exp_k + 6). One connection, the anchor, has the scale that it asks for; the others take the powers of
two of it that lose least. The anchor with the least error in all is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from neurotrain_hw.compiler.ideal import IdealSynapses
from neurotrain_hw.compiler.scales import squared_error
from neurotrain_hw.compiler.weight_format import WeightFormat, quantised

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]

_CLIPPED = 6  # octaves tried below the one at which nothing saturates
_EXACT = 1e-6  # of an octave: scales that came through float32 are still a power of two apart


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a connection asks for: effective weights (rows, k), the scale (rows,) it would like, and its format.

    `kept`: the integers of training (rows, k), or None. `never_clip`: its scale may grow, but not shrink. `rate`: how
    much its error weighs, the mean square of what its pre neurons send.
    """

    source: IdealSynapses
    weight: FloatArray
    form: WeightFormat
    scale: FloatArray
    kept: IntArray | None = None
    never_clip: bool = False
    rate: float = 1.0


@dataclass(frozen=True, eq=False)
class Related:
    """A connection whose scale is `anchor * grid * 2^octave`, row by row; `q` (rows, k) and what was lost, in words."""

    wanted: Wanted
    q: IntArray
    scale: FloatArray
    octave: int
    notes: tuple[str, ...] = ()

    @property
    def error(self) -> float:
        """The squared error of its weights, weighted."""
        if self.q is self.wanted.kept:
            return 0.0
        return self.wanted.rate * float(((self.wanted.weight - self.scale[:, None] * self.q) ** 2).sum())


def relate(wanted: Sequence[Wanted], n: int) -> tuple[FloatArray, list[Related]]:
    """The anchor float64 (n,), what one unit of the chip's weight is worth at octave 0, and the connections related.

    Integers of training are the anchor wherever there are some, and are kept wherever they can be.
    """
    anchors = [w for w in wanted if w.kept is not None] or list(wanted)
    fitting = [w for w in anchors if _fits_all(_per_neuron(w.scale, n), wanted)]
    best: tuple[FloatArray, list[Related]] | None = None
    for first in fitting or [w for w in wanted if w.source.conv is not None][:1]:
        anchor = _joint(_per_neuron(first.scale, n) / first.form.grid, wanted)
        found = [_related(w, anchor, first) for w in wanted]
        if best is None or sum(r.error for r in found) < sum(r.error for r in best[1]):
            best = anchor, found
    if best is None:
        raise AssertionError("no connection to relate")
    return best


def _joint(anchor: FloatArray, wanted: Sequence[Wanted]) -> FloatArray:
    """With a scale per row for several connections: each row's own, the one among theirs with the least error in all.

    Connections keep the octave between them that fits most rows.
    """
    rows = wanted[0].weight.shape[0]
    alike = all(w.weight.shape[0] == rows for w in wanted)
    several = len(wanted) > 1 and any(np.unique(w.scale).size > 1 for w in wanted)
    if not (alike and several) or any(w.kept is not None for w in wanted):
        return anchor
    base = anchor.reshape(rows, -1)[:, 0]
    octaves = [round(float(np.median(np.log2(w.scale / (base * w.form.grid))))) for w in wanted]
    offers = np.stack([w.scale / (w.form.grid * 2.0**e) for w, e in zip(wanted, octaves, strict=True)])
    if all(w.never_clip for w in wanted):
        chosen = offers.max(0)
    else:
        errors = np.zeros(offers.shape)
        for w, e in zip(wanted, octaves, strict=True):
            for k, offer in enumerate(offers):
                errors[k] += w.rate * squared_error(w.weight, offer * w.form.grid * 2.0**e, w.form)
        chosen = offers[errors.argmin(0), np.arange(rows)]
    return np.repeat(chosen, anchor.size // rows)


def at_octave(wanted: Wanted, anchor: FloatArray, octave: int) -> Related:
    """A connection at a given octave, its integers rounded anew."""
    scale = _per_row(anchor, wanted) * wanted.form.grid * 2.0**octave
    return Related(wanted, quantised(wanted.weight, scale, wanted.form), scale, octave)


def _related(wanted: Wanted, anchor: FloatArray, first: Wanted) -> Related:
    octaves = np.log2(wanted.scale / (_per_row(anchor, wanted) * wanted.form.grid))
    octave = round(float(np.median(octaves)))
    if np.all(np.abs(octaves - octave) < _EXACT):
        found = at_octave(wanted, anchor, octave)
        return found if wanted.kept is None else replace(found, q=wanted.kept)
    top = _octave_without_clipping(wanted, anchor)
    if wanted.never_clip and wanted.kept is None:
        return at_octave(wanted, anchor, top)
    found = min((at_octave(wanted, anchor, e) for e in range(top - _CLIPPED, top + 1)), key=lambda r: r.error)
    if wanted.kept is None:
        return found
    return replace(found, notes=(*found.notes, _requantised(found, first.source.name)))


def _octave_without_clipping(wanted: Wanted, anchor: FloatArray) -> int:
    """The smallest octave at which no weight saturates."""
    reach = np.abs(wanted.weight).max(1) / (_per_row(anchor, wanted) * wanted.form.grid * wanted.form.largest)
    return math.ceil(math.log2(float(reach.max())) - _EXACT) if reach.any() else 0


def _requantised(found: Related, anchor: str) -> str:
    wanted = found.wanted
    rms = math.sqrt(float(np.mean(wanted.weight**2)))
    error = math.sqrt(float(np.mean((wanted.weight - found.scale[:, None] * found.q) ** 2)))
    return (
        f"{wanted.source.name}: its integers of training are requantised, since its scale {wanted.scale[0]:.6g} is no "
        f"power of two from that of '{anchor}', which shares the membrane; now {found.scale[0]:.6g}, rms error "
        f"{error / rms if rms else 0:.2%} of the rms weight"
    )


def _fits_all(scale: FloatArray, wanted: Sequence[Wanted]) -> bool:
    """Whether a scale per neuron is the same within each channel of every kernel."""
    channels = [scale.reshape(w.weight.shape[0], -1) for w in wanted if w.source.conv is not None]
    return all(bool(np.all(c == c[:, :1])) for c in channels)


def _per_neuron(scale: FloatArray, n: int) -> FloatArray:
    """From rows to neurons: a kernel's row is a channel, whose neurons follow one another."""
    return np.repeat(scale, n // scale.size)


def _per_row(anchor: FloatArray, wanted: Wanted) -> FloatArray:
    return anchor.reshape(wanted.weight.shape[0], -1)[:, 0]
