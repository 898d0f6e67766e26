"""Networks whose membranes and currents have the chip's number format: torch, graph and chip, spike for spike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler import compile_graph, lower
from neurotrain_hw.data import encode_rate, load_dataset, to_streams
from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.inference import infer_streams
from neurotrain_hw.networks import SpikingNetwork, build, load_model, parse_model, to_graph
from neurotrain_hw.networks.chip_state import ChipState
from neurotrain_hw.reference import run_graph
from neurotrain_hw.trainers.cells import cells_of, unroll
from neurotrain_hw.trainers.declarations import default_settings
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.psi import pseudo_derivative
from neurotrain_hw.trainers.trainer import Batch

STEPS, SAMPLES = 20, 6
NETWORKS: dict[str, tuple[list[dict[str, Any]], tuple[int, ...]]] = {
    "dense": ([{"neurons": 30}, {"neurons": 10}], (20,)),
    "bits": (
        [{"neurons": 30, "weight_bits": 4, "weight_scale": "channel"}, {"neurons": 20, "weight_bits": 1},
         {"neurons": 10, "weight_bits": 3, "power_of_two": True}], (20,),
    ),
    "synaptic": ([{"neurons": 30, "neuron": "synaptic", "alpha": 0.7}, {"neurons": 10, "beta": 0.3}], (20,)),
    "leakless": (
        [{"neurons": 30, "beta": 1}, {"neurons": 10, "beta": 0.9999, "neuron": "synaptic", "alpha": 0}], (20,)
    ),
    "conv": (
        [{"kind": "conv", "channels": 4, "kernel": 3, "weight_scale": "channel", "threshold": 0.7},
         {"kind": "conv", "channels": 5, "kernel": 3, "stride": 2, "padding": 1, "threshold": 0.5}, {"neurons": 10}],
        (2, 8, 8),
    ),
    "pooled spikes": (
        [{"kind": "conv", "channels": 4, "kernel": 3, "padding": 1, "threshold": 0.4},
         {"kind": "conv", "channels": 5, "kernel": 2, "input_pool": 2, "threshold": 0.3, "weight_scale": "channel"},
         {"neurons": 10, "input_pool": 3, "threshold": 0.3}], (2, 8, 8),
    ),
    "recurrent": (
        [{"neurons": 30, "recurrent": "all-to-all", "power_of_two": True},
         {"neurons": 10, "recurrent": "one-to-one", "power_of_two": True}], (20,),
    ),
}  # fmt: skip


def network(name: str, seed: int) -> tuple[SpikingNetwork, torch.Tensor]:
    layers, shape = NETWORKS[name]
    named = [{"name": f"l{k}", "beta": 0.9, "state": "loihi", "weight_bits": 8} | x for k, x in enumerate(layers)]
    document = {"summary": "", "input_shape": list(shape), "steps": STEPS, "layers": named}
    generator = torch.Generator().manual_seed(seed)
    x = (torch.rand(STEPS, SAMPLES, *shape, generator=generator) < 0.3).float()
    return build(parse_model(document, name="net", where="net"), seed=seed), x


def on_the_chip(made: SpikingNetwork, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Spikes (T, N, n) of every layer of the compiled program in the integer simulator."""
    program = compile_graph(to_graph(made), load_chip("loihi2"), steps=len(x))
    given = x.transpose(0, 1).flatten(2).numpy().astype(np.uint8)
    spikes = infer_streams(program, to_streams(given), np.zeros(x.shape[1], np.int64)).spikes
    return {
        layer.name: torch.as_tensor(spikes[layer.name].dense()).reshape(x.shape[1], len(x), -1).transpose(0, 1)
        for layer in made.spec.layers
    }


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", NETWORKS)
def test_torch_the_graph_and_the_chip_spike_alike(name: str, seed: int) -> None:
    made, x = network(name, seed)
    with torch.no_grad():
        own = made(x)
        wide = made.double()(x.double())
        made.float()
    chip = on_the_chip(made, x)
    graph = to_graph(made)
    neurons = [layer.name for layer in made.spec.layers]
    sent = run_graph(graph, x.numpy(), states=False, record=neurons).sent
    for layer, found, other in zip(made.spec.layers, own, wide, strict=True):
        assert torch.equal(chip[layer.name], found.flatten(2).to(chip[layer.name].dtype))
        assert np.array_equal(sent[layer.name], found.numpy())
        assert torch.equal(found, other)
    assert all(0.003 < float(found.mean()) < 0.6 for found in own)


