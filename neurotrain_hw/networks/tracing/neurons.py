"""snnTorch's neurons as nodes of NIR, exactly; which reset is which was read off snnTorch 1.0.0's source and run.

Every one is Euler with decays `beta` (membrane) and `alpha` (current) and a gain of 1: tau = dt / (1 - beta),
r = tau / dt, and for a current tau_syn = dt / (1 - alpha), w_in = tau_syn / dt. A beta of 1 is an integrator, I or IF,
with r = 1 / dt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import nir
import numpy as np
import numpy.typing as npt
import torch

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.interchange import NodeMeaning
from neurotrain_hw.interchange.meaning import Reset
from neurotrain_hw.networks.tracing.arrays import array, per_neuron
from neurotrain_hw.networks.tracing.layers import Made, layer_node
from neurotrain_hw.networks.tracing.terms import Chain, Layer

Shape = tuple[int, ...]
FloatArray = npt.NDArray[np.float64]
# As good as infinite: 1 - dt / tau and dt / tau * r come out as 1 in float64.
_ENDLESS = 2.0**60
# By reset_mechanism and reset_delay; NodeMeaning says what they do.
_RESETS: dict[tuple[str, bool], Reset] = {
    ("zero", True): "zero_held", ("zero", False): "zero", ("subtract", True): "subtract_delayed",
    ("subtract", False): "subtract_pending", ("none", True): "none", ("none", False): "none",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Population:
    """A population of neurons as nodes: `neurons`; `before` it, a node that it needs in front; the recurrent weights
    `loop`, from what it sends back to it; `after` it, a node that what it sends passes. `notes` for the reader.
    """

    neurons: Made
    before: Made | None = None
    loop: Made | None = None
    after: Made | None = None
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Style:
    """How neurons are written: seconds per step; whether their membrane is read, not their spikes; whether a neuron
    without a current is written as one with a current that keeps nothing, tau_syn = dt.
    """

    dt_s: float
    silent: bool = False
    cuba: bool = False


def population(chain: Chain, shape: Shape, style: Style) -> Population:
    """The nodes for a population of such a shape.

    Raises UnsupportedError, naming the module, for what NIR and its meaning cannot say.
    """
    where, module = f"module '{chain.path}'", chain.module
    if chain.kind not in _MAKERS:
        raise UnsupportedError(
            f"snnTorch's {chain.kind} cannot be said in NIR", where=where, need=", ".join(_MAKERS),
        )  # fmt: skip
    _check(module, where)
    if style.silent and module.reset_mechanism != "none":
        raise UnsupportedError(
            "its membrane potential is taken as a signal, and a neuron of NIR that resets sends spikes", where=where,
            remedy="Return the spikes, or give it reset_mechanism='none', which makes it a leaky integrator.",
        )  # fmt: skip
    made = _MAKERS[chain.kind](chain, shape, style, where)
    factor = getattr(module, "graded_spikes_factor", torch.tensor(1.0))
    if style.silent or bool(torch.all(factor.detach() == 1)):
        return made
    dtype = array(factor, where=where).dtype
    graded = Made(nir.Scale(per_neuron(factor, shape, where=f"{where}: graded_spikes_factor").astype(dtype)))
    return Population(made.neurons, made.before, made.loop, graded, made.notes)


def _leaky(chain: Chain, shape: Shape, style: Style, where: str) -> Population:
    module = chain.module
    beta = per_neuron(module.beta.clamp(0, 1), shape, where=f"{where}: beta")
    ones = np.ones(shape)
    node, notes = _membrane(module, beta, ones, shape, style, where)
    loop = _loop(module, chain.path, shape, where) if chain.kind == "RLeaky" else None
    return Population(Made(node, _meaning(chain, style.silent)), loop=loop, notes=notes)


def _lapicque(chain: Chain, shape: Shape, style: Style, where: str) -> Population:
    """v' = v + dt/(R C) (R x - v): NIR's own equation, with tau = R C in units of its time_step."""
    module = chain.module
    with torch.no_grad():  # in its own precision and order
        decay = 1 - module.time_step / (module.R * module.C)
        gain = module.R * (1 / (module.R * module.C)) * module.time_step
    keep = per_neuron(decay, shape, where=f"{where}: R, C")
    node, notes = _membrane(module, keep, per_neuron(gain, shape, where=where), shape, style, where)
    return Population(Made(node, _meaning(chain, style.silent)), notes=notes)


def _synaptic(chain: Chain, shape: Shape, style: Style, where: str) -> Population:
    module = chain.module
    alpha = per_neuron(module.alpha.clamp(0, 1), shape, where=f"{where}: alpha")
    beta = per_neuron(module.beta.clamp(0, 1), shape, where=f"{where}: beta")
    node, notes = _cuba(module, alpha, beta, np.ones(shape), shape, style, where)
    loop = _loop(module, chain.path, shape, where) if chain.kind == "RSynaptic" else None
    if chain.kind == "RSynaptic" and not module.reset_delay:
        notes += (f"{where}: reset_delay=False does nothing in snnTorch's RSynaptic; exported as what it does",)
    return Population(Made(node, _meaning(chain, style.silent)), loop=loop, notes=notes)


def _alpha(chain: Chain, shape: Shape, style: Style, where: str) -> Population:
    """Without a reset the two filters of Alpha, E' = a E + x and H' = b H - x, are one after the other:
    tau_alpha (E + H) is a CubaLIF of gain tau_alpha (a - b), one step later.
    """
    module = chain.module
    if module.reset_mechanism != "none":
        raise UnsupportedError(
            f"snnTorch's Alpha with reset_mechanism='{module.reset_mechanism}' resets its two currents, which no "
            "neuron of NIR does", where=where, remedy="Use Synaptic, or reset_mechanism='none'.",
        )  # fmt: skip
    with torch.no_grad():
        a, b = module.alpha.clamp(0, 1), module.beta.clamp(0, 1)
        gain = (torch.log(a) / (torch.log(b) - torch.log(a)) + 1) * (a - b)
    alpha, beta, drive = (per_neuron(p, shape, where=where) for p in (a, b, gain))
    node, notes = _cuba(module, alpha, beta, drive, shape, style, where)
    notes += (f"{where}: Alpha is written as a delay of one step and a CubaLIF, which round otherwise than snnTorch",)
    return Population(
        Made(node, _meaning(chain, style.silent)), Made(nir.Delay(np.full(shape, style.dt_s))), notes=notes
    )


_MAKERS: dict[str, Callable[[Chain, Shape, Style, str], Population]] = {
    "Leaky": _leaky, "RLeaky": _leaky, "Lapicque": _lapicque, "Synaptic": _synaptic, "RSynaptic": _synaptic,
    "Alpha": _alpha,
}  # fmt: skip


def _membrane(
    module: Any, decay: FloatArray, gain: FloatArray, shape: Shape, style: Style, where: str
) -> tuple[nir.NIRNode, tuple[str, ...]]:
    """I, IF, LI or LIF with v' = decay v + gain x."""
    if style.cuba:
        return _cuba(module, np.zeros(shape), decay, gain, shape, style, where)
    zeros, dt_s, silent = np.zeros(shape), style.dt_s, style.silent
    ends = {} if silent else {"v_threshold": per_neuron(module.threshold, shape, where=where), "v_reset": zeros}
    if np.all(decay == 1):
        r = gain / dt_s
        return (nir.I(r) if silent else nir.IF(r=r, **ends)), ()
    tau, notes = _tau(decay, dt_s, where)
    fields = {"tau": tau, "r": gain * (tau / dt_s), "v_leak": zeros}
    return (nir.LI(**fields) if silent else nir.LIF(**fields, **ends)), notes


