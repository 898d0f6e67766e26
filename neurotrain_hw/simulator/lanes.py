"""Vectors of lanes for compiled code: many neurons or synapses at once, whatever the processor's registers hold.

LLVM splits a vector into the registers of the machine. Its own vectoriser goes by the widest type in a loop and gives
up on many; here a kernel says what it wants, and compiles faster. Operators act lane by lane, and integers wrap.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.typing import signature
from numba.core.typing.templates import ConcreteTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, models, register_model

NEURONS = 16
"""Lanes of int32 that a kernel updates at once."""

_I1, _I8, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 32, 64))


class Lanes(types.Type):
    """`count` lanes of integers of `bits`; of 1 bit: a mask."""

    def __init__(self, bits: int, count: int) -> None:
        self.bits, self.count = bits, count
        super().__init__(name=f"Lanes({bits}, {count})")

    @property
    def vector(self) -> ir.VectorType:
        """LLVM's type."""
        return ir.VectorType(ir.IntType(self.bits), self.count)


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        super().__init__(manager, lanes, lanes.vector)


WORDS, MASK = Lanes(32, NEURONS), Lanes(1, NEURONS)
SUMS = {count: Lanes(16, count) for count in (128, 32, 8)}
"""Sums of synapses side by side, by their number."""


def _operators() -> None:
    """Teach Numba `+ - * & | ^ > <<` and `>>` of lanes."""
    plain: dict[Callable[..., Any], Callable[..., Any]] = {
        operator.add: lambda builder, x, y: builder.add(x, y),
        operator.sub: lambda builder, x, y: builder.sub(x, y),
        operator.mul: lambda builder, x, y: builder.mul(x, y),
        operator.and_: lambda builder, x, y: builder.and_(x, y),
        operator.or_: lambda builder, x, y: builder.or_(x, y),
        operator.xor: lambda builder, x, y: builder.xor(x, y),
        operator.gt: lambda builder, x, y: builder.icmp_signed(">", x, y),
        operator.lshift: lambda builder, x, y: builder.shl(x, _splat(builder, builder.trunc(y, _I32))),
        operator.rshift: lambda builder, x, y: builder.ashr(x, _splat(builder, builder.trunc(y, _I32))),
    }
    for function, make in plain.items():
        right = types.int64 if function in (operator.lshift, operator.rshift) else WORDS
        cases = [signature(MASK if function is operator.gt else WORDS, WORDS, right)]
        if function is operator.add:
            cases += [signature(sums, sums, sums) for sums in SUMS.values()]
        infer_global(function)(type("Template", (ConcreteTemplate,), {"cases": cases}))

        def lower(context: Any, builder: Any, signature: Any, values: Any, make: Callable[..., Any] = make) -> Any:
            del context, signature
            return make(builder, *values)

        for case in cases:
            lower_builtin(function, *case.args)(lower)


_operators()


def _splat(builder: Any, value: Any, count: int = NEURONS) -> Any:
    vector = ir.VectorType(value.type, count)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, _I32(0))
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(_I32, count), 0))


def _fixed(value: int, bits: int = 32, count: int = NEURONS) -> ir.Constant:
    return ir.Constant(ir.VectorType(ir.IntType(bits), count), [value] * count)


def _at(builder: Any, address: Any, vector: Any) -> Any:
    return builder.inttoptr(address, vector.as_pointer())


def _first(builder: Any, count: Any) -> Any:
    """The mask of the first `count` lanes."""
    numbers = ir.Constant(WORDS.vector, list(range(NEURONS)))
    return builder.icmp_signed("<", numbers, _splat(builder, builder.trunc(count, _I32)))


@intrinsic
def load(typing_context, address):
    """WORDS at an address."""

    def make(context, builder, signature, values):
        return builder.load(_at(builder, values[0], WORDS.vector), align=4)

    return WORDS(types.int64), make


@intrinsic
def load_some(typing_context, address, count):
    """The first `count` WORDS at an address; the other lanes are 0, and their memory is not read."""

    def make(context, builder, signature, values):
        pointer, vector = _at(builder, values[0], WORDS.vector), WORDS.vector
        kind = ir.FunctionType(vector, [pointer.type, _I32, MASK.vector, vector])
        function = builder.module.declare_intrinsic(f"llvm.masked.load.v{NEURONS}i32.p0", (), kind)
        return builder.call(function, [pointer, _I32(4), _first(builder, values[1]), _fixed(0)])

    return WORDS(types.int64, types.int64), make


@intrinsic
def store(typing_context, address, lanes):
    """Write WORDS to an address."""

    def make(context, builder, signature, values):
        builder.store(values[1], _at(builder, values[0], WORDS.vector), align=4)
        return context.get_dummy_value()

    return types.none(types.int64, WORDS), make


