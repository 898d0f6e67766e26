"""Bytes needed for learning as the sample grows longer."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neurotrain_hw.errors import UnknownNameError, UnsupportedError, ValueRangeError
from neurotrain_hw.networks import ModelSpec, build, load_model, parse_model
from neurotrain_hw.trainers import (
    RunSettings,
    audit_memory,
    declarations,
    default_settings,
    measure_learning_bytes,
    trainable_rules,
)
from neurotrain_hw.trainers.declarations import declaration
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.memory import LiveBytes
from neurotrain_hw.trainers.memory_split import measure_split
from neurotrain_hw.trainers.trainer import Batch

SPEC = load_model("digits-fc")


def test_eprop_is_constant_in_time_and_bptt_is_not() -> None:
    short, long = (measure_learning_bytes("eprop", SPEC, steps) for steps in (20, 160))
    assert long < 1.02 * short
    # at least the gradients, the traces and the membranes, in float32
    assert short >= 4 * (SPEC.synapses + (64 + 128) + (128 + 10))
    short, long = (measure_learning_bytes("bptt", SPEC, steps) for steps in (20, 160))
    assert long > 4 * short


def hidden_and_out(hidden: dict, inputs: list[int]) -> ModelSpec:
    layers = [{"name": "a", "beta": 0.875, **hidden}, {"name": "b", "neurons": 4, "beta": 0.875}]
    document = {"summary": "", "input_shape": inputs, "steps": 20, "layers": layers}
    return parse_model(document, name="small", where="")


NETWORKS = {
    "dense": hidden_and_out({"neurons": 16}, [24]),
    "recurrent": hidden_and_out({"neurons": 16, "recurrent": "all-to-all"}, [24]),
    "conv": hidden_and_out({"kind": "conv", "channels": 3, "kernel": 3, "pool": 2}, [2, 8, 8]),
}


def supported(rule: str, spec: ModelSpec) -> bool:
    try:
        make_trainer(rule, build(spec, weight_bits=None, seed=0), default_settings(rule), seed=0)
    except UnsupportedError:
        return False
    return True


def networks_for(rule: str) -> dict[str, ModelSpec]:
    """Those that a rule can train; for rules that need neurons of their own, the model that is made for them."""
    found = {name: spec for name, spec in NETWORKS.items() if supported(rule, spec)}
    return found or {declaration(rule).model: load_model(declaration(rule).model)}


PAIRS = [(rule, name, spec) for rule in trainable_rules() for name, spec in networks_for(rule).items()]
CASES = [
    pytest.param(rule, spec, samples, id=f"{rule}-{name}-{samples}")
    for rule, name, spec in PAIRS
    for samples in ((1, 64) if name == "dense" and not declaration(rule).words else (1,))
]


def test_pairs_are_found() -> None:
    assert len(PAIRS) > 1.5 * len(trainable_rules())


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "spec", "samples"), CASES)
def test_growth_from_100_to_1600_steps(rule: str, spec: ModelSpec, samples: int) -> None:
    """Under 2 % for every rule declared local in time, and for a window; at least twelvefold for BPTT."""
    # one draw after the other, so that one shows what all take
    constants = replace(default_settings(rule), draws=1) if rule == "evolution-strategies" else None
    found = audit_memory(spec, rule, steps=(100, 1600), samples=samples, constants=constants)
    assert found.agrees
    assert found.growth >= 12 if declaration(rule).memory == "sample" else found.growth < 1.02


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "samples"), [("eprop", 1), ("eprop", 64), ("bptt", 1), ("bptt", 64)])
def test_growth_on_the_digits_network(rule: str, samples: int) -> None:
    found = audit_memory(SPEC, rule, steps=(100, 1600), samples=samples)
    assert found.growth >= 12 if rule == "bptt" else found.growth < 1.02


def test_an_audit_fits_a_line_and_judges() -> None:
    grows = audit_memory(NETWORKS["dense"], "bptt", steps=(10, 20, 40))
    assert (grows.verdict, grows.declared, grows.agrees) == ("grows", "sample", True)
    assert grows.r_squared is not None and grows.r_squared > 0.99
    slope, intercept = np.polyfit(grows.steps, grows.bytes, 1)
    assert (grows.slope, grows.intercept) == pytest.approx((slope, intercept))
    assert grows.growth == grows.bytes[-1] / grows.bytes[0] > 2
    flat = audit_memory(NETWORKS["conv"], "ottt", steps=(10, 40), samples=3)
    assert (flat.verdict, flat.agrees, flat.slope, flat.r_squared) == ("constant", True, 0, None)
    window = audit_memory(NETWORKS["dense"], "tbptt", steps=(16, 64))
    assert (window.verdict, window.declared, window.agrees) == ("constant", "window", True)


def test_an_audit_finds_a_false_declaration(monkeypatch: pytest.MonkeyPatch) -> None:
    false = {**declarations.DECLARATIONS, "bptt": replace(declaration("bptt"), memory="local")}
    monkeypatch.setattr(declarations, "DECLARATIONS", false)
    found = audit_memory(NETWORKS["dense"], "bptt", steps=(10, 40))
    assert (found.verdict, found.declared, found.agrees) == ("grows", "local", False)


@pytest.mark.parametrize(
    ("rule", "options", "said"),
    [
        ("bptt", {"steps": (10,)}, "two or more"),
        ("tbptt", {"steps": (4, 40)}, "at least 8"),
        ("bptt", {"samples": 0}, "at least 1"),
    ],
)
def test_audits_that_cannot_be_made(rule: str, options: dict, said: str) -> None:
    with pytest.raises(ValueRangeError, match=said):
        audit_memory(NETWORKS["dense"], rule, **options)


def test_no_peak_is_missed_between_many_tensors() -> None:
    """With thousands alive, peaks are at most 1/64 too low: against the sum that is known."""
    with LiveBytes(apart_from=[]) as live:
        held = [torch.zeros(100) for _ in range(3000)]
        large = torch.zeros(200_000)
        del large, held
    known = 4 * (3000 * 100 + 200_000)
    assert known * 63 / 64 <= live.peak <= known


def test_a_batch_split_by_purpose() -> None:
    """Weights, moments and gradients by arithmetic; the rest from what autograd saves."""
    spec = NETWORKS["dense"]
    settings = RunSettings(spec, "decolle", default_settings("decolle"), "digits", 1, 0, 0.15, 1)
    spikes = (torch.rand(20, 5, 24, generator=torch.Generator().manual_seed(0)) < 0.3).to(torch.uint8)
    found = measure_split(settings, spikes, torch.tensor([0, 1, 2, 3, 0]), device=torch.device("cpu"))
    network = build(spec, seed=0)
    weights = 24 * 16 + 16 * 4
    assert found.weights == sum(t.nbytes for t in (*network.parameters(), *network.buffers()))
    assert found.gradients == 4 * weights
    assert found.optimiser == 2 * 4 * weights + 2 * 4  # Adam's moments, and a count of steps per tensor
    assert found.rule == 4 * 4 * 16  # the fixed readout
    assert found.input == 20 * 5 * 24 + 8 * 5
    assert found.activations_and_traces >= 4 * 5 * (24 + 16 + 16)  # a trace per input, a membrane per neuron at least
    longer = torch.cat([spikes, spikes])
    again = measure_split(settings, longer, torch.tensor([0, 1, 2, 3, 0]), device=torch.device("cpu"))
    assert again.activations_and_traces < 1.02 * found.activations_and_traces


def test_bptt_holds_at_least_what_autograd_saves() -> None:
    network = build(SPEC, weight_bits=None, seed=0)
    spikes = (torch.rand(400, 1, 64, generator=torch.Generator().manual_seed(0)) < 0.3).to(torch.uint8)
    apart = {p.untyped_storage().data_ptr() for p in [*network.parameters(), *network.buffers()]}
    saved: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    trainer = make_trainer("bptt", network, default_settings("bptt"), seed=0)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        trainer.learn(Batch(spikes, torch.tensor([0]), update=lambda: None))
    held = sum(storage.nbytes() for pointer, storage in saved.items() if pointer not in apart)
    measured = measure_learning_bytes("bptt", SPEC, 400)
    assert held <= measured < 1.8 * held


def test_the_ruler_sees_peaks_and_lets_go() -> None:
    old = torch.zeros(1000)
    with LiveBytes(apart_from=[old]) as live:
        first = old + 1
        second = first * 2
        del first, second
        third = torch.ones(1000)
        for _ in range(50):
            third = third + 1
    assert live.peak == 2 * 4000


def test_unknown_rule() -> None:
    with pytest.raises(UnknownNameError, match="eprop"):
        measure_learning_bytes("e-prop", SPEC, 10)
