"""A user's torch module as a network of ours: the same spikes, the same parameters, and clear refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import snntorch as snn
import torch
from brevitas.nn import QuantConv2d, QuantLinear
from brevitas.quant import Int8WeightPerChannelFloat, Int8WeightPerTensorFloat
from torch import nn
from torch_nets import forget, hidden_run, on_grid, spikes

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.networks import from_module, to_graph
from neurotrain_hw.trainers.declarations import default_settings
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.trainer import Batch

HIDDEN = {"init_hidden": True, "beta": 0.5}


def recurrent(kind: type, n: int, **arguments: Any) -> nn.Module:
    made = kind(linear_features=n, **HIDDEN, **arguments)
    made.recurrent = nn.Linear(n, n, bias=False)
    return made


class OneStep(nn.Module):
    """States are handed in and out, maps flattened by a function."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)
        self.pool = nn.MaxPool2d(2)
        self.first = snn.Leaky(beta=0.5, threshold=0.5)
        self.dense = nn.Linear(12, 5)
        self.last = snn.Synaptic(alpha=0.25, beta=0.5)

    def forward(self, x: torch.Tensor, mem1: Any = None, syn2: Any = None, mem2: Any = None) -> tuple[Any, ...]:
        spk, mem1 = self.first(self.pool(self.conv(x)), mem1)
        spk, syn2, mem2 = self.last(self.dense(spk.flatten(1)), syn2, mem2)
        return spk, mem1, syn2, mem2


