"""The parameters of a population as the kernels take them: int32 rows, one column or one for each neuron."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neurotrain_hw.program import PARAMETERS, Population
from neurotrain_hw.simulator.arithmetic import effective_bias

I32 = npt.NDArray[np.int32]

_FAR = 2**25
"""Beyond every membrane potential: thresholds are cut to it, so that they can be moved by one."""


def kernel_parameters(p: Population) -> I32:
    """int32 (rows of `tables.PARAMETERS`, n or 1): one column where all neurons are alike."""
    wide = {key: np.atleast_1d(np.asarray(p.parameters[key], np.int64)) for key in PARAMETERS[p.kind]}
    if "bias_mant" in wide:
        wide["bias"] = effective_bias(wide["bias_mant"], wide["bias_exp"])
    if p.kind.endswith("lif") or p.kind.startswith("lif"):
        rows = _atrlif(wide) if p.kind == "atrlif" else _lif(p, wide)
    elif p.kind in ("delta", "sigma_delta"):
        scale = np.minimum(wide["spike_exp"] + wide["state_exp"], 62)
        bias = wide.get("bias", np.zeros(1, np.int64))
        relu = wide.get("relu", np.zeros(1, np.int64))
        rows = [wide["vth"] << scale, bias << scale, wide["spike_exp"], wide["state_exp"], wide["cum_error"], relu]
    elif p.kind in ("rf", "rf_iz"):
        threshold = wide["vth"] << wide["state_exp"]
        rows = [wide["sin_decay"], wide["cos_decay"], wide["decay_bits"], wide["state_exp"], threshold]
    elif p.kind == "rf_zero":
        rows = [wide["uth"], wide["lst"], wide["lct"]]
    else:
        rows = [np.zeros(1, np.int64)]
    width = max(row.size for row in rows)
    if width == 1:
        return np.concatenate(rows).astype(np.int32).reshape(-1, 1)
    found = np.array([np.broadcast_to(row, (width,)) for row in rows]).astype(np.int32)
    return np.ascontiguousarray(found[:, :1] if (found == found[:, :1]).all() else found)


def _lif(p: Population, wide: dict[str, npt.NDArray[np.int64]]) -> list[npt.NDArray[np.int64]]:
    """du, dv, bias, the values that v must be above and below, theta, reset interval and offset, refractory period."""
    high, low = ("vth_hi", "vth_lo") if p.kind == "ternary_lif" else ("vth", "vth")
    theta, lower = (np.clip(wide[key] << 6, -_FAR, _FAR) for key in (high, low))
    reached = int(p.arithmetic.threshold == "reached")
    none = np.zeros(1, np.int64)
    interval = wide.get("reset_interval", np.ones(1, np.int64))
    return [
        wide["du"], wide["dv"], wide["bias"], theta - reached, lower + reached, theta, interval,
        wide.get("reset_offset", none) % interval, wide.get("refractory_period", none),
    ]  # fmt: skip


def _atrlif(wide: dict[str, npt.NDArray[np.int64]]) -> list[npt.NDArray[np.int64]]:
    scaled = [wide["theta_0"] << 6, wide["theta_step"] << 6]
    return [wide["du"], wide["dv"], wide["bias"], wide["dtheta"], wide["dr"], *scaled]
