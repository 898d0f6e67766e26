"""Linear maps from a layer's input spikes to its currents: forward, and the three ways back that learning rules need.

A way is used in steps, so that rules with traces can put a trace in the place of the spikes:

    x, into = way.arrive(pre)                      what comes through the pool in front, flattened for dense layers
    current, out = way.drive(x, weight)            the currents, after the pool behind
    way.weight_gradient(signal, x, out)            sum over samples of signal times x, as `weight`
    way.back(signal, weight, (into, out))          the signal at `pre`

`into` and `out` say which inputs maximum pools have let through in this step; None where there is no such pool.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional, grad

Pooling = Literal["average", "max"]
Shape = tuple[int, ...]
# which inputs the pools in front and behind have let through
Routes = tuple[torch.Tensor | None, torch.Tensor | None]


@dataclass(frozen=True)
class Operator:
    """From `in_shape` to `out_shape`, both without the samples; `weight_shape` of its weights."""

    in_shape: Shape
    out_shape: Shape

    @property
    def weight_shape(self) -> Shape:
        """Shape of the weights."""
        raise NotImplementedError

    def current(self, pre: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        """Currents (N, *out_shape) for spikes (N, *in_shape), for autograd; `bias` (channels or neurons,)."""
        return self.drive(self.arrive(pre)[0], weight, bias)[0]

    def arrive(self, pre: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """What the synapses receive."""
        return pre, None

    def drive(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Currents (N, *out_shape)."""
        raise NotImplementedError

    def weight_gradient(self, signal: torch.Tensor, x: torch.Tensor, out: torch.Tensor | None) -> torch.Tensor:
        """Sum over samples of the signal (N, *out_shape) times what arrived, or its trace."""
        raise NotImplementedError

    def back(self, signal: torch.Tensor, weight: torch.Tensor, routes: Routes) -> torch.Tensor:
        """The signal (N, *out_shape) at the neurons below (N, *in_shape)."""
        raise NotImplementedError

    def outer(self, post: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """What every synapse has of its two sides, (N, *weight_shape), for `post` (N, *out_shape)."""
        raise NotImplementedError

    def of_post(self, post: torch.Tensor) -> torch.Tensor:
        """`post` (N, *out_shape) so that it multiplies what synapses have."""
        raise NotImplementedError

    def contract(self, signal: torch.Tensor, eligible: torch.Tensor) -> torch.Tensor:
        """Sum over samples of the signal times what every synapse has (N, *weight_shape)."""
        raise NotImplementedError


@dataclass(frozen=True)
class Dense(Operator):
    """Every input neuron to every output neuron: weights (n_post, n_pre). `input_pool` squares of a map in front."""

    input_pool: int = 1
    pooling: Pooling = "average"

    @property
    def weight_shape(self) -> Shape:
        pooled = _pooled(self.in_shape, self.input_pool)
        return math.prod(self.out_shape), math.prod(pooled)

    def arrive(self, pre: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        x, into = _pool(pre, self.input_pool, self.pooling)
        return (x if x.dim() == 2 else x.flatten(1)), into

    def drive(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if len(self.out_shape) == 1:
            return functional.linear(x, weight, bias), None
        current = functional.linear(x, weight).view(-1, *self.out_shape)
        return current if bias is None else current + bias.view(-1, *(1 for _ in self.out_shape[1:])), None

    def weight_gradient(self, signal: torch.Tensor, x: torch.Tensor, out: torch.Tensor | None) -> torch.Tensor:
        return signal.flatten(1).T @ x

    def back(self, signal: torch.Tensor, weight: torch.Tensor, routes: Routes) -> torch.Tensor:
        sent = signal.flatten(1) @ weight
        if len(self.in_shape) == 1:
            return sent
        sent = sent.view(-1, *_pooled(self.in_shape, self.input_pool))
        return _unpool(sent, self.input_pool, self.pooling, self.in_shape, routes[0])

    def outer(self, post: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return self.of_post(post) * x.unsqueeze(1)

    def of_post(self, post: torch.Tensor) -> torch.Tensor:
        return post.flatten(1).unsqueeze(2)

    def contract(self, signal: torch.Tensor, eligible: torch.Tensor) -> torch.Tensor:
        return torch.einsum("nj,nji->ji", signal.flatten(1), eligible)


@dataclass(frozen=True)
class Convolution(Operator):
    """Kernels (channels_out, channels_in, kernel, kernel) over maps (C, H, W), pools in front and behind.

    No dilation and no groups. A pool of `input_pool` squares gathers spikes in front, one of `pool` currents behind.
    """

    kernel: int = 1
    stride: int = 1
    padding: int = 0
    input_pool: int = 1
    pool: int = 1
    pooling: Pooling = "average"

    @classmethod
    def over(
        cls,
        in_shape: Shape,
        channels: int,
        *,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        input_pool: int = 1,
        pool: int = 1,
        pooling: Pooling = "average",
    ) -> Convolution:
        """The one with `channels` maps out, whose size follows from the rest."""
        _, *size = _pooled(in_shape, input_pool)
        sides = [((side + 2 * padding - kernel) // stride + 1) // pool for side in size]
        return cls(in_shape, (channels, *sides), kernel, stride, padding, input_pool, pool, pooling)

    @property
    def weight_shape(self) -> Shape:
        return self.out_shape[0], self.in_shape[0], self.kernel, self.kernel

    def arrive(self, pre: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        return _pool(pre, self.input_pool, self.pooling)

    def drive(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        return _pool(functional.conv2d(x, weight, bias, self.stride, self.padding), self.pool, self.pooling)

    def weight_gradient(self, signal: torch.Tensor, x: torch.Tensor, out: torch.Tensor | None) -> torch.Tensor:
        signal = _unpool(signal, self.pool, self.pooling, self._maps, out)
        return grad.conv2d_weight(x, self.weight_shape, signal, self.stride, self.padding)

    def back(self, signal: torch.Tensor, weight: torch.Tensor, routes: Routes) -> torch.Tensor:
        into, out = routes
        signal = _unpool(signal, self.pool, self.pooling, self._maps, out)
        pooled = _pooled(self.in_shape, self.input_pool)
        sent = grad.conv2d_input((len(signal), *pooled), weight, signal, self.stride, self.padding)
        return _unpool(sent, self.input_pool, self.pooling, self.in_shape, into)

    @property
    def _maps(self) -> Shape:
        """The convolution's own output, before the pool behind."""
        _, *size = _pooled(self.in_shape, self.input_pool)
        sides = ((side + 2 * self.padding - self.kernel) // self.stride + 1 for side in size)
        return self.out_shape[0], *sides


@dataclass(frozen=True)
class OneToOne(Operator):
    """Neuron to neuron: weights (n,); the recurrence of neurons on themselves."""

    @property
    def weight_shape(self) -> Shape:
        return (math.prod(self.out_shape),)

    def drive(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        current = x * weight.view(self.out_shape)
        return current if bias is None else current + bias, None

    def weight_gradient(self, signal: torch.Tensor, x: torch.Tensor, out: torch.Tensor | None) -> torch.Tensor:
        return (signal * x).sum(dim=0).flatten()

    def back(self, signal: torch.Tensor, weight: torch.Tensor, routes: Routes) -> torch.Tensor:
        return signal * weight.view(self.out_shape)

    def outer(self, post: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return post * x

    def of_post(self, post: torch.Tensor) -> torch.Tensor:
        return post

    def contract(self, signal: torch.Tensor, eligible: torch.Tensor) -> torch.Tensor:
        return self.weight_gradient(signal, eligible, None)


@dataclass(frozen=True)
class Bias(Operator):
    """A constant current per neuron, or per map: synapses (channels,) from an input that is always 1."""

    @property
    def weight_shape(self) -> Shape:
        return self.out_shape[:1]

    def drive(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        return x.view(-1, *(1 for _ in self.out_shape)) * weight.view(-1, *(1 for _ in self.out_shape[1:])), None

    def weight_gradient(self, signal: torch.Tensor, x: torch.Tensor, out: torch.Tensor | None) -> torch.Tensor:
        return x.view(1, -1).matmul(signal.flatten(2).sum(dim=2) if signal.dim() > 2 else signal)[0]

    def back(self, signal: torch.Tensor, weight: torch.Tensor, routes: Routes) -> torch.Tensor:
        return signal.new_zeros(len(signal), 1)

    def outer(self, post: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return post * x

    def of_post(self, post: torch.Tensor) -> torch.Tensor:
        return post

    def contract(self, signal: torch.Tensor, eligible: torch.Tensor) -> torch.Tensor:
        return (signal * eligible).sum(dim=0)


def _pooled(shape: Shape, pool: int) -> Shape:
    return shape if pool == 1 else (shape[0], *(side // pool for side in shape[1:]))


def _pool(maps: torch.Tensor, pool: int, pooling: Pooling) -> tuple[torch.Tensor, torch.Tensor | None]:
    if pool == 1:
        return maps, None
    if pooling == "average":
        return functional.avg_pool2d(maps, pool), None
    pooled, chosen = functional.max_pool2d(maps, pool, return_indices=True)
    return pooled, chosen


def _unpool(
    signal: torch.Tensor, pool: int, pooling: Pooling, shape: Shape, chosen: torch.Tensor | None
) -> torch.Tensor:
    """The signal in front of a pool over maps of `shape`; what does not fill a square got nothing through."""
    if pool == 1:
        return signal
    if pooling == "max" and chosen is not None:
        spread = signal.new_zeros(*signal.shape[:2], math.prod(shape[1:]))
        return spread.scatter_(2, chosen.flatten(2), signal.flatten(2)).view(-1, *shape)
    spread = (signal / pool**2).repeat_interleave(pool, dim=2).repeat_interleave(pool, dim=3)
    bottom, right = shape[1] - spread.shape[2], shape[2] - spread.shape[3]
    return functional.pad(spread, (0, right, 0, bottom)) if bottom or right else spread
