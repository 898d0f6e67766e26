"""What lanes (`lanes.py`) lack for learning: the larger and the smaller of two, and the decay of traces."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from neurotrain_hw.simulator.lanes import NEURONS, WORDS

_REALS = ir.VectorType(ir.DoubleType(), NEURONS)


@intrinsic
def most(typing_context, left, right):
    """The larger of two, lane by lane."""

    def make(context, builder, signature, values):
        return builder.select(builder.icmp_signed(">", *values), *values)

    return WORDS(WORDS, WORDS), make


@intrinsic
def least(typing_context, left, right):
    """The smaller of two, lane by lane."""

    def make(context, builder, signature, values):
        return builder.select(builder.icmp_signed("<", *values), *values)

    return WORDS(WORDS, WORDS), make


@intrinsic
def decayed(typing_context, traces, factor, random):
    """floor(z) + (random < z - floor(z)), z = factor * trace in float64 (`arithmetic.decay_trace`)."""

    def make(context, builder, signature, values):
        traces, factor, random = values
        factor, random = (_everywhere(builder, value) for value in (factor, random))
        exact = builder.fmul(builder.sitofp(traces, _REALS), factor)
        whole = builder.fptosi(exact, WORDS.vector)  # toward 0: too large for what is below 0
        too_large = builder.fcmp_ordered(">", builder.sitofp(whole, _REALS), exact)
        whole = builder.add(whole, builder.sext(too_large, WORDS.vector))
        rest = builder.fsub(exact, builder.sitofp(whole, _REALS))
        return builder.sub(whole, builder.sext(builder.fcmp_ordered("<", random, rest), WORDS.vector))

    return WORDS(WORDS, types.float64, types.float64), make


def _everywhere(builder, value):
    first = builder.insert_element(ir.Constant(_REALS, ir.Undefined), value, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), NEURONS), 0)
    return builder.shuffle_vector(first, ir.Constant(_REALS, ir.Undefined), zeros)
