"""How weights are to be quantised: method, scales, bits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from neurotrain_hw.errors import UnknownNameError, ValueRangeError

Method = Literal["max", "percentile", "mse", "spikes"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class QuantisationSettings:
    """What `integer_layer` does with weights that training left as floats; integers of training stay as they are.

    `method`: `max`, the largest weight of a tensor is the largest integer; `percentile`, so is the weight that
    `percentile` percent of them do not exceed, and larger ones saturate; `mse`, the scale of the least squared error;
    `spikes`, the scale with which the layer's spikes differ least from those of the float network on calibration data.
    `per_channel`: one scale per output neuron (dense) or output channel (conv), on chips whose neurons have
    thresholds of their own. `power_of_two`: scales are powers of two. `bits`: of all layers, or by the name of a
    layer or of a connection (the name of a connection goes first); None: the most that the chip has. Fewer bits than
    training used requantise its integers. `weight_exp`: the shift of the first connection onto every layer; None
    chooses it. Raises ValueRangeError for values out of range.
    """

    method: Method = "max"
    percentile: float = 99.9
    per_channel: bool = False
    power_of_two: bool = False
    bits: int | Mapping[str, int] | None = None
    weight_exp: int | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueRangeError(f"the method '{self.method}'", where="QuantisationSettings.method", need=METHODS)
        if not 50 <= self.percentile <= 100:
            raise ValueRangeError(
                f"the percentile {self.percentile}", where="QuantisationSettings.percentile", need="50..100"
            )
        given = self.bits.values() if isinstance(self.bits, Mapping) else () if self.bits is None else (self.bits,)
        for bits in given:
            if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 16:
                raise ValueRangeError(f"{bits!r} bits", where="QuantisationSettings.bits", need="1..16")

    def bits_of(self, layer: str, synapses: str) -> int | None:
        """The bits asked for the weights of a connection onto a layer; None where nothing is said."""
        if isinstance(self.bits, Mapping):
            return self.bits.get(synapses, self.bits.get(layer))
        return self.bits

    def check_names(self, known: Iterable[str]) -> None:
        """UnknownNameError where `bits` name a layer or connection that is not among those known."""
        names = set(known)
        for name in self.bits if isinstance(self.bits, Mapping) else ():
            if name not in names:
                raise UnknownNameError("layer or connection", name, names, where="bits")
