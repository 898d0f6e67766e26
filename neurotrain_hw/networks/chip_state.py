"""Membranes and currents in the number format of a chip, so that training sees the chip's truncation.

With `unit` of the membrane for one integer step, weights `scale * q`, and grid = 2^(9 - bits) (1 for kernels), a
Loihi-class neuron computes in integers (lava proc/lif/models.py; compiler/membrane.py chooses the same constants)

    u' = tz(u * (4095 - du), 12) + 64 * (sum of q * grid << exp),    v' = tz(v * (4096 - dv), 12) + u'
    a spike where v' > 64 * vth, then v = 0;    scale = unit * 64 * grid * 2^exp

tz rounds towards zero; u wraps around at 2^23, v saturates there. Here every tensor holds integer * unit, rounded once:
float32 tells integers below 2^23 apart, and every step is worked out in float64, where integers below 2^53 are exact.
Gradients are those of the float neuron.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.networks.spec import LayerSpec

STATE_LIMIT = 1 << 23
_ONE = 4096
_SHIFT = 6  # a unit of a weight is 64 steps of the membrane
_VTH_WANTED = 1 << 12  # as the compiler: thresholds of up to 12 bits
_VTH_MAX = (1 << 17) - 1
_EXP_MAX = 7


@dataclass(frozen=True, eq=False)
class ChipState:
    """The integer format of one layer, for weights as they are now.

    `unit`, `vth`: float64 and int64, () or per neuron (n,) or channel (C, 1, 1); `exp` and `grid` of the forward
    weights; `dv` and `du`, the chip's decays; `dtype` of the tensors.
    """

    unit: torch.Tensor
    vth: torch.Tensor
    exp: int
    grid: int
    dv: int
    du: int
    dtype: torch.dtype

    @property
    def beta(self) -> float:
        """Decay of the membrane, in steps of 1/4096."""
        return (_ONE - self.dv) / _ONE

    @property
    def alpha(self) -> float:
        """Decay of the current, in steps of 1/4096."""
        return (_ONE - 1 - self.du) / _ONE

    @property
    def threshold(self) -> torch.Tensor:
        """64 * vth steps."""
        return self._floats(self.vth * (1 << _SHIFT))

    def decayed(self, v: torch.Tensor) -> torch.Tensor:
        """Membranes after a step's decay."""
        return self._exactly(self.beta * v, self._decay(v, _ONE - self.dv))

    def decayed_current(self, u: torch.Tensor) -> torch.Tensor:
        """Synaptic currents after a step's decay."""
        return self._exactly(self.alpha * u, self._decay(u, _ONE - 1 - self.du))

    def current(self, before: torch.Tensor | None, arriving: torch.Tensor) -> torch.Tensor:
        """u' from a decayed current (None where it has no memory) and weighted sums, which wraps around."""
        whole = torch.round(arriving.detach().double() / (self.unit * (1 << _SHIFT))).mul_(1 << _SHIFT)
        if before is not None:
            whole += self._steps(before)
        if bool(whole.abs().max() >= STATE_LIMIT):
            whole = torch.where(whole > STATE_LIMIT, whole - 2 * STATE_LIMIT, whole)
            whole = torch.where(whole < 1 - STATE_LIMIT, whole + 2 * STATE_LIMIT, whole)
        return self._exactly(arriving if before is None else before + arriving, self._floats(whole))

    def membrane(self, kept: torch.Tensor, current: torch.Tensor) -> torch.Tensor:
        """v' from what decay and reset left and a current, which saturates."""
        whole = self._steps(kept).add_(self._steps(current)).clamp_(1 - STATE_LIMIT, STATE_LIMIT - 1)
        return self._exactly(kept + current, self._floats(whole))

    def _decay(self, state: torch.Tensor, constant: int) -> torch.Tensor:
        return self._floats(self._steps(state).mul_(constant / _ONE).trunc_())  # both exact: constant / 4096 is dyadic

    def _steps(self, tensor: torch.Tensor) -> torch.Tensor:
        return torch.round(tensor.detach().double() / self.unit)

    def _floats(self, whole: torch.Tensor) -> torch.Tensor:
        return (whole.double() * self.unit).to(self.dtype)

    @staticmethod
    def _exactly(smooth: torch.Tensor, exact: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = _StraightThrough.apply(smooth, exact)
        return found


def chip_state(layer: LayerSpec, weights: Sequence[Any]) -> ChipState:
    """The format of a layer with these quantised weights (Brevitas's tensors): forward, then recurrent where there are.

    The exponent is the largest with which thresholds have 12 bits and all inputs of one sign together fit into 24 bits.
    Raises ValueRangeError where a threshold is too large beside the weights.
    """
    with torch.no_grad():
        forward = weights[0]
        bits = max(int(layer.weight_bits or 8), 2)
        kernel = layer.kind == "conv"
        grid = 1 if kernel else 1 << (9 - bits)
        # behind a pool of spikes, every one of its synapses has a share of the weight
        scale = forward.scale.detach().double() / layer.input_pool**2
        scale = scale.reshape(()) if scale.numel() == 1 else scale.reshape((-1, 1, 1) if kernel else (-1,))
        octaves = [round(math.log2(float(other.scale) / float(scale))) for other in weights[1:]]
        lowest = -(grid.bit_length() - 1) - min([0, *octaves])
        highest = _EXP_MAX - max([0, *octaves])
        mantissa = layer.threshold * grid / scale  # at an exponent of 0
        sums = sum(_largest_sum(w) for w in weights)
        once = float((sums / scale.reshape(-1)).max()) * grid * (1 << _SHIFT) / (1 - layer.alpha)
        fitting = [
            exp for exp in range(highest, lowest - 1, -1)
            if float(mantissa.max()) * 2.0**exp < _VTH_WANTED and once * 2.0**exp < STATE_LIMIT
        ]  # fmt: skip
        exp = fitting[0] if fitting else lowest
        vth = torch.round(mantissa * 2.0**exp).long()
        if int(vth.max()) > _VTH_MAX or int(vth.min()) < 1:
            raise ValueRangeError(
                f"the threshold's mantissa lies between {int(vth.min())} and {int(vth.max())}",
                where=f"layer '{layer.name}'", need=f"1..{_VTH_MAX} (17 bits)",
                remedy="Weights and threshold lie too far apart: change one of them.",
            )  # fmt: skip
        unit = scale / (grid * 2.0 ** (exp + _SHIFT))
        dv = min(round((1 - layer.beta) * _ONE), _ONE - 1)
        du = min(max(round(_ONE - 1 - _ONE * layer.alpha), 0), _ONE - 1)
        return ChipState(unit, vth, exp, grid, dv, du, forward.value.dtype)


def _largest_sum(weights: Any) -> torch.Tensor:
    """Per row, the largest sum of weights of one sign."""
    value = weights.value.detach().double()
    rows = value.flatten(1) if value.dim() > 1 else value[:, None]
    return torch.maximum(rows.clamp(min=0).sum(1), (-rows).clamp(min=0).sum(1))


class _StraightThrough(torch.autograd.Function):
    """`exact`, with the derivative of `smooth`."""

    @staticmethod
    def forward(ctx: Any, smooth: torch.Tensor, exact: torch.Tensor) -> torch.Tensor:
        return exact

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradients[0], None