class Looping(nn.Module):
    """Loops over time by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 8), snn.Leaky(**HIDDEN), nn.Linear(8, 4))
        self.out = snn.Leaky(beta=0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mem = self.out.reset_mem()
        sent = []
        for now in x:
            spk, mem = self.out(self.net(now), mem)
            sent.append(spk)
        return torch.stack(sent)


DENSE: dict[str, Callable[[], nn.Module]] = {
    "leaky": lambda: nn.Sequential(
        nn.Linear(6, 8), snn.Leaky(**HIDDEN), nn.Linear(8, 5, bias=False), snn.Leaky(**HIDDEN)
    ),
    "zero": lambda: nn.Sequential(nn.Linear(6, 8), snn.Leaky(reset_mechanism="zero", **HIDDEN)),
    "lapicque": lambda: nn.Sequential(
        nn.Linear(6, 8), snn.Lapicque(R=1.0, C=2.0, threshold=0.25, init_hidden=True)
    ),
    "recurrent": lambda: nn.Sequential(nn.Linear(6, 8), recurrent(snn.RLeaky, 8)),
    "synaptic": lambda: nn.Sequential(nn.Linear(6, 8), recurrent(snn.RSynaptic, 8, alpha=0.5)),
    "one-to-one": lambda: nn.Sequential(
        nn.Linear(6, 8), snn.RLeaky(V=torch.full((8,), 0.25), all_to_all=False, **HIDDEN)
    ),
    "learned": lambda: nn.Sequential(
        nn.Linear(6, 8), snn.Leaky(beta=torch.full((8,), 0.25), learn_beta=True, learn_threshold=True, init_hidden=True)
    ),
    "quantised": lambda: nn.Sequential(
        QuantLinear(6, 8, bias=False, weight_quant=Int8WeightPerChannelFloat, weight_bit_width=4),
        snn.Leaky(threshold=0.25, **HIDDEN),
    ),
}  # fmt: skip
MAPS: dict[str, Callable[[], nn.Module]] = {
    "average": lambda: nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.AvgPool2d(2), snn.Leaky(threshold=0.25, **HIDDEN), nn.Flatten(),
        nn.Dropout(0.5), nn.Linear(27, 5), snn.Leaky(**HIDDEN),
    ),
    "pooled spikes": lambda: nn.Sequential(
        nn.Conv2d(2, 3, 3, padding="same"), snn.Leaky(threshold=0.25, **HIDDEN), nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 2, stride=1), snn.Leaky(threshold=0.25, **HIDDEN), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 5), snn.Leaky(threshold=0.125, **HIDDEN),
    ),
    "quantised maps": lambda: nn.Sequential(
        QuantConv2d(2, 3, 3, bias=False, weight_quant=Int8WeightPerTensorFloat), snn.Leaky(threshold=0.25, **HIDDEN)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [*DENSE, *MAPS])
def test_the_same_spikes(name: str) -> None:
    shape = (6,) if name in DENSE else (2, 6, 6)
    module = (DENSE | MAPS)[name]()
    module = module if "quantised" in name else on_grid(module, seed=2)
    network, x = from_module(module, shape), spikes(shape)
    own = hidden_run(module.eval(), x)
    with torch.no_grad():
        found = network(x)[-1].numpy()
    assert (found == own).all() and own.sum() >= 10
    shared = {id(p) for p in module.parameters()}
    assert {id(p) for p in network.parameters()} <= shared
    assert len(network.shadow()) == sum(p.requires_grad for p in module.parameters()) - 2 * (name == "learned")


def test_states_handed_in_and_functions_that_flatten() -> None:
    module = on_grid(OneStep(), seed=1)
    network, x = from_module(module, (2, 6, 6)), spikes((2, 6, 6))
    state: tuple[Any, ...] = (None, None, None)
    for now, wanted in zip(x, network(x)[-1], strict=True):
        sent, *state = module(now, *state)
        assert torch.equal(sent, wanted)
    assert [layer.name for layer in network.spec.layers] == ["conv", "dense"]
    assert bool(network(x)[-1].any())


def test_a_module_that_loops_over_time() -> None:
    module, x = on_grid(Looping(), seed=1), spikes((6,))
    network = from_module(module, (6,), example=torch.zeros(3, 1, 6))
    forget(module)
    assert torch.equal(network(x)[-1], module(x)) and bool(module(x).any())


def test_weights_at_the_end_are_read_as_they_are() -> None:
    module = on_grid(nn.Sequential(nn.Linear(6, 8), snn.Leaky(**HIDDEN), nn.Linear(8, 3)))
    network, x = from_module(module, (6,)), spikes((6,))
    assert torch.equal(network(x)[-1].detach(), torch.from_numpy(hidden_run(module, x)))


@pytest.mark.parametrize("rule", ["bptt", "decolle", "eprop", "ottt"])
def test_rules_train_the_module_itself(rule: str) -> None:
    module = on_grid(DENSE["leaky"]())
    network, before = from_module(module, (6,)), [p.detach().clone() for p in module.parameters()]
    trainer = make_trainer(rule, network, default_settings(rule), seed=0)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    trainer.learn(Batch(spikes((6,)).to(torch.uint8), torch.arange(3), optimizer.step))
    assert all(not torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


def test_the_graph_of_such_a_network() -> None:
    graph = to_graph(from_module(on_grid(MAPS["average"]()), (2, 6, 6)))
    assert [type(node).__name__ for node in graph.nodes.values()] == [
        "Input", "Conv2d", "AvgPool2d", "LIF", "Flatten", "Affine", "LIF", "Output",
    ]  # fmt: skip


class Skipping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.lif1, self.lif2 = snn.Leaky(**HIDDEN), snn.Leaky(**HIDDEN)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sent = self.lif1(self.first(x))
        return self.lif2(self.second(sent + x))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Skipping(), "'second'"),
        (nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), snn.Leaky(**HIDDEN)), "'1' (BatchNorm1d)"),
        (nn.Sequential(nn.Linear(6, 4), nn.ReLU()), "'1' (ReLU)"),
        (nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 4)), "'1' (Linear)"),
        (nn.Sequential(snn.Leaky(**HIDDEN)), "'0' (Leaky)"),
        (nn.Sequential(nn.Linear(6, 4), snn.Leaky(reset_delay=False, **HIDDEN)), "reset_delay=True"),
        (nn.Sequential(nn.Linear(6, 4), snn.Lapicque(R=1, C=2, reset_mechanism="zero", init_hidden=True)), "loses"),
        (nn.Sequential(nn.Linear(6, 4), snn.RLeaky(linear_features=4, **HIDDEN)), "bias"),
        (nn.Sequential(nn.Linear(6, 2), snn.Leaky(beta=torch.tensor([0.5, 0.25]), init_hidden=True)), "different beta"),
        (nn.Sequential(nn.Linear(6, 4), snn.Leaky(graded_spikes_factor=2.0, **HIDDEN)), "graded"),
    ],
)
def test_what_is_no_chain_is_named(module: nn.Module, words: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        from_module(module, (6,))
    assert words in str(caught.value)
