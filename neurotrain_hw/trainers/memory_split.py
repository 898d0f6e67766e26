"""What one batch of training takes in memory, measured and split by purpose: on the CPU and on CUDA devices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from neurotrain_hw.networks.network import SpikingNetwork
from neurotrain_hw.trainers.made import network_of
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.memory import LiveBytes
from neurotrain_hw.trainers.optimisers import make_optimizer, state_bytes, updater
from neurotrain_hw.trainers.settings import RunSettings
from neurotrain_hw.trainers.trainer import Batch, Trainer


@dataclass(frozen=True)
class MemorySplit:
    """Bytes while a batch of `samples` of `steps` steps is learned.

    `weights`: parameters and buffers of the network as torch holds them. `rule`: what the rule keeps from batch to
    batch, fixed random matrices among it. `optimiser`: its moments. `input`: the batch. `gradients`: of all parameters.
    `activations_and_traces`: all else that learning forms, at its peak: states, traces, what autograd saves for the way
    back, and what a quantiser forms. `peak`: the sum. `by`: what measured it.
    """

    weights: int
    rule: int
    optimiser: int
    input: int
    gradients: int
    activations_and_traces: int
    steps: int
    samples: int
    device: str
    by: str

    @property
    def peak(self) -> int:
        """All together."""
        parts = (self.weights, self.rule, self.optimiser, self.input, self.gradients, self.activations_and_traces)
        return sum(parts)

    def as_dict(self) -> dict[str, Any]:
        """As run.json holds it."""
        return {"peak": self.peak, **asdict(self)}


def measure_split(
    settings: RunSettings, spikes: torch.Tensor, labels: torch.Tensor, *, device: torch.device
) -> MemorySplit:
    """Measure the second of two batches, for which optimiser and rule have all that they keep; on a network of its own.

    CPU: every torch operation is watched (`LiveBytes`). CUDA: torch's own counters, which hold blocks, not tensors.
    """
    network = network_of(settings).to(device)
    with LiveBytes(apart_from=_tensors(network)) as own:
        trainer = make_trainer(settings.rule, network, settings.constants, seed=settings.seed)
    parameters = list((dict(network.named_parameters()) | trainer.parameters).values())
    optimizer = make_optimizer(parameters, settings.constants)
    key = (settings.seed, 1, 0)
    trainer.learn(Batch(spikes, labels, updater(optimizer, settings.constants), key))
    for parameter in parameters:
        parameter.grad = None
    again = Batch(spikes, labels, lambda: None, key)
    if device.type == "cuda":
        formed = _on_cuda(trainer, again, device)
    else:
        with LiveBytes(apart_from=[*_tensors(network), *trainer.parameters.values(), spikes, labels]) as live:
            live.leave_out(own)
            trainer.learn(again)
        formed = int(live.peak)
    gradients = _bytes(parameter.grad for parameter in parameters if parameter.grad is not None)
    return MemorySplit(
        _bytes(_tensors(network)), int(own.alive()), state_bytes(optimizer), _bytes((spikes, labels)), gradients,
        max(0, formed - gradients), len(spikes), len(labels), str(device),
        "torch.cuda's counters" if device.type == "cuda" else "storages alive, after every operation",
    )  # fmt: skip


def _on_cuda(trainer: Trainer, batch: Batch, device: torch.device) -> int:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    trainer.learn(batch)
    torch.cuda.synchronize(device)
    return int(torch.cuda.max_memory_allocated(device) - before)


def _tensors(network: SpikingNetwork) -> list[torch.Tensor]:
    return [*network.parameters(), *network.buffers()]


def _bytes(tensors: Iterable[torch.Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
