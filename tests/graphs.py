"""Small networks as graphs, for the tests of interchange and compiler."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import nir
import numpy as np

from neurotrain_hw.interchange import Graph, Meaning, NodeMeaning, Quantisation
from neurotrain_hw.interchange.primitives import NEURONS

SCALE = float(np.float32(0.0071))
DT = 1e-3
CUBA = {"tau_mem": 4 * DT, "tau_syn": 2 * DT, "r": 4.0, "w_in": 2.0, "v_leak": 0.0}


def lif(n: int, *, beta: float = 0.9, threshold: float = 1.0, dt_s: float = 1e-3, **changes: float) -> nir.LIF:
    """n neurons v' = beta v + x, spike where v' > threshold."""
    tau_s = dt_s / (1 - beta)
    values = {"tau": tau_s, "r": tau_s / dt_s, "v_leak": 0.0, "v_threshold": threshold, "v_reset": 0.0} | changes
    return nir.LIF(**{key: np.full(n, value) for key, value in values.items()})


def chain(
    sizes: Sequence[int],
    *,
    bits: int | None = 8,
    scale: float = SCALE,
    beta: float = 0.9,
    reset: str = "zero",
    dt_s: float = 1e-3,
    seed: int = 0,
    spread: int = 60,
    bias: bool = False,
) -> Graph:
    """Input -> (Linear | Affine -> LIF) per layer -> Output, with integers of `bits` bits times `scale` as weights."""
    rng = np.random.default_rng(seed)
    top = (1 << ((bits or 8) - 1)) - 1
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": np.array([sizes[0]])})}
    meanings: dict[str, NodeMeaning] = {}
    for k, (n_pre, n_post) in enumerate(pairwise(sizes), start=1):
        q = np.clip(np.rint(rng.normal(8, spread, (n_post, n_pre))), -top, top)
        weight = (q.astype(np.float32) * np.float32(scale)).astype(np.float32)
        drive = rng.normal(0, 0.05, n_post)
        nodes[f"l{k}_weights"] = nir.Affine(weight, drive) if bias else nir.Linear(weight)
        nodes[f"l{k}"] = lif(n_post, beta=beta, dt_s=dt_s)
        quantisation = None if bits is None else Quantisation(bits, scale)
        meanings[f"l{k}_weights"] = NodeMeaning(quantisation=quantisation)
        meanings[f"l{k}"] = NodeMeaning(reset, "euler")  # type: ignore[arg-type]
    nodes["output"] = nir.Output({"output": np.array([sizes[-1]])})
    return Graph(nir.NIRGraph(nodes, list(pairwise(["input", *meanings, "output"]))), Meaning(dt_s, meanings))


def graph_of(
    nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]], *, loops: str = "neurons", **meanings
) -> Graph:
    """A graph whose neurons are Euler, reset to zero in the step of the spike, unless said otherwise."""
    kinds = {name: type(node).__name__ for name, node in nodes.items()}
    default = {name: NodeMeaning("zero", "euler") for name, kind in kinds.items() if kind in NEURONS}
    return Graph(nir.NIRGraph(nodes, edges), Meaning(DT, default | meanings, "float64", loops))  # type: ignore[arg-type]


def grid(rng: np.random.Generator, *shape: int, spread: int = 24) -> np.ndarray:
    """Weights that are multiples of 1/32, so that sums of any order are exact."""
    return rng.integers(-spread, spread + 9, shape) / 32


def halves(n: int | tuple[int, ...], threshold: float = 1.0) -> nir.LIF:
    """v' = v / 2 + x: exact in binary."""
    node = lif(int(np.prod(n)), beta=0.5, threshold=threshold, dt_s=DT)
    shape = n if isinstance(n, tuple) else (n,)
    return nir.LIF(**{k: getattr(node, k).reshape(shape) for k in ("tau", "r", "v_leak", "v_threshold", "v_reset")})
