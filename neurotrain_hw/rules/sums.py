"""Sums of products as data: what one target (w, d or t) of a learning rule changes by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from neurotrain_hw.errors import ValueRangeError

Dependency = Literal["x0", "y0", "u"]
Variable = Literal["x0", "y0", "x1", "x2", "y1", "y2", "y3", "w", "d", "t"]

WIDTH_BITS: Mapping[Variable, int] = MappingProxyType(
    {"x0": 1, "y0": 1, "x1": 7, "x2": 7, "y1": 7, "y2": 7, "y3": 7, "w": 9, "d": 9, "t": 9}
)
"""Bits of a factor in the multiplier: the value is clipped to -2^bits .. 2^bits - 1 (lava learning/constants.py)."""

_LARGEST: Mapping[Variable, int] = MappingProxyType(
    {"x0": 1, "y0": 1, "x1": 127, "x2": 127, "y1": 127, "y2": 127, "y3": 127, "w": 256, "d": 255, "t": 257}
)
"""Largest magnitudes of what the engine stores; third factors are taken to be within 7 bits."""

MANT_RANGE, EXP_RANGE = (-8, 7), (-7, 8)
CONSTANT_LIMIT = 1023
"""Largest constant that a factor adds: beyond it every factor saturates, whatever its variable."""

_MANT_BITS, _ACCUMULATOR_BITS = 4, 15


@dataclass(frozen=True)
class Factor:
    """`variable + constant`, or its sign (-1, 0, 1) if `sign_of`."""

    variable: Variable
    constant: int = 0
    sign_of: bool = False

    def __post_init__(self) -> None:
        if self.variable not in WIDTH_BITS or (self.sign_of and self.variable not in ("w", "d", "t")):
            raise ValueRangeError(f"no factor of '{self.variable}'", where="rule", need="a name of the rule language")
        if abs(self.constant) > CONSTANT_LIMIT:
            raise ValueRangeError(f"an added constant of {self.constant}", where="rule", limit=CONSTANT_LIMIT)

    @property
    def bound(self) -> int:
        """Largest magnitude that it can have in the multiplier."""
        if self.sign_of:
            return 1
        return min(_LARGEST[self.variable] + abs(self.constant), 1 << WIDTH_BITS[self.variable])

    def __str__(self) -> str:
        inner = f"{self.variable}{self.constant:+d}" if self.constant else self.variable
        if self.sign_of:
            return f"sgn({inner})"
        return f"({inner})" if self.constant else inner


@dataclass(frozen=True)
class Product:
    """`mant * 2^exp * dependency * factors`, with -8 <= mant <= 7 and -7 <= exp <= 8.

    `dependency` tells when it counts: at a pre spike (x0), a post spike (y0), or every 2^u-th epoch (u), u in 0..9.
    A mantissa of -8 stands only beside 2^8: below, it folds to -4. ValueRangeError for what the language cannot say.
    """

    dependency: Dependency
    u: int | None
    mant: int
    exp: int
    factors: tuple[Factor, ...]

    def __post_init__(self) -> None:
        gate = self.dependency in get_args(Dependency) and (self.dependency == "u") == (self.u is not None)
        if not gate or not 0 <= (self.u or 0) <= 9:
            raise ValueRangeError(f"the dependency {self.dependency}, u {self.u}", where="rule", need="x0, y0, u0..u9")
        inside = MANT_RANGE[0] <= self.mant <= MANT_RANGE[1] and EXP_RANGE[0] <= self.exp <= EXP_RANGE[1]
        if not inside or (self.mant == MANT_RANGE[0] and self.exp < EXP_RANGE[1]):
            raise ValueRangeError(
                f"the scale {self.mant}*2^{self.exp}", where="rule", need="a mantissa of -7..7, an exponent of -7..8"
            )

    @property
    def shift(self) -> int:
        """Bits by which the engine shifts the product right, uncompensated: max(0, sum of factor bits + 4 - 15)."""
        return max(0, sum(WIDTH_BITS[f.variable] for f in self.factors) + _MANT_BITS - _ACCUMULATOR_BITS)

    @property
    def bound(self) -> int:
        """Largest magnitude before the shift; the engine multiplies in 32 bits and wraps at 2^31."""
        return abs(self.mant) * math.prod(f.bound for f in self.factors)

    def __str__(self) -> str:
        size = abs(self.mant)
        scale = [] if size == 1 and self.exp else [str(size)]
        if self.exp:
            scale.append(f"2^{self.exp}")
        if scale == ["1"]:
            scale = []
        gate = self.dependency if self.u is None else f"u{self.u}"
        return ("-" if self.mant < 0 else "") + "*".join([*scale, gate, *map(str, self.factors)])


@dataclass(frozen=True)
class SumOfProducts:
    """What one target (w, d or t) of a rule changes by; `str` gives the canonical text, which parses to the same."""

    products: tuple[Product, ...]

    def __post_init__(self) -> None:
        gates = {p.u for p in self.products} - {None}
        if not self.products or len(gates) > 1:
            raise ValueRangeError(f"{len(self.products)} products with the gates u {sorted(map(str, gates))}",
                                  where="rule", need="at least one product, and one digit for all u")  # fmt: skip

    @property
    def u(self) -> int | None:
        """The k of its u_k, or None if no product depends on u."""
        return next((p.u for p in self.products if p.u is not None), None)

    @property
    def variables(self) -> frozenset[Variable]:
        """Every variable that a factor reads."""
        return frozenset(f.variable for p in self.products for f in p.factors)

    @property
    def dependencies(self) -> frozenset[Dependency]:
        """Every event that lets a product count."""
        return frozenset(p.dependency for p in self.products)

    def __str__(self) -> str:
        first, *rest = map(str, self.products)
        return first + "".join(f" - {text[1:]}" if text.startswith("-") else f" + {text}" for text in rest)
