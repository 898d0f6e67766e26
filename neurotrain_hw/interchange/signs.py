"""What the numbers and names of a file show about the framework that wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nir
import numpy as np

from neurotrain_hw.interchange.primitives import NEURONS

_STEP_S = 1e-4  # of snnTorch's and Lava's exporters
_CLOSE = 1e-5


@np.errstate(all="ignore")
def detect(graph: nir.NIRGraph) -> tuple[str, str] | None:
    """The dialect that a file shows, and how it shows it; None where it does not show any."""
    neurons = list(_neurons(graph))
    if not neurons:
        return None
    if all(_is_lava(node) for node in neurons) and all(_on_grid(w, 64) for w in _weights(graph)):
        return "lava-dl", (
            f"detected by weights and thresholds in 64ths and decays in 4096ths of a step of {_STEP_S} s; read in the "
            "integers of Loihi, which spike where v has reached the threshold"
        )
    if all(_is_snntorch(node) for node in neurons):
        return "snntorch", (
            f"detected by r = tau / {_STEP_S} s in every neuron; taken to reset to zero in the step of the spike "
            "(NIR does not say whether the writer subtracted the threshold instead)"
        )
    if any("Torch" in name for name in graph.nodes) and step_told(graph, "rockpool") is not None:
        return "rockpool", "detected by Rockpool's names of nodes and r = tau exp(-dt/tau) / dt in every neuron"
    taus = np.concatenate([_some(_tau(node)) for node in neurons])
    if len(np.unique(taus)) > 2 and step_told(graph, "spyx") is not None:
        return "spyx", "detected by tau * (1 - r), the step, which is one and the same for neurons of many tau"
    return None


@np.errstate(all="ignore")
def step_told(graph: nir.NIRGraph, dialect: str) -> float | None:
    """The step in seconds that follows from every neuron's tau and r as a framework writes them; None where none does.

    Rockpool writes r = tau exp(-dt/tau) / dt, Spyx r = 1 - dt/tau, SpikingJelly r = 1/dt for IF.
    """
    found = [_STEPS[dialect](node) for node in _neurons(graph)]
    steps = np.concatenate([np.asarray(part, np.float64) for part in found]) if found else np.zeros(0)
    if not steps.size or not np.all(np.isfinite(steps)) or steps.min() <= 0 or steps.max() > steps.min() * (1 + 1e-3):
        return None
    return float(f"{np.median(steps):.4g}")


@np.errstate(all="ignore")
def misfit(dialect: str, node: Any, step: float) -> str | None:
    """Why a neuron is none that the dialect's framework writes; None where it may be one."""
    if type(node).__name__ not in NEURONS or dialect not in _MISFITS:
        return None
    for key in ("v_leak", "v_reset") if dialect not in ("norse", "spikingjelly") else ():
        if np.any(getattr(node, key, 0) != 0):
            return f"{key} is not 0, which {dialect} does not have"
    return _MISFITS[dialect](node, step)


def _snntorch_misfit(node: Any, step: float) -> str | None:
    if hasattr(node, "tau_mem") and not _same(node.r * step, node.tau_mem):
        return f"r is not tau_mem / {step} s, as snnTorch writes and reads it"
    return None


def _norse_misfit(node: Any, step: float) -> str | None:
    if type(node).__name__ in ("IF", "LIF", "LI") and np.any(node.r != 1):
        return "r is not 1, and Norse does not use it"
    return None


def _sinabs_misfit(node: Any, step: float) -> str | None:
    return "r is not 1, as Sinabs writes it" if np.any(node.r != 1) else None


def _rockpool_misfit(node: Any, step: float) -> str | None:
    if np.allclose(node.r * step, _tau(node) * np.exp(-step / _tau(node)), rtol=1e-3, atol=0):
        return None
    return f"r is not tau exp(-dt/tau) / dt with dt = {step:.4g} s, as Rockpool writes it"


def _spyx_misfit(node: Any, step: float) -> str | None:
    if not hasattr(node, "w_in") or np.all(node.w_in == 1) or _same(node.w_in * step, node.tau_syn):
        return None
    return f"w_in is neither 1, as Spyx writes it, nor tau_syn / {step:.4g} s: Spyx would not use it"


def _lava_misfit(node: Any, step: float) -> str | None:
    return None if _is_lava(node) else "its decays are not 4096ths of a step, nor its threshold in 64ths"


_MISFITS = {
    "snntorch": _snntorch_misfit, "norse": _norse_misfit, "sinabs": _sinabs_misfit, "rockpool": _rockpool_misfit,
    "spyx": _spyx_misfit, "spikingjelly": lambda node, step: None, "lava-dl": _lava_misfit,
}  # fmt: skip


def _is_snntorch(node: Any) -> bool:
    kind = type(node).__name__
    if kind not in ("LIF", "CubaLIF") or np.any(node.v_leak) or np.any(node.v_reset):
        return False
    if not np.allclose(node.r * _STEP_S, _tau(node), rtol=_CLOSE, atol=0):
        return False
    return kind == "LIF" or bool(np.allclose(node.w_in * _STEP_S, node.tau_syn, rtol=_CLOSE, atol=0))


def _is_lava(node: Any) -> bool:
    if type(node).__name__ != "CubaLIF" or not _is_snntorch(node):
        return False
    decays = [4096 * _STEP_S / tau for tau in (node.tau_syn, node.tau_mem)]
    return all(np.abs(decay - np.rint(decay)).max() < 1e-3 for decay in decays) and _on_grid(node.v_threshold, 64)


def _rockpool_steps(node: Any) -> Any:
    """dt of r = tau exp(-dt/tau) / dt, by Newton's method from dt = tau / r."""
    tau, r = _tau_and_r(node)
    ratio = 1 / r
    for _ in range(50):
        ratio = ratio - (ratio - np.exp(-ratio) / r) / (1 + np.exp(-ratio) / r)
    return tau * ratio


def _spyx_steps(node: Any) -> Any:
    tau, r = _tau_and_r(node)
    return tau * (1 - r)


def _spikingjelly_steps(node: Any) -> Any:
    return 1 / _some(node.r) if type(node).__name__ == "IF" else np.zeros(0)


_STEPS = {"rockpool": _rockpool_steps, "spyx": _spyx_steps, "spikingjelly": _spikingjelly_steps}


def _tau_and_r(node: Any) -> tuple[Any, Any]:
    """tau and r of a node's neurons; no numbers where the kind is one that the framework does not write."""
    if type(node).__name__ not in ("LIF", "CubaLIF"):
        return np.array([np.nan]), np.ones(1)
    return _some(_tau(node)), _some(node.r)


def _some(values: Any) -> Any:
    """The values of up to 10,000 neurons, spread evenly."""
    flat = values.reshape(-1).astype(np.float64)
    return flat[:: -(-flat.size // 10_000)]


def _same(a: Any, b: Any) -> bool:
    return bool(np.allclose(a, b, rtol=_CLOSE, atol=0))


def _tau(node: Any) -> Any:
    return node.tau_mem if hasattr(node, "tau_mem") else getattr(node, "tau", np.ones(1))


def _neurons(graph: nir.NIRGraph) -> Iterator[Any]:
    return (node for node in graph.nodes.values() if type(node).__name__ in NEURONS)


def _weights(graph: nir.NIRGraph) -> Iterator[Any]:
    return (node.weight for node in graph.nodes.values() if hasattr(node, "weight"))


def _on_grid(values: Any, parts: int) -> bool:
    return bool(np.all(values * parts == np.rint(values * parts)))
