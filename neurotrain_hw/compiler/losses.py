"""What quantisation lost, in numbers, and the losses that are faults: nothing is lost without a word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from neurotrain_hw.compiler.headroom import memory, sums_of_one_sign
from neurotrain_hw.compiler.ideal import IdealLayer
from neurotrain_hw.compiler.integers import IntegerLayer
from neurotrain_hw.compiler.membrane import WEIGHT_ONE
from neurotrain_hw.compiler.mismatch import Mismatch
from neurotrain_hw.compiler.related import Related
from neurotrain_hw.errors import ValueRangeError

_SATURATED = 0.01
_IDLE = 0.1  # neurons that never or always fire in float, too, are told above this share


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


def unreachable_notes(
    layer: IdealLayer, unit: npt.NDArray[np.float64], vth: npt.NDArray[np.int32], related: Sequence[Related], steps: int
) -> list[str]:
    """A warning where neurons cannot spike, whatever the input: all excitation in every step stays below threshold."""
    finite = np.isfinite(layer.threshold)
    if not finite.any():
        return []
    current = sums_of_one_sign(related, layer.n)[0] * memory(layer.current_decay, steps)
    reach = (current + layer.bias) * memory(layer.decay, steps)
    stuck = finite & (reach <= vth * unit * WEIGHT_ONE)
    if not stuck.any():
        return []
    return [
        f"warning: {layer.name}: {stuck.sum()} of {layer.n} neurons ({stuck.mean():.1%}) cannot spike within {steps} "
        "steps, whatever the input; their weights are small beside the threshold: train them, or leave them out"
    ]


def activity_notes(layer: IntegerLayer, mismatch: Mismatch) -> tuple[str, ...]:
    """The share of spikes that differ on calibration data, and warnings of neurons that never or always fire there."""
    name, spiking = layer.source.name, np.isfinite(layer.source.threshold)
    if not spiking.any():
        return (f"{name}: on the calibration data its membranes differ by {np.sqrt(mismatch.mean):.2%} (rms)",)
    count, wanted = int(spiking.sum()), mismatch.wanted_rate[spiking]
    rate, wrong = mismatch.rate[spiking], mismatch.wrong[spiking]
    notes = [
        f"{name}: on the calibration data {wrong.mean():.3%} of its spikes differ from the float layer's on the same "
        f"input; {rate.mean():.3g} spikes per neuron and step, in float {wanted.mean():.3g}"
    ]
    for kind, level, remedy in (
        ("never", 0, "give the weights more bits or another scale"),
        ("always", 1, "give the weights more bits or another scale, or lower the bias"),
    ):
        now, before = rate == level, wanted == level
        if now.any() and (np.any(now & ~before) or now.mean() > _IDLE):
            remedy = remedy if np.any(now & ~before) else "train them, or leave them out"
            notes.append(
                f"warning: {name}: {now.sum()} of {count} neurons ({now.mean():.1%}) {kind} fire on the calibration "
                f"data, {np.count_nonzero(now & before)} of which do so in float, too; {remedy}"
            )
    return tuple(notes)


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