def _cuba(
    module: Any, alpha: FloatArray, beta: FloatArray, gain: FloatArray, shape: Shape, style: Style, where: str
) -> tuple[nir.NIRNode, tuple[str, ...]]:
    """CubaLI or CubaLIF with i' = alpha i + x, v' = beta v + gain i'."""
    zeros, dt_s = np.zeros(shape), style.dt_s
    tau_syn, notes = _tau(alpha, dt_s, where)
    tau_mem, more = _tau(beta, dt_s, where)
    fields = {"tau_syn": tau_syn, "tau_mem": tau_mem, "r": gain * (tau_mem / dt_s), "v_leak": zeros}
    fields["w_in"] = tau_syn / dt_s
    notes = tuple(dict.fromkeys((*notes, *more)))
    if style.silent:
        return nir.CubaLI(**fields), notes
    threshold = per_neuron(module.threshold, shape, where=where)
    return nir.CubaLIF(**fields, v_threshold=threshold, v_reset=zeros), notes


def _tau(decay: FloatArray, dt_s: float, where: str) -> tuple[FloatArray, tuple[str, ...]]:
    """The time constants of Euler decays, tau = dt / (1 - decay)."""
    leaking = decay < 1
    tau = dt_s / np.where(leaking, 1 - decay, 1 / _ENDLESS)
    if np.all(leaking):
        return tau, ()
    return tau, (f"{where}: a decay of 1 is written as a time constant of 2^60 steps",)


