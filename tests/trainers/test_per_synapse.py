"""Words per synapse kept as factors against words."""

import pytest
import torch

from neurotrain_hw.networks.operators import Bias, Dense, OneToOne
from neurotrain_hw.trainers.cells import Way
from neurotrain_hw.trainers.memory import LiveBytes
from neurotrain_hw.trainers.per_synapse import PerSynapse


@pytest.mark.parametrize("shape", [(7, 5), (40, 30), (1, 3), (6,), (4, 1)])
def test_factors_are_the_words(shape: tuple[int, ...]) -> None:
    """Over more steps than factors are kept for, with a signal in every step."""
    generator = torch.Generator().manual_seed(2)

    def draw(*size: int) -> torch.Tensor:
        return torch.rand(*size, generator=generator, dtype=torch.float64)

    n_post, n_pre = shape[0], shape[-1]
    operator = Dense((n_pre,), (n_post,)) if len(shape) == 2 else OneToOne((n_post,), (n_post,))
    found = PerSynapse(Way(operator, draw(*shape), "below"), 3)
    words = torch.zeros(3, *shape, dtype=torch.float64)
    for step in range(75):
        decay, post, pre, signal = draw(3, n_post), draw(3, n_post), draw(3, n_pre), draw(3, n_post) - 0.5
        found.take(decay, post if step % 2 else 1.0, pre)
        post = post if step % 2 else torch.ones_like(post)
        by_post = (lambda x: x) if len(shape) == 1 else (lambda x: x.unsqueeze(2))
        words = by_post(decay) * words + by_post(post) * (pre if len(shape) == 1 else pre.unsqueeze(1))
        wanted = (by_post(signal) * words).sum(dim=0)
        torch.testing.assert_close(found.sum_over_samples(signal), wanted, rtol=1e-9, atol=1e-12)


def test_a_bias_has_words() -> None:
    found = PerSynapse(Way(Bias((1,), (4,)), torch.ones(4), "constant"), 2)
    for _ in range(2):
        found.take(0.5, 1.0, torch.ones(2, 1))
    assert torch.equal(found.sum_over_samples(torch.ones(2, 4)), torch.full((4,), 3.0))


def test_memory_is_bounded() -> None:
    peaks = []
    for steps in (100, 400):
        way = Way(Dense((60,), (50,)), torch.ones(50, 60), "below")
        with LiveBytes(apart_from=[way.weight]) as live:
            memory = PerSynapse(way, 4)
            for _ in range(steps):
                memory.take(0.5, 1.0, torch.ones(4, 60))
                memory.sum_over_samples(torch.ones(4, 50))
        peaks.append(live.peak)
    assert peaks[0] == peaks[1]
