"""Neurons that spike once, and neurons without leak, from torch to the chip: the same spikes at the same steps."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neurotrain_hw.chips import load_chip
from neurotrain_hw.compiler import compile_graph
from neurotrain_hw.data import Samples, make_encoding
from neurotrain_hw.errors import UnknownNameError, UnsupportedError
from neurotrain_hw.events import EventStream
from neurotrain_hw.inference import infer
from neurotrain_hw.networks import build, parse_model, to_graph
from neurotrain_hw.trainers.decodings import scores

T, SAMPLES = 20, 30


def network(**keys):
    layers = [{"name": name, "neurons": n, "weight_bits": 8, **keys} for name, n in (("hidden", 14), ("out", 5))]
    document = {"summary": "", "inputs": 12, "steps": T, "layers": layers}
    return build(parse_model(document, name="small", where=""), seed=1)


def samples():
    rng = np.random.default_rng(0)
    x = np.where(rng.random((SAMPLES, 12)) < 0.8, rng.random((SAMPLES, 12)), 0).astype(np.float32)
    return Samples(x, rng.integers(0, 5, SAMPLES), encoding=make_encoding("latency"))


ONCE = {"reset": "once", "threshold": 0.5}


@pytest.mark.parametrize(
    ("keys", "chip"),
    [
        ({**ONCE, "beta": 1.0}, "loihi2"),
        ({**ONCE, "beta": 1.0}, "loihi1"),
        ({**ONCE, "beta": 0.5, "neuron": "synaptic", "alpha": 0.75}, "loihi2"),
        ({"reset": "subtract", "threshold": 0.5, "beta": 1.0}, "loihi2"),
    ],
)
def test_the_chip_spikes_as_torch_does(keys: dict, chip: str) -> None:
    net, shown = network(**keys), samples()
    program = compile_graph(to_graph(net), load_chip(chip), steps=T)
    found = infer(program, shown, decoding="first-spike")
    spikes = torch.from_numpy(shown.spikes(slice(None), steps=T, seed=0)).transpose(0, 1).float()
    with torch.no_grad():
        layers = net(spikes)
    for name, fired in zip(("hidden", "out"), layers, strict=True):
        on_chip = found.spikes[name].dense().reshape(SAMPLES, T, -1)
        differing = int((on_chip != fired.transpose(0, 1).numpy()).sum())
        # a subtracted threshold, and decays, are rounded to the chip's bits
        assert differing == 0 if keys["beta"] == 1 and keys["reset"] == "once" else differing <= 3
        assert on_chip.sum() > 20
        if keys["reset"] == "once":
            assert on_chip.sum(axis=1).max() == 1
    wanted = scores("first-spike", layers[-1], layers[-1]).argmax(dim=1).numpy()
    assert np.mean(found.predicted == wanted) >= (1.0 if keys["beta"] == 1 else 0.9)
    assert len(set(wanted.tolist())) > 2


def test_a_refractory_period_that_ends_within_the_sample_is_refused() -> None:
    net = network(**ONCE, beta=1.0)
    with pytest.raises(UnsupportedError, match=r"hidden.*once in a sample.*63"):
        compile_graph(to_graph(net), load_chip("loihi1"), steps=65)
    assert compile_graph(to_graph(net), load_chip("loihi1"), steps=64).populations


def test_decodings_have_names() -> None:
    program = compile_graph(to_graph(network(**ONCE, beta=1.0)), load_chip("loihi2"), steps=T)
    with pytest.raises(UnknownNameError, match="called 'latency'"):
        infer(program, samples(), decoding="latency")
    empty = replace(samples(), x=np.zeros((SAMPLES, 12), np.float32))
    found = infer(program, empty, decoding="first-spike")
    assert not found.predicted.any() and isinstance(found.spikes["out"], EventStream)
