"""Linear maps of layers against torch's own modules and their autograd, in float64."""

import itertools

import pytest
import torch
from torch.nn import functional

from neurotrain_hw.networks.operators import Bias, Convolution, Dense, OneToOne

MAPS = (3, 9, 8)


def seeded(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def convolution(pool: int, input_pool: int, pooling: str) -> Convolution:
    return Convolution.over(MAPS, 4, kernel=3, padding=1, input_pool=input_pool, pool=pool, pooling=pooling)


@pytest.mark.parametrize(("pool", "input_pool", "pooling"), [*itertools.product((1, 2), (1, 2), ("average", "max"))])
def test_a_convolution_and_its_pools_go_back_as_autograd_does(pool: int, input_pool: int, pooling: str) -> None:
    way = convolution(pool, input_pool, pooling)
    pre, weight = seeded(5, *MAPS).requires_grad_(), seeded(*way.weight_shape, seed=1).requires_grad_()
    pooled = {"average": functional.avg_pool2d, "max": functional.max_pool2d}[pooling]
    inner = pooled(pre, input_pool) if input_pool > 1 else pre
    wanted = functional.conv2d(inner, weight, padding=1)
    wanted = pooled(wanted, pool) if pool > 1 else wanted
    signal = seeded(*wanted.shape, seed=2)
    wanted.backward(signal)
    with torch.no_grad():
        x, into = way.arrive(pre)
        current, out = way.drive(x, weight)
        assert current.shape == (5, *way.out_shape)
        torch.testing.assert_close(current, wanted, rtol=0, atol=0)
        torch.testing.assert_close(way.weight_gradient(signal, x, out), weight.grad, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(way.back(signal, weight, (into, out)), pre.grad, rtol=1e-12, atol=1e-12)
    assert torch.equal(way.current(pre, weight), wanted)


def test_stride_without_padding() -> None:
    way = Convolution.over(MAPS, 2, kernel=3, stride=2)
    pre, weight = seeded(2, *MAPS).requires_grad_(), seeded(*way.weight_shape).requires_grad_()
    wanted = functional.conv2d(pre, weight, stride=2)
    signal = seeded(*wanted.shape, seed=3)
    wanted.backward(signal)
    assert wanted.shape[1:] == way.out_shape
    torch.testing.assert_close(way.weight_gradient(signal, pre.detach(), None), weight.grad, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(way.back(signal, weight.detach(), (None, None)), pre.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("pool", [1, 2])
def test_a_dense_layer_behind_maps(pool: int, pooling: str) -> None:
    way = Dense(MAPS, (6,), pool, pooling)
    pre, weight = seeded(5, *MAPS).requires_grad_(), seeded(*way.weight_shape, seed=1).requires_grad_()
    pooled = {"average": functional.avg_pool2d, "max": functional.max_pool2d}[pooling](pre, pool)
    wanted = functional.linear(pooled.flatten(1), weight)
    signal = seeded(5, 6, seed=2)
    wanted.backward(signal)
    with torch.no_grad():
        x, into = way.arrive(pre)
        assert torch.equal(way.drive(x, weight)[0], wanted)
        torch.testing.assert_close(way.weight_gradient(signal, x, None), weight.grad, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(way.back(signal, weight, (into, None)), pre.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("way", [Dense((7,), (4,)), OneToOne((4,), (4,)), Bias((1,), (4,))])
def test_what_synapses_keep_sums_up_to_the_gradient(way) -> None:
    x, post = seeded(5, *way.in_shape), seeded(5, 4, seed=1)
    signal, weight = seeded(5, 4, seed=2), seeded(*way.weight_shape, seed=3).requires_grad_()
    way.current(x, weight).backward(signal * post)
    found = way.weight_gradient(signal * post, x, None)
    torch.testing.assert_close(found, weight.grad, rtol=1e-12, atol=1e-12)
    kept = way.outer(post, x)
    torch.testing.assert_close(way.contract(signal, kept), found, rtol=1e-12, atol=1e-12)
    assert (way.of_post(post) * kept).shape == kept.shape


def test_a_bias_of_maps_is_one_value_per_map() -> None:
    way = Bias((1,), (3, 4, 5))
    ones, weight, signal = torch.ones(2, 1, dtype=torch.float64), seeded(3).requires_grad_(), seeded(2, 3, 4, 5)
    current = way.current(ones, weight).expand(2, 3, 4, 5)
    current.backward(signal)
    torch.testing.assert_close(way.weight_gradient(signal, ones, None), weight.grad, rtol=1e-12, atol=1e-12)
