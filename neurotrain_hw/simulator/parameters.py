"""The parameters of a population as the kernels take them: int32 rows, one column or one for each neuron."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from neurotrain_hw.program import PARAMETERS, Arithmetic, IntOrArray, Population, PopulationKind
from neurotrain_hw.simulator.arithmetic import effective_bias

I32 = npt.NDArray[np.int32]

_FAR = 2**25
"""Beyond every membrane potential: thresholds are cut to it, so that they can be moved by one."""


def kernel_parameters(p: Population) -> I32:
    """int32 (rows of `tables.PARAMETERS`, n or 1): one column where all neurons are alike."""
    given = [p.parameters[key] for key in PARAMETERS[p.kind]]
    if any(isinstance(value, np.ndarray) for value in given):
        return _rows(p.kind, p.arithmetic, given)
    return _alike(p.kind, p.arithmetic, tuple(given))


@lru_cache(maxsize=256)
def _alike(kind: PopulationKind, arithmetic: Arithmetic, given: tuple[IntOrArray, ...]) -> I32:
    """For integers; most programs hold few different ones."""
    rows = _rows(kind, arithmetic, given)
    rows.flags.writeable = False
    return rows


def _rows(kind: PopulationKind, arithmetic: Arithmetic, given: Sequence[IntOrArray]) -> I32:
    wide = {key: np.atleast_1d(np.asarray(value, np.int64)) for key, value in zip(PARAMETERS[kind], given, strict=True)}
    if "bias_mant" in wide:
        wide["bias"] = effective_bias(wide["bias_mant"], wide["bias_exp"])
    if kind.endswith("lif") or kind.startswith("lif"):
        rows = _atrlif(wide) if kind == "atrlif" else _lif(kind, arithmetic, wide)
    elif kind in ("delta", "sigma_delta"):
        scale = np.minimum(wide["spike_exp"] + wide["state_exp"], 62)
        bias = wide.get("bias", np.zeros(1, np.int64))
        relu = wide.get("relu", np.zeros(1, np.int64))
        rows = [wide["vth"] << scale, bias << scale, wide["spike_exp"], wide["state_exp"], wide["cum_error"], relu]
    elif kind in ("rf", "rf_iz"):
        threshold = wide["vth"] << wide["state_exp"]
        rows = [wide["sin_decay"], wide["cos_decay"], wide["decay_bits"], wide["state_exp"], threshold]
    elif kind == "rf_zero":
        rows = [wide["uth"], wide["lst"], wide["lct"]]
    else:
        rows = [np.zeros(1, np.int64)]
    width = max(row.size for row in rows)
    if width == 1:
        return np.concatenate(rows).astype(np.int32).reshape(-1, 1)
    found = np.array([np.broadcast_to(row, (width,)) for row in rows]).astype(np.int32)
    return np.ascontiguousarray(found[:, :1] if (found == found[:, :1]).all() else found)


def _lif(
    kind: PopulationKind, arithmetic: Arithmetic, wide: dict[str, npt.NDArray[np.int64]]
) -> list[npt.NDArray[np.int64]]:
    """du, dv, bias, the values that v must be above and below, theta, reset interval and offset, refractory period."""
    high, low = ("vth_hi", "vth_lo") if kind == "ternary_lif" else ("vth", "vth")
    theta, lower = (np.clip(wide[key] << 6, -_FAR, _FAR) for key in (high, low))
    reached = int(arithmetic.threshold == "reached")
    none = np.zeros(1, np.int64)
    interval = wide.get("reset_interval", np.ones(1, np.int64))
    return [
        wide["du"], wide["dv"], wide["bias"], theta - reached, lower + reached, theta, interval,
        wide.get("reset_offset", none) % interval, wide.get("refractory_period", none),
    ]  # fmt: skip


def _atrlif(wide: dict[str, npt.NDArray[np.int64]]) -> list[npt.NDArray[np.int64]]:
    scaled = [wide["theta_0"] << 6, wide["theta_step"] << 6]
    return [wide["du"], wide["dv"], wide["bias"], wide["dtheta"], wide["dr"], *scaled]
