"""Populations as the neurons of lava-dl's layers: one value of each constant for a layer, a bias for each neuron."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from neurotrain_hw.compiler.netx import BIAS_EXP, DECAY_BITS, STATE_EXP, resonator_decays
from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.interchange.netx_file import NetxNeuron
from neurotrain_hw.program import Arithmetic, Population

I64 = npt.NDArray[np.int64]

BIAS_MAX = (1 << 15) - 1  # Lava keeps bias_mant in 16 bits
_FIXED = {"state_exp": STATE_EXP, "decay_bits": DECAY_BITS, "cum_error": 0, "relu": 1}
"""What netx does not read from the file but sets itself."""


def neuron_of(population: Population) -> NetxNeuron:
    """The neurons as the file describes them; UnsupportedError for what netx does not build."""
    where, kind = f"population '{population.name}' ({population.kind})", population.kind
    if population.arithmetic != Arithmetic():
        raise UnsupportedError(
            f"netx builds Lava's neurons, whose arithmetic is another than {population.arithmetic}", where=where,
            need=str(Arithmetic()), remedy="Compile it for a chip with Lava's arithmetic, such as loihi2.",
        )  # fmt: skip
    if population.modulator is not None:
        raise UnsupportedError("it forms learning signals, which netx has no place for", where=where)
    for key, value in _FIXED.items():
        if key in population.parameters and np.any(population.parameter(key) != value):
            raise UnsupportedError(f"{key} {_one(population, key, where)}", where=where, need=f"{value}, netx's own")
    if kind in ("lif", "lif_reset"):
        du, dv, vth = (_one(population, key, where) for key in ("du", "dv", "vth"))
        return NetxNeuron("CUBA", {"iDecay": du + 1, "vDecay": dv, "vThMant": vth, "refDelay": 1})
    if kind in ("delta", "sigma_delta"):
        return NetxNeuron("SDNN", {"vThMant": _one(population, "vth", where)}, "relu" if kind == "sigma_delta" else "")
    if kind == "sigma":
        return NetxNeuron("SDNN", {"vThMant": 0}, sigma_output=True)
    if kind in ("rf", "rf_iz"):
        wanted = _one(population, "sin_decay", where), _one(population, "cos_decay", where)
        sin, cos = _written(wanted, where)
        constants = {"sinDecay": sin, "cosDecay": cos, "vThMant": _one(population, "vth", where)}
        return NetxNeuron("RF_PHASE" if kind == "rf" else "RF", constants)
    raise UnsupportedError(
        "netx has no such neurons", where=where, need="lif, lif_reset, delta, sigma, sigma_delta, rf or rf_iz"
    )


def bias_of(population: Population) -> I64 | None:
    """The bias in the file's units, one value each, or one per channel of a volume; None where all are 0."""
    where = f"population '{population.name}'"
    bias: I64
    if "bias" in population.parameters:
        bias = population.parameter("bias").astype(np.int64)
    elif "bias_mant" in population.parameters:
        mant, exp = (population.parameter(key).astype(np.int64) for key in ("bias_mant", "bias_exp"))
        total = np.where(exp >= 0, mant << np.maximum(exp, 0), 0)
        if np.any((exp < 0) & (mant != 0)) or np.any(total % (1 << BIAS_EXP)):
            raise UnsupportedError(
                f"a bias that is no multiple of {1 << BIAS_EXP}", where=where,
                need=f"bias_exp {BIAS_EXP}, which netx sets itself",
            )  # fmt: skip
        bias = total >> BIAS_EXP
        if np.abs(bias).max() > BIAS_MAX:
            raise UnsupportedError(f"a bias of {int(np.abs(bias).max())} * 64", where=where, limit=f"{BIAS_MAX} * 64")
    else:
        return None
    if not bias.any():
        return None
    if len(population.shape) == 3:
        volume = bias.reshape(population.shape)
        bias = volume[0, 0] if np.all(volume == volume[:1, :1]) else volume
    return bias


def first_in_volume(shape: tuple[int, ...]) -> I64:
    """The numbers (n,) of a volume's neurons (X, Y, C) in the order C, Y, X, in which netx flattens them."""
    return np.arange(math.prod(shape)).reshape(shape).transpose(2, 1, 0).ravel()


def _one(population: Population, key: str, where: str) -> int:
    values = np.unique(population.parameter(key))
    if values.size > 1:
        raise UnsupportedError(
            f"{key} differs between its neurons, {values.size} values from {values[0]} to {values[-1]}", where=where,
            need="one for a layer of netx",
        )  # fmt: skip
    return int(values[0])


def _written(wanted: tuple[int, int], where: str) -> tuple[int, int]:
    """The 12-bit decays that netx reads as these: its way through floating point may lose a bit."""
    for away in range(3):
        for sin in range(wanted[0] - away, wanted[0] + away + 1):
            for cos in range(wanted[1] - away, wanted[1] + away + 1):
                if resonator_decays(sin, cos) == wanted:
                    return sin, cos
    raise UnsupportedError(
        f"decays {wanted}, which netx's rounding does not reach", where=where, need="others near them"
    )
