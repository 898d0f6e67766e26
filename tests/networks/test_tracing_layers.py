"""Layers, branches and loops over time in torch modules: the graph sends what the module sends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nir
import numpy as np
import pytest
import snntorch as snn
import torch
import torch.nn.functional as F
from torch import nn
from torch_nets import assert_same, hidden_run, on_grid, spikes

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.interchange import Graph
from neurotrain_hw.networks import to_graph
from neurotrain_hw.reference import run_graph


def leaky(**arguments: object) -> snn.Leaky:
    return snn.Leaky(**{"beta": 0.5, "threshold": 0.75, "init_hidden": True} | arguments)


def line(*layers: nn.Module) -> nn.Module:
    return on_grid(nn.Sequential(*layers))


CONVOLUTIONS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "strides, padding, dilation": (
        lambda: nn.Conv2d(2, 4, 3, stride=(2, 1), padding=(1, 2), dilation=(1, 2)),
        (2, 7, 8),
    ),
    "kernel not square": (lambda: nn.Conv2d(2, 3, (1, 5), padding=(0, 1), dilation=(3, 1), bias=False), (2, 6, 9)),
    "groups": (lambda: nn.Conv2d(4, 8, 3, groups=2), (4, 6, 6)),
    "one channel each": (lambda: nn.Conv2d(4, 4, (3, 5), groups=4, padding="same", dilation=(2, 1)), (4, 6, 7)),
    "same, even kernel": (lambda: nn.Conv2d(2, 3, (2, 4), padding="same"), (2, 6, 7)),
    "valid": (lambda: nn.Conv2d(2, 3, 4, padding="valid", stride=3), (2, 10, 7)),
    "line": (lambda: nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2), (4, 12)),
    "line, same": (lambda: nn.Conv1d(3, 6, 4, padding="same", bias=False), (3, 9)),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_convolutions(name: str, tmp_path: Path) -> None:
    make, shape = CONVOLUTIONS[name]
    assert_same(line(make(), leaky(), nn.Flatten(), leaky()), shape, tmp_path)


@pytest.mark.parametrize(
    ("pool", "kind", "field"),
    [
        (nn.AvgPool2d(2), nir.AvgPool2d, {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}),
        (nn.AvgPool2d((2, 4), stride=(1, 2), padding=(1, 0)), nir.AvgPool2d, {"stride": (1, 2), "padding": (1, 0)}),
        (nn.AvgPool2d(2, padding=1, divisor_override=1), nir.SumPool2d, {"padding": (1, 1)}),
        (nn.LPPool2d(1, 2), nir.SumPool2d, {"kernel_size": (2, 2)}),
        (nn.AdaptiveAvgPool2d((4, 2)), nir.AvgPool2d, {"kernel_size": (2, 4)}),
    ],
)
def test_pools_keep_their_windows(
    pool: nn.Module, kind: type, field: dict[str, tuple[int, int]], tmp_path: Path
) -> None:
    graph = assert_same(line(nn.Conv2d(2, 3, 1), pool, leaky(), nn.Flatten()), (2, 8, 8), tmp_path)
    assert isinstance(graph.nodes["1"], kind)
    assert {key: tuple(getattr(graph.nodes["1"], key)) for key in field} == field


def test_what_changes_nothing_leaves_no_node() -> None:
    net = line(nn.Dropout(0.9), nn.Linear(9, 6), nn.Identity(), leaky(), nn.Dropout1d(), nn.Flatten(), nn.Dropout())
    assert list(assert_same(net, (9,)).nodes) == ["input", "1", "3", "output"]


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("layer", ["Linear", "Conv1d", "Conv2d"])
def test_batch_norm_folds_into_the_weights_before_it_in_float64(layer: str, affine: bool) -> None:
    rng = torch.Generator().manual_seed(3)
    make = {
        "Linear": lambda: nn.Linear(5, 4),
        "Conv1d": lambda: nn.Conv1d(5, 4, 3),
        "Conv2d": lambda: nn.Conv2d(5, 4, 3),
    }
    norm = (nn.BatchNorm2d if layer == "Conv2d" else nn.BatchNorm1d)(4, eps=1e-3, affine=affine)
    with torch.no_grad():
        for value in norm.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.rand(4, generator=rng) * 2 - (0.5 if value is norm.bias else -0.1))
    net = nn.Sequential(make[layer](), norm).double().eval()
    shape = {"Linear": (5,), "Conv1d": (5, 9), "Conv2d": (5, 6, 6)}[layer]
    graph = to_graph(net, shape)
    assert graph.meaning.precision == "float64" and len(graph.nodes) == 3
    x = torch.randn(4, 3, *shape, generator=rng, dtype=torch.float64)
    with torch.no_grad():
        own = torch.stack([net(now) for now in x]).numpy()
    assert np.abs(run_graph(graph, x.numpy()).sent["output"] - own).max() < 1e-14


def test_batch_norm_elsewhere_is_refused() -> None:
    with pytest.raises(
        UnsupportedError, match=r"module '2'.*does not follow a layer with weights.*Put it right behind"
    ):
        to_graph(nn.Sequential(nn.Conv2d(2, 3, 3), leaky(), nn.BatchNorm2d(3)), (2, 6, 6))
    with pytest.raises(UnsupportedError, match="without running statistics"):
        to_graph(nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, track_running_stats=False)), (2, 6, 6))


class Residual(nn.Module):
    """Branches: a skip, a sum of two layers, a layer that is used twice, functions instead of modules."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.one = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.lifs = nn.ModuleDict({name: leaky() for name in ("stem", "one", "two", "out")})
        self.two, self.out = nn.Linear(27, 8), nn.Linear(8, 5, bias=False)

    def forward(self, x):
        x = self.lifs["stem"](self.stem(x))
        y = self.lifs["one"](self.one(x) + x)
        z = F.avg_pool2d(0.5 * y - 2 * x, 2).flatten(1)
        z = self.lifs["two"](self.two(z) + F.linear(z, self.two.weight * 2))
        return self.lifs["out"](self.out(z) + 0)


