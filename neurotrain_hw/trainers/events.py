"""Products with spikes, one addition for every spike instead of one for every synapse.

    currents of rows of spikes:    I = X W^T       rows of W^T are added
    gradient by the weights:       G = D^T X       rows of D are added

Sums run over a row's spikes in order, so that they depend on nothing but the row. On a processor alone; where rows are
few, short or full of spikes, or not of 0 and 1, a product of matrices is as fast, and `of` gives None.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch

from neurotrain_hw.trainers import event_kernels

DENSEST = 0.25
"""Up to this share of spikes, additions are faster than products (benchmarks/against_neurotrain.py's network)."""
_LEAST_ROWS, _LEAST_WORDS, _LEAST_POST = 16, 4096, 32
_GROUP = 256
_TYPES = (torch.uint8, torch.float32, torch.float64)


class Columns:
    """Weights (n_post, n_pre) by pre neuron, in rows that fill whole lanes; kept until the weights change."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._table: torch.Tensor | None = None

    def of(self, weight: torch.Tensor) -> torch.Tensor:
        """The table of `weight`, always the same tensor."""
        if self._table is None or self._version != weight._version:
            self._version, self._table = weight._version, _turned(weight.detach())
        return self._table


class Events:
    """Spikes (M, n_pre) as a list of those that are 1: `columns` of row r from `start[r]` to `start[r + 1]`."""

    def __init__(self, shape: torch.Size, columns: torch.Tensor, start: torch.Tensor) -> None:
        self.shape, self._columns, self._start = shape, columns, start

    @classmethod
    def of(cls, rows: torch.Tensor) -> Events | None:
        """The list of `rows` (M, n_pre), or None where a product of matrices does as well."""
        if rows.device.type != "cpu" or rows.dtype not in _TYPES:
            return None
        if len(rows) < _LEAST_ROWS or rows.numel() < _LEAST_WORDS:
            return None
        rows = rows.detach().contiguous()
        columns = torch.empty(int(DENSEST * rows.numel()) + rows.shape[1], dtype=torch.int32)
        start = torch.empty(len(rows) + 1, dtype=torch.int64)
        found = event_kernels.enlist(rows.numpy(), columns.numpy(), start.numpy())
        return None if found < 0 else cls(rows.shape, columns, start)

    @staticmethod
    def pays(weight: torch.Tensor) -> bool:
        """Whether there are enough post neurons for a spike's addition to be worth its place in a list."""
        return len(weight) >= _LEAST_POST

    def currents(self, weight: torch.Tensor, columns: Columns | None = None) -> torch.Tensor:
        """X W^T (M, n_post) for weights (n_post, n_pre)."""
        table = (columns or Columns()).of(weight)
        total = table.new_empty(self.shape[0], table.shape[1])
        return _sums(table, self._columns, self._start, total, fresh=True)[:, : len(weight)]

    def gradient(self, signal: torch.Tensor) -> torch.Tensor:
        """D^T X (n_post, n_pre) for a signal D (M, n_post)."""
        table = _lanes(signal.detach())
        first, rows = self._by_column
        total = table.new_empty(self.shape[1], table.shape[1])
        for number, group in enumerate(first):
            _sums(table, rows, group, total, fresh=not number)
        found = table.new_empty(signal.shape[1], self.shape[1])
        np.copyto(found.numpy(), total.numpy().T[: len(found)])
        return found

    @cached_property
    def _by_column(self) -> tuple[torch.Tensor, torch.Tensor]:
        # groups of rows, so that what is added stays in the processor's cache
        first = torch.empty(-(-self.shape[0] // _GROUP), self.shape[1] + 1, dtype=torch.int64)
        rows = torch.empty_like(self._columns)
        event_kernels.turn(self._columns.numpy(), self._start.numpy(), _GROUP, first.numpy(), rows.numpy())
        return first, rows


def _lanes(table: torch.Tensor) -> torch.Tensor:
    """Contiguous, with rows that fill whole lanes."""
    lanes = event_kernels.LANES // table.element_size()
    short = -table.shape[1] % lanes
    return torch.nn.functional.pad(table, (0, short)) if short else table.contiguous()


def _turned(weight: torch.Tensor) -> torch.Tensor:
    """W^T with rows that fill whole lanes; NumPy turns matrices faster than torch."""
    n_post, n_pre = weight.shape
    lanes = event_kernels.LANES // weight.element_size()
    table = weight.new_zeros(n_pre, n_post + -n_post % lanes)
    np.copyto(table.numpy()[:, :n_post], weight.numpy().T)
    return table


def _sums(
    table: torch.Tensor, chosen: torch.Tensor, first: torch.Tensor, total: torch.Tensor, *, fresh: bool
) -> torch.Tensor:
    event_kernels.add_chosen(table.numpy(), chosen.numpy(), first.numpy(), int(fresh), total.numpy())
    return total
