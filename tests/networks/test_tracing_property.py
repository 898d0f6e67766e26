"""Random modules: the graph, written and read again, sends what the module sends, to the last spike."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import snntorch as snn
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch_nets import hidden_run, on_grid, spikes

from neurotrain_hw.interchange import write_nir
from neurotrain_hw.interchange.meaning_text import METADATA_KEY, from_text
from neurotrain_hw.interchange.nir_file import digest
from neurotrain_hw.networks import to_graph
from neurotrain_hw.reference import run_graph

DECAYS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.875, 1.0])
THRESHOLDS = st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0])
RESETS = st.sampled_from(["zero", "subtract", "none"])


@st.composite
def neurons(draw: st.DrawFn, shape: tuple[int, ...]) -> nn.Module:
    """A population of any kind for values of a shape, its parameters one for all or one per neuron."""

    def parameter(values: st.SearchStrategy[float]) -> torch.Tensor | float:
        if draw(st.booleans()):
            return draw(values)
        kinds = draw(st.lists(values, min_size=1, max_size=3))
        return torch.tensor(np.resize(kinds, shape).astype(np.float32))

    kind = draw(st.sampled_from(["Leaky", "Synaptic", "RLeaky", "RSynaptic", "Lapicque"]))
    rest = {
        "threshold": parameter(THRESHOLDS), "reset_mechanism": draw(RESETS), "init_hidden": True,
        "learn_threshold": draw(st.booleans()),
    }  # fmt: skip
    if kind == "Lapicque":
        return snn.Lapicque(R=draw(st.sampled_from([1.0, 2.0])), C=draw(st.sampled_from([1.0, 2.0, 4.0])), **rest)
    rest |= {"beta": parameter(DECAYS), "learn_beta": draw(st.booleans()), "reset_delay": draw(st.booleans())}
    if kind in ("Synaptic", "RSynaptic"):
        rest |= {"alpha": parameter(DECAYS.filter(lambda d: d < 1))}
    if kind in ("RLeaky", "RSynaptic"):
        rest["reset_delay"] |= kind == "RSynaptic"
        forms = [{"all_to_all": False, "V": parameter(st.sampled_from([-1.0, -0.25, 0.5]))}]
        forms += [{"linear_features": shape[0]}] if len(shape) == 1 else []
        forms += [{"conv2d_channels": shape[0], "kernel_size": draw(st.sampled_from([1, 3, (3, 1)]))}] * (
            len(shape) == 3
        )
        rest |= draw(st.sampled_from(forms))
    elif draw(st.booleans()) and kind == "Leaky":
        rest["graded_spikes_factor"] = parameter(st.sampled_from([0.5, 1.0, 2.0, -1.0]))
    return getattr(snn, kind)(**rest)


def sent_by(layer: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    with torch.no_grad():
        return tuple(layer(torch.zeros(1, *shape)).shape[1:])


@st.composite
def networks(draw: st.DrawFn) -> tuple[nn.Module, tuple[int, ...]]:
    """A chain of layers and neurons over vectors, lines or pictures, and the shape of its input."""
    axes = draw(st.sampled_from([1, 2, 3]))
    start = shape = (draw(st.integers(1, 4)), *(draw(st.integers(5, 7)) for _ in range(axes - 1)))
    layers: list[nn.Module] = []

    def put(layer: nn.Module) -> None:
        nonlocal shape
        layers.append(layer)
        shape = sent_by(layer.eval(), shape)

    for _ in range(draw(st.integers(1, 3))):
        if len(shape) > 1 and draw(st.booleans()):
            put(nn.Flatten())
        bias = draw(st.booleans())
        if len(shape) == 1:
            put(nn.Linear(shape[0], draw(st.integers(1, 6)), bias=bias))
        else:
            size, group = draw(st.integers(1, 3)), draw(st.sampled_from([1, shape[0]]))
            sides = {
                "kernel_size": size if len(shape) == 2 else (size, draw(st.sampled_from([size, size + 2]))),
                "stride": draw(st.integers(1, 2)), "padding": draw(st.integers(1, 2)),
                "dilation": draw(st.integers(1, 2)),
            }  # fmt: skip
            conv = nn.Conv1d if len(shape) == 2 else nn.Conv2d
            kernel = np.broadcast_to(sides["kernel_size"], len(shape) - 1)
            spans = sides["dilation"] * (kernel - 1) + 1
            assume(np.all(spans <= np.array(shape[1:]) + 2 * sides["padding"]))
            put(conv(shape[0], group * draw(st.integers(1, 2)), groups=group, bias=bias, **sides))
            if len(shape) == 3 and min(shape[1:]) > 1 and draw(st.booleans()):
                put(draw(st.sampled_from([nn.AvgPool2d(2), nn.LPPool2d(1, 2), nn.AvgPool2d((1, 2), stride=1)])))
        layers.append(draw(neurons(shape)))
    return on_grid(nn.Sequential(*layers), seed=draw(st.integers(0, 99)), step=0.25), start


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(net=networks(), seed=st.integers(0, 9))
def test_random_modules_come_back_exactly(net: tuple[nn.Module, tuple[int, ...]], seed: int, tmp_path: Path) -> None:
    module, shape = net
    graph = to_graph(module, shape)
    x = spikes(shape, steps=12, batch=2, seed=seed, rate=0.6)
    own = hidden_run(module, x)
    found = run_graph(graph, x.numpy(), states=False).sent["output"]
    assert np.array_equal(found, own)
    write_nir(tmp_path / "x.nir", graph)
    back = nir.read(tmp_path / "x.nir")  # strictly, by nir itself
    meaning, mark = from_text(back.metadata[METADATA_KEY])
    assert meaning == graph.meaning and mark == digest(back)
    assert not any("/" in name for name in back.nodes)