def test_branches_are_several_edges(tmp_path: Path) -> None:
    graph = assert_same(on_grid(Residual()), (2, 6, 6), tmp_path)
    assert {pre for pre, post in graph.edges if post == "lifs_one"} == {"one", "lifs_stem"}
    assert {pre for pre, post in graph.edges if post == "lifs_two"} == {"two", "linear"}


def test_the_same_signal_twice_is_a_scale(tmp_path: Path) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.a, self.b = nn.Linear(4, 4), leaky(), leaky()

        def forward(self, x):
            s = self.a(self.fc(x))
            return self.b(s + (s + s))

    graph = assert_same(on_grid(Twice()), (4,), tmp_path)
    assert ("a", "a_times") in graph.edges and ("a_times", "b") in graph.edges


class Loop(nn.Module):
    """snnTorch's tutorials: a loop over time in forward; `style` says how it takes its input and what it returns."""

    def __init__(self, style: str) -> None:
        super().__init__()
        self.style = style
        self.fc1, self.lif1 = nn.Linear(9, 8), snn.Leaky(beta=0.75)
        self.fc2, self.lif2 = nn.Linear(8, 5), snn.Synaptic(alpha=0.5, beta=0.5, reset_mechanism="zero")

    def forward(self, x):
        mem1 = self.lif1.reset_mem()
        syn2, mem2 = self.lif2.reset_mem()
        spikes, membranes = [], []
        if self.style == "all at once":
            current = self.fc1(x)
        steps = x.shape[1] if self.style == "batch first" else x.size(0)
        total = torch.zeros(3, 5)
        for step in range(steps):
            if self.style == "all at once":
                now = current[step]
            elif self.style == "batch first":
                now = self.fc1(x.permute(1, 0, 2)[step])
            elif self.style == "pictures":
                now = self.fc1(x[step].view(x.size(1), -1))
            else:
                now = self.fc1(x[step])
            spk1, mem1 = self.lif1(now, mem1)
            spk2, syn2, mem2 = self.lif2(self.fc2(spk1), syn2, mem2)
            spikes.append(spk2)
            membranes.append(mem2)
            total = total + spk2
        if self.style == "counts":
            return total
        if self.style == "mean":
            return torch.stack(spikes, dim=1).mean(1)
        return torch.stack(spikes, dim=0), torch.stack(membranes, dim=0)


@pytest.mark.parametrize("style", ["plain", "all at once", "batch first", "pictures", "counts", "mean"])
def test_a_loop_over_time_becomes_one_step(style: str) -> None:
    net = on_grid(Loop(style))
    x = spikes((9,), steps=20)
    given = {"batch first": x.transpose(0, 1), "pictures": x.reshape(20, 3, 3, 3)}.get(style, x)
    graph = to_graph(net, example=given)
    inner = ["fc1", "lif1", "fc2", "lif2"]
    assert list(graph.nodes) == ["input", *(["flatten"] if style == "pictures" else []), *inner, "output"]
    with torch.no_grad():
        own = net(given)
    found = run_graph(graph, x.numpy() if style != "pictures" else given.numpy()).sent["output"]
    if style == "counts":
        assert np.array_equal(found.sum(0), own) and any("sum over the steps" in note for note in graph.notes)
    elif style == "mean":
        assert np.allclose(found.mean(0), own) and any("mean over" in note for note in graph.notes)
    else:
        assert np.array_equal(found, own[0]) and found.sum() > 10


