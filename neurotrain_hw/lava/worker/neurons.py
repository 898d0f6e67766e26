"""Builds the Lava process of each kind of population, so that its integers are exactly those of the program.

Lava's constructors compute some of them from periods, frequencies or fractions; where they do, the process is built
with any such value and its Vars are set afterwards, one value per neuron, which the models' arithmetic takes.
"""

import numpy as np
from document import compact, parameter
from lava.proc.atrlif.process import ATRLIF
from lava.proc.lif.process import LIF, LIFReset, TernaryLIF
from lava.proc.resfire.process import RFZero
from lava.proc.rf.process import RF
from lava.proc.rf_iz.process import RF_IZ
from lava.proc.sdn.process import ActivationMode, Delta, Sigma, SigmaDelta
from modulated import ModulatedLIF, RecordedModulatedLif
from processes import (
    RecordedAtrlif,
    RecordedDelta,
    RecordedLif,
    RecordedLifReset,
    RecordedRf,
    RecordedRfIz,
    RecordedRfZero,
    RecordedSigma,
    RecordedSigmaDelta,
    RecordedTernaryLif,
)

_UV = {"u": "u", "v": "v"}
_DELTA = {"act": "act", "residue": "residue", "error": "error"}
_RESONATOR = {"real": "real", "imag": "imag"}
STATES = {
    "lif": _UV,
    "lif_reset": _UV,
    "ternary_lif": _UV,
    "atrlif": {"u": "i", "v": "v", "theta": "theta", "r": "r"},
    "sigma": {"sigma": "sigma"},
    "delta": _DELTA,
    "sigma_delta": {"sigma": "sigma", **_DELTA},
    "rf": _RESONATOR,
    "rf_iz": _RESONATOR,
    "rf_zero": _UV,
}
"""Per kind: the Var in which Lava keeps each state of the program."""

GRADED_KINDS = ("sigma", "delta", "sigma_delta", "rf_zero")
"""Kinds that send values of 32 bits; the others send -1, 0 or 1."""

_DECAY_UNITY = 4096
_VTH_LIMIT = 2**17


def neurons(population):
    """(process, model) of a population that is not an input, with its neurons in one row."""
    return _BUILDERS[population["kind"]](population, (int(np.prod(population["shape"])),))


def in_ports(process):
    """The Lava port behind each port of a population."""
    if isinstance(process, RF):
        return {"current": process.a_real_in, "imag": process.a_imag_in}
    if isinstance(process, RFZero):
        return {"current": process.u_in, "imag": process.v_in}
    if isinstance(process, ModulatedLIF):
        return {"current": process.a_in, "signal": process.signal_in}
    return {"current": process.a_in}


def _lif(p, shape):
    common = _leaks_and_bias(p, shape)
    if p["kind"] == "ternary_lif":
        process = TernaryLIF(**common)
        # Lava shifts them left by 6 in 32 bits; the limit is beyond every membrane, before and after the clip.
        thresholds = {key: np.clip(parameter(p, key), -_VTH_LIMIT, _VTH_LIMIT) for key in ("vth_lo", "vth_hi")}
        _set(process, **thresholds)
        return process, RecordedTernaryLif
    common["vth"] = compact(p, "vth")
    reset = None
    if p["kind"] == "lif_reset":
        reset = (compact(p, "reset_interval"), compact(p, "reset_offset"))
    if p["modulator"] is not None:
        return ModulatedLIF(**common, modulator=p["modulator"], reset=reset), RecordedModulatedLif
    if reset is not None:
        return LIFReset(**common, reset_interval=reset[0], reset_offset=reset[1]), RecordedLifReset
    return LIF(**common), RecordedLif


def _leaks_and_bias(p, shape):
    bias = {key: parameter(p, key) for key in ("bias_mant", "bias_exp")}
    return {"shape": shape, "du": compact(p, "du"), "dv": compact(p, "dv"), **bias}


def _atrlif(p, shape):
    bias = {key: parameter(p, key) for key in ("bias_mant", "bias_exp")}
    process = ATRLIF(shape=shape, **bias)
    # Lava multiplies by 4096 again, exactly; floats also keep its product with the 32-bit current from wrapping.
    leaks = {"delta_i": "du", "delta_v": "dv", "delta_theta": "dtheta", "delta_r": "dr"}
    _set(process, **{name: parameter(p, key, np.float64) / _DECAY_UNITY for name, key in leaks.items()})
    _set(process, theta_0=parameter(p, "theta_0", np.int64))
    _set(process, theta_step=parameter(p, "theta_step", np.int64)[:1])  # added to the neurons that spike only
    return process, RecordedAtrlif


def _sigma(p, shape):
    return Sigma(shape=shape), RecordedSigma


def _delta(p, shape):
    process = Delta(shape=shape, vth=0, cum_error=bool(compact(p, "cum_error")))
    _set(process, **_exponents(p), vth=_scaled(p, "vth"))
    return process, RecordedDelta


def _sigma_delta(p, shape):
    mode = ActivationMode.RELU if compact(p, "relu") else ActivationMode.UNIT
    process = SigmaDelta(shape=shape, vth=0, act_mode=mode, cum_error=bool(compact(p, "cum_error")))
    _set(process, **_exponents(p), vth=_scaled(p, "vth"), bias=_scaled(p, "bias"))
    return process, RecordedSigmaDelta


def _exponents(p):
    return {key: parameter(p, key) for key in ("spike_exp", "state_exp")}


def _scaled(p, key):
    """A parameter << (spike_exp + state_exp), wrapped into the 32 bits of Lava's Vars."""
    shift = parameter(p, "spike_exp", np.int64) + parameter(p, "state_exp", np.int64)
    return (parameter(p, key, np.int64) << shift).astype(np.int32)


def _resonator(p, shape):
    kind, model = (RF_IZ, RecordedRfIz) if p["kind"] == "rf_iz" else (RF, RecordedRf)
    process = kind(shape=shape, period=1, alpha=0)
    exponents = {key: parameter(p, key) for key in ("state_exp", "decay_bits")}
    # The decays must be 64 bits wide: Lava multiplies them with the state before it shifts.
    decays = {key: parameter(p, key, np.int64) for key in ("sin_decay", "cos_decay")}
    _set(process, **exponents, **decays, vth=parameter(p, "vth") << exponents["state_exp"])
    return process, model


def _rf_zero(p, shape):
    process = RFZero(shape=shape, freqs=np.zeros(1), decay_tau=np.ones(1))
    _set(process, **{key: parameter(p, key) for key in ("uth", "lst", "lct")})
    return process, RecordedRfZero


def _set(process, **values):
    """Give Vars that Lava declares with shape (1,) one value per neuron."""
    for name, value in values.items():
        variable = getattr(process, name)
        variable.shape, variable.init = value.shape, value


_BUILDERS = {
    "lif": _lif,
    "lif_reset": _lif,
    "ternary_lif": _lif,
    "atrlif": _atrlif,
    "sigma": _sigma,
    "delta": _delta,
    "sigma_delta": _sigma_delta,
    "rf": _resonator,
    "rf_iz": _resonator,
    "rf_zero": _rf_zero,
}
