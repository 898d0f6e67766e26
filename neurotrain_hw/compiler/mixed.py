"""Mixed precision: bits for each connection, so that a network fits a memory and loses as little as can be measured.

Greedy: all connections begin with the most bits; while the network does not fit, the connection goes down to the next
fewer bits that loses least per bit of memory saved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from neurotrain_hw.chips import Chip
from neurotrain_hw.compiler.calibrate import Calibration
from neurotrain_hw.compiler.ideal import IdealNetwork, IdealSynapses
from neurotrain_hw.compiler.integer_layer import integer_layer
from neurotrain_hw.compiler.mismatch import layer_mismatch
from neurotrain_hw.compiler.settings import QuantisationSettings
from neurotrain_hw.compiler.weight_format import allowed_bits
from neurotrain_hw.errors import CapacityError, Shortage, ValueRangeError
from neurotrain_hw.memory.fill import fits
from neurotrain_hw.memory.layout import Layout

_FEWEST = 2  # signed weights need one bit beside the sign


@dataclass(frozen=True)
class MixedBits:
    """Bits by the name of the connection; `errors` by connection and bits; `notes` in words."""

    bits: Mapping[str, int]
    errors: Mapping[str, Mapping[int, float]]
    notes: tuple[str, ...]


def mixed_bits(
    network: IdealNetwork,
    layout: Layout,
    chip: Chip,
    settings: QuantisationSettings,
    *,
    steps: int,
    calibration: Calibration | None = None,
    chips: int | None = 1,
    budget_bytes: int | None = None,
) -> MixedBits:
    """Bits with which the network fits on `chips` chips, and its weights into `budget_bytes` where that is given.

    `layout`: of the program compiled with the most bits. The error of a connection with fewer bits is the share of its
    layer's spikes that differ on calibration data, or without such data the squared error of its weights over their
    square; other connections onto the layer keep their bits meanwhile. Integers of training are not touched. Raises
    CapacityError, with what it needs, where even the fewest bits do not fit.
    """
    if budget_bytes is not None and budget_bytes < 1:
        raise ValueRangeError(f"{budget_bytes} bytes", where="budget", need="at least 1")
    errors = _errors(network, chip, settings, steps, calibration)
    bits = {name: max(found) for name, found in errors.items()}
    sizes = {wire.name: _weights_of(wire.name, network) for wire in layout.wires}

    def suits(tried: Mapping[str, int]) -> bool:
        total = _bytes(layout, tried, sizes)
        return (budget_bytes is None or total <= budget_bytes) and fits(with_bits(layout, tried), chip, chips)

    while not suits(bits):
        options = []
        for name, now in bits.items():
            fewer = [b for b in errors[name] if b < now]
            if fewer:
                loss = errors[name][max(fewer)] - errors[name][now]
                options.append((loss / (sizes.get(name, 1) * (now - max(fewer))), name, max(fewer)))
        if not options:
            raise _refusal(layout, bits, sizes, chip, chips, budget_bytes)
        _, name, fewer_bits = min(options)
        bits[name] = fewer_bits
    _give_back(bits, errors, suits)
    measure = "spikes that differ" if calibration is not None else "squared error of its weights"
    notes = tuple(f"{name}: {count} bits ({measure}: {errors[name][count]:.3%})" for name, count in bits.items())
    return MixedBits(bits, errors, notes)


def _give_back(
    bits: dict[str, int], errors: Mapping[str, Mapping[int, float]], suits: Callable[[Mapping[str, int]], bool]
) -> None:
    """What the last steps left free goes to the connections that gain most, one step of bits after another."""
    while True:
        options = []
        for name, now in bits.items():
            more = min((b for b in errors[name] if b > now), default=None)
            if more is not None and suits({**bits, name: more}):
                options.append((errors[name][now] - errors[name][more], name, more))
        if not options:
            return
        _, name, more = max(options)
        bits[name] = more


def with_bits(layout: Layout, bits: Mapping[str, int]) -> Layout:
    """The layout with these bits in the wires of these names."""
    return replace(layout, wires=tuple(replace(w, weight_bits=bits.get(w.name, w.weight_bits)) for w in layout.wires))


def _errors(
    network: IdealNetwork, chip: Chip, settings: QuantisationSettings, steps: int, calibration: Calibration | None
) -> dict[str, dict[int, float]]:
    """By connection and bits, the error of its layer with that many bits in this connection alone."""
    errors: dict[str, dict[int, float]] = {}
    for s in network.synapses:
        if s.quantisation is not None or not s.weight.any():  # a second of a pair holds what the first leaves
            continue
        asked = settings.bits_of(s.post, s.name) or max(allowed_bits(chip))
        others = {o.name: asked for o in network.onto(s.post)}
        found = errors.setdefault(s.name, {})
        for bits in allowed_bits(chip):
            if _FEWEST <= bits <= asked:
                tried = replace(settings, bits={**others, s.name: bits})
                error = _error(network, s, chip, tried, steps, calibration)
                if error is not None:
                    found[bits] = error
    return errors


def _error(
    network: IdealNetwork, synapses: IdealSynapses, chip: Chip, settings: QuantisationSettings, steps: int,
    calibration: Calibration | None,
) -> float | None:  # fmt: skip
    """None where the connection would be nothing but zeros."""
    layer = network.layer(synapses.post)
    try:
        found = integer_layer(
            layer, network.onto(layer.name), chip, settings, steps=steps, calibration=calibration
        )  # fmt: skip
    except ValueRangeError:
        return None
    if calibration is not None:
        return layer_mismatch(found, calibration, chip).mean
    s = next(s for s in found.synapses if s.source is synapses)
    rows = synapses.weight.shape[0]
    weight = synapses.weight.reshape(rows, -1) * synapses.row_scale[:, None]
    return float(((weight - s.scale[:, None] * s.q.reshape(rows, -1)) ** 2).sum() / max((weight**2).sum(), 1e-300))


def _weights_of(name: str, network: IdealNetwork) -> int:
    return max(1, sum(int(s.weight.size) for s in network.synapses if s.name == name))


def _bytes(layout: Layout, bits: Mapping[str, int], sizes: Mapping[str, int]) -> int:
    total = sum(sizes[w.name] * bits.get(w.name, w.weight_bits) for w in layout.wires)
    return -(-total // 8)


def _refusal(
    layout: Layout, bits: Mapping[str, int], sizes: Mapping[str, int], chip: Chip, chips: int | None,
    budget_bytes: int | None,
) -> CapacityError:  # fmt: skip
    rows = [
        Shortage("weights", f"connection '{w.name}', {bits.get(w.name, w.weight_bits)} bits",
                 -(-sizes[w.name] * bits.get(w.name, w.weight_bits) // 8), None, "bytes")
        for w in layout.wires
    ]  # fmt: skip
    need = _bytes(layout, bits, sizes)
    limit = f"{budget_bytes:,} bytes" if budget_bytes is not None else f"{chips or 'any number of'} {chip.name}"
    return CapacityError(
        "the network does not fit with the fewest bits either", where="weights", need=f"{need:,} bytes of weights",
        limit=limit, remedy="Make layers smaller, or give it more chips (--chips) or memory (--budget).", table=rows,
    )  # fmt: skip
