"""What learning from one sample takes in memory, measured: the peak of tensor bytes alive at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from neurotrain_hw.networks.network import build
from neurotrain_hw.networks.spec import ModelSpec
from neurotrain_hw.trainers.constants import RuleSettings
from neurotrain_hw.trainers.declarations import default_settings
from neurotrain_hw.trainers.make import make_trainer
from neurotrain_hw.trainers.trainer import Batch


def measure_learning_bytes(
    rule: str, spec: ModelSpec, steps: int, *, samples: int = 1, constants: RuleSettings | None = None
) -> int:
    """Peak bytes of all tensors made while the gradients of a batch of `samples` of `steps` steps are formed.

    Weights, what the rule keeps between samples, and the spikes exist before and are not counted; everything that the
    rule forms (states, traces, gradients, what autograd saves for the way back) is. Measured on float weights: what a
    quantiser forms on the host is no need of the rule. Raises UnknownNameError for an unknown rule.
    """
    network = build(spec, weight_bits=None, seed=0)
    trainer = make_trainer(rule, network, constants or default_settings(rule), seed=0)
    spikes = torch.rand(steps, samples, *spec.input_shape, generator=torch.Generator().manual_seed(0)) < 0.3
    spikes, labels = spikes.to(torch.uint8), torch.zeros(samples, dtype=torch.int64)
    apart = [*network.parameters(), *network.buffers(), *trainer.parameters.values(), *trainer.kept.values()]
    with LiveBytes(apart_from=[*apart, spikes, labels]) as live:
        trainer.learn(Batch(spikes, labels, update=lambda: None))
    return int(live.peak)


_FEW = 256  # storages that are quickly gone through


class LiveBytes(TorchDispatchMode):
    """Watches every torch operation; `peak` is the largest sum of storages that were alive together.

    Storages that die are noticed at the next sweep. With few storages alive there is a sweep whenever there may be a
    new peak; with many, when it may be 1/64 higher than the last, so that the peak is at most that much too low.
    """

    def __init__(self, *, apart_from: Iterable[torch.Tensor]) -> None:
        super().__init__()
        self.peak = 0
        """Bytes alive together, at most."""
        # held, so that no new storage takes the address of one that is apart
        self._held = [tensor.untyped_storage() for tensor in apart_from]
        self._apart = {storage._cdata for storage in self._held}
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self._bound = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        # operands too: what autograd's own code makes is seen when it is first used
        self._note_all(args)
        self._note_all((result,))
        least = self.peak if len(self._alive) < _FEW else self.peak * 65 // 64
        if self._bound > least:
            self._sweep()
        return result

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        self._sweep()

    def alive(self) -> int:
        """Bytes alive now."""
        self._sweep()
        return self._bound

    def leave_out(self, other: LiveBytes) -> None:
        """Do not count what another one saw that is alive still."""
        other._sweep()
        self._apart |= set(other._alive)
        self._kept_apart = other  # its weak references keep the addresses taken

    def _note_all(self, values: Iterable[Any]) -> None:
        for value in values:
            if isinstance(value, torch.Tensor):
                self._note(value.untyped_storage())
            elif isinstance(value, list | tuple):
                self._note_all(value)

    def _note(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._apart or (key in self._alive and not self._alive[key][0].expired()):
            return
        self._alive[key] = (StorageWeakRef(storage), storage.nbytes())
        self._bound += storage.nbytes()

    def _sweep(self) -> None:
        self._alive = {key: entry for key, entry in self._alive.items() if not entry[0].expired()}
        self._bound = sum(size for _, size in self._alive.values())
        self.peak = max(self.peak, self._bound)
