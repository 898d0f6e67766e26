"""Losses and decodings written out in float64, their derivatives by flips, differences and autograd."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neurotrain_hw.errors import ValueRangeError
from neurotrain_hw.networks import build, parse_model
from neurotrain_hw.trainers import default_settings, losses
from neurotrain_hw.trainers.constants import PER_STEP
from neurotrain_hw.trainers.declarations import ANY_LOSS
from neurotrain_hw.trainers.decodings import first_spike, scores
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.trainer import Batch

T, N, CLASSES, GAIN, THRESHOLD = 9, 4, 3, 0.7, 0.8


def sample(population: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Membranes and spikes (T, N, n), labels (N,); one neuron never spikes."""
    rng = np.random.default_rng(seed)
    shape = (T, N, CLASSES * population)
    fired = (rng.random(shape) < 0.3).astype(float)
    fired[:, 1, 0] = 0
    return rng.normal(0, 1, shape), fired, rng.integers(0, CLASSES, N)


def cross_entropy(logits: np.ndarray, label: int) -> float:
    return float(np.log(np.exp(logits).sum()) - logits[label])


def first_spike_by_search(train: np.ndarray) -> int:
    return next((t for t, s in enumerate(train) if s), len(train))


def written_out(kind: str, v: np.ndarray, fired: np.ndarray, label: int) -> float:
    """The loss of one sample, membranes and spikes (T, classes); per-step losses summed over steps."""
    y = np.eye(CLASSES)[label]
    times = np.array([first_spike_by_search(train) for train in fired.T])
    return {
        "membrane-ce": sum(cross_entropy(GAIN * now, label) for now in v),
        "membrane-mse": sum(((GAIN * now - y) ** 2).sum() / 2 for now in v),
        "membrane-bce": sum(np.log1p(np.exp(np.where(y == 1, -1, 1) * GAIN * (now - THRESHOLD))).sum() for now in v),
        "spike-mse": sum(((now - y) ** 2).sum() / 2 for now in fired),
        "count-ce": cross_entropy(GAIN * fired.sum(0), label),
        "count-mse": ((fired.mean(0) - y) ** 2).sum() / 2,
        "mean-membrane-ce": cross_entropy(GAIN * v.mean(0), label),
        "mean-membrane-mse": ((GAIN * v.mean(0) - y) ** 2).sum() / 2,
        "max-membrane-ce": cross_entropy(GAIN * v.max(0), label),
        "max-membrane-mse": ((GAIN * v.max(0) - y) ** 2).sum() / 2,
        "last-membrane-ce": cross_entropy(GAIN * v[-1], label),
        "last-membrane-mse": ((GAIN * v[-1] - y) ** 2).sum() / 2,
        "first-spike-ce": cross_entropy(-GAIN * times, label),
        "first-spike-mse": ((times / T - (1 - y)) ** 2).sum() / 2,
    }[kind]


def over(kind: str, v: np.ndarray, fired: np.ndarray, labels: np.ndarray, population: int = 1) -> torch.Tensor:
    tensors = torch.from_numpy(v), torch.from_numpy(fired)
    target = losses.one_hot(torch.from_numpy(labels), v.shape[2], population).double()
    return losses.over_steps(kind, *tensors, target, GAIN, threshold=THRESHOLD, population=population)


@pytest.mark.parametrize("kind", ANY_LOSS)
def test_losses_are_those_of_the_page(kind: str) -> None:
    v, fired, labels = sample()
    wanted = sum(written_out(kind, v[:, k], fired[:, k], labels[k]) for k in range(N))
    assert float(over(kind, v, fired, labels)) == pytest.approx(wanted, abs=1e-12)


def test_the_derivative_of_a_first_spike_is_what_a_flip_of_a_spike_does() -> None:
    _, fired, _ = sample(seed=3)
    free = torch.from_numpy(fired).requires_grad_()
    (given,) = torch.autograd.grad(first_spike(free).sum(), free)
    for t, k, j in np.ndindex(*fired.shape):
        on, off = fired[:, k, j].copy(), fired[:, k, j].copy()
        on[t], off[t] = 1, 0
        assert float(given[t, k, j]) == first_spike_by_search(on) - first_spike_by_search(off)
    assert (given[:, 1, 0] == -torch.arange(T, 0, -1)).all()  # of the silent neuron, for which a spike would help