@intrinsic
def store_some(typing_context, address, lanes, count):
    """Write the first `count` lanes to an address."""

    def make(context, builder, signature, values):
        pointer, vector = _at(builder, values[0], WORDS.vector), WORDS.vector
        kind = ir.FunctionType(ir.VoidType(), [vector, pointer.type, _I32, MASK.vector])
        function = builder.module.declare_intrinsic(f"llvm.masked.store.v{NEURONS}i32.p0", (), kind)
        builder.call(function, [values[1], pointer, _I32(4), _first(builder, values[2])])
        return context.get_dummy_value()

    return types.none(types.int64, WORDS, types.int64), make


@intrinsic
def every(typing_context, value):
    """The same integer in all lanes."""

    def make(context, builder, signature, values):
        return _splat(builder, builder.trunc(values[0], _I32))

    return WORDS(types.int64), make


@intrinsic
def choose(typing_context, mask, yes, no):
    """`yes` where the mask holds, else `no`."""

    def make(context, builder, signature, values):
        return builder.select(*values)

    return WORDS(MASK, WORDS, WORDS), make


@intrinsic
def differ(typing_context, left, right):
    """Where two differ."""

    def make(context, builder, signature, values):
        return builder.icmp_signed("!=", *values)

    return MASK(WORDS, WORDS), make


@intrinsic
def mask_bits(typing_context, mask):
    """A mask as an integer: lane k is bit k."""

    def make(context, builder, signature, values):
        return builder.zext(builder.bitcast(values[0], ir.IntType(NEURONS)), _I64)

    return types.int64(MASK), make


@intrinsic
def decay(typing_context, lanes, factor):
    """lanes * factor / 4096, cut toward zero, for factors 0 to 4096: exact for all of int32.

    Products of neighbouring lanes are made in 64 bits, one lane of each pair at a time.
    """

    def make(context, builder, signature, values):
        lanes, factor = values
        pairs = ir.VectorType(_I64, NEURONS // 2)
        low = _fixed(2**32 - 1, 64, NEURONS // 2)
        high = _fixed(2**64 - 2**32, 64, NEURONS // 2)
        half = _fixed(32, 64, NEURONS // 2)
        sign = builder.ashr(lanes, _fixed(31))
        size = builder.bitcast(builder.sub(builder.xor(lanes, sign), sign), pairs)
        factor = builder.bitcast(factor, pairs)
        even = builder.mul(builder.and_(size, low), builder.and_(factor, low))
        odd = builder.mul(builder.lshr(size, half), builder.lshr(factor, half))
        even = builder.lshr(even, _fixed(12, 64, NEURONS // 2))
        odd = builder.and_(builder.shl(odd, _fixed(20, 64, NEURONS // 2)), high)
        found = builder.bitcast(builder.or_(even, odd), WORDS.vector)
        return builder.sub(builder.xor(found, sign), sign)

    return WORDS(WORDS, WORDS), make


@intrinsic
def lowest_bit(typing_context, word):
    """The number of the lowest bit that is set, of a word that is not 0."""

    def make(context, builder, signature, values):
        return builder.cttz(values[0], ir.Constant(_I1, 1))

    return types.int64(types.int64), make


@intrinsic
def count_bits(typing_context, word):
    """How many bits of a word are set."""

    def make(context, builder, signature, values):
        return builder.ctpop(values[0])

    return types.int64(types.int64), make


def bytes_at(count: int, signed: bool) -> Any:
    """A function of compiled code, address -> SUMS[count]: as many bytes, each made 16 bits wide."""
    result = SUMS[count]

    def widened(typing_context, address):
        def make(context, builder, signature, values):
            found = builder.load(_at(builder, values[0], ir.VectorType(_I8, count)), align=1)
            return (builder.sext if signed else builder.zext)(found, result.vector)

        return result(types.int64), make

    return _named(widened, f"bytes_at_{count}_{signed}")


def no_sums(count: int) -> Any:
    """A function of compiled code, () -> SUMS[count], all 0."""
    result = SUMS[count]

    def nothing(typing_context):
        return result(), lambda context, builder, signature, values: _fixed(0, 16, count)

    return _named(nothing, f"no_sums_{count}")


def store_sums(count: int) -> Any:
    """A function of compiled code, (address, SUMS[count]) -> None, that writes int16 to the address."""
    lanes = SUMS[count]

    def written(typing_context, address, sums):
        def make(context, builder, signature, values):
            builder.store(values[1], _at(builder, values[0], lanes.vector), align=2)
            return context.get_dummy_value()

        return types.none(types.int64, lanes), make

    return _named(written, f"store_sums_{count}")


def _named(function: Any, name: str) -> Any:
    function.__name__ = function.__qualname__ = name  # by which cached code knows it
    return intrinsic(function)