def test_a_constant_input_is_told() -> None:
    class Static(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.lif = nn.Linear(9, 8), snn.Leaky(beta=0.75)

        def forward(self, x):
            mem, sent, current = self.lif.reset_mem(), [], self.fc(x)
            for _ in range(7):
                spk, mem = self.lif(current, mem)
                sent.append(spk)
            return torch.stack(sent)

    net = on_grid(Static())
    graph = to_graph(net, (9,))
    assert any("takes the same values in every step" in note for note in graph.notes)
    x = spikes((9,), steps=1)
    with torch.no_grad():
        own = net(x[0]).numpy()
    assert np.array_equal(run_graph(graph, np.repeat(x.numpy(), 7, 0)).sent["output"], own)


class OwnLoop(nn.Module):
    """A recurrence written by hand, in a loop over time."""

    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.fc, self.rec, self.lif = nn.Linear(9, 6), nn.Linear(6, 6, bias=bias), snn.Leaky(beta=0.5)

    def forward(self, x):
        mem, spk, sent = self.lif.reset_mem(), torch.zeros(x.shape[1], 6), []
        for now in x:
            spk, mem = self.lif(self.fc(now) + self.rec(spk), mem)
            sent.append(spk)
        return torch.stack(sent)


@pytest.mark.parametrize("bias", [True, False])
def test_a_recurrence_written_by_hand(bias: bool, tmp_path: Path) -> None:
    net, x = on_grid(OwnLoop(bias)), spikes((9,))

    def run(module: nn.Module, x: torch.Tensor) -> np.ndarray:
        with torch.no_grad():
            return module(x).numpy()

    graph = assert_same(net, None, tmp_path, run=run, x=x, example=x)
    assert ("lif", "rec") in graph.edges and ("rec", "lif") in graph.edges


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.lif, self.other = nn.Linear(4, 3), nn.Linear(5, 3), leaky(), leaky()

        def forward(self, left, right):
            return {"sum": self.lif(self.a(left) + self.b(right)), "right": self.other(self.b(right))}

    net = on_grid(Two())
    graph = to_graph(net, {"left": (4,), "right": (5,)})
    x = {"left": spikes((4,)), "right": spikes((5,), seed=1)}
    run = run_graph(graph, {name: values.numpy() for name, values in x.items()})
    with torch.no_grad():
        own = [net(*pair) for pair in zip(x["left"], x["right"], strict=True)]
    for name in ("sum", "right"):
        assert np.array_equal(run.sent[f"output_{name}"], torch.stack([each[name] for each in own]))


def test_a_single_sample_without_a_batch() -> None:
    net = line(nn.Linear(9, 6), leaky(), nn.Unflatten(0, (2, 3)), nn.Flatten(0, 1), nn.Linear(6, 4), leaky())
    graph = to_graph(net, (9,), batch=False)
    x = spikes((9,))
    assert np.array_equal(run_graph(graph, x[:, 0].numpy()).sent["output"], hidden_run(net, x[:, 0]))


def test_a_view_of_the_input_is_its_shape() -> None:
    net = line(nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 3, 3), leaky())
    graph = to_graph(net, (16,))
    assert tuple(graph.nodes["input"].input_type["input"]) == (1, 4, 4)
    assert any("the shape (1, 4, 4)" in note for note in graph.notes)


def test_the_module_is_left_as_it_was() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), leaky()).train()
    net(torch.ones(5, 4))
    before = {key: value.clone() for key, value in net.state_dict().items()}
    mem = net[2].mem.clone()
    to_graph(net, (4,))
    assert net.training and net[1].training and torch.equal(net[2].mem, mem)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert not net[2]._forward_hooks and not net[2]._forward_pre_hooks


