"""Plain neurons, LIF without synaptic currents or learned constants, in one compiled loop where there is one.

Elsewhere (another device, a pseudo-derivative without a kernel) the same equations in torch's operations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from neurotrain_hw.trainers import neuron_kernels as kernels
from neurotrain_hw.trainers.constants import ResetGradient
from neurotrain_hw.trainers.psi import Peak

if TYPE_CHECKING:
    from neurotrain_hw.trainers.cells import Cell, State

_RESETS = {"zero": kernels.ZERO, "subtract": kernels.SUBTRACT, "none": kernels.NONE}
_FORMS = {"fast": kernels.FAST, "atan": kernels.ATAN, "triangle": kernels.TRIANGLE, "box": kernels.BOX}


def compiles(cell: Cell, like: torch.Tensor) -> bool:
    """Whether there are compiled loops for these neurons, on this device and in this type."""
    plain = cell.alpha is None and cell.chip is None and not cell.strength and cell.reset in _RESETS
    fixed = not (isinstance(cell.beta, torch.Tensor) or isinstance(cell.threshold, torch.Tensor))
    known = isinstance(cell.psi, Peak) and cell.psi.form in _FORMS
    return plain and fixed and known and like.device.type == "cpu" and like.dtype in (torch.float32, torch.float64)


def step(cell: Cell, current: torch.Tensor, before: State) -> tuple[torch.Tensor, torch.Tensor]:
    """Membranes, in the place of the currents, and spikes (N, *neurons) after a step."""
    current, fired = current.contiguous(), torch.empty_like(current)
    places = (_flat(current), _flat(before.v), _flat(before.fired))
    kernels.step(*places, *_constants(cell, current), _flat(current), _flat(fired))
    return current, fired


def steps(cell: Cell, current: torch.Tensor, start: State) -> tuple[torch.Tensor, torch.Tensor]:
    """Membranes and spikes (T, N, *neurons) for currents of that shape."""
    v, fired = torch.empty_like(current), torch.empty_like(current)
    places = (_rows(current.contiguous()), _flat(start.v), _flat(start.fired))
    kernels.steps(*places, *_constants(cell, current), _rows(v), _rows(fired))
    return v, fired


def psi(cell: Cell, v: torch.Tensor) -> torch.Tensor:
    """The pseudo-derivative at membranes."""
    out = torch.empty_like(v)
    kernels.psi(*_form(cell, v), _number(v, cell.threshold), _flat(v.contiguous()), _flat(out))
    return out


def back(
    cell: Cell, v: torch.Tensor, fired: torch.Tensor, by_fired: torch.Tensor | None, d: torch.Tensor,
    gradient: ResetGradient,
) -> torch.Tensor:  # fmt: skip
    """dloss/dI (T, N, *neurons), in the place of `d`, the loss's derivative by the membranes of each step alone."""
    gate = cell.reset == "zero" and gradient != "constant"
    by_v = cell.beta if cell.reset == "zero" and gradient == "full" else 0.0
    by_one = cell.threshold if cell.reset == "subtract" and gradient == "full" else 0.0
    numbers = (_number(v, each) for each in (cell.beta, cell.threshold, float(gate), by_v, by_one))
    by = _rows(v[:0]) if by_fired is None else _rows(by_fired.contiguous())
    kernels.back(_rows(v), _rows(fired), by, *_form(cell, v), *numbers, _flat(torch.empty_like(v[0])), _rows(d))
    return d


def _constants(cell: Cell, like: torch.Tensor) -> tuple[Any, ...]:
    return *(_number(like, each) for each in (cell.beta, cell.threshold, 1.0)), _RESETS[cell.reset]


def _form(cell: Cell, like: torch.Tensor) -> tuple[Any, ...]:
    peak: Any = cell.psi
    return _FORMS[peak.form], *(_number(like, each) for each in (peak.scale, peak.k, 1.0))


def _number(like: torch.Tensor, value: Any) -> Any:
    return (np.float32 if like.dtype is torch.float32 else np.float64)(value)


def _flat(tensor: torch.Tensor) -> Any:
    return tensor.detach().reshape(-1).numpy()


def _rows(tensor: torch.Tensor) -> Any:
    return tensor.detach().flatten(1).numpy()