@pytest.mark.parametrize("kind", ["first-spike-ce", "first-spike-mse"])
def test_losses_on_spike_times_written_out_through_a_neuron(kind: str) -> None:
    """d loss / d W through v' = beta v (1 - s) + W x with psi, every factor by hand."""
    spec = parse_model(
        {"summary": "", "inputs": 5, "steps": T, "layers": [{"name": "out", "neurons": CLASSES, "beta": 0.75}]},
        name="one", where="",
    )  # fmt: skip
    network = build(spec, weight_bits=None, seed=1).double()
    rng = np.random.default_rng(5)
    spikes, labels = (rng.random((T, N, 5)) < 0.4).astype(np.uint8), rng.integers(0, CLASSES, N)
    constants = replace(default_settings("bptt"), loss=kind, gain=GAIN, reset_gradient="constant", psi="triangle")
    trainer = make_trainer("bptt", network, constants, seed=0)
    loss = trainer.learn(Batch(torch.from_numpy(spikes), torch.from_numpy(labels), update=lambda: None))

    weight = network.synapses[0].weight.detach().numpy()
    wanted, total = np.zeros_like(weight), 0.0
    for k in range(N):
        v, s, trains, membranes = np.zeros(CLASSES), np.zeros(CLASSES), [], []
        for x in spikes[:, k]:
            v = 0.75 * v * (1 - s) + weight @ x
            s = (v > 1).astype(float)
            membranes.append(v)
            trains.append(s)
        fired, y = np.array(trains), np.eye(CLASSES)[labels[k]]
        total += written_out(kind, np.array(membranes), fired, labels[k])
        times = np.array([first_spike_by_search(train) for train in fired.T])
        softmax = np.exp(-GAIN * times) / np.exp(-GAIN * times).sum()
        by_time = -GAIN * (softmax - y) if kind == "first-spike-ce" else (times / T - (1 - y)) / T
        for j in range(CLASSES):
            trace = np.zeros(5)
            for t, x in enumerate(spikes[:, k]):
                trace = 0.75 * trace + x  # the reset is a constant
                on, off = fired[:, j].copy(), fired[:, j].copy()
                on[t], off[t] = 1, 0
                by_spike = by_time[j] * (first_spike_by_search(on) - first_spike_by_search(off))
                wanted[j] += by_spike * max(0, 1 - abs(membranes[t][j] - 1)) * trace / N
    assert loss == pytest.approx(total / N, abs=1e-12)
    assert np.abs(wanted).max() > 1e-3
    np.testing.assert_allclose(network.synapses[0].weight.grad.numpy(), wanted, atol=1e-12)


@pytest.mark.parametrize("kind", ANY_LOSS)
def test_a_population_is_its_mean(kind: str) -> None:
    v, fired, labels = sample(population=2)
    if "first-spike" in kind or "max" in kind:  # what is not linear is read neuron by neuron, then averaged
        return
    halves = [x.reshape(T, N, CLASSES, 2).mean(axis=3) for x in (v, fired)]
    wanted = sum(written_out(kind, halves[0][:, k], halves[1][:, k], labels[k]) for k in range(N))
    assert float(over(kind, v, fired, labels, population=2)) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("population", [1, 2])
@pytest.mark.parametrize("kind", PER_STEP)
def test_the_error_of_a_step_is_the_derivative_of_its_loss(kind: str, population: int) -> None:
    v, fired, labels = sample(population)
    v, fired = torch.from_numpy(v[0]).requires_grad_(), torch.from_numpy(fired[0]).requires_grad_()
    target = losses.one_hot(torch.from_numpy(labels), CLASSES * population, population).double()
    loss, error = losses.at_step(kind, v, fired, target, GAIN, threshold=THRESHOLD, population=population)
    (wanted,) = torch.autograd.grad(loss, fired if kind == "spike-mse" else v)
    torch.testing.assert_close(error.detach(), wanted, atol=1e-12, rtol=0)
    each = losses.per_sample(kind, v, fired, target, GAIN, threshold=THRESHOLD, population=population)
    assert each.shape == (N,) and float(each.sum().detach()) == pytest.approx(float(loss.detach()))


def test_decodings() -> None:
    v, fired, _ = sample(population=2, seed=4)
    times = [[first_spike_by_search(fired[:, k, j]) for j in range(2 * CLASSES)] for k in range(N)]
    read = {
        "rate": fired.sum(0), "membrane": v.mean(0), "membrane-max": v.max(0), "membrane-last": v[-1],
        "first-spike": -np.array(times),
    }  # fmt: skip
    for decoding, wanted in read.items():
        for population in (1, 2):
            found = scores(decoding, torch.from_numpy(v), torch.from_numpy(fired), population)
            by_class = wanted if population == 1 else (wanted[:, ::2] + wanted[:, 1::2]) / 2
            np.testing.assert_allclose(found.numpy(), by_class, atol=1e-12)


def test_targets_of_a_population_lie_side_by_side() -> None:
    found = losses.one_hot(torch.tensor([0, 2]), 6, 2)
    assert found.tolist() == [[1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1]]


@pytest.mark.parametrize("rule", ["bptt", "eprop", "etlp", "decolle", "weight-perturbation"])
def test_rules_learn_with_populations(rule: str) -> None:
    layers = [{"name": "h", "neurons": 8, "beta": 0.75}, {"name": "out", "neurons": 6, "beta": 0.75}]
    spec = parse_model({"summary": "", "inputs": 5, "steps": T, "layers": layers}, name="small", where="")
    network = build(spec, weight_bits=None, seed=1)
    constants = replace(default_settings(rule), population=2)
    trainer = make_trainer(rule, network, constants, seed=0)
    spikes = (torch.rand(T, N, 5, generator=torch.Generator().manual_seed(1)) < 0.5).to(torch.uint8)
    assert np.isfinite(trainer.learn(Batch(spikes, torch.tensor([0, 1, 2, 0]), update=lambda: None)))
    assert all(module.weight.grad.abs().max() > 0 for module in network.synapses)
    with pytest.raises(ValueRangeError, match="6 outputs"):
        make_trainer(rule, network, replace(constants, population=4), seed=0)


@pytest.mark.parametrize(
    "wrong", [{"momentum": 0.9}, {"clip_norm": 0.0}, {"weight_decay": -1.0}, {"rate_lower": 0.3, "rate_upper": 0.2}]
)
def test_constants_that_do_not_fit_are_refused(wrong: dict[str, float]) -> None:
    spec = parse_model(
        {"summary": "", "inputs": 5, "steps": T, "layers": [{"name": "out", "neurons": 3, "beta": 0.75}]},
        name="one", where="",
    )  # fmt: skip
    with pytest.raises(ValueRangeError, match=next(iter(wrong))):
        make_trainer("bptt", build(spec, seed=0), replace(default_settings("bptt"), **wrong), seed=0)