def test_the_chip_gets_the_integers_of_training() -> None:
    for name in NETWORKS:
        made, x = network(name, 2)
        weights = made.layer_weights()
        for layer in lower(to_graph(made), load_chip("loihi2"), steps=len(x)).layers:
            held = weights[layer.source.name]
            for synapses in layer.synapses:
                if synapses.source.name.endswith("_weights"):
                    assert np.array_equal(synapses.q, unrolled(made, layer.source.name, held.integers))
                elif held.recurrent is not None and held.recurrent.integers is not None:
                    wanted = held.recurrent.integers
                    assert np.array_equal(synapses.q, wanted if wanted.ndim == 2 else np.diag(wanted))
            # one step of the membrane is worth 2^-12 of the graph, whatever the number of steps
            assert np.array_equal(layer.unit, np.full(layer.source.n, 2.0**-12))


def unrolled(made: SpikingNetwork, name: str, integers: np.ndarray) -> np.ndarray:
    """Integers as synapses from the neurons before an average pool, each of which has all of a weight's integer."""
    layer = next(layer for layer in made.spec.layers if layer.name == name)
    if layer.kind == "dense" and layer.input_pool > 1:
        maps = made.spec.shapes[made.spec.layers.index(layer)]
        integers = integers.reshape(layer.neurons, maps[0], *(side // layer.input_pool for side in maps[1:]))
    for axis in (2, 3) if layer.input_pool > 1 else ():
        integers = integers.repeat(layer.input_pool, axis=axis)
    return integers.reshape(layer.neurons, -1) if layer.kind == "dense" else integers


def test_digits() -> None:
    spec = load_model("digits-fc")
    made = build(replace(spec, layers=tuple(replace(layer, state="loihi") for layer in spec.layers)), seed=3)
    coded = encode_rate(load_dataset("digits").test.first(200).x, steps=spec.steps, seed=0)
    x = torch.as_tensor(coded).transpose(0, 1)
    with torch.no_grad():
        own = made(x.float())
    chip = on_the_chip(made, x).values()
    for found, spikes in zip(own, chip, strict=True):
        assert torch.equal(found.to(spikes.dtype), spikes)
        assert 0.01 < float(found.mean()) < 0.5
    # were a state in floats to spike alike, that would show nothing
    other = SpikingNetwork(spec)
    other.load_arrays(made.arrays())
    with torch.no_grad():
        assert any(not torch.equal(a.to(b.dtype), b) for a, b in zip(other(x.float()), chip, strict=True))


@pytest.mark.parametrize("name", NETWORKS)
def test_trainers_see_the_same_state(name: str) -> None:
    """The cells that rules learn with spike as the network does, and BPTT's gradient reaches every weight."""
    made, x = network(name, 4)
    psi = [pseudo_derivative("surrogate", 1.0, made.spec.surrogate) for _ in made.spec.layers]
    cells = cells_of(made, psi)
    layers, _, _ = unroll(cells, [cell.rest(SAMPLES) for cell in cells], x, "constant")
    for one, other in zip(layers, made(x), strict=True):
        assert torch.equal(one, other)
    trainer = make_trainer("bptt", made, default_settings("bptt"), seed=0)
    trainer.learn(Batch(x.to(torch.uint8), torch.arange(SAMPLES), lambda: None))
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) and bool(p.grad.any()) for p in made.shadow())


def test_inputs_are_spikes() -> None:
    made, x = network("dense", 0)
    with pytest.raises(ValueRangeError, match="whole numbers"):
        made(x * 0.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_large_states_are_exact(dtype: torch.dtype) -> None:
    """Decays, wraps and saturation at all of 24 bits, beside Python's integers."""
    rng = np.random.default_rng(0)
    edge = 1 << 23
    values = [*rng.integers(-edge + 1, edge, 400), 0, 1, -1, edge - 1, 1 - edge]
    for unit in (2.0**-12, 0.0123456789 / 4096):
        chip = ChipState(torch.tensor(unit, dtype=torch.float64), torch.tensor(7), 0, 2, 410, 1000, dtype)
        states = (torch.tensor(values, dtype=torch.float64) * unit).to(dtype)

        def integers(tensor: torch.Tensor, unit: float = unit) -> list[int]:
            return [round(float(x) / unit) for x in tensor]

        for found, factor in ((chip.decayed(states), 4096 - 410), (chip.decayed_current(states), 4095 - 1000)):
            assert integers(found) == [(1 if v >= 0 else -1) * (abs(int(v)) * factor >> 12) for v in values]
        other = states.flip(0)
        sums = [int(a) + int(b) for a, b in zip(values, values[::-1], strict=True)]
        assert integers(chip.membrane(states, other)) == [max(1 - edge, min(edge - 1, s)) for s in sums]
        coarse = (torch.tensor([v >> 6 << 6 for v in map(int, values)], dtype=torch.float64) * unit).to(dtype)
        sums = [(int(a) >> 6 << 6) + int(b) for a, b in zip(values, values[::-1], strict=True)]
        wrapped = [s - 2 * edge if s > edge else s + 2 * edge if s < 1 - edge else s for s in sums]
        assert integers(chip.current(other, coarse)) == wrapped
