"""Brevitas's binary weights with a scale that follows them: sign(w) * mean|w|."""

from brevitas.inject.enum import (
    BitWidthImplType,
    FloatToIntImplType,
    QuantType,
    RestrictValueType,
    ScalingImplType,
    ScalingPerOutputType,
    StatsOp,
)
from brevitas.quant.solver import WeightQuantSolver


class SignedBinaryWeightMean(WeightQuantSolver):
    """Integers -1 and 1, scale mean|w| per tensor or per output channel (Rastegari et al., arXiv:1603.05279)."""

    quant_type = QuantType.BINARY
    bit_width_impl_type = BitWidthImplType.CONST
    bit_width = 1
    narrow_range = True
    signed = True
    scaling_impl_type = ScalingImplType.STATS
    scaling_stats_op = StatsOp.AVE
    scaling_per_output_type = ScalingPerOutputType.TENSOR
    scaling_per_output_channel = False
    restrict_scaling_type = RestrictValueType.FP
    float_to_int_impl_type = FloatToIntImplType.ROUND