def _meaning(chain: Chain, silent: bool) -> NodeMeaning:
    if silent:
        return NodeMeaning("none", "euler")
    module = chain.module
    delay = bool(getattr(module, "reset_delay", True)) or chain.kind == "RSynaptic"
    reset = _RESETS[module.reset_mechanism, delay]
    if chain.kind == "Leaky" and reset == "zero_held":
        reset = "zero_delayed"  # Leaky clears its membrane before it takes its input, the others after
    return NodeMeaning(reset, "euler")


def _loop(module: Any, path: str, shape: Shape, where: str) -> Made:
    """The recurrent weights; one-to-one weights V as a diagonal matrix, or as a Scale for neurons on several axes."""
    recurrent = module.recurrent
    place = f"{path}.recurrent" if path else "recurrent"
    if isinstance(recurrent, torch.nn.Linear):
        return layer_node(Layer("Linear", recurrent, place), shape, shape)
    if isinstance(recurrent, torch.nn.Conv2d):
        return layer_node(Layer("Conv2d", recurrent, place), shape, shape)
    if not hasattr(recurrent, "V"):
        raise UnsupportedError(f"its recurrent layer is a {type(recurrent).__name__}", where=where)
    strength = per_neuron(recurrent.V, shape, where=f"{where}: V")
    dtype = array(recurrent.V, where=where).dtype
    if len(shape) == 1:
        return Made(nir.Linear(np.diag(strength).astype(dtype)))
    return Made(nir.Scale(strength.astype(dtype)))


def _check(module: Any, where: str) -> None:
    """Options of snnTorch that no graph of NIR can hold."""
    if module.state_quant:
        raise UnsupportedError("quantises its state (state_quant)", where=where, remedy="Leave out state_quant.")
    if module.inhibition:
        raise UnsupportedError(
            "lets only one neuron of the layer spike (inhibition=True)", where=where, need="inhibition=False"
        )
    _check_reset(module, where)
    probe = torch.tensor([-1.0, 0.0, 1.0], device=module.threshold.device)
    with torch.no_grad():
        fired = module.spike_grad(probe)
    if not module.threshold.is_meta and fired.tolist() != [0.0, 0.0, 1.0]:
        raise UnsupportedError(
            "its spike_grad is no step: a spike where the membrane is above the threshold", where=where,
            remedy="Use one of snnTorch's surrogates.",
        )  # fmt: skip
    undelayed = not getattr(module, "reset_delay", True) and module.reset_mechanism == "zero"
    if undelayed and bool(torch.any(module.threshold < 0)):
        raise UnsupportedError(
            "has a threshold below 0 with a reset to 0", where=where, need="a threshold of 0 or more"
        )


def _check_reset(module: Any, where: str) -> None:
    """snnTorch keeps the reset in three places, of which the function chosen at construction is what runs."""
    runs = {"_base_sub": "subtract", "_base_zero": "zero", "_base_int": "none"}[module.state_function.__name__]
    told = (module.reset_mechanism, list(module.reset_dict)[int(module.reset_mechanism_val)])
    if set(told) != {runs}:
        raise UnsupportedError(
            f"its reset_mechanism was changed to '{next(each for each in told if each != runs)}' after it was made, "
            f"and snnTorch goes on with '{runs}'", where=where, remedy="Make the neuron anew with the one you want.",
        )  # fmt: skip
