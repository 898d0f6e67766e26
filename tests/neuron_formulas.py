"""One step of each kind of neuron, in Python's own integers: read off the equations, sharing no code with anything.

Each function takes the state of one neuron (a dict, changed in place), its parameters, and what arrives; it returns
what the neuron sends. `tz` shifts toward zero, `i32` is two's complement in 32 bits.
"""

from __future__ import annotations

from collections.abc import Callable

State = dict[str, int]
M = 2**23


def i32(x: int) -> int:
    return (x + 2**31) % 2**32 - 2**31


def magnitude(x: int) -> int:
    """|x| in 32 bits, where |-2^31| is -2^31."""
    return i32(abs(x))


def tz(x: int, bits: int) -> int:
    return (abs(x) >> bits) * (1 if x >= 0 else -1)


def lif(s: State, p: State, a: int, _: int = 0) -> int:
    """Current and membrane as of Lava's LIF; spikes above vth << 6."""
    _leak(s, p, a)
    spike = s["v"] > p["vth"] << 6
    s["v"] = 0 if spike else s["v"]
    return int(spike)


def ternary_lif(s: State, p: State, a: int, _: int = 0) -> int:
    _leak(s, p, a)
    sent = (s["v"] > p["vth_hi"] << 6) - (s["v"] < p["vth_lo"] << 6)
    s["v"] = 0 if sent else s["v"]
    return int(sent)


def atrlif(s: State, p: State, a: int, _: int = 0) -> int:
    """Threshold and refractoriness decay, the former toward theta_0; `theta` must begin at i32(theta_0 << 6)."""
    _leak(s, p, a)
    rest = i32(p["theta_0"] << 6)
    s["theta"] = i32(tz(i32(s["theta"] - rest) * (4096 - p["dtheta"]), 12) + rest)
    s["r"] = i32(tz(s["r"] * (4096 - p["dr"]), 12))
    spike = i32(s["v"] - s["r"]) >= s["theta"]
    if spike:
        s["r"] = i32(s["r"] + 2 * s["theta"])
        s["theta"] = i32(s["theta"] + (p["theta_step"] << 6))
    return int(spike)


def sigma(s: State, _: State, a: int, __: int = 0) -> int:
    s["sigma"] = i32(s["sigma"] + a)
    return s["sigma"]


def delta(s: State, p: State, a: int, _: int = 0) -> int:
    return _code(s, p, i32(a << (p["spike_exp"] + p["state_exp"])))


def sigma_delta(s: State, p: State, a: int, _: int = 0) -> int:
    s["sigma"] = i32(s["sigma"] + a)
    act = i32(s["sigma"] + (p["bias"] << (p["spike_exp"] + p["state_exp"])))
    return _code(s, p, max(act, 0) if p["relu"] else act)


def rf(s: State, p: State, a: int, b: int) -> int:
    """Spikes where the phase crosses zero upward with the real part at the threshold."""
    before = s["imag"]
    s["real"], s["imag"] = _resonate(s, p, a, b)
    return int(s["real"] >= i32(p["vth"] << p["state_exp"]) and s["imag"] >= 0 > before)


def rf_iz(s: State, p: State, a: int, b: int) -> int:
    """Spikes where the imaginary part reaches the threshold; then re = 0 and im = threshold - 1."""
    s["real"], s["imag"] = _resonate(s, p, a, b)
    threshold = i32(p["vth"] << p["state_exp"])
    spike = s["imag"] >= threshold
    if spike:
        s["real"], s["imag"] = 0, i32(threshold - 1)
    return int(spike)


def rf_zero(s: State, p: State, a: int, b: int) -> int:
    """Every product wraps in 32 bits before it is divided by 2^15 (floor); sends u."""
    u, v = s["u"], s["v"]
    s["u"] = i32((i32(u * p["lct"]) >> 15) - (i32(v * p["lst"]) >> 15) + a)
    s["v"] = i32((i32(v * p["lct"]) >> 15) + (i32(u * p["lst"]) >> 15) + b)
    return s["u"] if s["u"] > p["uth"] and s["v"] >= 0 > v else 0


STEP: dict[str, Callable[[State, State, int, int], int]] = {
    "lif": lif, "ternary_lif": ternary_lif, "atrlif": atrlif, "sigma": sigma, "delta": delta,
    "sigma_delta": sigma_delta, "rf": rf, "rf_iz": rf_iz, "rf_zero": rf_zero,
}  # fmt: skip


def _leak(s: State, p: State, a: int) -> None:
    """u wraps once into 24 bits (after the sum wrapped in 32), v saturates."""
    u = i32(tz(s["u"] * (4095 - p["du"]), 12) + i32(a << 6))
    s["u"] = u - 2 * M if u > M else u + 2 * M if u <= -M else u
    bias = p["bias_mant"] << p["bias_exp"] if p["bias_exp"] >= 0 else p["bias_mant"] >> -p["bias_exp"]
    s["v"] = max(1 - M, min(M - 1, i32(tz(s["v"] * (4096 - p["dv"]), 12) + s["u"] + bias)))


def _code(s: State, p: State, act: int) -> int:
    """Send the change of act, with what was not sent before, where it (or the summed error) reaches the threshold."""
    threshold = i32(p["vth"] << (p["spike_exp"] + p["state_exp"]))
    d = i32(act - s["act"] + s["residue"])
    if p["cum_error"]:
        s["error"] = i32(s["error"] + d)
    reached = magnitude(s["error"] if p["cum_error"] else d) >= threshold
    sent = d if reached else 0
    if p["cum_error"] and magnitude(sent) > 0:
        s["error"] = 0
    s["residue"], s["act"] = i32(d - sent), act
    return sent >> p["state_exp"]


def _resonate(s: State, p: State, a: int, b: int) -> tuple[int, int]:
    sin, cos, k = p["sin_decay"], p["cos_decay"], p["decay_bits"]
    real = tz(cos * s["real"], k) - tz(sin * s["imag"], k) + i32(a << p["state_exp"])
    imag = tz(sin * s["real"], k) + tz(cos * s["imag"], k) + i32(b << p["state_exp"])
    return max(1 - M, min(M - 1, real)), max(1 - M, min(M - 1, imag))
