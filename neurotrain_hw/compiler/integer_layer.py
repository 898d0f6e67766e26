"""One layer with the synapses onto it, from the chip's equations in floats to its integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.calibrate import Calibration
from neurotrain_hw.compiler.headroom import Peaks, choose_exponent, range_notes
from neurotrain_hw.compiler.ideal import IdealLayer, IdealSynapses
from neurotrain_hw.compiler.integers import IntegerLayer, IntegerSynapses
from neurotrain_hw.compiler.losses import activity_notes, check_weights, loss_notes, unreachable_notes
from neurotrain_hw.compiler.membrane import membrane
from neurotrain_hw.compiler.mismatch import Mismatch, layer_mismatch
from neurotrain_hw.compiler.related import Related, Wanted, at_octave, relate
from neurotrain_hw.compiler.scales import choose_scales
from neurotrain_hw.compiler.settings import QuantisationSettings
from neurotrain_hw.compiler.spike_search import search_scales
from neurotrain_hw.compiler.weight_format import chosen_format, weight_format
from neurotrain_hw.errors import UnsupportedError, ValueRangeError

FloatArray = npt.NDArray[np.float64]

_SPREAD = 32.0  # rows of a layer may differ so much in scale over threshold: mantissas of 2^7 to 2^12


def integer_layer(
    layer: IdealLayer,
    synapses: tuple[IdealSynapses, ...],
    chip: Chip,
    settings: QuantisationSettings,
    *,
    steps: int,
    calibration: Calibration | None = None,
) -> IntegerLayer:
    """The integers of a layer and of all synapses onto it, on a chip whose samples are `steps` long.

    Integers of quantisation-aware training (`IdealSynapses.quantisation`) stay as they are, one scale per layer or
    per row; other weights are quantised as `settings` say. Of two connections from the same single neuron, the second
    takes what rounding left of the sum of both. `notes` say in numbers what was lost.
    Raises ValueRangeError where all weights of a connection become zero or a parameter does not fit, UnsupportedError
    for what the chip cannot hold.
    """
    if layer.current_bias.any():
        raise UnsupportedError(
            "a constant current, and the chip adds biases to the membrane", where=f"node '{layer.name}'",
            need="a connection from a neuron that spikes in every step", remedy="Schedule the network first.",
        )  # fmt: skip
    if settings.method == "spikes" and calibration is None:
        raise ValueRangeError(
            "the method spikes needs calibration data", where=f"node '{layer.name}'",
            remedy="Give recordings that are not the test's, or take the method mse.",
        )  # fmt: skip
    wanted = [wanted_weights(layer, s, chip, settings) for s in synapses]
    if calibration is None:
        return layer_of(layer, wanted, chip, settings, steps=steps)
    wanted = [replace(w, rate=calibration.mean_square(w.source)) for w in wanted]
    peaks, words = calibration.peaks[layer.name], []
    if settings.method == "spikes" and any(w.kept is None for w in wanted):

        def score(tried: list[Wanted]) -> Mismatch:
            found = layer_of(layer, tried, chip, settings, steps=steps, peaks=peaks)
            return layer_mismatch(found, calibration, chip)

        least = replace(settings, method="mse")
        other = [wanted_weights(layer, s, chip, least) for s in synapses]
        other = [replace(w, rate=own.rate) for w, own in zip(other, wanted, strict=True)]
        wanted, gained = search_scales((wanted, other), score, per_channel=settings.per_channel)
        words = [f"{layer.name}: {gained}"]
    found = layer_of(layer, wanted, chip, settings, steps=steps, peaks=peaks)
    mismatch = layer_mismatch(found, calibration, chip)
    return replace(found, notes=(*found.notes, *words, *activity_notes(found, mismatch)))


def wanted_weights(layer: IdealLayer, synapses: IdealSynapses, chip: Chip, settings: QuantisationSettings) -> Wanted:
    """What a connection asks for, before it is known what else shares the membrane."""
    name, conv = synapses.name, synapses.conv is not None and not synapses.delay  # with a delay it is unrolled
    own = np.asarray(synapses.weight, np.float64).reshape(synapses.weight.shape[0], -1)
    effective = own * synapses.row_scale[:, None]
    trained, asked = synapses.quantisation, settings.bits_of(layer.name, name)
    if trained is not None and (asked is None or asked >= trained.bits):
        form = weight_format(chip, trained.bits, trained.sign_mode, conv=conv, where=name)
        q = trained.integers(synapses.weight, where=name).reshape(own.shape)
        scale = trained.scales(own.shape[0], where=name) * np.abs(synapses.row_scale)
        q = np.where(synapses.row_scale[:, None] < 0, -q, q) * (synapses.row_scale != 0)[:, None]
        scale[synapses.row_scale == 0] = np.median(scale[synapses.row_scale != 0]) if scale.any() else 1.0
        return Wanted(synapses, effective, form, scale, np.clip(q, form.low, form.high).astype(np.int32))
    form = chosen_format(chip, effective, settings, layer=layer.name, name=name, conv=conv)
    scale = choose_scales(effective, form, settings)
    if settings.per_channel:
        _check_thresholds(layer, chip)
        scale = _without_extremes(scale, layer)
    return Wanted(synapses, effective, form, scale, never_clip=settings.method == "max")


def layer_of(
    layer: IdealLayer, wanted: list[Wanted], chip: Chip, settings: QuantisationSettings, *, steps: int,
    peaks: Peaks | None = None,
) -> IntegerLayer:  # fmt: skip
    """The integers of a layer whose connections ask for that; `peaks` seen on calibration data bound the membrane."""
    pairs = _pairs(wanted)
    paired = {id(w) for pair in pairs for w in pair}
    anchor, related = relate([w for w in wanted if id(w) not in paired] or wanted, layer.n)
    found = {id(r.wanted): r for r in related}
    for pair in pairs:
        found |= {id(w): r for w, r in zip(pair, _coarse_and_fine(*pair, anchor), strict=True)}
    related = [found[id(w)] for w in wanted]
    if settings.weight_exp is None:
        exponent = choose_exponent(layer, anchor, related, chip, steps=steps, peaks=peaks)
        related = _within_reach(related, anchor, exponent)
    else:
        exponent = settings.weight_exp - related[0].octave
    unit = anchor / 2.0 ** (exponent + 6)
    cells = membrane(layer, unit, chip)
    weights = tuple(_synapses(r, exponent, check=id(w) not in paired) for r, w in zip(related, wanted, strict=True))
    notes = [*cells.notes, *_pair_notes(pairs, wanted, related)]
    notes += range_notes(
        layer, anchor, exponent, related, chip, dv=cells.dv, vth=cells.vth, steps=steps, peaks=peaks
    )  # fmt: skip
    notes += unreachable_notes(layer, unit, cells.vth, related, steps)
    notes += _threshold_count(layer, cells.vth, chip)
    return IntegerLayer(
        layer, weights, unit, cells.du, cells.dv, cells.vth, cells.bias_mant, cells.bias_exp, tuple(notes)
    )  # fmt: skip


def _pairs(wanted: list[Wanted]) -> list[tuple[Wanted, Wanted]]:
    """Connections from the same single neuron, two and two: only the sum of their weights matters."""
    first: dict[tuple[object, ...], Wanted] = {}
    pairs = []
    for w in wanted:
        if w.kept is not None or w.source.conv is not None or w.weight.shape[1] != 1:
            continue
        partner = first.pop(key := (w.source.pre, w.source.latency, w.source.delay), None)
        if partner is None:
            first[key] = w
        else:
            pairs.append((partner, w))
    return pairs


def _coarse_and_fine(coarse: Wanted, fine: Wanted, anchor: FloatArray) -> tuple[Related, Related]:
    """The sum of both weights, rounded to the first one's integers, and what that left to the second one's."""
    total = coarse.weight + fine.weight
    first = at_octave(replace(coarse, weight=total), anchor, _octave_without_clipping(total, coarse, anchor))
    left = total - first.scale[:, None] * first.q
    octave = _octave_without_clipping(left, fine, anchor) if left.any() else first.octave
    return first, at_octave(replace(fine, weight=left), anchor, octave)


def _pair_notes(pairs: list[tuple[Wanted, Wanted]], wanted: list[Wanted], related: list[Related]) -> list[str]:
    """What both connections of a pair together are off by."""
    made = {id(w): r.scale[:, None] * r.q for w, r in zip(wanted, related, strict=True)}
    notes = []
    for first, second in pairs:
        total = first.weight + second.weight
        error = float(np.abs(total - made[id(first)] - made[id(second)]).max())
        largest = float(np.abs(total).max())
        notes.append(f"{first.source.name}: a constant of up to {largest:.6g}, off by at most {error:.3g}")
    return notes


def _octave_without_clipping(weight: FloatArray, wanted: Wanted, anchor: FloatArray) -> int:
    reach = float((np.abs(weight[:, 0]) / anchor).max()) / (wanted.form.largest * wanted.form.grid)
    return int(np.ceil(np.log2(reach) - 1e-9)) if reach > 0 else 0


def _within_reach(related: list[Related], anchor: FloatArray, exponent: int) -> list[Related]:
    """Connections so far below the others that the exponent would floor their sums take a coarser scale."""
    out = []
    for r in related:
        lowest = r.wanted.form.exp_low - exponent
        if r.octave < lowest:
            coarser = at_octave(r.wanted, anchor, lowest)
            note = (
                f"{r.wanted.source.name}: its scale {r.scale[0]:.6g} lies too far below that of the other connections "
                f"onto the layer: {coarser.scale[0]:.6g} instead"
            )
            r = replace(coarser, notes=(*r.notes, note))
        out.append(r)
    return out


def _synapses(related: Related, exponent: int, *, check: bool) -> IntegerSynapses:
    wanted, source = related.wanted, related.wanted.source
    if check:
        check_weights(related)
    notes = (*related.notes, *loss_notes(related)) if check else related.notes
    return IntegerSynapses(
        source, related.q.reshape(source.weight.shape), related.scale, wanted.form.bits, wanted.form.stored_bits,
        wanted.form.grid, wanted.form.sign_mode, exponent + related.octave, notes,
    )  # fmt: skip


def _without_extremes(scale: FloatArray, layer: IdealLayer) -> FloatArray:
    """Rows with tiny weights beside their threshold would need thresholds beyond 17 bits: they take a larger scale."""
    threshold = layer.threshold.reshape(scale.size, -1)
    least = np.where(np.isfinite(threshold), threshold, 0).max(1)
    if not least.any():
        return scale
    ratio = np.where(least > 0, scale / np.where(least > 0, least, 1), 0.0)
    floor = ratio.max() / _SPREAD
    return np.where(least > 0, np.maximum(scale, floor * least), scale)


def _check_thresholds(layer: IdealLayer, chip: Chip) -> None:
    limit = chip.integer("structure.threshold_configs_per_core")
    if limit is not None and limit < layer.n:
        raise UnsupportedError(
            "one scale per channel needs a threshold for each neuron", where=f"node '{layer.name}'", need=layer.n,
            limit=f"{limit} thresholds per core on {chip.name}", remedy="Quantise with one scale per layer.",
        )  # fmt: skip


def _threshold_count(layer: IdealLayer, vth: npt.NDArray[np.int32], chip: Chip) -> list[str]:
    limit, count = chip.integer("structure.threshold_configs_per_core"), np.unique(vth).size
    if limit is None or count <= limit:
        return []
    return [f"{layer.name}: {count} different thresholds, and a core of {chip.name} holds {limit}"]
