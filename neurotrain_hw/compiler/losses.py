"""What quantisation lost, in numbers, and the losses that are faults: nothing is lost without a word."""

from __future__ import annotations

import numpy as np

from neurotrain_hw.compiler.related import Related
from neurotrain_hw.errors import ValueRangeError

_SATURATED = 0.01


def check_weights(related: Related) -> None:
    """ValueRangeError where all weights of a connection are or become zero."""
    where = related.wanted.source.name
    if not related.wanted.weight.any():
        raise ValueRangeError("all weights are zero", where=where, remedy="Train the layer.")
    if not related.q.any():
        raise ValueRangeError(
            "all weights round to zero", where=where, remedy="Train the layer, or give its weights more bits."
        )


def loss_notes(related: Related) -> tuple[str, ...]:
    """For weights of training, the share at the ends of their range; for others, scale, error and what saturated."""
    wanted, q, where = related.wanted, related.q, related.wanted.source.name
    if wanted.kept is not None and q is wanted.kept:
        return _at_limit(related)
    relative = float(np.sqrt(np.mean((wanted.weight - related.scale[:, None] * q) ** 2) / np.mean(wanted.weight**2)))
    vanished = int(np.count_nonzero((q == 0) & (wanted.weight != 0)))
    low, high = float(related.scale.min()), float(related.scale.max())
    scale = f"scale {low:.6g}" if low == high else f"scales {low:.6g} to {high:.6g}"
    notes: tuple[str, ...] = (
        f"{where}: quantised after training to {wanted.form.bits} bits, {scale}; rms error {relative:.2%} of the rms "
        f"weight; {vanished} of {np.count_nonzero(wanted.weight)} weights became zero",
    )
    share = saturated_share(related)
    if share > _SATURATED:
        notes += (
            f"warning: {where}: {share:.1%} of the weights saturate at {wanted.form.low} or {wanted.form.high}; a "
            "larger percentile, the method mse or max, or more bits keep them",
        )
    return notes


def saturated_share(related: Related) -> float:
    """The share of weights that are further than half a step beyond the ends of the range."""
    steps, form = np.rint(related.wanted.weight / related.scale[:, None]), related.wanted.form
    return float(np.mean((steps < form.low) | (steps > form.high))) if steps.size else 0.0


def _at_limit(related: Related) -> tuple[str, ...]:
    """A note where over 1 % of the weights lie at an end of the range, a sign of clipping in training."""
    form, q = related.wanted.form, related.q
    if form.sign_mode == "mixed":
        ends = np.abs(q) >= form.high
    else:
        ends = ((q == form.low) | (q == form.high)) & (q != 0)
    share = float(np.mean(ends))
    words = (
        f"{related.wanted.source.name}: {share:.1%} of the weights lie at an end of the range {form.low}..{form.high}"
    )
    return (words,) if share > _SATURATED else ()