def refused(forward: Callable[[nn.Module, torch.Tensor], torch.Tensor], shape: tuple[int, ...] = (4,)) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.lif = nn.Linear(4, 4), leaky()
            self.relu, self.pool, self.norm = nn.ReLU(), nn.MaxPool2d(2), nn.LayerNorm(4)

        def forward(self, x):
            return forward(self, x)

    to_graph(Net(), shape)


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        (lambda net, x: net.relu(net.fc(x)), r"module 'relu': NIR has no node for this activation.*spiking neuron"),
        (lambda net, x: torch.sigmoid(net.fc(x)), r"Net: sigmoid: NIR has no node for this activation"),
        (lambda net, x: net.norm(net.fc(x)), r"module 'norm': .*does not fold.*BatchNorm"),
        (lambda net, x: net.fc(x) * net.lif(x), r"multiplies two signals"),
        (lambda net, x: net.fc(x) + 1, r"a constant is added"),
        (lambda net, x: net.fc(x)[:, :2], r"takes a part of a signal"),
        (lambda net, x: torch.cat([net.fc(x), x], 1), r"concatenates.*a weight per part"),
        (lambda net, x: net.fc(torch.bernoulli(x)), r"drawn at random"),
        (lambda net, x: net.fc(x + torch.rand(1, 4)), r"drawn at random"),
        (lambda net, x: net.fc(x) if x.sum() > 0 else x, r"looks at values \('__bool__'\).*without the part"),
        (lambda net, x: net.fc(x).view(2, 2), r"mixes the samples of a batch"),
        (lambda net, x: net.fc(x.reshape(4)), r"mixes the samples of a batch"),
        (lambda net, x: net.fc(F.dropout(x, 0.5)), r"'dropout' is not known"),
        (lambda net, x: torch.ones(1, 4), r"returns nothing that a neuron or a layer sent"),
        (lambda net, x: net.fc(x[0, 0]), r"its forward failed on an example of x \(1, 4\)"),
        (lambda net, x: net.fc(x).unflatten(1, (2, 2)), r"turns a signal of \(4,\) into \(2, 2\)"),
    ],
)
def test_what_no_graph_can_hold_is_refused_with_reason_and_remedy(
    forward: Callable[..., torch.Tensor], words: str
) -> None:
    with pytest.raises(UnsupportedError, match=words):
        refused(forward)


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nn.MaxPool2d(2), (2, 4, 4), r"module '0': a maximum over spikes.*AvgPool2d"),
        (nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), (2, 4, 4), "pads with 'circular'"),
        (nn.AvgPool2d(2, ceil_mode=True), (2, 5, 5), "ceil_mode"),
        (nn.AvgPool2d(2, padding=1, count_include_pad=False), (2, 4, 4), "leaves the padding out"),
        (nn.AvgPool2d(2, divisor_override=3), (2, 4, 4), "divides by 3"),
        (nn.LPPool2d(2, 2), (2, 4, 4), "norm 2"),
        (nn.AdaptiveAvgPool2d((3, 3)), (2, 4, 4), "different sizes"),
        (nn.Linear(4, 3), (2, 4), "over the last axis"),
        (snn.SLSTM(4, 3, init_hidden=True), (4,), "SLSTM cannot be said in NIR"),
    ],
)
def test_layers_that_nir_does_not_have(layer: nn.Module, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        to_graph(nn.Sequential(layer), shape)


def test_states_that_are_not_a_neurons_own_are_refused() -> None:
    class Crossed(nn.Module):
        def __init__(self, how: str) -> None:
            super().__init__()
            self.how, self.a, self.b = how, snn.Leaky(beta=0.5), snn.Leaky(beta=0.5)

        def forward(self, x):
            mem = {"ones": torch.ones(1, 4), "reset": torch.zeros(1, 4)}.get(self.how, self.a.reset_mem())
            sent = []
            for _ in range(3):
                spk, mem = self.a(x, mem)
                if self.how == "other":
                    spk, mem = self.b(spk, mem)
                if self.how == "changed":
                    mem = mem * 0.5
                if self.how == "twice":
                    spk, mem = self.a(spk, mem)
                if self.how == "reset":
                    mem = torch.zeros(1, 4)
                sent.append(spk)
            return torch.stack(sent)

    words = {"ones": "starts with mem other than 0", "other": "not its own", "changed": "not its own",
             "twice": "step", "reset": "step"}  # fmt: skip
    for how, said in words.items():
        with pytest.raises(UnsupportedError, match=said):
            to_graph(Crossed(how), (4,))


def graph_of(module: nn.Module) -> Graph:
    return to_graph(module, (4,))


def test_parameters_without_values_are_refused_and_half_precision_too() -> None:
    with torch.device("meta"):
        net = nn.Sequential(nn.Linear(4, 3))
    with pytest.raises(UnsupportedError, match=r"module '0'.*meta device and has no values.*Load the weights"):
        graph_of(net)
    with pytest.raises(UnsupportedError, match=r"float16.*module.float\(\)"):
        graph_of(nn.Sequential(nn.Linear(4, 3)).half())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_tensors() -> None:
    net = line(nn.Linear(9, 6), leaky(beta=torch.full((6,), 0.5)), nn.Linear(6, 4), leaky())
    there = to_graph(net.cuda(), (9,))
    here = to_graph(net.cpu(), (9,))
    assert all(np.array_equal(there.nodes[name].weight, here.nodes[name].weight) for name in ("0", "2"))
