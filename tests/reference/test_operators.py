"""Nodes without state, against torch."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.interchange.primitives import RawNode, sent_shape
from neurotrain_hw.reference.operators import operator

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)


def run(node: Any, x: np.ndarray) -> np.ndarray:
    return operator(node, "float64", where="test")(x)


def conv(axes: int, weight: np.ndarray, **changes: Any) -> Any:
    """A convolution of NIR without input_shape."""
    fields = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": RNG.normal(size=len(weight))} | changes
    return (nir.Conv1d if axes == 1 else nir.Conv2d)(input_shape=None, weight=weight, **fields)


CONVOLUTIONS: list[tuple[int, tuple[int, ...], dict[str, Any]]] = [
    (1, (4, 3, 3), {}),
    (1, (4, 3, 4), {"padding": "same"}),
    (1, (6, 1, 3), {"groups": 3, "stride": 2, "padding": 1}),
    (2, (4, 3, 3, 5), {}),
    (2, (4, 3, 4, 3), {"padding": "same", "dilation": (2, 1)}),
    (2, (4, 3, 3, 3), {"padding": "valid", "stride": (2, 3)}),
    (2, (6, 1, 2, 3), {"groups": 3, "stride": (1, 2), "padding": (2, 1), "dilation": (1, 2)}),
]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize(("axes", "shape", "changes"), CONVOLUTIONS)
def test_convolutions_are_those_of_torch(axes, shape, changes):
    node = conv(axes, RNG.normal(size=shape), **changes)
    x = RNG.normal(size=(2, 3, 9, 8)[: axes + 2])
    function = torch.nn.functional.conv1d if axes == 1 else torch.nn.functional.conv2d
    arguments = {key: getattr(node, key) for key in ("stride", "padding", "dilation", "groups")}
    expected = function(torch.tensor(x), torch.tensor(node.weight), torch.tensor(node.bias), **arguments).numpy()
    np.testing.assert_allclose(run(node, x), expected, atol=1e-12)
    values = {key: value if isinstance(value, str) else np.array(value) for key, value in arguments.items()}
    raw = RawNode(f"Conv{axes}d", {**values, "weight": node.weight, "bias": node.bias})
    assert sent_shape(raw, x.shape[1:], "test") == expected.shape[1:]


@pytest.mark.parametrize(("kernel", "stride", "padding"), [((2, 2), (2, 2), (0, 0)), ((3, 2), (2, 1), (1, 1))])
def test_pools_are_those_of_torch(kernel, stride, padding):
    x = RNG.normal(size=(2, 3, 9, 8))
    mean = torch.nn.functional.avg_pool2d(torch.tensor(x), kernel, stride, padding).numpy()
    fields = [np.array(value) for value in (kernel, stride, padding)]
    np.testing.assert_allclose(run(nir.AvgPool2d(*fields), x), mean, atol=1e-12)
    np.testing.assert_allclose(run(nir.SumPool2d(*fields), x), mean * np.prod(kernel), atol=1e-12)
    raw = RawNode("SumPool2d", dict(zip(("kernel_size", "stride", "padding"), fields, strict=True)))
    assert sent_shape(raw, x.shape[1:], "test") == mean.shape[1:]


@pytest.mark.parametrize(("start", "end"), [(0, -1), (1, -1), (0, 1), (-2, 2)])
def test_flatten_counts_no_batch_axis(start, end):
    x = RNG.normal(size=(5, 2, 3, 4))
    shape = torch.tensor(x).flatten(start + 1 if start >= 0 else start, end + 1 if end >= 0 else end).shape[1:]
    node = nir.Flatten({"input": np.array([2, 3, 4])}, start, end)
    node.output_type = {"output": np.array(shape)}
    assert np.array_equal(run(node, x), x.reshape(5, *shape))
    raw = RawNode("Flatten", {"start_dim": np.array(start), "end_dim": np.array(end)})
    assert sent_shape(raw, (2, 3, 4), "test") == tuple(shape)


def test_linear_affine_scale_and_threshold():
    x, weight, bias = RNG.normal(size=(5, 4)), RNG.normal(size=(3, 4)), RNG.normal(size=3)
    np.testing.assert_allclose(run(nir.Linear(weight), x), x @ weight.T)
    np.testing.assert_allclose(run(nir.Affine(weight, bias), x), x @ weight.T + bias)
    assert np.array_equal(run(nir.Scale(weight[0]), x), x * weight[0])
    assert np.array_equal(run(nir.Threshold(weight[0]), x), (x > weight[0]).astype(float))


def test_weights_of_more_than_two_axes_go_along():
    x, weight = RNG.normal(size=(5, 2, 4)), RNG.normal(size=(2, 3, 4))
    np.testing.assert_allclose(run(nir.Linear(weight), x), np.einsum("goi,bgi->bgo", weight, x))


def test_a_neuron_is_no_operator():
    with pytest.raises(UnsupportedError, match="IF"):
        run(nir.IF(np.ones(1), np.ones(1)), np.ones((1, 1)))
