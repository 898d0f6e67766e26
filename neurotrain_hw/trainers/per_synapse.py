"""A word per sample and synapse that is a sum of products: e_ji = sum_r p_rj * q_ri.

What adds a product of a post and a pre factor at every step, and decays by post factors, is kept as those factors
until there are `room` of them; then they become words. Sums over samples take one product of matrices, and memory is
bounded by that of the words and as much again.
"""

from __future__ import annotations

import torch

from neurotrain_hw.networks.operators import Dense
from neurotrain_hw.trainers.cells import Way

_MOST = 32
"""Factors that are kept; a sum over them takes as long as one over words at about three times as many."""


class PerSynapse:
    """Starts at 0, for so many samples."""

    def __init__(self, way: Way, samples: int) -> None:
        self._map = way.operator
        self._words: torch.Tensor | None = None
        self._held = way.weight.new_ones(samples, *self._map.out_shape)  # what decay has left of the words
        self._ranks = 0
        n_post, n_pre = way.weight.shape if isinstance(self._map, Dense) else (1, 1)
        self._room = min(_MOST, n_post * n_pre // (n_post + n_pre))
        if self._room:
            self._post = way.weight.new_empty(self._room, samples, n_post)
            self._pre = way.weight.new_empty(self._room, samples, n_pre)

    def take(self, decay: torch.Tensor | float, post: torch.Tensor | float, pre: torch.Tensor) -> None:
        """e_ji = decay_j * e_ji + post_j * pre_i, for `decay` and `post` (N, n_post) and `pre` (N, n_pre)."""
        if self._ranks == self._room:
            self._fold()
        self._held.mul_(decay)
        if not self._room:
            added = self._map.outer(torch.zeros_like(self._held) + post, pre)
            self._words = added if self._words is None else self._decayed().add_(added)
            self._held.fill_(1.0)
            return
        self._post[: self._ranks].mul_(decay)
        self._post[self._ranks] = post
        self._pre[self._ranks] = pre
        self._ranks += 1

    def sum_over_samples(self, signal: torch.Tensor) -> torch.Tensor:
        """sum_n signal_nj * e_nji, of the shape of the weights, for a signal (N, *neurons)."""
        total = None if self._words is None else self._map.contract(signal * self._held, self._words)
        if not self._ranks:
            return total
        told = (self._post[: self._ranks] * signal).flatten(0, 1)
        found = told.T @ self._pre[: self._ranks].flatten(0, 1)
        return found if total is None else total.add_(found)

    def _fold(self) -> None:
        """Turn factors into words."""
        if self._ranks:
            post, pre = self._post.permute(1, 2, 0), self._pre.transpose(0, 1)
            self._words = torch.bmm(post, pre) if self._words is None else self._decayed().baddbmm_(post, pre)
            self._held.fill_(1.0)
            self._ranks = 0

    def _decayed(self) -> torch.Tensor:
        """The words with what decay has left of them."""
        return self._words.mul_(self._map.of_post(self._held))  # type: ignore[union-attr]
