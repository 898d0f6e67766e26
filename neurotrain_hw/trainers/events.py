"""Products with spikes, one addition for every spike instead of one for every synapse.

    currents of rows of spikes:    I = X W^T       rows of W^T are added
    gradient by the weights:       G = D^T X       rows of D are added

Sums run over a row's spikes in order, so that they depend on nothing but the row. On a processor alone; where rows are
few, short or full of spikes, or not of 0 and 1, a product of matrices is as fast, and `of` gives None.
"""

from __future__ import annotations

from functools import cached_property

import torch

from neurotrain_hw.trainers import event_kernels

DENSEST = 0.25
"""Up to this share of spikes, additions are faster than products (benchmarks/against_neurotrain.py's network)."""
_LEAST_ROWS, _LEAST_WORDS = 16, 4096
_GROUP = 256


class Events:
    """Spikes (M, n_pre) as a list of those that are 1: `columns` of row r from `start[r]` to `start[r + 1]`."""

    def __init__(self, rows: torch.Tensor, start: torch.Tensor, n_events: int) -> None:
        self.shape, self._start = rows.shape, start
        self._columns = torch.empty(n_events + 1, dtype=torch.int32)
        event_kernels.enlist(rows.numpy(), self._columns.numpy())

    @classmethod
    def of(cls, rows: torch.Tensor) -> Events | None:
        """The list of `rows` (M, n_pre), or None where a product of matrices does as well."""
        if rows.device.type != "cpu" or len(rows) < _LEAST_ROWS or rows.numel() < _LEAST_WORDS:
            return None
        rows = rows.detach().contiguous()
        start = torch.empty(len(rows) + 1, dtype=torch.int64)
        n_events = event_kernels.count(rows.numpy(), start.numpy())
        return None if not 0 <= n_events <= DENSEST * rows.numel() else cls(rows, start, n_events)

    def currents(self, weight: torch.Tensor) -> torch.Tensor:
        """X W^T (M, n_post) for weights (n_post, n_pre)."""
        return _sums(_lanes(weight.detach().T), self._columns, self._start, self.shape[0])[:, : len(weight)]

    def gradient(self, signal: torch.Tensor) -> torch.Tensor:
        """D^T X (n_post, n_pre) for a signal D (M, n_post)."""
        table, total = _lanes(signal.detach()), None
        first, rows = self._by_column
        for group in first:
            total = _sums(table, rows, group, self.shape[1], total)
        return total[:, : signal.shape[1]].T.contiguous()  # type: ignore[index]

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


def _sums(
    table: torch.Tensor, chosen: torch.Tensor, first: torch.Tensor, rows: int, total: torch.Tensor | None = None
) -> torch.Tensor:
    total = table.new_zeros(rows, table.shape[1]) if total is None else total
    event_kernels.add_chosen(table.numpy(), chosen.numpy(), first.numpy(), total.numpy())
    return total
